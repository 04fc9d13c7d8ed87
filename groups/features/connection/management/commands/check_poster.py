"""`manage.py check_poster`: ask the Poster of a user what it does, and say whether that is as expected."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from groups.features.connection.services.checks import check_now, report_of, worst
from groups.services.credentials import credentials_of
from groups.services.facts import Meaning, facts_of

ENDS = {Meaning.UNKNOWN: 2, Meaning.OFF: 3}


class Command(BaseCommand):
    help = (
        "Check what a Poster does; ends with 0: as expected, 2: unknown, 3: a function is off, 1: not asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="the name of the sign-in whose token is used")
        parser.add_argument("--json", action="store_true", help="the report for the project, as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        credentials = credentials_of(user) if user else None
        if credentials is None:
            raise CommandError(f"There is no active user {options['user']!r} who is connected to Poster.")
        try:
            check = check_now(credentials)
        except TimeoutError:
            raise CommandError("Another check of this account does not end.") from None
        report = report_of(credentials, check)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            for fact in report["facts"]:
                self.stdout.write("{means:9} {name:20} {value} ({evidence})".format(**fact))
            seconds = sum(call["ms"] for call in check.calls) / 1000
            self.stdout.write(f"{len(check.calls)} calls, {seconds:.1f} s")
        if check.failed:
            raise CommandError("Poster could not be read.")
        if code := ENDS.get(worst(facts_of(credentials)), 0):
            raise SystemExit(code)
