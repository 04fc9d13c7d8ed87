from django.apps import AppConfig
from django.conf import settings

from poster_admin.common.observability import error_reports


class CommonConfig(AppConfig):
    """Commands, checks and template tags that depend on no other app."""

    name = "poster_admin.common"

    def ready(self) -> None:
        """Report errors of every process, if there is a place for the reports."""
        if settings.SENTRY_DSN:
            error_reports.start(settings.SENTRY_DSN)
