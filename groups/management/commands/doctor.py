"""`manage.py doctor`: one page about the state of an installation."""

from typing import Any

from django.core.management.base import BaseCommand, no_translations

from groups.services.installation.doctor import Level, examine


class Command(BaseCommand):
    help = (
        "Say what is wrong with database, cache, worker, keys, mail, backup, Poster, the company's sign-in, "
        "clock, disk and features, and what to do about it. Changes nothing."
    )
    requires_system_checks = ()

    @no_translations
    def handle(self, *_args: Any, **_options: Any) -> None:
        """Show each line as soon as it is known: Poster may take its time."""
        styles = {
            Level.GOOD: self.style.SUCCESS,
            Level.WARNING: self.style.WARNING,
            Level.BAD: self.style.ERROR,
        }
        bad = 0
        for found in examine():
            bad += found.state == Level.BAD
            word = styles[found.state](f"{found.state:8}")
            self.stdout.write(f"{word}{found.part:11} {found.words}")
            self.stdout.flush()
        if bad:
            raise SystemExit(1)
