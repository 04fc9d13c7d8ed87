from django.urls import path

from groups.features.scheme_file import views

urlpatterns = [
    path("groups/compare/", views.scheme_compare, name="compare"),
    path("groups/export.yaml", views.scheme_export, name="scheme_export"),
]
