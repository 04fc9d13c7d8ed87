"""Show costs, dependents, the loyalty scheme, and columns of the list."""

from groups.features.insights.views import columns, cost, dependents, ladder

__all__ = ["columns", "cost", "dependents", "ladder"]
