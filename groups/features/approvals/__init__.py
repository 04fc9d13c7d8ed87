"""Limits of an account, and requests for what goes beyond them, which another user approves."""
