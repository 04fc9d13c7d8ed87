"""Say what Poster does in an account, as the connection check has seen it; what was not seen is UNKNOWN."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from django.db import transaction
from django.utils import timezone

from groups.models import Fact, PosterCredentials

UNKNOWN = "unknown"


class Meaning(StrEnum):
    EXPECTED = "expected"
    DIFFERS = "differs"
    OFF = "off"
    UNKNOWN = UNKNOWN


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact: its values, those that the dashboard expects, and those that turn a function off.

    Without values it is a number or a text. `stays` is False where another value contradicts nothing.
    """

    values: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    stays: bool = True


_RIGHT = Kind(("yes", "refused"), ("yes",), ("refused",))
_MEASURED = Kind(stays=False)

READ: Mapping[str, Kind] = {
    "right.groups": _RIGHT,
    "right.clients": _RIGHT,
    "right.statistics": _RIGHT,
    "right.promotions": _RIGHT,
    "right.settings": Kind(("yes", "refused"), ("yes",)),
    "groups.count": Kind(("present", "all", "other"), ("present",)),
    "groups.removed": Kind(("listed", "absent"), ("listed", "absent")),
    "clients.pages": Kind(("hold", "ignored", "cut"), ("hold",), ("cut",)),
    "clients.filter": Kind(("holds", "ignored"), ("holds",)),
    "receipts.order": Kind(("ascending", "descending", "mixed"), ("ascending",)),
    "receipts.page": _MEASURED,
    "receipts.cursor": Kind(("after", "before", "ignored"), ("after",)),
    "receipts.days": Kind(("hold", "lost"), ("hold",)),
    "receipts.closing": Kind(),
    "receipts.paid": Kind(("parts", "with-bonuses"), ("parts", "with-bonuses")),
    "receipts.bonus": Kind(("percent", "money"), ("percent",)),
    "receipts.history": _MEASURED,
    "sales.size": Kind(("whole", "cut"), ("whole",)),
    "sales.paid_unit": Kind(("kopecks", "hryvnia"), ("kopecks",)),
    "clients.paid_unit": Kind(("kopecks", "hryvnia"), ("kopecks",)),
    "rules.unit": Kind(("hryvnia", "kopecks"), ("hryvnia",)),
    "clock.zone": Kind(("same", "other"), ("same",)),
    "clock.skew": _MEASURED,
    "speed": _MEASURED,
}
"""Facts that the check reads."""

WRITTEN: Mapping[str, Kind] = {
    "birthday_bonus.unit": Kind(("hryvnia", "kopecks"), ("hryvnia",)),
    "percent.fraction": Kind(("kept", "rounded", "refused"), ("kept",)),
    "names.text": Kind(("kept", "encoded", "changed"), ("kept", "encoded")),
    "names.twice": Kind(("allowed", "refused"), ("allowed", "refused")),
    "groups.removal": Kind(("gone", "listed"), ("gone", "listed")),
    "write.lag": _MEASURED,
}
"""Facts that only the write check can show."""

KINDS = {**READ, **WRITTEN}
SKEW = 60
"""Seconds by which the clock of Poster may be another one."""


def meaning(name: str, value: str) -> Meaning:
    kind = KINDS[name]
    if value == UNKNOWN:
        return Meaning.UNKNOWN
    if value in kind.off:
        return Meaning.OFF
    if name == "clock.skew" and abs(int(value)) > SKEW:
        return Meaning.DIFFERS
    return Meaning.DIFFERS if kind.values and value not in kind.expected else Meaning.EXPECTED


@dataclass(frozen=True, slots=True)
class Seen:
    value: str = UNKNOWN
    evidence: int = 0


class Facts:
    def __init__(self, rows: Iterable[Fact] = ()) -> None:
        self._rows = {row.name: row for row in rows}

    def value(self, name: str) -> str:
        """Raises `KeyError` if there is no such fact."""
        return self._rows[name].value if name in self._rows else _unknown(name)

    def evidence(self, name: str) -> int:
        return self._rows[name].evidence if name in self._rows else 0

    @cached_property
    def checked_at(self) -> datetime | None:
        """When an answer of Poster was last seen by the check."""
        return max((row.seen_at for row in self._rows.values() if row.name in READ), default=None)

    @property
    def names(self) -> list[str]:
        """Facts to tell of: those that the check reads, and those that a write has shown."""
        return [name for name in KINDS if name in READ or name in self._rows]

    def counted(self, *means: Meaning) -> int:
        return sum(meaning(name, self.value(name)) in means for name in self.names)


def _unknown(name: str) -> str:
    KINDS[name]
    return UNKNOWN


def facts_of(credentials: PosterCredentials) -> Facts:
    """Read the facts of the account and the rights of this token, with one query."""
    known = Fact.objects.filter(account=credentials.account_id, fingerprint__in=_of(credentials))
    return Facts(known)


def _of(credentials: PosterCredentials) -> tuple[str, str]:
    return ("", credentials.fingerprint)


def store(credentials: PosterCredentials, seen: Mapping[str, Seen]) -> list[Fact]:
    """Store what a run has seen, at once, and return the facts that contradict those stored before.

    What it could not see keeps the value that was seen last.
    """
    now = timezone.now()
    contradictions = []
    with transaction.atomic():
        of_account = Fact.objects.select_for_update().filter(account=credentials.account_id)
        tokens = PosterCredentials.objects.filter(account=credentials.account_id).values("fingerprint")
        of_account.exclude(fingerprint__in=["", credentials.fingerprint]).exclude(
            fingerprint__in=tokens
        ).delete()
        known = {row.name: row for row in of_account.filter(fingerprint__in=_of(credentials))}
        for name, each in seen.items():
            if each.value == UNKNOWN:
                continue
            fingerprint = credentials.fingerprint if name.startswith("right.") else ""
            row = known.get(name) or Fact(
                account_id=credentials.account_id, fingerprint=fingerprint, name=name
            )
            if row.value and row.value != each.value and KINDS[name].stays:
                row.was, row.changed_at = row.value, now
                contradictions.append(row)
            row.value, row.evidence, row.seen_at = each.value, each.evidence, now
            row.save()
    return contradictions
