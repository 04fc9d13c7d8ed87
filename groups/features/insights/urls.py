from django.urls import path

from groups.features.insights import views

urlpatterns = [
    # The address that scripts know.
    path("groups/ladder/", views.ladder.loyalty_scheme, name="scheme"),
    path("groups/<group:group_id>/cost/", views.cost.group_cost, name="cost"),
    path("groups/<group:group_id>/dependents/", views.dependents.group_dependents, name="dependents"),
]
