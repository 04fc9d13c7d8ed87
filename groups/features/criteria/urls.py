from django.urls import path

from groups.features.criteria import views

urlpatterns = [
    path("criteria/", views.criteria, name="criteria"),
    path("criteria/preview/", views.preview, name="criteria_preview"),
    path("criteria/run/", views.run, name="criteria_run"),
    path("criteria/spread/", views.spread, name="criteria_spread"),
    path("criteria/pins/", views.pin_create, name="criteria_pins"),
    path("criteria/pins/<int:pin_id>/remove/", views.pin_remove, name="criteria_pin_remove"),
]
