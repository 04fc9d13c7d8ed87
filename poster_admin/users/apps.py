from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UsersConfig(AppConfig):
    name = "poster_admin.users"
    label = "users"
    verbose_name = _("people and their sign-ins")

    def ready(self) -> None:
        from poster_admin.users import signals  # noqa: F401, PLC0415 - connects them
