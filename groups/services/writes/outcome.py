"""Judge what all commands share: outcomes, and clients that a change created. No calls, no queries.

Poster formats phone numbers and spaces of clients in its own way, so sent and stored values are compared in a
normalized form. The journal stores only HMACs of the fields, never names or numbers of people.
"""

import base64
import hashlib
import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from groups.models import Change
from groups.poster import Client, ClientValues, Group, GroupList, GroupValues
from groups.poster.fields import plain
from groups.poster.records import GROUP_FIELDS, FieldKind

Reason, Failure = Change.Reason, Change.Failure
UNIT_FACTOR = Decimal(100)
"""Kopecks in a hryvnia: a birthday bonus that is off by this factor was read in the wrong unit."""

type Replaced = Sequence[dict[str, Any] | None]
"""The states that recent changes have replaced, with None for "did not exist": late reads show them."""


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
        seen = {name: value for name, value in (self.after or {}).items() if name != "clients"}
        text = json.dumps([self.state, self.reason or "", seen], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The remote state in one read: the group or client (None if it is gone), or all groups for a creation.

    `newcomers` are the clients that may be the one to be created. `seen_ids` are the ids in the last good
    copy and of groups just created here, so that a group that one list omits does not count as new later.
    `unseen` are created groups that the list does not show yet, `removed_ids` those that it may still show.
    """

    group: Group | None = None
    groups: GroupList = field(default_factory=GroupList)
    client: Client | None = None
    newcomers: tuple[Client, ...] = ()
    seen_ids: frozenset[int] = frozenset()
    unseen: tuple[Group, ...] = ()
    removed_ids: frozenset[int] = frozenset()


def same(one: GroupValues, other: GroupValues) -> bool:
    return not differing(one, other)


def differing(one: GroupValues, other: GroupValues) -> list[str]:
    """Return the names of the fields that differ; ignore one that one side does not have."""
    fields = []
    for name, declared in GROUP_FIELDS.items():
        values = [getattr(one, name), getattr(other, name)]
        if declared.kind == FieldKind.TEXT:
            values = [unicodedata.normalize("NFC", value).strip() for value in values]
        if values[0] != values[1] and None not in values:
            fields.append(name)
    return fields


def rebase_values(old: GroupValues, new: GroupValues, now: GroupValues) -> GroupValues:
    """Return the values of now with the changes from `old` to `new`; other fields keep theirs."""
    return now.replace(**{name: getattr(new, name) for name in differing(old, new)})


def is_unit_mismatch(intended: GroupValues, stored: GroupValues) -> bool:
    if differing(intended, stored) != ["birthday_bonus"]:
        return False
    sent, got = intended.birthday_bonus, stored.birthday_bonus
    return got == sent * UNIT_FACTOR or got * UNIT_FACTOR == sent


def taken(intended: GroupValues, stored: Group) -> Outcome:
    as_asked = same(intended, stored)
    state = Change.State.APPLIED if as_asked else Change.State.DIFFERS
    reason = Reason.UNITS if is_unit_mismatch(intended, stored) else None
    return Outcome(state, reason, stored.to_json(), stored.id, proven=as_asked)


# Fields that identify a person. The other fields may change at any moment.
OF_THE_PERSON = ("name", "sex", "card_number", "phone", "email", "birthday")
_ALL = (
    *OF_THE_PERSON,
    *("country", "city", "address", "comment", "own_percent", "bonus", "total_paid"),
)


def field_hmacs(fields: Mapping[str, Any], operation: uuid.UUID) -> dict[str, str]:
    """Show that a value changed without revealing it: the key is of the installation and the operation."""
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), salt=operation.bytes, digest_size=32).digest()
    return {
        name: base64.b64encode(
            hashlib.blake2b(repr(value).encode(), key=key, digest_size=6).digest()
        ).decode()
        for name, value in fields.items()
    }


def normalized(record: Client | ClientValues) -> dict[str, str]:
    """Return the fields of the record that a write can set; leave out None."""
    values: dict[str, str] = {}
    for name in _ALL:
        match getattr(record, name):
            case None:
                continue
            case Decimal() as value:
                values[name] = plain(value)
            case date() as value:
                values[name] = value.isoformat()
            case str() as value if name == "phone":
                values[name] = re.sub(r"\D", "", value)
            case value:
                values[name] = " ".join(unicodedata.normalize("NFC", str(value)).split())
    return values


def other_fields(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> list[str]:
    known = {name: value for name, value in normalized(client).items() if name in expected}
    seen = field_hmacs(known, operation)
    return sorted(name for name, mark in expected.items() if seen.get(name) != mark)


def is_alike(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> bool:
    """Compare the fields that identify a person."""
    person = {name: mark for name, mark in expected.items() if name in OF_THE_PERSON}
    return not other_fields(person, client, operation)
