"""Read the loyalty scheme of an account: its groups, the promotions and rules that name them, its clients.

Poster has rules of bonus groups and of discount groups, and each kind is a ladder of its own. If a rule of
one type leads to a group of the other, nothing says that Poster keeps them apart: all are one ladder.
"""

import hashlib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import dropwhile, groupby, takewhile
from operator import attrgetter
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.utils import timezone

from groups.features.insights.services.sweep import Listener, add_listener
from groups.models import PosterCredentials
from groups.poster import ClientList, Group, LoyaltyRule, PosterClient, PosterError, Promotion, UnreadableRow
from groups.services.gateway import begin_call
from groups.services.groups import Groups, cache_key, cached, keep_cached, list_groups

# --- The ladder --------------------------------------------------------------------------------------------


type Contradiction = tuple[Literal["gone", "lower", "same_sum"], LoyaltyRule, LoyaltyRule | None]
"""A problem of a rule, and the rule that it contradicts, if there is one."""


class Ladder:
    """The rules of an account over its groups; `unreadable` are the groups that could not be read."""

    def __init__(
        self,
        rules: Iterable[LoyaltyRule],
        groups: Iterable[Group],
        unreadable: Iterable[UnreadableRow] = (),
    ) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: (rule.value, rule.id)))
        self.groups = {group.id: group for group in groups}
        self._unread_ids = {row.id for row in unreadable}
        led_to = [(rule, self.group_of(rule)) for rule in self.rules]
        self._is_mixed = any(
            group and rule.loyalty_type not in (None, group.loyalty_type) for rule, group in led_to
        )
        self._ladders: dict[int | None, list[LoyaltyRule]] = defaultdict(list)
        for rule in self.rules:
            self._ladders[self.kind(rule)].append(rule)

    def group_of(self, rule: LoyaltyRule) -> Group | None:
        return self.groups.get(rule.group_id)

    def kind(self, rule: LoyaltyRule) -> int | None:
        """Return the ladder of a rule: the type of its groups, or 0 if the types are mixed."""
        if self._is_mixed:
            return 0
        group = self.group_of(rule)
        return group.loyalty_type if group else rule.loyalty_type

    def into(self, group_id: int) -> tuple[LoyaltyRule, ...]:
        return tuple(rule for rule in self.rules if rule.group_id == group_id)

    def out_of(self, group_id: int) -> tuple[LoyaltyRule, ...]:
        into = self.into(group_id)
        return self.after(into[-1]) if into else ()

    def after(self, rule: LoyaltyRule) -> tuple[LoyaltyRule, ...]:
        """Return the rules of the next step above a rule: those of the lowest higher sum."""
        ladder = self._ladders[self.kind(rule)]
        higher = ladder[bisect_right(ladder, rule.value, key=attrgetter("value")) :]
        elsewhere = dropwhile(lambda other: other.group_id == rule.group_id, higher)
        step = next(elsewhere, None)
        if step is None:
            return ()
        return (step, *takewhile(lambda other: other.value == step.value, elsewhere))

    def next_sum(self, rule: LoyaltyRule) -> Decimal | None:
        above = self.after(rule)
        return above[0].value if above else None

    @cached_property
    def outside(self) -> tuple[Group, ...]:
        led_to = {rule.group_id for rule in self.rules}
        return tuple(group for group in self.groups.values() if group.id not in led_to)

    @cached_property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """All contradictions, in the order of the rules.

        A group is gone only where it certainly is: not while a row without an id, or its own, is unreadable.
        """
        found: list[Contradiction] = [
            ("gone", rule, None)
            for rule in self.rules
            if rule.group_id not in self.groups and not {rule.group_id, None} & self._unread_ids
        ]
        for ladder in self._ladders.values():
            best: tuple[Decimal, LoyaltyRule] | None = None
            for _sum, rules in groupby(ladder, key=attrgetter("value")):
                step = [(rule, group) for rule in rules if (group := self.group_of(rule))]
                for place, (rule, group) in enumerate(step):
                    if len(step) > 1:
                        found.append(("same_sum", rule, step[place - 1][0]))
                    if best and best[0] > group.percent:
                        found.append(("lower", rule, best[1]))
                for rule, group in step:
                    if best is None or group.percent > best[0]:
                        best = group.percent, rule
        return tuple(sorted(found, key=lambda each: (each[1].value, each[1].id)))


# --- Promotions and rules ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListReading[T]:
    """The records of one of Poster's lists; `failure` is the error if it could not be read.

    `unreadable` counts the rows that could not be read.
    """

    found: tuple[T, ...] = ()
    unreadable: int = 0
    failure: PosterError | None = None

    @property
    def is_unread(self) -> bool:
        """Return True if there is no record, and it is not certain that there is none."""
        return self.failure is not None or bool(self.unreadable and not self.found)


def _begin(
    what: str,
    ask: Callable[..., Any],
    credentials: PosterCredentials,
    *,
    fresh: bool,
    within: float | None,
) -> Callable[[], ListReading[Any]]:
    """Take a list from the cache, or begin to read it in half of the time of a read.

    `what` is the name of the list in the answer and in the cache, where it outlives our writes: none of them
    changes a promotion or a rule. The function that is returned waits for it, or returns its error.
    With `fresh` an empty list is requested once more, which may take as long again: something is decided by
    it, and one may be untrue once.
    """
    key = cache_key(credentials, what, of_groups=False)
    known = None if fresh or credentials.refused_at else cached(key)
    if known is not None:
        return lambda: known[0]
    seconds = within or settings.POSTER_READ_DEADLINE / 2

    def read(poster: PosterClient) -> Any:
        answer = ask(poster, within=seconds)
        if fresh and not (getattr(answer, what) or answer.unreadable):
            answer = ask(poster, within=seconds)
        return answer

    try:
        take_answer = begin_call(credentials, read)
    except PosterError as error:
        failed: ListReading[Any] = ListReading(failure=error)
        return lambda: failed

    def take() -> ListReading[Any]:
        try:
            answer = take_answer()
        except PosterError as error:
            return ListReading(failure=error)
        found: ListReading[Any] = ListReading(getattr(answer, what), len(answer.unreadable))
        keep_cached(key, found, timezone.now())
        return found

    return take


def begin_promotions(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Callable[[], ListReading[Promotion]]:
    return _begin("promotions", PosterClient.get_promotions, credentials, fresh=fresh, within=within)


def begin_rules(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Callable[[], ListReading[LoyaltyRule]]:
    return _begin("rules", PosterClient.get_loyalty_rules, credentials, fresh=fresh, within=within)


@dataclass(frozen=True, slots=True)
class Dependents:
    """The promotions that are for a group, the rules that lead to it and on from it, and the whole ladder."""

    promotions: ListReading[Promotion]
    rules: ListReading[LoyaltyRule]
    ladder: Ladder


def begin_dependents(
    credentials: PosterCredentials, group_id: int, *, fresh: bool = False, within: float | None = None
) -> Callable[[], Dependents]:
    """Begin to read the dependents of a group, and return the function that waits for them.

    They may be POSTER_CACHE_SECONDS old unless `fresh` is set. The two lists are read side by side, each
    `within` so many seconds, by default in half of those that a read may last. A `PosterError` is returned,
    not raised, because it must not prevent a change of the group.
    """
    begun = begin_promotions(credentials, fresh=fresh, within=within)
    begun_rules = begin_rules(credentials, fresh=fresh, within=within)

    def take() -> Dependents:
        promotions, rules = begun(), begun_rules()
        mine = tuple(each for each in promotions.found if group_id in each.group_ids)
        ladder = Ladder(rules.found, ())
        with suppress(PosterError):  # without the groups, the steps of the ladder have no names
            if ladder.into(group_id):
                groups = list_groups(credentials)
                ladder = Ladder(rules.found, groups.groups, groups.unreadable)
        of_group = (*ladder.into(group_id), *ladder.out_of(group_id))
        return Dependents(replace(promotions, found=mine), replace(rules, found=of_group), ladder)

    return take


def dependents_of(credentials: PosterCredentials, group_id: int) -> Dependents:
    return begin_dependents(credentials, group_id, fresh=True)()


# --- The scheme --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scheme:
    groups: Groups
    rules: ListReading[LoyaltyRule]

    @cached_property
    def ladder(self) -> Ladder:
        # The last good copy lacks unreadable rows and groups that came since, so nothing is certainly gone.
        is_old = self.groups.failure is not None
        unreadable = (UnreadableRow("a copy"),) if is_old else self.groups.unreadable
        return Ladder(self.rules.found, self.groups.groups, unreadable)


def read_scheme(credentials: PosterCredentials, *, fresh: bool = False) -> Scheme:
    """Return the scheme. Raises `PosterError` if the groups cannot be read; the rules may be missing."""
    take_rules = begin_rules(credentials, fresh=fresh)
    return Scheme(list_groups(credentials, fresh=fresh), take_rules())


# --- Its clients -------------------------------------------------------------------------------------------

NEAR = Decimal("0.9")
"""Clients who have paid this part of the next step are near it."""


class MemberSums(msgspec.Struct):
    """Numbers of clients, by group; `unreadable` counts the rows that are in none.

    `above` and `below` count clients with a percent of their own above or below the group's, `near` those
    near the step of a sum. `provisional` sums were read while clients were being moved here, or just after.
    """

    as_of: datetime
    provisional: bool
    above: dict[int, int]
    below: dict[int, int]
    near: dict[int, dict[Decimal, int]]
    unreadable: int


class MemberAdder(Listener[MemberSums]):
    """Counts the clients of the account for the ladder and the audit of a scheme."""

    name = "members"
    sums_type = MemberSums

    def __init__(self, credentials: PosterCredentials, scheme: Scheme) -> None:
        self._percents = {group.id: group.percent for group in scheme.groups.groups}
        # The sums of the next steps, by the group that clients would leave.
        self._steps: dict[int, set[Decimal]] = defaultdict(set)
        for rule in scheme.ladder.rules:
            if (above := scheme.ladder.next_sum(rule)) is not None:
                self._steps[rule.group_id].add(above)
        steps = [(group_id, sorted(sums)) for group_id, sums in sorted(self._steps.items())]
        content = repr((sorted(self._percents.items()), steps)).encode()
        super().__init__(credentials, hashlib.sha256(content).hexdigest()[:16])
        self._above, self._below, self._unreadable = Counter[int](), Counter[int](), 0
        self._near: dict[int, dict[Decimal, int]] = defaultdict(Counter)

    def add(self, page: ClientList) -> None:
        self._unreadable += len(page.unreadable)
        for client in page.clients:
            group_id, own, paid = client.group_id, client.own_percent, client.total_paid
            percent = self._percents.get(group_id)
            if client.removed or percent is None:
                continue
            self._above[group_id] += own > percent
            self._below[group_id] += 0 < own < percent
            for step in self._steps.get(group_id, ()):
                if paid is not None and step * NEAR <= paid < step:
                    self._near[group_id][step] += 1

    def done(self) -> MemberSums:
        above, below = +self._above, +self._below
        return MemberSums(self.as_of, not self.is_settled, above, below, self._near, self._unreadable)


@add_listener
def listen_for_members(credentials: PosterCredentials, _days: int) -> MemberAdder | None:
    if not credentials.user.has_perm("groups.view_group"):
        return None
    try:
        scheme = read_scheme(credentials)
    except PosterError:
        return None
    return MemberAdder(credentials, scheme)
