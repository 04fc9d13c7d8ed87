from django.urls import path

from groups.features.schedules import views

urlpatterns = [
    path("groups/<group:group_id>/schedule/", views.schedule_create, name="schedule"),
    path("groups/schedule/", views.schedule_several, name="schedule_several"),
    path("schedules/", views.schedule_list, name="schedules"),
    path("schedules/<uuid:schedule_id>/cancel/", views.schedule_cancel, name="schedule_cancel"),
]
