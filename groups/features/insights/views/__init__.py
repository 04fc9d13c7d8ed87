"""Show costs, dependents, the loyalty scheme, and columns of the list."""

from django.urls import path

from groups.features.insights.views import columns, cost, dependents, ladder

__all__ = ["columns", "cost", "dependents", "ladder"]

urlpatterns = [
    # The address that scripts know.
    path("groups/ladder/", ladder.loyalty_scheme, name="scheme"),
    path("groups/<group:group_id>/cost/", cost.group_cost, name="cost"),
    path("groups/<group:group_id>/dependents/", dependents.group_dependents, name="dependents"),
]
