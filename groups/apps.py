from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GroupsConfig(AppConfig):
    name = "groups"
    verbose_name = _("loyalty groups")

    def ready(self) -> None:
        from groups import signals  # noqa: F401, PLC0415 - registers the signal receivers
        from poster_admin.common import checks  # noqa: F401, PLC0415 - registers the system checks
