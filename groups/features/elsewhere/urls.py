from django.urls import path

from groups.features.elsewhere import views

urlpatterns = [path("account/watch/", views.watch_switch, name="watch")]
