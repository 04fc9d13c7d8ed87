"""Follow up the changes whose outcome is not known: after a lost answer, and after a killed process.

Whoever comes first does it: the page that waits, the history, `manage.py reconcile`, or the thread that every
server process runs. Each look is claimed in the database, so that two never do it at once.
"""

import logging
import time
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from groups.commits import unhurried
from groups.models import Change, Connection, PosterAccount
from groups.poster import BadAnswer, Client, NotFound, PosterError, Refused
from groups.poster.errors import REFUSALS
from groups.services.clients import pages_of
from groups.services.likeness import is_alike
from groups.services.upstream import ask
from groups.services.verdict import Sight, Verdict, belies, judge

log = logging.getLogger("groups.journal")

# When to look again after a lost answer; from then on each pause doubles up to the longest.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 30, 90))
LONGEST_PAUSE = timedelta(minutes=30)
# Poster said yes, but three looks over a minute do not show it: a person has to look.
ACCEPTED_BUT_ABSENT_AFTER = timedelta(minutes=1)
MOVE_PATIENCE = timedelta(minutes=1)
LOOKS_AT_LEAST = 3
# The reason of a change that Poster refused while the look afterwards failed.
NOT_VERIFIED = "refusal_not_verified"


def sight_of(change: Change, connection: Connection, *, within: float | None = None) -> Sight:
    """Look at what Poster has now of a change's group or client, or of all groups for a creation.

    For the creation of a client that is the one of old before it is sent, and who may be the new one after.
    """
    group_id, client_id = change.group_id or 0, change.client_id or 0
    try:
        match change.action:
            case Change.Action.CREATE:
                return Sight(groups=ask(connection, lambda poster: poster.get_groups(within=within)))
            case Change.Action.MOVE:
                return Sight(
                    client=ask(connection, lambda poster: poster.get_client(client_id, within=within))
                )
            case Change.Action.ENROL if change.sent_at is None:
                was = (change.intended or {})["client"]
                return Sight(client=ask(connection, lambda poster: poster.get_client(was, within=within)))
            case Change.Action.ENROL if change.client_id:
                one = ask(connection, lambda poster: poster.get_client(client_id, within=within))
                return Sight(newcomers=(one,))
            case Change.Action.ENROL:
                return Sight(newcomers=_newcomers(change, connection, within))
            case _:
                return Sight(group=ask(connection, lambda poster: poster.get_group(group_id, within=within)))
    except NotFound:
        if change.action == Change.Action.CREATE:
            raise  # of all groups that says nothing, least of all that there are none
        return Sight()


def _newcomers(change: Change, connection: Connection, within: float | None) -> tuple[Client, ...]:
    """Return the clients of the group who are like the one that was to be created and are nobody else's."""
    others = Change.objects.filter(job=change.job_id, action=change.action).exclude(pk=change.pk)
    if others.filter(state=Change.State.PENDING, sent_at__isnull=False, client_id=None).exists():
        # One of them may be a namesake, and it is not known yet which client is whose.
        raise BadAnswer("others are on their way", method="clients.getClients", reason="moving")
    expected = (change.before or {})["marks"]
    until = time.monotonic() + (settings.POSTER_READ_DEADLINE if within is None else within)
    found = [
        client
        for page in pages_of(connection, (change.intended or {})["group_id"], until=until)
        for client in page.clients
        if not client.removed and is_alike(expected, client, change.pk)
    ]
    known = Change.objects.filter(account=change.account_id, client_id__in=[client.id for client in found])
    taken = set(known.exclude(pk=change.pk).values_list("client_id", flat=True))
    return tuple(client for client in found if client.id not in taken)


def settle_by(change: Change, verdict: Verdict, **values: object) -> bool:
    """Write a verdict into the journal; a bonus off by 100 also blocks further bonuses of the account.

    What was applied shows in Poster again: a power failure that takes this commit back leaves the row as a
    killed process does, and it is looked after in the same way.
    """
    with unhurried() if verdict.state == Change.State.APPLIED else nullcontext(), transaction.atomic():
        settled = Change.objects.settle(
            change,
            **values
            | {
                "state": verdict.state,
                "reason": verdict.reason,
                "after": verdict.after,
                "group_id": verdict.group_id or change.group_id,
                "client_id": verdict.client_id or change.client_id,
                "settled_at": timezone.now(),
                "next_check_at": None,
            },
        )
        if settled and verdict.reason == "units":
            log.error("The birthday bonus of change %s came back off by a factor of 100", change.pk)
            PosterAccount.objects.filter(pk=change.account_id).update(bonus_block=change)
    return settled


def start_following(change: Change, **values: object) -> None:
    """Leave the outcome open, to be looked at again in two seconds."""
    Change.objects.settle(
        change, state=Change.State.UNKNOWN, next_check_at=timezone.now() + PAUSES[0], **values
    )


def due(now: datetime) -> Q:
    """Return the condition for changes that somebody should look at now."""
    # Nobody but the sender touches a row that may still be under way.
    in_flight = timedelta(seconds=settings.POSTER_WRITE_DEADLINE + settings.POSTER_GRACE_SECONDS)
    return Q(state=Change.State.UNKNOWN, next_check_at__lte=now) | Q(
        Q(next_check_at__isnull=True) | Q(next_check_at__lte=now),
        state=Change.State.PENDING,
        created_at__lte=now - in_flight,
    )


def reconcile(changes: Iterable[Change] | None = None) -> list[Change]:
    """Look after every change that is due, of all accounts unless some are given; return the settled ones."""
    if changes is None:
        overdue = Change.objects.open().filter(due(timezone.now()))
        changes = overdue.select_related("account").order_by("created_at")
    return [change for change in changes if follow_up(change)]


def follow_up(change: Change) -> bool:
    """Look at Poster for one change if it is due, and settle it if that tells; say whether it is settled."""
    now = timezone.now()
    if not Change.objects.filter(due(now), pk=change.pk).exists():
        return False
    if change.sent_at is None:
        return Change.objects.settle(
            change, state=Change.State.FAILED, reason="never_sent", settled_at=timezone.now()
        )
    if not _claim(change, now):
        return False
    connection = _connection_for(change)
    if connection is None:
        return False
    try:
        sight = sight_of(change, connection)
    except PosterError as error:
        log.warning("Change %s is still open: %s", change.pk, error.reason)
        return False
    verdict = _judge(change, sight) or _give_up(change)
    return verdict is not None and settle_by(change, verdict)


def _claim(change: Change, now: datetime) -> bool:
    """Take this look for ourselves and fix the next one, before making a call."""
    checks = change.checks
    further = checks + 2 - len(PAUSES)
    pause = PAUSES[checks + 1] if further <= 0 else PAUSES[-1] * 2 ** min(further, 8)
    return Change.objects.settle(
        change,
        state=Change.State.UNKNOWN,
        checks=checks + 1,
        next_check_at=now + min(pause, LONGEST_PAUSE),
    )


def _connection_for(change: Change) -> Connection | None:
    """Return a connection that may ask: its user's own first, never one whose token Poster has refused."""
    usable = Connection.objects.select_related("account").filter(
        account=change.account_id, refused_at__isnull=True
    )
    return usable.filter(user=change.user_id).first() or usable.first()


def _judge(change: Change, sight: Sight) -> Verdict | None:
    verdict = judge(change, sight)
    refused_by = REFUSALS.get(change.code or 0, Refused) if change.reason == NOT_VERIFIED else None
    return None if verdict and refused_by and not belies(verdict, refused_by) else verdict


def _give_up(change: Change) -> Verdict | None:
    """Return the verdict on a change that does not show, at once if Poster refused it, else in its time."""
    if change.reason == NOT_VERIFIED:
        return Verdict(Change.State.REFUSED, "refused")
    waited = timezone.now() - (change.sent_at or change.created_at)
    if change.accepted:
        if change.checks >= LOOKS_AT_LEAST and waited >= ACCEPTED_BUT_ABSENT_AFTER:
            return Verdict(Change.State.REVIEW, "accepted_but_absent")
    elif waited >= _patience(change):
        return Verdict(Change.State.FAILED, "not_applied")
    return None


def _patience(change: Change) -> timedelta:
    """Return after how long a lost change that does not show counts as not made.

    To move a client once more does no harm, so that is not put off for as long as a creation.
    """
    if change.action == Change.Action.MOVE:
        return min(MOVE_PATIENCE, timedelta(seconds=settings.POSTER_SETTLE_SECONDS))
    return timedelta(seconds=settings.POSTER_SETTLE_SECONDS)
