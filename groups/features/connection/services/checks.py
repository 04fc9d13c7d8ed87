"""Check a connection when that is due: ask, store the facts, and notify owners of contradictions.

One run at a time has the lease of the account; one that was killed is made again by the next worker.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from groups.features.connection.models import EVERY, ConnectionCheck
from groups.features.connection.services.asking import CheckReadings, ask
from groups.features.connection.services.writing import RIGHTS, check_writes, left_groups
from groups.models import Fact, PosterAccount, PosterCredentials
from groups.models.leases import AGAIN, Columns
from groups.services.due import Turn, run_due
from groups.services.events import Event, event_source
from groups.services.facts import Facts, Meaning, Seen, facts_of, meaning, store
from groups.services.installation.doctor import Found, Level, parts_of_features
from groups.services.installation.maintenance import routine
from poster_admin import VERSION
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

log = logging.getLogger("groups.accounts")
SOON = timedelta(minutes=15)
TRIES = 6
"""How often a write check goes on after a write whose outcome stays open: for half an hour."""
SET_BONUS_UNIT = "groups.set_bonus_unit"


def check_of(credentials: PosterCredentials) -> ConnectionCheck | None:
    return ConnectionCheck.objects.filter(account=credentials.account_id).first()


def begin_check(credentials: PosterCredentials) -> ConnectionCheck:
    """Let a worker check the account with this token as soon as it can; a run under way is that check."""
    row, _created = ConnectionCheck.objects.get_or_create(account=credentials.account)
    free = ConnectionCheck.objects.free().filter(pk=row.pk, is_write_due=False)
    free.update(credentials=credentials, next_at=timezone.now(), steps_done=0, tries=0)
    row.refresh_from_db()
    return row


def begin_write_check(credentials: PosterCredentials) -> None:
    """Let a worker check what a write does, or remove what the last write check could not remove."""
    row = check_of(credentials) or begin_check(credentials)
    values: dict[str, Any] = {"write_id": uuid.uuid4(), "write_tries": 0}
    if left_groups(row):
        values = {"write_tries": row.write_tries + 1}
    free = ConnectionCheck.objects.free().filter(pk=row.pk, is_write_due=False)
    free.update(
        credentials=credentials, is_write_due=True, next_at=timezone.now(), tries=0, steps_done=0, **values
    )


def request_check(account: PosterAccount) -> None:
    """Check an account again soon: something contradicts a stored fact. More often than that helps nobody."""
    now = timezone.now()
    rows = ConnectionCheck.objects.free(now).filter(account=account)
    rows.exclude(ended_at__gt=now - SOON).update(next_at=now, steps_done=0)


def accounts_due() -> list[str]:
    """Return the accounts whose check is due, also those that nobody has checked yet."""
    unchecked = PosterCredentials.objects.filter(refused_at=None, account__connection_check=None)
    new = {
        each.account_id: ConnectionCheck(account_id=each.account_id, credentials=each, next_at=timezone.now())
        for each in unchecked
    }
    ConnectionCheck.objects.bulk_create(new.values(), ignore_conflicts=True)
    connected = ConnectionCheck.objects.filter(account__credentials__user__is_active=True)
    return list(connected.due().values_list("pk", flat=True).distinct())


@routine("connection", pause=1.0, for_each=accounts_due)
def check_due(account: str) -> None:
    run_due(ConnectionCheck.objects.filter(pk=account).select_related("credentials"), _check)


def check_now(credentials: PosterCredentials, *, within: float = 150.0) -> ConnectionCheck:
    """Check in this process, or wait for the run of another one; raises `TimeoutError`."""
    began, until = timezone.now(), time.monotonic() + within
    begin_check(credentials)
    while time.monotonic() < until:
        check_due(credentials.account_id)
        row = ConnectionCheck.objects.get(pk=credentials.account_id)
        if row.ended_at and row.ended_at >= began:
            return row
        time.sleep(0.5)
    raise TimeoutError


def _check(turn: Turn[ConnectionCheck]) -> Columns:
    credentials = turn.credentials
    if turn.row.is_write_due:
        return _check_writes(turn)
    try:
        result = ask(credentials, lambda calls: turn.renew(steps_done=calls + 1))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        log.exception("The check of account %s met an answer that it cannot judge", credentials.account_id)
        result = CheckReadings()
    keep(credentials, result.facts)
    now = timezone.now()
    return {
        "next_at": now + (EVERY if result.is_answered else AGAIN),
        "ended_at": now,
        "calls": result.calls,
        "failed": not result.is_answered,
    }


def _check_writes(turn: Turn[ConnectionCheck]) -> Columns:
    """Raises `Later` while the outcome of a write is open, until that has taken too long."""
    credentials, row = turn.credentials, turn.row
    ended = {"is_write_due": False, "next_at": row.ended_at + EVERY if row.ended_at else timezone.now()}
    is_of_user = credentials.pk == row.credentials_id  # nobody writes with the token of another user
    if row.tries > TRIES or not is_of_user or not credentials.user.has_perms(RIGHTS):
        return ended
    for seen in check_writes(row, credentials):
        keep(credentials, seen)
        turn.renew()
    return ended


def keep(credentials: PosterCredentials, seen: Mapping[str, Seen]) -> None:
    for fact in store(credentials, seen):
        record(
            EventKind.POSTER_DIFFERS,
            user=credentials.user,
            detail=f"{fact.name}: {fact.was} → {fact.value}",
            account=credentials.account_id,
        )


# --- What it says ------------------------------------------------------------------------------------------


def report_of(credentials: PosterCredentials, check: ConnectionCheck) -> dict[str, Any]:
    """Return the report for the project: no name, number, token or sum of anybody is in it."""
    facts = facts_of(credentials)
    return {
        "account": credentials.account_id,
        "checked_at": check.ended_at.isoformat() if check.ended_at else None,
        "version": VERSION,
        "facts": [
            {
                "name": name,
                "value": facts.value(name),
                "evidence": facts.evidence(name),
                "means": str(meaning(name, facts.value(name))),
            }
            for name in facts.names
        ],
        "calls": check.calls,
    }


def worst(facts: Facts) -> Meaning:
    """Return what a check comes to, as `manage.py check_poster` ends with it."""
    return next((each for each in (Meaning.OFF, Meaning.UNKNOWN) if facts.counted(each)), Meaning.EXPECTED)


@event_source("facts", gettext_lazy("Poster does something else than before"), order=1)
def find_contradictions(account: PosterAccount, since: datetime) -> Iterator[Event]:
    for fact in Fact.objects.filter(account=account, changed_at__gt=since):
        at = fact.changed_at or fact.seen_at
        yield Event(
            f"fact {fact.pk} {at.isoformat()}",
            at,
            reverse("groups:check"),
            partial(contradiction_words, fact.name),
            _is_owner,
        )


def _is_owner(user: User) -> bool:
    return user.has_perm(SET_BONUS_UNIT)


def contradiction_words(name: str) -> str:
    return _("Poster does something else than before (%(name)s). The check of the connection says what.") % {
        "name": name
    }


def _examine() -> Found:
    by_account = {each.account_id: each for each in PosterCredentials.objects.order_by("account_id", "-pk")}
    for account, credentials in by_account.items():
        facts = facts_of(credentials)
        if facts.checked_at is None:
            yield Level.GOOD, _("%(account)s was not checked yet") % {"account": account}
            continue
        words = _("%(account)s: %(differ)s things differ, %(unknown)s are not known yet")
        different = facts.counted(Meaning.DIFFERS, Meaning.OFF)
        values = {"account": account, "differ": different, "unknown": facts.counted(Meaning.UNKNOWN)}
        yield Level.WARNING if facts.counted(Meaning.OFF) else Level.GOOD, words % values


parts_of_features.append((gettext_noop("connection"), _examine))
