from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from poster_admin.common.logs import report_errors


class GroupsConfig(AppConfig):
    name = "groups"
    verbose_name = _("loyalty groups")

    def ready(self) -> None:
        """Register signal receivers, system checks, words for the security log, and what features plug in."""
        from groups.models import PosterAccount  # noqa: PLC0415 - as all models
        from groups.services import credentials  # noqa: F401, PLC0415 - registers the signal receivers
        from poster_admin.common import checks  # noqa: F401, PLC0415 - registers the system checks
        from poster_admin.users.security_log import DETAIL_LABELS  # noqa: PLC0415 - it has models

        if settings.SENTRY_DSN:
            report_errors(settings.SENTRY_DSN)
        DETAIL_LABELS.update((unit.value, unit.label) for unit in PosterAccount.BonusUnit)
        autodiscover_modules("services", "presenters", "views")
