"""The addresses of the dashboard; they are a contract."""

from django.urls import path, register_converter

from groups import views
from groups.poster.records import MAX_ID

app_name = "groups"


class GroupIdConverter:
    """A group's id as Poster has it: without leading zeros, and no larger than it can be."""

    regex = "[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > MAX_ID:
            raise ValueError
        return number

    def to_url(self, value: int) -> str:
        return str(value)


class FileTypeConverter:
    """The extension of an export."""

    regex = "csv|xlsx"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(GroupIdConverter, "group")
register_converter(FileTypeConverter, "file_type")

group_urls = [
    path("groups/", views.group_list, name="list"),
    path("groups/export.<file_type:extension>", views.group_export, name="export"),
    path("groups/new/", views.group_create, name="create"),
    path("groups/<group:group_id>/", views.group_detail, name="detail"),
    path("groups/<group:group_id>/edit/", views.group_update, name="update"),
    path("groups/<group:group_id>/delete/", views.group_remove, name="remove"),
    path("groups/<group:group_id>/clients/", views.group_members, name="members"),
    path(
        "groups/<group:group_id>/clients/export.<file_type:extension>",
        views.group_members_export,
        name="members_export",
    ),
]
account_urls = [
    path("account/", views.account, name="account"),
    path("account/disconnect/", views.account_disconnect, name="disconnect"),
    path("account/bonus-unit/", views.account_bonus_unit, name="bonus_unit"),
]
history_urls = [
    path("history/", views.history_list, name="history"),
    path("history/<uuid:change_id>/", views.change_detail, name="change"),
    path("history/<uuid:change_id>/undo/", views.change_undo, name="undo"),
]
urlpatterns = [*group_urls, *account_urls, *history_urls]
