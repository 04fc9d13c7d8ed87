"""Read the promotions, rules, sales and clients of an account, and keep their sums."""

from groups.features.insights.services import sales, scheme, sweep

__all__ = ["sales", "scheme", "sweep"]
