from django.urls import path
from django.views.generic import RedirectView

from groups.features.insights import views

urlpatterns = [
    # The address that scripts know.
    path("groups/ladder/", views.loyalty_scheme, name="scheme"),
    path("groups/scheme/", RedirectView.as_view(url="/groups/ladder/", permanent=True)),
    path("groups/audit/", RedirectView.as_view(url="/groups/ladder/#audit", permanent=True)),
    path("groups/<group:group_id>/cost/", views.group_cost, name="cost"),
    path("groups/<group:group_id>/dependents/", views.group_dependents, name="dependents"),
]
