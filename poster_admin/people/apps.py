from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PeopleConfig(AppConfig):
    name = "poster_admin.people"
    label = "people"
    verbose_name = _("people and their sign-ins")

    def ready(self) -> None:
        from poster_admin.people import checks, signals  # noqa: F401, PLC0415 - registers them
