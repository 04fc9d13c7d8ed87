from django.urls import path

from groups.features.insights import views

urlpatterns = [
    # The address that scripts know.
    path("groups/ladder/", views.loyalty_scheme, name="scheme"),
    path("groups/<group:group_id>/cost/", views.group_cost, name="cost"),
    path("groups/<group:group_id>/dependents/", views.group_dependents, name="dependents"),
]
