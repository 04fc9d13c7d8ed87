"""Hold writes against limits, keep what goes beyond them, and let other users decide on that."""

from groups.features.approvals.services import approvals, limits

__all__ = ["approvals", "limits"]
