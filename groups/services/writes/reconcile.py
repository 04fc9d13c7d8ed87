"""Reconcile the changes whose outcome is not known, after a lost response or a killed process.

Only workers, for all changes and for those of their jobs, and `manage.py reconcile` do that; pages read the
database. Each check is claimed in the database, so that no two processes make it at the same time.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
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

Reason = Change.Reason

# Pauses between the first checks after a lost response; later pauses double up to LONGEST_PAUSE.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 10, 30, 90))
LONGEST_PAUSE = timedelta(minutes=30)
# The longest pause before the next check once a worker has started: the last check may have been cut short.
PAUSE_AFTER_START = timedelta(seconds=30)
# A write that Poster accepted but three checks over two minutes do not show goes to review by a user.
ACCEPTED_BUT_ABSENT_AFTER = timedelta(minutes=2)
LOOKS_AT_LEAST = 3
# The digest of a remote state that shows no effect of the change.
NOTHING = "nothing"


def read_before(change: Change, credentials: PosterCredentials, *, within: float) -> RemoteState:
    """Read the remote state before a change is sent; for a removal also count the group's members."""
    until = time.monotonic() + within
    remote = read_remote_state(change, credentials, within=within)
    if change.action != Change.Action.REMOVE or remote.group is None:
        return remote
    return RemoteState(group=with_everybody(credentials, remote.group, within=until - time.monotonic()))


def read_remote_state(
    change: Change, credentials: PosterCredentials, *, within: float | None = None
) -> RemoteState:
    """Read the remote state of a change's group or client, or of all groups for a creation.

    For the creation of a client read the old client before it is sent, and the possible new clients after. A
    group counts as absent only if both clients.getGroup and the list say so.
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
            raise  # a "not found" in answer to the whole list does not mean that the list is empty
        return RemoteState()


def find_group(credentials: PosterCredentials, group_id: int, *, within: float | None = None) -> Group | None:
    """Return a group, or None if it is found neither by its id nor in the list."""
    try:
        return call_poster(credentials, lambda poster: poster.get_group(group_id, within=within))
    except NotFound:
        listed = call_poster(credentials, lambda poster: poster.get_groups(within=within))
    return _in_list(listed, group_id)


def _in_list(listed: GroupList, group_id: int) -> Group | None:
    """Return the listed group with this id, or None.

    Raises `InvalidResponse` if the group is not listed but may be one of the unreadable rows.
    """
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
    """Return the ids of the groups in the account's last good copy."""
    copies = GroupsCopy.objects.filter(credentials__account=change.account_id).order_by("-fetched_at")
    rows: list[dict[str, int]] = copies.values_list("groups", flat=True).first() or []
    return frozenset(row["id"] for row in rows)


def _newcomers(change: Change, credentials: PosterCredentials, within: float | None) -> tuple[Client, ...]:
    """Return the group's clients that match the one to be created and do not belong to another change."""
    others = Change.objects.filter(job=change.job_id, action=change.action).exclude(pk=change.pk)
    if others.filter(state=Change.State.PENDING, sent_at__isnull=False, client_id=None).exists():
        # Another creation is in progress. It may be of the same person, and then either client could match.
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
    """The result of one read of the remote state for a change that was sent.

    `shown` is None if there is no effect of the change. `certain` is False while the same result has to be
    read once more.
    """

    shown: Outcome | None
    certain: bool

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, if the change may be settled with it now; None if it has to be checked again."""
        return self.shown if self.certain and self.shown and not self.shown.last_resort else None


def look_at(change: Change, credentials: PosterCredentials, *, within: float | None = None) -> Look:
    """Read the remote state of a change that was sent and determine its outcome. Raises `PosterError`.

    An outcome that is not proven has to be read twice in a row, POSTER_CONFIRM_SECONDS apart; `found` and
    `found_since` of the change record it. Another process may settle the change during this call.
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
    """Settle the change with the outcome; a bonus off by 100 also blocks further bonuses of the account."""
    with transaction.atomic():
        settled = Change.objects.settle(
            change,
            **values
            | {
                "state": outcome.state,
                "reason": outcome.reason or "",
                "after": outcome.after,
                "group_id": outcome.group_id or change.group_id,
                "client_id": outcome.client_id or change.client_id,
                "settled_at": timezone.now(),
                "next_check_at": None,
            },
        )
        if settled and outcome.reason == Reason.UNITS:
            log.error("The birthday bonus of change %s came back off by a factor of 100", change.pk)
            PosterAccount.objects.filter(pk=change.account_id).update(bonus_block=change)
    return settled


def schedule_recheck(change: Change, **values: object) -> None:
    """Mark the outcome as unknown, to be checked again in two seconds."""
    Change.objects.settle(
        change, state=Change.State.UNKNOWN, next_check_at=timezone.now() + RETRY_DELAYS[0], **values
    )


def due(now: datetime) -> Q:
    """Return the condition for changes whose check is due."""
    # Only the sender may touch a pending row while its write may still be in progress.
    in_flight = timedelta(seconds=settings.POSTER_WRITE_DEADLINE + settings.POSTER_GRACE_SECONDS)
    look = past("next_check_at", ahead=LONGEST_PAUSE, now=now)
    return Q(look, state=Change.State.UNKNOWN) | Q(
        Q(next_check_at__isnull=True) | look,
        past("created_at", age=in_flight, now=now),
        state=Change.State.PENDING,
    )


def reconcile_due() -> list[Change]:
    """Check every change that is due, of all accounts, and return the settled ones.

    Changes of jobs come last: the run of the job checks them too, and nobody waits for one of them alone.
    """
    overdue = Change.objects.open().filter(due(timezone.now())).select_related("account")
    return [
        change
        for change in overdue.order_by(F("job").asc(nulls_first=True), "created_at")
        if follow_up(change)
    ]


def bring_checks_forward() -> None:
    """Let no open change wait longer than PAUSE_AFTER_START: a killed worker may not have ended its check."""
    latest = timezone.now() + PAUSE_AFTER_START
    for change in Change.objects.filter(state=Change.State.UNKNOWN, next_check_at__gt=latest):
        Change.objects.settle(change, next_check_at=latest)


def follow_up(change: Change) -> bool:
    """Check one change if it is due, and settle it if the outcome shows; return True if it was settled."""
    now = timezone.now()
    if not Change.objects.filter(due(now), pk=change.pk).exists():
        return False
    if change.sent_at is None and change.again_of_id is None:
        return Change.objects.settle(
            change, state=Change.State.FAILED, reason=Reason.NEVER_SENT, settled_at=timezone.now()
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
    if change.reason == Reason.REFUSAL_NOT_VERIFIED and not (outcome and contradicts(change, outcome)):
        return settle(change, Outcome(Change.State.REFUSED, Reason.REFUSED))
    if outcome is None or outcome.last_resort:
        given_up = _given_up(change)
        outcome = given_up and (outcome or given_up)
    if outcome is not None and not look.certain:
        soon = timezone.now() + _confirmed_after()
        Change.objects.settle(change, next_check_at=min(soon, change.next_check_at or soon))
        return False
    return outcome is not None and settle(change, outcome)


def _claim(change: Change, now: datetime) -> bool:
    """Reserve this check for this process and schedule the next one, before calling Poster."""
    looks = change.checks + 1
    pause = _pause_after(looks)
    # Do not let a long pause delay the check that may give the change up.
    left = timedelta(seconds=settings.POSTER_SETTLE_SECONDS) - _waited(change, looks)
    return Change.objects.settle(
        change,
        state=Change.State.UNKNOWN,
        checks=looks,
        next_check_at=now + (min(pause, left) if left > timedelta() else pause),
    )


def _pause_after(looks: int) -> timedelta:
    """Return the pause before the next check, after this many checks."""
    further = looks + 1 - len(RETRY_DELAYS)
    return min(
        RETRY_DELAYS[looks] if further <= 0 else RETRY_DELAYS[-1] * 2 ** min(further, 8), LONGEST_PAUSE
    )


def _credentials_for(change: Change) -> PosterCredentials | None:
    """Return usable credentials for the change's account, preferably those of its user, or None."""
    usable = usable_credentials().filter(account=change.account_id)
    return usable.filter(user=change.user_id).first() or usable.first()


def usable_credentials() -> QuerySet[PosterCredentials]:
    """Return the credentials whose token Poster has not refused, with their accounts."""
    return PosterCredentials.objects.select_related("account").filter(refused_at__isnull=True)


def contradicts(change: Change, outcome: Outcome) -> bool:
    """Return True if the remote state contradicts Poster's refusal of this change.

    A group of the same name with other values does not contradict it.
    """
    return not outcome.last_resort and contradicts_refusal(outcome, REFUSALS.get(change.code or 0, Refused))


def _given_up(change: Change) -> Outcome | None:
    """Return the outcome of a change without visible effect after its waiting time, or None before."""
    waited = _waited(change, change.checks)
    if change.accepted:
        if change.checks >= LOOKS_AT_LEAST and waited >= ACCEPTED_BUT_ABSENT_AFTER:
            is_named = change.action == Change.Action.CREATE and change.group_id
            return Outcome(
                Change.State.REVIEW, Reason.ANSWERED_ID_ABSENT if is_named else Reason.ACCEPTED_BUT_ABSENT
            )
    elif waited >= timedelta(seconds=settings.POSTER_SETTLE_SECONDS):
        return Outcome(Change.State.FAILED, Reason.NOT_APPLIED)
    return None


def _waited(change: Change, looks: int) -> timedelta:
    """Return how long ago the change was sent; if a wrong clock set a future time, add up the pauses."""
    sent_at = change.sent_at or change.created_at
    if is_ahead(sent_at):
        return sum(map(_pause_after, range(1, looks)), timedelta())
    return timezone.now() - sent_at
