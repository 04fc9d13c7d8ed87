"""Check what Poster does with a write: with one empty group of its own, which is removed again.

It is made of ordinary commands with their history. Their ids follow from that of the check, so one that was
killed, or whose answer was lost, goes on where it was. It touches no group that it did not make.
"""

import html
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from groups.features.connection.models import ConnectionCheck
from groups.features.connection.services.judging import number, readable
from groups.models import Change, PosterAccount, PosterCredentials
from groups.poster import GroupValues, LoyaltyType, PosterError
from groups.poster.errors import REFUSALS, NameTaken
from groups.poster.fields import UnreadableRow, read_percent, read_text
from groups.services.credentials import set_bonus_unit
from groups.services.due import Later
from groups.services.facts import Seen
from groups.services.gateway import call_poster
from groups.services.writes.commands import Command, CreateGroup, RemoveGroup, UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.submissions import WriteHeld

RIGHTS = tuple(
    f"groups.{right}"
    for right in ("add_group", "change_group", "delete_group", "set_bonus_unit", "exceed_limits")
)
WHOLE, FRACTION, BONUS = Decimal(2), Decimal("1.5"), Decimal("12.34")
CREATIONS = ("fraction", "whole", "twice")
WITHIN = 12.0
Unit = PosterAccount.BonusUnit


def name_of(check: uuid.UUID) -> str:
    return f"Poster Admin: ' & <b> {check.hex[:6]}"


def id_of(check: uuid.UUID, step: str) -> uuid.UUID:
    return uuid.uuid5(check, step)


def left_groups(row: ConnectionCheck) -> list[Change]:
    """Return the creations of the check whose groups are still there, as far as is known."""
    if row.write_id is None:
        return []
    ids = [id_of(row.write_id, step) for step in CREATIONS]
    made = list(Change.objects.filter(pk__in=ids, state__in=Change.HAPPENED, group_id__isnull=False))
    of_groups = Change.objects.filter(account=row.account_id, group_id__in=[each.group_id for each in made])
    removals = of_groups.filter(action=Change.Action.REMOVE)
    gone = {
        each.group_id
        for each in removals
        if each.state in Change.HAPPENED or each.reason == Change.Reason.GONE
    }
    return [each for each in made if each.group_id not in gone]


def check_writes(row: ConnectionCheck, credentials: PosterCredentials) -> Iterator[dict[str, Seen]]:
    """Yield what each step has shown. Raises `Later` while the outcome of a write is open."""
    check = row.write_id
    if check is None:
        return
    # A block on bonuses is what this check is for.
    credentials.account.bonus_block_id = None
    if not row.write_tries:
        yield from _check(check, credentials)
    for made in left_groups(row):
        step = f"remove {made.group_id} {row.write_tries}"
        values = GroupValues.from_json(made.after)
        removal = RemoveGroup(
            operation=id_of(check, step), group_id=made.group_id or 0, loaded=values, loaded_clients=0
        )
        removed = _write(removal, credentials)
        if removed.state in Change.HAPPENED:
            yield _seen_of_removal(credentials, made.group_id)


def _check(check: uuid.UUID, credentials: PosterCredentials) -> Iterator[dict[str, Seen]]:
    values = GroupValues(
        name=name_of(check), loyalty_type=LoyaltyType.BONUS, percent=FRACTION, birthday_bonus=BONUS
    )
    unit = Unit(credentials.account.bonus_unit)
    made = _create("fraction", values, check, credentials)
    if made.state == Change.State.REFUSED:
        values = values.replace(percent=WHOLE)
        made = _create("whole", values, check, credentials)
        if made.state in Change.HAPPENED:
            yield {"percent.fraction": Seen("refused", 1)}
    if made.state not in Change.HAPPENED or not made.group_id:
        return

    seen = judge_written(_row_of(credentials, made.group_id), values, unit)
    if made.sent_at and made.settled_at:
        lag = (made.settled_at - made.sent_at).total_seconds() * 1000
        seen["write.lag"] = Seen(str(round(lag)), 1)
    found = seen["birthday_bonus.unit"]
    if found.evidence and found.value != unit:
        set_bonus_unit(credentials, found.value)
        credentials.account.bonus_unit = found.value
    yield seen

    stored = GroupValues.from_json(made.after)
    operation = id_of(check, "update")
    _write(
        UpdateGroup(operation=operation, group_id=made.group_id, loaded=stored, intended=stored), credentials
    )
    second = _create("twice", values, check, credentials)
    if second.state in Change.HAPPENED:
        yield {"names.twice": Seen("allowed", 1)}
    elif second.state == Change.State.REFUSED and REFUSALS.get(second.code or 0) is NameTaken:
        yield {"names.twice": Seen("refused", 1)}


def judge_written(row: dict[str, Any] | None, sent: GroupValues, unit: Unit) -> dict[str, Seen]:
    """Compare a row as it came with the values that were sent, with the bonus in this unit."""
    seen = dict.fromkeys(("birthday_bonus.unit", "percent.fraction", "names.text"), Seen())
    if row is None:
        return seen
    bonus = number(row, "birthday_bonus")
    wire = sent.birthday_bonus * (100 if unit == Unit.KOPECKS else 1)
    if bonus is not None and abs(bonus - wire) < 1:
        seen["birthday_bonus.unit"] = Seen(Unit.KOPECKS, 1)
    elif bonus == wire * 100:
        seen["birthday_bonus.unit"] = Seen(Unit.HRYVNIA, 1)
    with suppress(UnreadableRow):
        percent = read_percent(row, "client_groups_discount")
        if sent.percent == FRACTION:
            seen["percent.fraction"] = Seen("kept" if percent == FRACTION else "rounded", 1)
    with suppress(UnreadableRow):
        name = read_text(row, "client_groups_name")
        is_encoded = html.unescape(name) == sent.name
        seen["names.text"] = Seen("kept" if name == sent.name else "encoded" if is_encoded else "changed", 1)
    return seen


def _create(step: str, values: GroupValues, check: uuid.UUID, credentials: PosterCredentials) -> Change:
    command = CreateGroup(operation=id_of(check, step), intended=values, namesakes=None)
    return _write(command, credentials)


def _write(command: Command, credentials: PosterCredentials) -> Change:
    """Write once, whatever was killed. Raises `Later` while the outcome is open.

    Where limits hold it back it goes with a reason, so the history says so only then.
    """
    command = replace(command, credentials=credentials)
    try:
        change = execute(command)
    except WriteHeld:
        change = execute(replace(command, limit_reason=_("check of the connection")))
    if change.is_open:
        raise Later
    return change


def _row_of(credentials: PosterCredentials, group_id: int) -> dict[str, Any] | None:
    return next(
        (row for row in _rows(credentials) or () if number(row, "client_groups_id") == group_id), None
    )


def _seen_of_removal(credentials: PosterCredentials, group_id: int | None) -> dict[str, Seen]:
    rows = _rows(credentials)
    if rows is None:
        return {}
    row = next((row for row in rows if number(row, "client_groups_id") == group_id), None)
    if row is not None and number(row, "delete") in (None, 0):
        return {}  # a late answer
    return {"groups.removal": Seen("gone" if row is None else "listed", 1)}


def _rows(credentials: PosterCredentials) -> list[Any] | None:
    method = "clients.getGroups"
    try:
        rows = call_poster(
            credentials, lambda poster: poster.read(method, {}, within=WITHIN, keep=lambda _answer: None)
        )
        return list(readable(rows)) if not isinstance(rows, (str, bool)) else None
    except (PosterError, TypeError, ValueError):
        return None
