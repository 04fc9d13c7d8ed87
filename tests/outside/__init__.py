"""Servers outside the dashboard, run on loopback for the tests: mail, a company's network, reports."""
