"""Determine the outcome of a write from the remote state: pure functions, without calls or database queries.

`execute` uses them right after the write, and `reconcile` for changes whose outcome stayed unknown.
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

Reason = Change.Reason
UNIT_FACTOR = Decimal(100)
"""Kopecks in a hryvnia: a birthday bonus that is off by this factor was read in the wrong unit."""
# Fields in a client's row that belong to the group and change with it.
OF_THE_GROUP = frozenset(
    (
        "client_groups_id",
        "client_groups_name",
        "client_groups_discount",
        "loyalty_type",
        "birthday_bonus",
    )
)
# Fields of a client that a purchase may change at any moment.
OF_THE_TILL = frozenset(("bonus", "total_payed_sum", "ewallet", "date_activale"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a change: its state, the reason, and the values at Poster after it.

    `proven` is True if one read is enough: it shows the intended values, or Poster's answer says the same.
    Any other outcome may come from an outdated or wrong read, so it has to be read twice. `last_resort` marks
    an outcome that is used only when the waiting time of the change is over.
    """

    state: Change.State
    reason: Change.Reason | None = None
    after: dict[str, Any] | None = None
    group_id: int | None = None
    client_id: int | None = None
    proven: bool = False
    last_resort: bool = False

    @property
    def digest(self) -> str:
        """A hash of this outcome, equal for two reads that showed the same."""
        seen = {name: value for name, value in (self.after or {}).items() if name != "clients"}
        text = json.dumps([self.state, self.reason or "", seen], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The remote state in one read: the group or client (None if it is gone), or all groups for a creation.

    `newcomers` are the clients that may be the one to be created. `copied_ids` are the ids in the last good
    copy, so that a group that one list omits by mistake does not count as new later.
    """

    group: Group | None = None
    groups: GroupList = field(default_factory=GroupList)
    client: Client | None = None
    newcomers: tuple[Client, ...] = ()
    copied_ids: frozenset[int] = frozenset()

    @property
    def ids(self) -> list[int]:
        """The ids of all groups, including those of unreadable rows and of the last good copy."""
        unreadable = {row.id for row in self.groups.unreadable if row.id is not None}
        return sorted({group.id for group in self.groups.groups} | unreadable | self.copied_ids)


def same(one: GroupValues, other: GroupValues) -> bool:
    """Return True if the values are equal; see `differing` for `use_ewallet`."""
    return not differing(one, other)


def differing(one: GroupValues, other: GroupValues) -> list[str]:
    """Return the names of the fields that differ; ignore `use_ewallet` if one side does not have it."""
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
    """Return True if only the birthday bonus differs, and by the factor of 100."""
    if differing(intended, stored) != ["birthday_bonus"]:
        return False
    sent, got = intended.birthday_bonus, stored.birthday_bonus
    return got == sent * UNIT_FACTOR or got * UNIT_FACTOR == sent


def determine_outcome(
    change: Change, remote: RemoteState, earlier: Iterable[dict[str, Any] | None] = ()
) -> Outcome | None:
    """Return the outcome of a change that was sent, or None while the remote state proves nothing.

    `earlier` are the states that other recent changes have replaced, with None for a group that did not
    exist. An outdated read may still show one of them, so such a state proves nothing.
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
    """Return True if an outcome contradicts Poster's refusal.

    A record that is gone or was moved elsewhere does not, because it could not be changed. After `NameTaken`
    a group with that name exists anyway, so only an applied change contradicts the refusal.
    """
    if outcome.reason in {Reason.GONE, Reason.CLIENT_GONE, Reason.ELSEWHERE}:
        return False
    return outcome.state == Change.State.APPLIED or not issubclass(refusal, NameTaken)


def _outcome_of_update(change: Change, now: Group | None, earlier: list[dict[str, Any]]) -> Outcome | None:
    if now is None:
        return Outcome(Change.State.REVIEW, Reason.GONE)
    intended = GroupValues.from_json(change.intended)
    is_late = any(same(now, GroupValues.from_json(values)) for values in earlier)
    if same(now, intended):
        return None if is_late and not change.accepted else _taken(intended, now)
    if is_late or same(now, GroupValues.from_json(change.before)):
        return None
    if change.accepted or is_unit_mismatch(intended, now):
        return _taken(intended, now)
    return Outcome(Change.State.REVIEW, Reason.OVERWRITTEN, now.to_json())


def _outcome_of_removal(change: Change, now: Group | None, *, was_just_made: bool) -> Outcome | None:
    """Return applied if the group is absent; proven if Poster answered "removed" or "no such record"."""
    answered = change.accepted or REFUSALS.get(change.code or 0) is NotFound
    if now is not None or (was_just_made and not answered):
        return None
    return Outcome(Change.State.APPLIED, proven=answered)


def _outcome_of_move(change: Change, now: Client | None, earlier: set[int]) -> Outcome | None:
    if now is None:
        return Outcome(Change.State.REVIEW, Reason.CLIENT_GONE)
    before, intended, there = change.before or {}, change.intended or {}, {"group_id": now.group_id}
    if now.group_id == intended["group_id"]:
        if now.group_id in earlier and not change.accepted:
            return None
        changed = _changed_fields(before["field_hmacs"], field_hmacs_of(now, change.pk))
        differs = not OF_THE_TILL.issuperset(changed)
        state = Change.State.DIFFERS if differs else Change.State.APPLIED
        reason = Reason.OTHER_FIELDS if differs else None
        return Outcome(state, reason, there | {"changed": changed}, proven=not differs)
    if now.group_id == before["group_id"] or now.group_id in earlier:
        return None
    return Outcome(Change.State.FAILED, Reason.ELSEWHERE, there)


def _changed_fields(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of the fields whose HMACs differ."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def field_hmacs_of(client: Client, operation: uuid.UUID) -> dict[str, str]:
    """Return the HMACs of all fields in a client's row, without the fields that belong to the group."""
    own = {name: value for name, value in client.raw.items() if name not in OF_THE_GROUP}
    return field_hmacs(own, operation)


def _outcome_of_client_creation(change: Change, newcomers: tuple[Client, ...]) -> Outcome | None:
    """Match by the id that Poster answered. Without one, match by HMACs and accept only a single match."""
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
        reason = Reason.OTHER_FIELDS if differs else None
        return Outcome(state, reason, there, client_id=client.id, proven=not differs)
    if not found:
        return None
    ids = [client.id for client, _ in made or found]
    return Outcome(Change.State.REVIEW, Reason.DUPLICATES if made else Reason.LOOKS_ALIKE, {"ids": ids})


def _outcome_of_creation(change: Change, listed: GroupList) -> Outcome | None:
    """Match by the id that Poster answered, even if the group appears late. Without one, match by values."""
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
        return Outcome(Change.State.REVIEW, Reason.DUPLICATES, ids)
    return Outcome(Change.State.REVIEW, Reason.NAMESAKE, ids, last_resort=True) if namesakes else None


def _taken(intended: GroupValues, stored: Group) -> Outcome:
    as_asked = same(intended, stored)
    state = Change.State.APPLIED if as_asked else Change.State.DIFFERS
    reason = Reason.UNITS if is_unit_mismatch(intended, stored) else None
    return Outcome(state, reason, stored.to_json(), stored.id, proven=as_asked)


def _name(values: GroupValues) -> str:
    return unicodedata.normalize("NFC", values.name).strip()
