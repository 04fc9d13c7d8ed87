"""Ask a Poster what it does, store that as facts, and check what it does with a write."""

from groups.features.connection.services import checks

__all__ = ["checks"]
