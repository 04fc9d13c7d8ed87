from django.urls import path

from groups.features.snapshots import views

urlpatterns = [
    path("history/snapshots/", views.snapshot_list, name="snapshots"),
    path("history/snapshots/<uuid:snapshot_id>/download/", views.snapshot_download, name="snapshot_download"),
    path("history/snapshots/<uuid:snapshot_id>/restore/", views.snapshot_restore, name="snapshot_restore"),
]
