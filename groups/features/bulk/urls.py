from django.urls import path

from groups.features.bulk import views

urlpatterns = [
    path("groups/edit/", views.bulk_edit, name="bulk"),
    path("groups/import/", views.group_import, name="import"),
    path("groups/plan/<uuid:job_id>/", views.plan, name="plan"),
    path("groups/export.yaml", views.scheme_export, name="scheme_export"),
]
