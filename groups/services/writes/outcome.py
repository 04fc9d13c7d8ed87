"""What became of a write, judged from what Poster has now: pure functions, no calls and no database.

The same judgement serves the sender right after the write, the page that follows it up, and the command that
settles what a killed process left behind.
"""

import hashlib
import json
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from groups.models import Change
from groups.poster import Client, Group, GroupList, GroupValues, NameTaken, NotFound, Refused
from groups.poster.errors import REFUSALS
from groups.poster.records import fold
from groups.services.writes.matching import field_hmacs, other_fields

UNIT_FACTOR = Decimal(100)
"""Kopecks in a hryvnia: a birthday bonus that is off by this factor was taken in the wrong unit."""
# A client's fields that are the group's, and follow it.
OF_THE_GROUP = frozenset(
    (
        "client_groups_id",
        "client_groups_name",
        "client_groups_discount",
        "loyalty_type",
        "birthday_bonus",
    )
)
# What an order at the till changes, at any moment.
OF_THE_TILL = frozenset(("bonus", "total_payed_sum", "ewallet", "date_activale"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A state for the journal, why, and what Poster has now.

    `proven` says that one look is enough: it shows what was asked for, or Poster's answer says the same. Any
    other verdict may come from a read that was late or untrue, so it has to be seen twice.
    """

    state: Change.State
    reason: str = ""
    after: dict[str, Any] | None = None
    group_id: int | None = None
    client_id: int | None = None
    proven: bool = False
    last_resort: bool = False

    @property
    def digest(self) -> str:
        """A short name of this verdict: equal where two looks showed the same."""
        seen = {name: value for name, value in (self.after or {}).items() if name != "clients"}
        text = json.dumps([self.state, self.reason, seen], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What one look at Poster showed: the group or the client (None: gone), for a creation all groups.

    `newcomers` are those who may be the client that was to be created. `copied_ids` are the groups of the
    last good copy: a list that leaves one out for once does not make it a new one.
    """

    group: Group | None = None
    groups: GroupList = field(default_factory=GroupList)
    client: Client | None = None
    newcomers: tuple[Client, ...] = ()
    copied_ids: frozenset[int] = frozenset()

    @property
    def ids(self) -> list[int]:
        """The ids of all groups, those of unreadable rows and of the last good copy among them."""
        unreadable = {row.id for row in self.groups.unreadable if row.id is not None}
        return sorted({group.id for group in self.groups.groups} | unreadable | self.copied_ids)


def same(one: GroupValues, other: GroupValues) -> bool:
    """Say whether two sets of values are equal in everything that both of them know."""
    return not differing(one, other)


def differing(one: GroupValues, other: GroupValues) -> list[str]:
    """Return the names of the fields that differ; a `use_ewallet` that one side does not know does not."""
    fields = [
        name
        for name in ("loyalty_type", "percent", "birthday_bonus")
        if getattr(one, name) != getattr(other, name)
    ]
    if _name(one) != _name(other):
        fields.insert(0, "name")
    if None not in (one.use_ewallet, other.use_ewallet) and one.use_ewallet != other.use_ewallet:
        fields.append("use_ewallet")
    return fields


def is_unit_mismatch(intended: GroupValues, stored: GroupValues) -> bool:
    """Say whether exactly the birthday bonus came back, multiplied or divided by 100."""
    if differing(intended, stored) != ["birthday_bonus"]:
        return False
    sent, got = intended.birthday_bonus, stored.birthday_bonus
    return got == sent * UNIT_FACTOR or got * UNIT_FACTOR == sent


def determine_outcome(
    change: Change, remote: RemoteState, earlier: Iterable[dict[str, Any] | None] = ()
) -> Outcome | None:
    """Return what became of a change that was sent, or None while that cannot be told yet.

    `earlier` are the states which other changes of the journal replaced a moment ago, None for a group that
    was not there: a read may still show one of them, so it proves nothing.
    """
    match change.action:
        case Change.Action.UPDATE:
            return _outcome_of_update(change, remote.group, [each for each in earlier if each])
        case Change.Action.REMOVE:
            return _outcome_of_removal(change, remote.group, was_just_made=None in earlier)
        case Change.Action.MOVE:
            return _outcome_of_move(change, remote.client, {each["group_id"] for each in earlier if each})
        case Change.Action.ENROL:
            return _outcome_of_client_creation(change, remote.newcomers)
        case _:
            return _outcome_of_creation(change, remote.groups)


def contradicts_refusal(outcome: Outcome, refusal: type[Refused]) -> bool:
    """Say whether what Poster has now speaks against its refusal.

    What is gone or elsewhere could not be changed, and a taken name is taken by a group like no other.
    """
    if outcome.reason in {"gone", "client_gone", "elsewhere"}:
        return False
    return outcome.state == Change.State.APPLIED or not issubclass(refusal, NameTaken)


def _outcome_of_update(change: Change, now: Group | None, earlier: list[dict[str, Any]]) -> Outcome | None:
    if now is None:
        return Outcome(Change.State.REVIEW, "gone")
    intended = GroupValues.from_json(change.intended)
    is_late = any(same(now, GroupValues.from_json(values)) for values in earlier)
    if same(now, intended):
        return None if is_late and not change.accepted else _taken(intended, now)
    if is_late or same(now, GroupValues.from_json(change.before)):
        return None
    if change.accepted or is_unit_mismatch(intended, now):
        return _taken(intended, now)
    return Outcome(Change.State.REVIEW, "overwritten", now.to_json())


def _outcome_of_removal(change: Change, now: Group | None, *, was_just_made: bool) -> Outcome | None:
    """Judge by the absence of the group. Poster's own answer proves it: removed, or no such record."""
    answered = change.accepted or REFUSALS.get(change.code or 0) is NotFound
    if now is not None or (was_just_made and not answered):
        return None
    return Outcome(Change.State.APPLIED, proven=answered)


def _outcome_of_move(change: Change, now: Client | None, earlier: set[int]) -> Outcome | None:
    if now is None:
        return Outcome(Change.State.REVIEW, "client_gone")
    before, intended, there = change.before or {}, change.intended or {}, {"group_id": now.group_id}
    if now.group_id == intended["group_id"]:
        if now.group_id in earlier and not change.accepted:
            return None
        changed = _changed_fields(before["field_hmacs"], field_hmacs_of(now, change.pk))
        differs = not OF_THE_TILL.issuperset(changed)
        state = Change.State.DIFFERS if differs else Change.State.APPLIED
        reason = "other_fields" if differs else ""
        return Outcome(state, reason, there | {"changed": changed}, proven=not differs)
    if now.group_id == before["group_id"] or now.group_id in earlier:
        return None
    return Outcome(Change.State.FAILED, "elsewhere", there)


def _changed_fields(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the fields of a client, but the group's, that are other than before."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def field_hmacs_of(client: Client, operation: uuid.UUID) -> dict[str, str]:
    """Return marks of all fields of a client as they came, but for those that are the group's."""
    own = {name: value for name, value in client.raw.items() if name not in OF_THE_GROUP}
    return field_hmacs(own, operation)


def _outcome_of_client_creation(change: Change, newcomers: tuple[Client, ...]) -> Outcome | None:
    """Judge by the client of the answered id; else by those who are alike, and say so only of an only one."""
    expected = (change.before or {})["field_hmacs"]
    found = [(client, other_fields(expected, client, change.pk)) for client in newcomers]
    made = found if change.client_id else [each for each in found if not each[1]]
    if len(made) == 1:
        client, changed = made[0]
        there = {"group_id": client.group_id, "changed": changed}
        if client.group_id != (change.intended or {})["group_id"]:
            there["changed"] = ["group_id", *changed]
        differs = bool(there["changed"])
        state = Change.State.DIFFERS if differs else Change.State.APPLIED
        reason = "other_fields" if differs else ""
        return Outcome(state, reason, there, client_id=client.id, proven=not differs)
    if not found:
        return None
    ids = [client.id for client, _ in made or found]
    return Outcome(Change.State.REVIEW, "duplicates" if made else "looks_alike", {"ids": ids})


def _outcome_of_creation(change: Change, listed: GroupList) -> Outcome | None:
    """Judge by the group of the answered id, however late it shows; without one by name and values."""
    intended = GroupValues.from_json(change.intended)
    known = change.known_ids
    new = [group for group in listed.present if group.id not in known]
    if change.group_id:
        made = [group for group in new if group.id == change.group_id]
        return _taken(intended, made[0]) if made else None
    namesakes = [group for group in new if fold(group.name) == fold(intended.name)]
    made = [group for group in namesakes if same(intended, group) or is_unit_mismatch(intended, group)]
    if len(made) == 1:
        return _taken(intended, made[0])
    ids = {"ids": [group.id for group in made or namesakes]}
    if made:
        return Outcome(Change.State.REVIEW, "duplicates", ids)
    return Outcome(Change.State.REVIEW, "namesake", ids, last_resort=True) if namesakes else None


def _taken(intended: GroupValues, stored: Group) -> Outcome:
    as_asked = same(intended, stored)
    state = Change.State.APPLIED if as_asked else Change.State.DIFFERS
    reason = "units" if is_unit_mismatch(intended, stored) else ""
    return Outcome(state, reason, stored.to_json(), stored.id, proven=as_asked)


def _name(values: GroupValues) -> str:
    return unicodedata.normalize("NFC", values.name).strip()
