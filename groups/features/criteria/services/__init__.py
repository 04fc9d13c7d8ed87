"""Keep the criteria of an account, judge its clients by them, and move those who belong elsewhere."""

from groups.features.criteria.services import runs

__all__ = ["runs"]
