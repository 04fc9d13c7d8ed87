"""The addresses of the gallery, below /styleguide/."""

from django.urls import path

from poster_admin.devtools.styleguide import views

app_name = "styleguide"
urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("no-groups/", views.no_groups, name="no_groups"),
    path("no-right/", views.no_right, name="no_right"),
    path("play/<slug:name>/", views.play, name="play"),
]
