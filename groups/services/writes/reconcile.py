"""Follow up the changes whose outcome is not known: after a lost answer, and after a killed process.

Whoever comes first does it: the page that waits, the history, `manage.py reconcile`, or the thread that every
server process runs. Each look is claimed in the database, so that two never do it at once.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from groups.models import Change, GroupsCopy, PosterAccount, PosterCredentials
from groups.poster import Client, Group, GroupList, InvalidResponse, NotFound, PosterError, Refused
from groups.poster.errors import REFUSALS
from groups.services.clients import pages_of, with_everybody
from groups.services.gateway import call_poster
from groups.services.writes.lag import earlier_states
from groups.services.writes.matching import is_alike
from groups.services.writes.outcome import Outcome, RemoteState, contradicts_refusal, determine_outcome
from poster_admin.common.deadlines import is_ahead, past

log = logging.getLogger("groups.journal")

# When to look again after a lost answer; from then on each pause doubles up to the longest.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 30, 90))
LONGEST_PAUSE = timedelta(minutes=30)
# Poster said yes, but three looks over two minutes do not show it: a person has to look.
ACCEPTED_BUT_ABSENT_AFTER = timedelta(minutes=2)
LOOKS_AT_LEAST = 3
# The reason of a change that Poster refused while the look afterwards failed.
NOT_VERIFIED = "refusal_not_verified"
# Stands for a look that shows no trace of the change.
NOTHING = "nothing"


def read_before(change: Change, credentials: PosterCredentials, *, within: float) -> RemoteState:
    """Look at Poster before a change is sent: for a removal also at who is in the group."""
    until = time.monotonic() + within
    remote = read_remote_state(change, credentials, within=within)
    if change.action != Change.Action.REMOVE or remote.group is None:
        return remote
    return RemoteState(group=with_everybody(credentials, remote.group, within=until - time.monotonic()))


def read_remote_state(
    change: Change, credentials: PosterCredentials, *, within: float | None = None
) -> RemoteState:
    """Look at what Poster has now of a change's group or client, or of all groups for a creation.

    For the creation of a client that is the one of old before it is sent, and who may be the new one after.
    A group counts as absent only where both the list and its own page say so.
    """
    client_id = change.client_id or 0
    try:
        match change.action:
            case Change.Action.CREATE:
                return _read_whole_state(change, credentials, within)
            case Change.Action.MOVE:
                return RemoteState(
                    client=call_poster(
                        credentials, lambda poster: poster.get_client(client_id, within=within)
                    )
                )
            case Change.Action.ENROL if change.sent_at is None:
                was = (change.intended or {})["client"]
                return RemoteState(
                    client=call_poster(credentials, lambda poster: poster.get_client(was, within=within))
                )
            case Change.Action.ENROL if change.client_id:
                one = call_poster(credentials, lambda poster: poster.get_client(client_id, within=within))
                return RemoteState(newcomers=(one,))
            case Change.Action.ENROL:
                return RemoteState(newcomers=_newcomers(change, credentials, within))
            case _:
                return RemoteState(group=find_group(credentials, change.group_id or 0, within=within))
    except NotFound:
        if change.action == Change.Action.CREATE:
            raise  # of all groups that says nothing, least of all that there are none
        return RemoteState()


def find_group(credentials: PosterCredentials, group_id: int, *, within: float | None = None) -> Group | None:
    """Return a group, or None where it is neither found by its id nor in the list."""
    try:
        return call_poster(credentials, lambda poster: poster.get_group(group_id, within=within))
    except NotFound:
        listed = call_poster(credentials, lambda poster: poster.get_groups(within=within))
    return _in_list(listed, group_id)


def _in_list(listed: GroupList, group_id: int) -> Group | None:
    """Return the group of this id out of a list, or None. Raises `InvalidResponse` where it cannot tell."""
    found = next((group for group in listed.present if group.id == group_id), None)
    if found is None and any(row.id in (None, group_id) for row in listed.unreadable):
        raise InvalidResponse("a row cannot be read", method="clients.getGroups", reason="unreadable_row")
    return found


def _read_whole_state(change: Change, credentials: PosterCredentials, within: float | None) -> RemoteState:
    listed = call_poster(credentials, lambda poster: poster.get_groups(within=within))
    if change.sent_at is None:
        return RemoteState(groups=listed, copied_ids=_copied_ids(change))
    answered = change.group_id
    if not answered or any(group.id == answered for group in listed.groups):
        return RemoteState(groups=listed)
    try:
        made = call_poster(credentials, lambda poster: poster.get_group(answered, within=within))
    except NotFound:
        return RemoteState(groups=listed)
    return RemoteState(groups=GroupList((*listed.groups, made), listed.unreadable))


def _copied_ids(change: Change) -> frozenset[int]:
    """Return the ids of the groups in the latest good copy of the account's list."""
    copies = GroupsCopy.objects.filter(credentials__account=change.account_id).order_by("-fetched_at")
    rows: list[dict[str, int]] = copies.values_list("groups", flat=True).first() or []
    return frozenset(row["id"] for row in rows)


def _newcomers(change: Change, credentials: PosterCredentials, within: float | None) -> tuple[Client, ...]:
    """Return the clients of the group who are like the one that was to be created and are nobody else's."""
    others = Change.objects.filter(job=change.job_id, action=change.action).exclude(pk=change.pk)
    if others.filter(state=Change.State.PENDING, sent_at__isnull=False, client_id=None).exists():
        # One of them may be a namesake, and it is not known yet which client is whose.
        raise InvalidResponse("others are on their way", method="clients.getClients", reason="moving")
    expected = (change.before or {})["field_hmacs"]
    until = time.monotonic() + (settings.POSTER_READ_DEADLINE if within is None else within)
    found = [
        client
        for page in pages_of(credentials, (change.intended or {})["group_id"], until=until)
        for client in page.clients
        if not client.removed and is_alike(expected, client, change.pk)
    ]
    known = Change.objects.filter(account=change.account_id, client_id__in=[client.id for client in found])
    taken = set(known.exclude(pk=change.pk).values_list("client_id", flat=True))
    return tuple(client for client in found if client.id not in taken)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at Poster for a change that was sent; without a verdict it shows no trace of it.

    `certain` is False while it has to be seen once more.
    """

    shown: Outcome | None
    certain: bool

    @property
    def outcome(self) -> Outcome | None:
        """The verdict, if it may be written down before the time of the change is over."""
        return self.shown if self.certain and self.shown and not self.shown.last_resort else None


def look_at(change: Change, credentials: PosterCredentials, *, within: float | None = None) -> Look:
    """Look at Poster for a change that was sent. Raises `PosterError`.

    A verdict that is not proven has to be seen twice in a row, POSTER_CONFIRM_SECONDS apart: the change
    remembers what the looks show, and since when. Somebody else may have settled the change by the end of it.
    """
    outcome = determine_outcome(
        change, read_remote_state(change, credentials, within=within), earlier_states(change)
    )
    if outcome is not None and outcome.proven:
        return Look(outcome, certain=True)
    found, now = outcome.digest if outcome else NOTHING, timezone.now()
    if change.found != found or change.found_since is None or is_ahead(change.found_since):
        Change.objects.settle(change, found=found, found_since=now)
        return Look(outcome, certain=False)
    return Look(outcome, certain=now - change.found_since >= _confirmed_after())


def _confirmed_after() -> timedelta:
    return timedelta(seconds=settings.POSTER_CONFIRM_SECONDS)


def settle(change: Change, outcome: Outcome, **values: object) -> bool:
    """Write a verdict into the journal; a bonus off by 100 also blocks further bonuses of the account."""
    with transaction.atomic():
        settled = Change.objects.settle(
            change,
            **values
            | {
                "state": outcome.state,
                "reason": outcome.reason,
                "after": outcome.after,
                "group_id": outcome.group_id or change.group_id,
                "client_id": outcome.client_id or change.client_id,
                "settled_at": timezone.now(),
                "next_check_at": None,
            },
        )
        if settled and outcome.reason == "units":
            log.error("The birthday bonus of change %s came back off by a factor of 100", change.pk)
            PosterAccount.objects.filter(pk=change.account_id).update(bonus_block=change)
    return settled


def schedule_recheck(change: Change, **values: object) -> None:
    """Leave the outcome open, to be looked at again in two seconds."""
    Change.objects.settle(
        change, state=Change.State.UNKNOWN, next_check_at=timezone.now() + RETRY_DELAYS[0], **values
    )


def due(now: datetime) -> Q:
    """Return the condition for changes that somebody should look at now."""
    # Nobody but the sender touches a row that may still be under way.
    in_flight = timedelta(seconds=settings.POSTER_WRITE_DEADLINE + settings.POSTER_GRACE_SECONDS)
    look = past("next_check_at", ahead=LONGEST_PAUSE, now=now)
    return Q(look, state=Change.State.UNKNOWN) | Q(
        Q(next_check_at__isnull=True) | look,
        past("created_at", age=in_flight, now=now),
        state=Change.State.PENDING,
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
    if change.sent_at is None and change.again_of_id is None:
        return Change.objects.settle(
            change, state=Change.State.FAILED, reason="never_sent", settled_at=timezone.now()
        )
    if not _claim(change, now):
        return False
    credentials = _credentials_for(change)
    if credentials is None:
        return False
    try:
        look = look_at(change, credentials)
    except PosterError as error:
        log.warning("Change %s is still open: %s", change.pk, error.reason)
        return False
    if not change.is_open:
        return False
    outcome = look.shown
    if change.reason == NOT_VERIFIED and not (outcome and contradicts(change, outcome)):
        return settle(change, Outcome(Change.State.REFUSED, "refused"))
    if outcome is None or outcome.last_resort:
        given_up = _given_up(change)
        outcome = given_up and (outcome or given_up)
    if outcome is not None and not look.certain:
        soon = timezone.now() + _confirmed_after()
        Change.objects.settle(change, next_check_at=min(soon, change.next_check_at or soon))
        return False
    return outcome is not None and settle(change, outcome)


def _claim(change: Change, now: datetime) -> bool:
    """Take this look for ourselves and fix the next one, before making a call."""
    looks = change.checks + 1
    pause = _pause_after(looks)
    # The look that may give it up is not put off by a pause that is long by then.
    left = timedelta(seconds=settings.POSTER_SETTLE_SECONDS) - _waited(change, looks)
    return Change.objects.settle(
        change,
        state=Change.State.UNKNOWN,
        checks=looks,
        next_check_at=now + (min(pause, left) if left > timedelta() else pause),
    )


def _pause_after(looks: int) -> timedelta:
    """Return how long to wait for the next look after so many."""
    further = looks + 1 - len(RETRY_DELAYS)
    return min(
        RETRY_DELAYS[looks] if further <= 0 else RETRY_DELAYS[-1] * 2 ** min(further, 8), LONGEST_PAUSE
    )


def _credentials_for(change: Change) -> PosterCredentials | None:
    """Return a connection that may ask: its user's own first, never one whose token Poster has refused."""
    usable = usable_credentials().filter(account=change.account_id)
    return usable.filter(user=change.user_id).first() or usable.first()


def usable_credentials() -> QuerySet[PosterCredentials]:
    """Return the connections whose token Poster has not refused, with their accounts."""
    return PosterCredentials.objects.select_related("account").filter(refused_at__isnull=True)


def contradicts(change: Change, outcome: Outcome) -> bool:
    """Return True if what Poster has now speaks against its refusal of this change.

    A namesake with other values does not: it is a trace of a lost creation at most.
    """
    return not outcome.last_resort and contradicts_refusal(outcome, REFUSALS.get(change.code or 0, Refused))


def _given_up(change: Change) -> Outcome | None:
    """Return the verdict on a change that does not show, once its time is over."""
    waited = _waited(change, change.checks)
    if change.accepted:
        if change.checks >= LOOKS_AT_LEAST and waited >= ACCEPTED_BUT_ABSENT_AFTER:
            is_named = change.action == Change.Action.CREATE and change.group_id
            return Outcome(Change.State.REVIEW, "answered_id_absent" if is_named else "accepted_but_absent")
    elif waited >= timedelta(seconds=settings.POSTER_SETTLE_SECONDS):
        return Outcome(Change.State.FAILED, "not_applied")
    return None


def _waited(change: Change, looks: int) -> timedelta:
    """Return for how long a change is on its way; by its looks where a wrong clock wrote since when."""
    sent_at = change.sent_at or change.created_at
    if is_ahead(sent_at):
        return sum(map(_pause_after, range(1, looks)), timedelta())
    return timezone.now() - sent_at
