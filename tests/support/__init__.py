"""Helpers that tests share: people, pages, servers, outages. A test module imports none of the others."""
