from django.urls import path

from groups.features.insights import views

urlpatterns = [
    path("groups/ladder/", views.ladder, name="ladder"),
    path("groups/audit/", views.audit, name="audit"),
    path("groups/scheme/", views.chart, name="scheme"),
    path("groups/<group:group_id>/cost/", views.group_cost, name="cost"),
    path("groups/<group:group_id>/dependents/", views.group_dependents, name="dependents"),
]
