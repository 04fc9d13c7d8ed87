"""Reconcile the changes whose outcome is not known, after a lost response or a killed process.

Only workers and `manage.py reconcile` do that. Each check is claimed in the database, so that no two
processes make it at the same time.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from groups.models import Change, ChangeQuerySet, PosterAccount, PosterCredentials
from groups.poster import NameTaken, NotAllowed, PosterError, TokenRejected
from groups.poster.errors import REFUSALS
from groups.services.writes.commands import Command
from groups.services.writes.outcome import Outcome

log = logging.getLogger("groups.journal")

Reason, State = Change.Reason, Change.State

# The pauses after those of POSTER_RECHECK_PAUSES double up to this one.
LONGEST_PAUSE = timedelta(minutes=30)
# The longest pause before the next check once a worker has started, or a token was saved.
SOON = timedelta(seconds=30)
# Checks over POSTER_ABSENT_SECONDS that do not show a write which Poster accepted, before a user reviews it.
# Checks that failed count too.
LOOKS_AT_LEAST = 3
# The digest of a remote state that shows no effect of the change.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Reading:
    """One read for a change that was sent: `shown` is its effect; if not `certain`, it is read again."""

    shown: Outcome | None
    certain: bool

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, if the change may be settled with it now."""
        return self.shown if self.certain and self.shown and not self.shown.last_resort else None


def read_outcome(
    command: Command, change: Change, credentials: PosterCredentials, *, within: float | None = None
) -> Reading:
    """Read the remote state of a change that was sent and determine its outcome. Raises `PosterError`.

    An outcome that is not proven has to be read twice in a row, POSTER_CONFIRM_SECONDS apart; `found` and
    `found_since` of the change record it. Another process may settle the change during this call.
    """
    remote = command.observe(change, credentials, within=within)
    outcome = command.determine_outcome(change, remote, command.replaced(change))
    if outcome is not None and outcome.proven:
        return Reading(outcome, certain=True)
    found, now = outcome.digest if outcome else NOTHING, timezone.now()
    if change.found != found or change.found_since is None:
        Change.objects.settle(change, found=found, found_since=now)
        return Reading(outcome, certain=False)
    seen_for = (now - change.found_since).total_seconds()
    return Reading(outcome, certain=seen_for >= settings.POSTER_CONFIRM_SECONDS)


def settle(change: Change, outcome: Outcome, **values: object) -> bool:
    """Settle the change with the outcome; a bonus off by 100 also blocks further bonuses of the account.

    Return False if another process was sooner. If that one has settled another change with the client that
    this outcome claims, the change stays open: one new client is not the outcome of two creations.
    """

    def block_bonus_and_check_client() -> bool:
        if outcome.reason == Reason.UNITS:
            log.error("The birthday bonus of change %s came back off by a factor of 100", change.pk)
            PosterAccount.objects.filter(pk=change.account_id).update(bonus_block=change)
        claimed = outcome.client_id if change.client_id is None else None
        # The update has locked the row of the account, so the later one of two sees the earlier one.
        others = Change.objects.filter(account=change.account_id, client_id=claimed).exclude(pk=change.pk)
        return not (claimed and others.exists())

    values |= {"state": outcome.state, "reason": outcome.reason or "", "after": outcome.after}
    values["group_id"] = outcome.group_id or change.group_id
    values["client_id"] = outcome.client_id or change.client_id
    return Change.objects.settle(change, block_bonus_and_check_client, **values)


def schedule_recheck(change: Change, **values: object) -> None:
    next_at = timezone.now() + _pause_after(0)
    Change.objects.settle(change, state=State.UNKNOWN, next_check_at=next_at, **values)


def due(now: datetime) -> Q:
    # Only the sender may touch a pending row while its write may still be in progress.
    in_flight = timedelta(seconds=settings.POSTER_WRITE_DEADLINE + settings.POSTER_GRACE_SECONDS)
    is_due = Q(next_check_at__lte=now)
    return Q(is_due, state=State.UNKNOWN) | Q(
        Q(next_check_at__isnull=True) | is_due,
        created_at__lte=now - in_flight,
        state=State.PENDING,
    )


def accounts_due() -> QuerySet[Change, str]:
    overdue = Change.objects.open().filter(due(timezone.now()))
    return overdue.order_by().values_list("account", flat=True).distinct()


def reconcile_due(account: str | None = None) -> list[Change]:
    """Return the settled changes; those of jobs come last, since their run checks them too."""
    overdue = Change.objects.open().filter(due(timezone.now())).select_related("account")
    if account is not None:
        overdue = overdue.filter(account=account)
    in_order = overdue.order_by(F("job").asc(nulls_first=True), "created_at")
    return [change for change in in_order if follow_up(change)]


def bring_checks_forward(changes: ChangeQuerySet) -> None:
    """Let none wait longer than SOON: a killed worker may not have ended a check, or there was no token."""
    latest = timezone.now() + SOON
    for change in changes.filter(state=State.UNKNOWN, next_check_at__gt=latest):
        Change.objects.settle(change, next_check_at=latest)


def follow_up(change: Change) -> bool:
    """Check one change if it is due, and settle it if the outcome shows; return True if it was settled."""
    now = timezone.now()
    if not Change.objects.filter(due(now), pk=change.pk).exists():
        return False
    if change.sent_at is None and change.again_of_id is None:
        return Change.objects.settle(change, state=State.FAILED, reason=Reason.NEVER_SENT)
    # Reserve this check for this process and schedule the next one, before calling Poster. No long pause may
    # delay the check that may give the change up.
    checks, left = change.checks + 1, timedelta(seconds=settings.POSTER_SETTLE_SECONDS) - _waited(change)
    pause = _pause_after(checks)
    next_at = now + (min(pause, left) if left > timedelta() else pause)
    if not Change.objects.settle(change, state=State.UNKNOWN, checks=checks, next_check_at=next_at):
        return False
    # The token of a blocked user comes last, and only for that user's own change: with no other token of the
    # account the outcome would never be known, and the group would stay locked.
    may_read = Q(user__is_active=True) | Q(user=change.user_id)
    usable = usable_credentials().filter(may_read, account=change.account_id).select_related("user")
    in_order = sorted(
        usable.order_by("pk"), key=lambda each: (not each.user.is_active, each.user_id != change.user_id)
    )
    command = Command.from_change(change)
    try:
        reading = first_allowed(in_order, lambda credentials: read_outcome(command, change, credentials))
    except PosterError as error:
        log.warning("Change %s is still open: %s", change.pk, error.reason)
        return False
    if reading is None or not change.is_open:
        return False
    outcome = reading.shown
    if change.reason == Reason.REFUSAL_NOT_VERIFIED and not (outcome and contradicts(change, outcome)):
        return settle(change, Outcome(State.REFUSED, Reason.REFUSED))
    if outcome is None or outcome.last_resort:
        outcome = _given_up(change, outcome)
    if outcome is not None and not reading.certain:
        soon = timezone.now() + timedelta(seconds=settings.POSTER_CONFIRM_SECONDS)
        Change.objects.settle(change, next_check_at=min(soon, change.next_check_at or soon))
        return False
    return outcome is not None and settle(change, outcome)


def _pause_after(checks: int) -> timedelta:
    pauses = settings.POSTER_RECHECK_PAUSES
    further = checks + 1 - len(pauses)
    seconds = pauses[checks] if further <= 0 else pauses[-1] * 2 ** min(further, 8)
    return min(timedelta(seconds=seconds), LONGEST_PAUSE)


def first_allowed[T](usable: Iterable[PosterCredentials], ask: Callable[[PosterCredentials], T]) -> T | None:
    """Ask with the next token only where Poster refuses one; None without any. Raises `PosterError`."""
    denied: dict[str, PosterError] = {}
    for credentials in usable:
        if credentials.fingerprint in denied:
            continue
        try:
            return ask(credentials)
        except (TokenRejected, NotAllowed) as error:
            denied[credentials.fingerprint] = error
    if denied:
        raise next(iter(denied.values()))
    return None


def usable_credentials() -> QuerySet[PosterCredentials]:
    return PosterCredentials.objects.select_related("account").filter(refused_at__isnull=True)


def contradicts(change: Change, outcome: Outcome) -> bool:
    """Return True if an outcome contradicts Poster's refusal.

    A record that is gone or was moved elsewhere does not, because it could not be changed, nor does a group
    of the same name with other values. After `NameTaken` a group with that name exists anyway, so only an
    applied change contradicts the refusal.
    """
    if outcome.last_resort or outcome.reason in {Reason.GONE, Reason.CLIENT_GONE, Reason.ELSEWHERE}:
        return False
    return outcome.state == State.APPLIED or REFUSALS.get(change.code or 0) is not NameTaken


def _given_up(change: Change, last_resort: Outcome | None) -> Outcome | None:
    """Return the outcome of a change without visible effect after its waiting time, or None before."""
    waited = _waited(change)
    if change.accepted:
        absent = timedelta(seconds=settings.POSTER_ABSENT_SECONDS)
        if change.checks >= LOOKS_AT_LEAST and waited >= absent:
            # Only a new group has its id from Poster's answer.
            was_named = change.action == Change.Action.CREATE and change.group_id
            reason = Reason.ANSWERED_ID_ABSENT if was_named else Reason.ACCEPTED_BUT_ABSENT
            return last_resort or Outcome(State.REVIEW, reason)
    elif waited >= timedelta(seconds=settings.POSTER_SETTLE_SECONDS):
        return last_resort or Outcome(State.FAILED, Reason.NOT_APPLIED)
    return None


def _waited(change: Change) -> timedelta:
    return timezone.now() - (change.sent_at or change.created_at)
