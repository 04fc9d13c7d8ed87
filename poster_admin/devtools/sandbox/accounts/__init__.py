"""Accounts of the sandbox: their state, and the data they begin with."""
