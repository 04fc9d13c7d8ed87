"""Count the clients of an account for the ladder and the audit, as a sweep reads them."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from groups.features.insights.services.scheme import Scheme, read_scheme
from groups.features.insights.services.sweep import Listener
from groups.models import PosterCredentials
from groups.poster import ClientList, PosterError

NEAR = Decimal("0.9")
"""Clients who have paid this part of the next step are near it."""


@dataclass(frozen=True, slots=True)
class Questions:
    """The numbers that clients are compared with: percents of groups, and sums of the steps above them."""

    percents: Mapping[int, Decimal]
    steps: Mapping[int, Collection[Decimal]]

    @classmethod
    def of_scheme(cls, scheme: Scheme) -> "Questions":
        steps: dict[int, set[Decimal]] = defaultdict(set)
        for rule in scheme.ladder.rules:
            if (above := scheme.ladder.next_sum(rule)) is not None:
                steps[rule.group_id].add(above)
        return cls({group.id: group.percent for group in scheme.groups.groups}, steps)

    @property
    def digest(self) -> str:
        steps = [(group_id, sorted(sums)) for group_id, sums in sorted(self.steps.items())]
        return hashlib.sha256(repr((sorted(self.percents.items()), steps)).encode()).hexdigest()[:16]


class MemberSums(msgspec.Struct):
    """Numbers of clients, by group; `read` counts all rows, `unreadable` those that were not.

    `above` and `below` count clients with a percent of their own above or below the group's, `near` those
    near the step of a sum. `provisional` sums were read while clients were being moved here, or just after.
    """

    as_of: datetime
    provisional: bool
    above: dict[int, int] = msgspec.field(default_factory=dict)
    below: dict[int, int] = msgspec.field(default_factory=dict)
    near: dict[int, dict[Decimal, int]] = msgspec.field(default_factory=dict)
    read: int = 0
    unreadable: int = 0

    def near_to(self, group_id: int, step: Decimal) -> int:
        """Return the number of clients of a group who are near the step of a sum."""
        return self.near.get(group_id, {}).get(step, 0)


class MemberAdder(Listener[MemberSums]):
    """Counts the clients of the account for the ladder and the audit, as far as their questions go."""

    name = "members"
    sums_type = MemberSums

    def __init__(self, credentials: PosterCredentials, questions: Questions) -> None:
        super().__init__(credentials, questions.digest)
        self._questions = questions
        self._sums = MemberSums(self.as_of, not self.membership.settled)

    def add(self, page: ClientList) -> None:
        self._sums.read += page.size
        self._sums.unreadable += len(page.unreadable)
        sums = self._sums
        for client in page.clients:
            group_id = client.group_id
            percent = self._questions.percents.get(group_id)
            if client.removed or percent is None:
                continue
            if client.own_percent > percent:
                sums.above[group_id] = sums.above.get(group_id, 0) + 1
            elif 0 < client.own_percent < percent:
                sums.below[group_id] = sums.below.get(group_id, 0) + 1
            for step in self._questions.steps.get(group_id, ()):
                if client.total_paid is not None and step * NEAR <= client.total_paid < step:
                    near = sums.near.setdefault(group_id, {})
                    near[step] = near.get(step, 0) + 1

    def done(self) -> MemberSums:
        return self._sums


def listen_for_members(credentials: PosterCredentials, _days: int) -> MemberAdder | None:
    """Return the listener of a sweep for the scheme as it is now; None if that cannot be read."""
    if not credentials.user.has_perm("groups.view_group"):
        return None
    try:
        scheme = read_scheme(credentials)
    except PosterError:
        return None
    return MemberAdder(credentials, Questions.of_scheme(scheme))
