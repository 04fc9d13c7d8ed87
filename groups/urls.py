"""Route the addresses of the groups; they are part of the contract."""

from importlib import import_module

from django.apps import apps
from django.urls import path, register_converter
from django.urls.converters import StringConverter

from groups.views import clients, groups, jobs, journal, settings

app_name = "groups"


class FileTypeConverter(StringConverter):
    regex = "csv|xlsx"


register_converter(FileTypeConverter, "file_type")

urlpatterns = [
    path("groups/", groups.group_list, name="list"),
    path("groups/filters/", groups.group_filters, name="filters"),
    path("groups/export.<file_type:extension>", groups.group_export, name="export"),
    path("groups/new/", groups.group_create, name="create"),
    path("groups/<group:group_id>/", groups.group_detail, name="detail"),
    path("groups/<group:group_id>/edit/", groups.group_update, name="update"),
    path("groups/<group:group_id>/delete/", groups.group_remove, name="remove"),
    path("groups/<group:group_id>/clients/", clients.group_members, name="members"),
    path("groups/<group:group_id>/clients/first/", clients.group_first_clients, name="first_clients"),
    path(
        "groups/<group:group_id>/clients/export.<file_type:extension>",
        clients.group_members_export,
        name="members_export",
    ),
    path("clients/", clients.client_search, name="clients"),
    path("go/", settings.go, name="go"),
    path("account/", settings.account, name="account"),
    path("account/disconnect/", settings.account_disconnect, name="disconnect"),
    path("account/bonus-unit/", settings.account_bonus_unit, name="bonus_unit"),
    path("account/start/", settings.guide, name="guide"),
    path("account/installation/", settings.installation_state, name="installation"),
    path("history/", journal.history_list, name="history"),
    path("history/export.<file_type:extension>", journal.history_export, name="history_export"),
    path("history/<uuid:change_id>/", journal.change_detail, name="change"),
    path("history/<uuid:change_id>/undo/", journal.change_undo, name="undo"),
    path("jobs/<uuid:job_id>/", jobs.job_detail, name="job"),
    path("jobs/<uuid:job_id>/undo/", jobs.job_undo, name="job_undo"),
]
for app in apps.get_app_configs():
    if app.name.startswith("groups.features."):
        urlpatterns += import_module(f"{app.name}.views").urlpatterns
