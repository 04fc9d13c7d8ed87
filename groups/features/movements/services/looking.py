"""Read once a night who is in which group, and keep who came and who left. Only workers do that.

The token is that of the owner who has switched the watch of the account on; the rights are asked at each
look. A night is done in one piece: a worker that takes over from a killed one begins it again, and what it
has found is stored together with the new roll, so each movement is told once.
"""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from groups.features.elsewhere.models import Watch
from groups.features.elsewhere.services.watch import may_look
from groups.features.insights.services.dependents import begin_rules
from groups.features.insights.services.sweep import LONGEST_SWEEP
from groups.features.movements.models import LONGEST_CALL, Movement, Roll, pack
from groups.features.movements.services.compare import GONE, Finding, Look, compare, first_roll
from groups.features.movements.services.looks import look_again, read_look
from groups.features.movements.services.own_changes import own_changes
from groups.models import PosterCredentials
from groups.models.leases import Lease
from groups.poster import InvalidResponse, LoyaltyRule, PosterError, Unreachable
from groups.services.clients import VIEW_CLIENTS
from groups.services.jobs.lease import stopping
from poster_admin.common.nights import Nights

log = logging.getLogger("groups.journal")

Reason = Movement.Reason
HOUR = 5
"""The hour of the look on the site's clock: after the criteria, which have moved theirs by then."""
NIGHTS = Nights(lambda: settings.MOVEMENT_SECONDS, lambda: HOUR)
LATEST = timedelta(hours=6)
"""A night that could not be done for so long goes on without the rules, and is tried less often."""
RARELY = timedelta(hours=1)
"""The pause between two tries then."""
BATCH = 1000


class LookLost(Exception):
    """The worker has to end, or another one has taken the night over: nothing is stored."""


def accounts_due() -> list[str]:
    """Return the names of the accounts at whose clients it is time to look; make missing rolls."""
    if not settings.MOVEMENT_SECONDS:
        return []
    new = Watch.objects.on().filter(roll=None).values_list("pk", flat=True)
    Roll.objects.bulk_create([Roll(watch_id=account) for account in new], ignore_conflicts=True)
    due = Roll.objects.watched().free().filter(NIGHTS.due(), watch__credentials__refused_at=None)
    return list(due.values_list("pk", flat=True))


def look_at(account: str) -> None:
    """Look at the clients of an account, if it is time to and no other worker is at it."""
    lease = Roll.objects.filter(NIGHTS.due()).take(account, LONGEST_CALL)
    if lease is None:
        return
    rolls = Roll.objects.watched().select_related("watch__credentials__user", "watch__credentials__account")
    roll = rolls.filter(holder=lease.holder).first()
    credentials = roll.watch.credentials if roll else None
    may_see = credentials is not None and credentials.user.has_perm(VIEW_CLIENTS)
    if roll is None or credentials is None or not (may_look(roll.watch) and may_see):
        lease.release(next_look_at=NIGHTS.next_try())
        return
    night = _Night(roll, credentials, lease)
    try:
        night.work()
    except LookLost:
        lease.release()
    except PosterError as error:
        log.info("No look at the clients of account %s: %s", account, error.reason)
        lease.release(next_look_at=timezone.now() + RARELY if night.is_late else NIGHTS.next_try())


class _Night:
    """One look at an account, under a lease."""

    def __init__(self, roll: Roll, credentials: PosterCredentials, lease: Lease[Roll]) -> None:
        self._roll = roll
        self._account = roll.watch_id
        self._credentials = credentials
        self._lease = lease
        self._until = time.monotonic() + LONGEST_SWEEP

    @property
    def is_late(self) -> bool:
        """Return True if the night after the last one that was done began LATEST ago."""
        last = self._roll.judged_at
        night = NIGHTS.next(last, after_one=True) if last else None
        return night is not None and timezone.now() - night > LATEST

    def work(self) -> None:
        """Look, compare, and store the roll with what was found. Raises `PosterError` and `LookLost`."""
        roll = self._roll
        # Another token may be shown other clients, so with that nobody is known yet.
        is_same_token = roll.fingerprint == self._credentials.fingerprint
        if not (roll.taken_at and roll.judged_at and is_same_token):
            self._take_first()
            return
        rules = self._read_rules()
        known = roll.groups
        look = self._read(known)
        late = self._late(look)
        recent = Movement.objects.filter(account=self._account, found_at__gt=late)
        left = {
            (client_id, from_id or GONE) for client_id, from_id in recent.values_list("client_id", "from_id")
        }
        judge = partial(
            compare,
            known,
            look,
            not_after=late,
            judged_at=roll.judged_at,
            left=left,
            missing=set(roll.missing),
        )
        # The clocks of servers that settle changes may be behind the worker's.
        since = max(roll.judged_at - timedelta(minutes=1), roll.taken_at)
        read_journal = partial(own_changes, self._account, since=since, were_open=roll.open_changes)
        confirmed: dict[int, int | None] = {}
        if doubtful := judge(own=read_journal()[0]).doubtful:
            self._wait()
            confirmed = look_again(self._credentials, doubtful, until=self._until, alive=self._stay_alive)
        # Read once more: clients may have been moved here meanwhile.
        own, still_open = read_journal()
        result = judge(own=own, confirmed=confirmed)
        movements = self._movements(result.findings, look, rules)
        now, missing = timezone.now(), result.missing
        self._store(result.groups, now, movements, open_changes=still_open, missing=missing)

    def _take_first(self) -> None:
        """Take the first roll, and tell of nobody."""
        looks = [self._read({})]
        self._wait()
        looks.append(self._read({}))
        own, still_open = own_changes(self._account, since=self._late(looks[0]))
        now = timezone.now()
        self._store(first_roll(looks, own), now, open_changes=still_open, missing=[], taken_at=now)

    def _late(self, look: Look) -> datetime:
        """Return the time from which on a look may not show what has happened."""
        return look.began - timedelta(seconds=settings.POSTER_LAG_SECONDS)

    # --- Reading -------------------------------------------------------------------------------------------

    def _read_rules(self) -> tuple[LoyaltyRule, ...]:
        """Return the rules that may explain a move; none if Poster refuses them, or a late night lacks them.

        They are read before the clients, so that a night without them costs no sweep. A late night may be at
        its first try, as after a weekend without power, so it asks twice. Raises `PosterError` where they may
        be readable soon.
        """
        rules = begin_rules(self._credentials, fresh=True)()
        if not isinstance(rules.failure, Unreachable | InvalidResponse):
            return rules.found
        if not self.is_late:
            raise rules.failure
        self._wait()
        return begin_rules(self._credentials, fresh=True)().found

    def _read(self, known: dict[int, int]) -> Look:
        return read_look(self._credentials, known, until=self._until, alive=self._stay_alive)

    def _wait(self) -> None:
        stopping.wait(settings.POSTER_CONFIRM_SECONDS)
        self._stay_alive()

    def _stay_alive(self) -> None:
        """Renew the lease after each call; a lost one, and the end of the worker, end the night."""
        renewal = self._lease.renewal(timezone.now() + LONGEST_CALL)
        if stopping.is_set() or not self._lease.row.update(**renewal):
            raise LookLost

    # --- The end of a night --------------------------------------------------------------------------------

    def _movements(self, findings: list[Finding], look: Look, rules: Sequence[LoyaltyRule]) -> list[Movement]:
        """Return the movements that were found, each with its reason."""
        removed = Movement.objects.filter(account=self._account, reason=Reason.REMOVED)
        were_here = set(removed.values_list("client_id", flat=True))
        day = timezone.localdate(look.began)
        return [
            Movement(
                account_id=self._account,
                client_id=each.client_id,
                from_id=each.from_id if each.from_id > GONE else None,
                to_id=each.to_id if each.to_id > GONE else None,
                day=timezone.localdate(each.own.sent_at) if each.own else day,
                reason=_reason_of(each, look, rules, were_here),
                change=each.own.change if each.own else None,
            )
            for each in findings
            if max(each.from_id, each.to_id) > GONE  # else no group is concerned
        ]

    def _store(
        self,
        groups: dict[int, int],
        judged_at: datetime,
        movements: Sequence[Movement] = (),
        **columns: Any,
    ) -> None:
        """Store the roll and the movements at once. Raises `LookLost`, also if the watch is off since."""
        for each in movements:
            each.found_at = judged_at
        columns |= {"packed": pack(groups), "fingerprint": self._credentials.fingerprint}
        columns["next_look_at"] = NIGHTS.next(judged_at, after_one="taken_at" not in columns)
        with transaction.atomic():
            if not self._lease.release(judged_at=judged_at, **columns):
                raise LookLost
            Movement.objects.bulk_create(movements, batch_size=BATCH)
        words = "Of account %s %s clients are known, and %s movements were found"
        log.info(words, self._account, len(groups), len(movements))


def _reason_of(
    finding: Finding, look: Look, rules: Iterable[LoyaltyRule], were_here: Collection[int]
) -> Movement.Reason:
    if finding.own:
        return Reason.HERE
    if finding.to_id == GONE:
        return Reason.REMOVED
    if finding.from_id == GONE:
        return Reason.ELSEWHERE if finding.client_id in were_here else Reason.NEW
    paid = look.paid.get(finding.client_id)
    is_by_rule = paid is not None and any(
        rule.group_id == finding.to_id and rule.value <= paid for rule in rules
    )
    return Reason.RULE if is_by_rule else Reason.ELSEWHERE
