from django.apps import AppConfig
from django.conf import settings

from poster_admin.common.logs import report_errors


class CommonConfig(AppConfig):
    name = "poster_admin.common"

    def ready(self) -> None:
        if settings.SENTRY_DSN:
            report_errors(settings.SENTRY_DSN)
