"""`manage.py scheme`: save the scheme of an account as a file, compare a file with an account, and apply it.

A plan, an export and what has become of each group go to standard output, everything else to standard error.
"""

import json
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import override

from groups.features.approvals.models import EXCEED_LIMITS
from groups.features.approvals.services import BeyondLimits
from groups.features.bulk.files.schemes import TYPE_NAMES, printable, quoted, shortcomings, write_scheme
from groups.features.bulk.files.tables import NotReadable, compare_with_poster
from groups.features.bulk.services import EditPlan, Import, PlanLine, keep_plan
from groups.models import Change, Job, Lock, PosterCredentials
from groups.models.locks import group_key
from groups.models.submissions import LONGEST_REASON
from groups.poster import GroupValues, LoyaltyType, PosterError
from groups.poster.fields import plain
from groups.presenters.changes import outcome_words
from groups.presenters.jobs import job_words
from groups.services.credentials import credentials_of
from groups.services.installation import maintenance
from groups.services.jobs import queue
from groups.services.messages import HolderNotice, Message, error_words, holder_notice
from groups.services.values import in_currency_of
from groups.services.writes.commands import CreateGroup, UpdateGroup
from groups.services.writes.lag import current_groups
from groups.services.writes.submissions import NotNow, NotSent
from poster_admin.common.pages import link

CHANGES, WAITS = 2, 3
"""How a plan ends that would change something, and an application that waits for an approval."""
VIEW = "groups.view_group"
SCHEME = "scheme.yaml"
"""The command reads every file as one of this name, whatever its own is."""
INTERVAL = 0.5
ERRORS_AT_MOST = 100
NOTHING_SENT = "Nothing was sent."


class Command(BaseCommand):
    help = "Save the scheme of an account as a file, compare a file with an account, or apply it."
    is_parsed = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=("export", "plan", "apply"))
        parser.add_argument(
            "file", nargs="?", help="a YAML file; export writes to standard output without it"
        )
        parser.add_argument("--user", required=True, help="who does it: the name of the sign-in")
        parser.add_argument("--json", action="store_true", help="the plan as JSON")
        parser.add_argument("--yes", action="store_true", help="apply without a question")
        parser.add_argument("--reason", default="", help="why it may go beyond the limits of the account")

    def run_from_argv(self, argv: list[str]) -> None:
        """End with 1 if the arguments are wrong: for scripts, 2 says that there is something to change."""
        try:
            super().run_from_argv(argv)
        except SystemExit as end:
            if not self.is_parsed and end.code == CHANGES:
                raise SystemExit(1) from None
            raise

    def handle(self, *_args: Any, action: str, **options: Any) -> None:
        self.is_parsed = True
        if action != "export" and not options["file"]:
            raise CommandError(f"{action} needs a file.")
        if len(options["reason"]) > LONGEST_REASON:
            raise CommandError(f"A reason has at most {LONGEST_REASON} characters.")
        with override("en"):
            name = options["user"]
            user = User.objects.filter(username=name, is_active=True).first()
            if user is None:
                raise CommandError(f"There is no active user {quoted(name)}.")
            _require(user, VIEW, *([UpdateGroup.permission] if action == "apply" else []))
            credentials = credentials_of(user)
            if credentials is None:
                raise CommandError(f"{name} is not connected to a Poster account.")
            try:
                with in_currency_of(credentials.account):
                    self._act(credentials, action, options)
            except NotReadable as error:
                raise CommandError(printable(error.messages[0])) from None
            except PosterError as error:
                raise CommandError(_one_line(error_words(error))) from None
            except NotSent as error:
                raise CommandError(f"{_one_line(error.message())} {NOTHING_SENT}") from None
            except NotNow:
                raise CommandError(f"The plan was started or deleted meanwhile. {NOTHING_SENT}") from None
            except KeyboardInterrupt:
                raise CommandError(NOTHING_SENT) from None

    def _act(self, credentials: PosterCredentials, action: str, options: dict[str, Any]) -> None:
        file = options["file"]
        largest = settings.FILE_UPLOAD_MAX_MEMORY_SIZE  # as of a file that is uploaded
        try:
            if action == "export":
                groups = current_groups(credentials)
                for words in shortcomings(groups):
                    self._say(words)
                if file is None:
                    self.stdout.write(write_scheme(groups), ending="")
                else:
                    Path(file).write_text(write_scheme(groups), encoding="utf-8")
                return
            with Path(file).open("rb") as opened:
                content = opened.read(largest + 1)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        if len(content) > largest:
            raise CommandError(f"{file} is larger than {largest // 2**20} MB.")
        found = _compare(file, content, credentials)
        self._print_plan(found, options)
        if action == "apply":
            self._apply(credentials, found, content, options)
        elif found.lines:
            raise SystemExit(CHANGES)

    def _apply(
        self, credentials: PosterCredentials, found: EditPlan, content: bytes, options: dict[str, Any]
    ) -> None:
        user = credentials.user
        if not found.lines:
            self._say("There is nothing to change.")
            return
        if found.created:
            _require(user, CreateGroup.permission)
        if not options["yes"]:
            self.stderr.write('Apply this? Type "yes": ', str, ending="")
            self.stderr.flush()
            if sys.stdin.readline().strip() != "yes":
                raise CommandError(NOTHING_SENT)
        now = _compare(options["file"], content, credentials)
        # The counts of clients move all day; the plan does not show them.
        shown, present = (
            replace(plan, lines=tuple(replace(line, clients=0, namesakes=()) for line in plan.lines))
            for plan in (found, now)
        )
        if present != shown:
            raise CommandError(f"Poster has something else by now than the plan shows. {NOTHING_SENT}")
        job = keep_plan(credentials, Import, now)
        may_exceed = user.has_perm(EXCEED_LIMITS)
        consent = {"limit_reason": options["reason"]} if options["reason"] and may_exceed else {}
        try:
            queue.start_draft(job, user, **consent)
            self._follow(job)
        except BeyondLimits as beyond:
            request = beyond.go_on(job, user)
            if request is None:
                words = "This goes beyond the limits of the account, and needs a reason: --reason."
                raise CommandError(f"{words} {NOTHING_SENT}") from None
            self._say(
                f"This goes beyond the limits of the account: it waits for an approval. {_address(request)}"
            )
            raise SystemExit(WAITS) from None
        except KeyboardInterrupt:
            job.refresh_from_db()
            goes_on = f"A worker goes on with the job: {_address(job)}"
            raise CommandError(NOTHING_SENT if job.state in Job.NOT_STARTED else goes_on) from None

    # --- The job --------------------------------------------------------------------------------------------

    def _follow(self, job: Job) -> None:
        self._say(f"Job: {_address(job)}")
        reported = ""
        while job.is_active:
            if not maintenance.is_any_alive():
                raise CommandError(f"No worker runs, so the job waits for one: {_address(job)}")
            if job.state == Job.State.WAITING and job.reason not in ("", reported):
                reported = job.reason
                words = _one_line(job_words(job))
                if job.reason == Job.Stop.LOCKED:
                    edits = EditPlan.from_json(job.wanted).edits
                    keys = [group_key(group_id) for group_id, _old, _new in edits]
                    if lock := Lock.objects.in_the_way(job.account_id, keys):
                        words = f"{words} {_one_line(holder_notice(lock.holder))}"
                self._say(words)
            time.sleep(INTERVAL)
            job.refresh_from_db()
        changes = list(Change.objects.filter(job=job).last_tries().order_by("created_at"))
        for change in changes:
            name = quoted((change.intended or {}).get("name", change.group_name))
            if change.state == Change.State.APPLIED:
                self.stdout.write(f"applied: {name}")
            else:
                said = replace(outcome_words(change), next_step="")
                self.stdout.write(f"{change.state}: {name}. {_one_line(said)}")
        applied = sum(change.state == Change.State.APPLIED for change in changes)
        if job.state != Job.State.DONE or applied != job.total:
            words = _one_line(job_words(job))
            raise CommandError(f"{applied} of {job.total} applied. {words} {_address(job)}")
        self._say(f"All {job.total} applied.")

    # --- Words ----------------------------------------------------------------------------------------------

    def _print_plan(self, found: EditPlan, options: dict[str, Any]) -> None:
        if options["json"]:
            data = [
                {
                    "action": "create" if line.old is None else "update",
                    "name": line.new.name,
                    "changes": _changes_of(line),
                }
                for line in found.lines
            ]
            # Percents and amounts are numbers, whole ones without a point.
            as_number = lambda number: float(number) if number % 1 else int(number)  # noqa: E731
            self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=as_number))
        else:
            styles = {"+": self.style.SUCCESS, "-": self.style.ERROR, "~": self.style.WARNING}
            for line in found.lines:
                mark = "+" if line.old is None else "~"
                self.stdout.write(styles[mark](f"{mark} {quoted(line.new.name)}"))
                for field, values in _changes_of(line).items():
                    for sign, value in zip("-+", values, strict=True):
                        if value is not None:
                            words = plain(value) if isinstance(value, Decimal) else value
                            words = quoted(words) if field == "name" else words
                            self.stdout.write(styles[sign](f"{sign}   {field}: {words}"))
            for name in found.unlisted:
                self.stdout.write(f"  {quoted(name)} is not in the file, and stays as it is")
            changed = len(found.lines) - found.created
            total = f"{found.created} to create, {changed} to change, {found.unchanged} as they are"
            self.stdout.write(total)
        self.stdout.flush()

    def _say(self, words: str) -> None:
        self.stderr.write(words, str)


# --- The plan ----------------------------------------------------------------------------------------------


def _compare(file: str, content: bytes, credentials: PosterCredentials) -> EditPlan:
    """Return what a scheme changes. Raises `NotReadable`, `PosterError`, and its errors as `CommandError`."""
    found = compare_with_poster(SCHEME, content, credentials)
    if found.errors:
        lines = [f"{file}:{error.line}:{error.column}: {printable(error.text)}" for error in found.errors]
        more = [f"and {len(lines) - ERRORS_AT_MOST} more"] if len(lines) > ERRORS_AT_MOST else []
        raise CommandError("\n".join([*lines[:ERRORS_AT_MOST], *more]))
    return found


def _values_of(values: GroupValues) -> dict[str, Any]:
    """Return values by the fields of a file, in its units; a discount group has no birthday bonus: 0."""
    found = {"name": values.name, "type": TYPE_NAMES[LoyaltyType(values.loyalty_type)]}
    return found | {"percent": values.percent, "birthday_bonus": values.effective_bonus}


def _changes_of(line: PlanLine) -> dict[str, tuple[Any, Any]]:
    """Return the old and the new value of each field that a line changes; a new group has no old ones."""
    new = _values_of(line.new)
    if line.old is None:
        del new["name"]
        if line.new.loyalty_type == LoyaltyType.DISCOUNT:
            del new["birthday_bonus"]
        return {field: (None, value) for field, value in new.items()}
    old = _values_of(line.old)
    return {field: (old[field], value) for field, value in new.items() if value != old[field]}


# --- Parts -------------------------------------------------------------------------------------------------


def _require(user: User, *permissions: str) -> None:
    for permission in permissions:
        if not user.has_perm(permission):
            raise CommandError(f"{user.get_username()} does not have the right {permission}.")


def _address(row: Any) -> str:
    path: str = row.get_absolute_url()
    return link(path) or path


def _one_line(message: Message) -> str:
    parts = [f"{message.title}.", message.text, message.next_step, message.details]
    if isinstance(message, HolderNotice):
        parts.append(link(message.url) or message.url)
    return printable(" ".join(filter(None, parts)))
