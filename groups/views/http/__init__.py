"""Requests of signed-in users, and the HTTP statuses of failures."""
