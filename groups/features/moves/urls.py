from django.urls import path

from groups.features.moves import views

urlpatterns = [
    path("groups/<group:group_id>/clients/move/", views.group_move, name="move"),
    path("groups/<group:group_id>/retire/", views.group_retire, name="retire"),
    path("groups/move/", views.groups_move, name="groups_move"),
    path("clients/move/", views.clients_move, name="clients_move"),
]
