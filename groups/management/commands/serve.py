"""`manage.py serve`: prepare and run the production server."""

import os
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from poster_admin.common import serving
from poster_admin.common.locks import in_use
from poster_admin.users.first_start import new_link

# Warnings of `check --deploy` for an intranet without TLS; the server prints one line instead.
ABOUT_TLS = {"security.W004", "security.W008", "security.W012", "security.W016"}
WITH_TLS = "HTTPS=True: for a proxy in front that ends TLS and sets X-Forwarded-Proto, or TLS of its own."
WITHOUT_TLS = "HTTPS=False: plain HTTP. Passwords and pages can be read on the way; for an intranet only."


class Command(BaseCommand):
    help = "Check the configuration, prepare the database and the static files, and serve with granian."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        serving.refuse_taken_port(settings.HOST, settings.PORT)
        with in_use():
            self._check(include_deployment_checks=True)
            serving.prepare()
            self._check(tags=[checks.Tags.database], databases=["default"])
            self.stdout.write(WITH_TLS if settings.HTTPS else WITHOUT_TLS)
            workers = f"{settings.WORKERS} worker{pluralize(settings.WORKERS)}"
            lines = [f"Serving on {settings.HOST}:{settings.PORT} with {workers}."]
            if link := new_link():
                lines.append(f"Set up: {link}")

            def announce() -> None:
                self.stdout.write("\n".join(lines))
                self.stdout.flush()

            # glibc keeps freed memory apart for each of many threads: two of such arenas save 17 MB a worker.
            os.environ.setdefault("MALLOC_ARENA_MAX", "2")
            serving.run(
                host=settings.HOST,
                port=settings.PORT,
                workers=settings.WORKERS,
                job_workers=settings.JOB_WORKERS,
                when_listening=announce,
            )

    def _check(self, **what: Any) -> None:
        ignored = set() if settings.HTTPS else ABOUT_TLS
        found = [
            each for each in checks.run_checks(**what) if not each.is_silenced() and each.id not in ignored
        ]
        for message in found:
            self.stderr.write(f"{message.id}: {message.msg}")
        if any(message.is_serious() for message in found):
            raise CommandError("The configuration is not fit to serve.")
