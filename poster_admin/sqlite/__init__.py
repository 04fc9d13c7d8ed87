"""A database engine: Django's for SQLite, with a pool."""
