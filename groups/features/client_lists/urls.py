from django.urls import path

from groups.features.client_lists import views

urlpatterns = [
    path("upload/", views.upload, name="upload"),
    path("clients/list/", views.client_list, name="client_list"),
    path("clients/list/unknown/", views.unknown_lines, name="client_list_unknown"),
]
