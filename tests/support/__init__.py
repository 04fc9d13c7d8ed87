"""Helpers of the tests: people, pages, servers, outages. No test is in here, and no helper in a test module."""
