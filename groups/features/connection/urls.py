from django.urls import path

from groups.features.connection import views

urlpatterns = [
    path("account/check/", views.check, name="check"),
    path("account/check/write/", views.write_check, name="write_check"),
]
