from django.urls import path

from groups.features.saved_views import views

urlpatterns = [
    path("account/views/", views.view_list, name="views"),
    path("account/views/<int:view_id>/", views.view_change, name="view"),
]
