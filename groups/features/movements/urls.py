from django.urls import path

from groups.features.movements import views

urlpatterns = [path("groups/<group:group_id>/movements/", views.movements, name="movements")]
