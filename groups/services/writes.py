"""The one write path: every change to a group of Poster's goes through `submit`.

Poster knows no idempotency key, no version and no undo, and an answer can get lost. So a change is written
into the journal before anything is sent, sent at most once, and believed only when it was read back. The
steps are numbered as in the life of a write in CONTRIBUTING.md.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from groups.models import Change, Connection
from groups.poster import (
    GroupValues,
    NameTaken,
    NotAllowed,
    OutcomeUnknown,
    PosterClient,
    PosterError,
    Refused,
    TokenRejected,
    Unreachable,
)
from groups.poster.records import fold
from groups.services.settling import settle_by, sight_of, start_following
from groups.services.upstream import ask
from groups.services.verdict import Sight, Verdict, judge, same

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger("groups.journal")

RIGHTS = {
    Change.Action.CREATE: "groups.add_group",
    Change.Action.UPDATE: "groups.change_group",
    Change.Action.REMOVE: "groups.delete_group",
}
RIGHT_WITH_CLIENTS = "groups.delete_group_with_clients"
# Shares of POSTER_WRITE_DEADLINE: 6, 15 and 8 of 30 seconds.
READ_BEFORE, SEND, READ_AFTER = 0.2, 0.5, 0.27
READ_AFTER_PAUSES = (0.0, 1.0, 3.0)
# Poster may hold longer ones; the journal's label of a group is cut, its values are not.
LONGEST_NAME = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A change that somebody asks for.

    `loaded` is what their form was opened on, None where that is not known: then it is a conflict. A removal
    sends no values, but holds the client count against `loaded_clients`.
    """

    user: "User"
    connection: Connection
    action: Change.Action
    operation: uuid.UUID
    group_id: int | None = None
    loaded: GroupValues | None = None
    loaded_clients: int | None = None
    intended: GroupValues | None = None
    undo_of: Change | None = field(default=None)

    @property
    def target(self) -> str:
        """What this change locks: one group, or the name of one to come."""
        if self.group_id is not None:
            return f"group:{self.group_id}"
        return f"create:{fold(self.intended.name) if self.intended else ''}"

    @property
    def values(self) -> GroupValues:
        """The values to send. A removal has none."""
        if self.intended is None:
            raise ValueError("This order sends no values.")
        return self.intended

    @property
    def known_id(self) -> int:
        """The id of the group. One to be created has none."""
        if self.group_id is None:
            raise ValueError("This order is for no group that exists.")
        return self.group_id

    @property
    def name(self) -> str:
        """The group's name as the user saw it when they asked."""
        values = self.loaded or self.intended
        return values.name[:LONGEST_NAME] if values else ""

    def is_the_same_as(self, change: Change) -> bool:
        """Say whether the journal's row is this very order, sent once more."""
        intended = self.intended.to_json() if self.intended else None
        return (change.account_id, change.user_id, change.action, change.target, change.intended) == (
            self.connection.account_id,
            self.user.pk,
            self.action,
            self.target,
            intended,
        )


class Busy(Exception):
    """Another change of this group is open: nothing was sent."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


class OperationReused(Exception):
    """The same `operation` came with other values: nothing was sent."""


class NotRecorded(Exception):
    """The change could not be written down, so it was not made: nothing was sent."""


class BonusBlocked(Exception):
    """Birthday bonuses of this account come back multiplied or divided by 100: none is sent for now."""


def submit(order: Order) -> Change:
    """Carry a change out, and return its row of the journal with the outcome.

    Raises `PermissionDenied`, `Busy`, `OperationReused`, `NotRecorded` and `BonusBlocked` before anything is
    sent. Whatever Poster does is in the row: `state`, `reason`, `code`.
    """
    _check(order)
    change = _record(order)  # 2
    if change.state != Change.State.PENDING:
        return change
    before = _read_before(order, change)  # 3
    if before is not None:
        _send(order, change)  # 4
    return change


def _check(order: Order) -> None:
    if not order.user.has_perm(RIGHTS[order.action]):
        raise PermissionDenied
    account = order.connection.account
    if account.bonus_block_id and order.intended and order.intended.birthday_bonus:
        raise BonusBlocked


# --- 2. The journal ----------------------------------------------------------------------------------------


def _record(order: Order) -> Change:
    loaded = order.loaded.to_json() if order.loaded else None
    if loaded and order.loaded_clients is not None:
        loaded["clients"] = order.loaded_clients
    change = Change(
        id=order.operation,
        account=order.connection.account,
        user=order.user,
        user_name=order.user.get_username(),
        action=order.action,
        group_id=order.group_id,
        group_name=order.name,
        target=order.target,
        loaded=loaded,
        intended=order.intended.to_json() if order.intended else None,
        undo_of=order.undo_of,
    )
    try:
        with transaction.atomic(durable=True):
            change.save()
    except IntegrityError:
        return _what_was_there(order)
    except DatabaseError as error:
        log.exception("A change cannot be recorded")
        raise NotRecorded from error
    return change


def _what_was_there(order: Order) -> Change:
    """Return the outcome of the same operation, sent twice; waits for it while the first one is under way."""
    until = time.monotonic() + settings.POSTER_WRITE_DEADLINE
    while (change := Change.objects.filter(pk=order.operation).first()) is not None:
        if not order.is_the_same_as(change):
            raise OperationReused
        if change.state != Change.State.PENDING or time.monotonic() > until:
            return change
        time.sleep(0.1)
    open_change = Change.objects.open().filter(account=order.connection.account, target=order.target).first()
    if open_change is None:  # it was settled between the two queries
        return _record(order)
    raise Busy(open_change)


# --- 3. Read before ----------------------------------------------------------------------------------------


def _read_before(order: Order, change: Change) -> Sight | None:
    """Look at Poster once more and commit what is there, or close the row as failed and return None."""
    try:
        sight = sight_of(change, order.connection, within=settings.POSTER_WRITE_DEADLINE * READ_BEFORE)
    except PosterError as error:
        _fail(change, "not_read", error)
        return None
    problem = _problem(order, sight)
    before = sight.group.to_json() if sight.group else {"ids": sight.ids}
    if problem:
        _fail(change, problem, before=before if sight.group else None)
        return None
    with transaction.atomic(durable=True):
        sending = Change.objects.settle(change, before=before, sent_at=timezone.now())
    return sight if sending else None


def _problem(order: Order, sight: Sight) -> str:
    """Return why this must not be sent now, or nothing."""
    if order.action == Change.Action.CREATE:
        return "name_taken" if order.intended and _is_taken(order.intended, sight) else ""
    if sight.group is None:
        return "gone"
    if order.loaded is None or not same(order.loaded, sight.group):
        return "conflict"
    if order.action == Change.Action.UPDATE and not sight.group.is_editable:
        return "unsafe"
    if order.action == Change.Action.REMOVE:
        if order.loaded_clients != sight.group.clients:
            return "conflict"
        if sight.group.clients and not order.user.has_perm(RIGHT_WITH_CLIENTS):
            return "no_right"
    return ""


def _is_taken(values: GroupValues, sight: Sight) -> bool:
    return any(fold(group.name) == fold(values.name) for group in sight.groups.groups if not group.removed)


def _fail(change: Change, reason: str, error: PosterError | None = None, **values: object) -> None:
    Change.objects.settle(
        change,
        state=Change.State.FAILED,
        reason=reason,
        code=getattr(error, "code", None),
        message=getattr(error, "message", ""),
        status=error.status if error else 422,
        settled_at=timezone.now(),
        **values,
    )


# --- 4. Send once, 5. read after, 6. settle ----------------------------------------------------------------


def _send(order: Order, change: Change) -> None:
    within = settings.POSTER_WRITE_DEADLINE * SEND
    try:
        answered_id = ask(order.connection, lambda poster: _post(poster, order, within))
    except OutcomeUnknown as error:
        _read_after(order, change, {"code": error.code, "message": error.message, "reason": error.reason})
    except Unreachable as error:
        _fail(change, "not_sent", error)
    except Refused as error:
        _settle_refusal(order, change, error)
    else:
        values: dict[str, object] = {"accepted": True}
        if order.action == Change.Action.CREATE and answered_id not in change.known_ids:
            values["group_id"] = answered_id
        _read_after(order, change, values)


def _post(poster: PosterClient, order: Order, within: float) -> int | None:
    if order.action == Change.Action.CREATE:
        return poster.create_group(order.values, within=within)
    if order.action == Change.Action.UPDATE:
        return poster.update_group(order.known_id, order.values, within=within)
    poster.remove_group(order.known_id, within=within)
    return None


def _settle_refusal(order: Order, change: Change, error: Refused) -> None:
    """Believe a refusal unless a read shows that something was changed all the same.

    Where the read is refused as well, it is believed too: who may not even look has changed nothing.
    """
    said = {"code": error.code, "message": error.message}
    try:
        sight = sight_of(change, order.connection, within=settings.POSTER_WRITE_DEADLINE * READ_AFTER)
        verdict = judge(change, sight)
    except PosterError as reading:
        verdict = None
        if not all(isinstance(each, TokenRejected | NotAllowed) for each in (error, reading)):
            start_following(change, reason="refusal_not_verified", **said)
            return
    if verdict is not None and _belies(verdict, error):
        if Change.objects.settle(change, **said):
            settle_by(change, replace(verdict, reason=verdict.reason or "refused_but_changed"))
        return
    Change.objects.settle(
        change,
        state=Change.State.REFUSED,
        reason=error.reason,
        status=error.status,
        settled_at=timezone.now(),
        **said,
    )


def _belies(verdict: Verdict, error: Refused) -> bool:
    """Say whether what Poster has now speaks against its refusal.

    A group that is gone could not be changed, and a name that is taken is taken by a group like no other.
    """
    if verdict.reason == "gone":
        return False
    return verdict.state == Change.State.APPLIED or not isinstance(error, NameTaken)


def _read_after(order: Order, change: Change, values: dict[str, object]) -> None:
    """Look until the outcome shows; after that it is followed up by whoever comes first."""
    if not Change.objects.settle(change, **values):
        return
    deadline = time.monotonic() + settings.POSTER_WRITE_DEADLINE * READ_AFTER
    for left in _tries(deadline):
        try:
            sight = sight_of(change, order.connection, within=left)
        except PosterError:
            continue
        verdict = judge(change, sight)
        if verdict is not None:
            settle_by(change, verdict)
            return
    start_following(change)


def _tries(deadline: float) -> Iterator[float]:
    """Yield the seconds left, after each of the pauses, as long as there are some."""
    for pause in READ_AFTER_PAUSES:
        if time.monotonic() + pause >= deadline:
            return
        time.sleep(pause)
        yield deadline - time.monotonic()
