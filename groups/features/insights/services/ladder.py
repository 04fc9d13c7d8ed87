"""Put the loyalty rules of an account in their order, and find those that contradict each other.

Poster has rules of bonus groups and of discount groups, and each kind is a ladder of its own. If a rule of
one type leads to a group of the other, nothing says that Poster keeps them apart: all are one ladder.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property
from itertools import dropwhile, groupby, takewhile
from operator import attrgetter

from groups.poster import Group, LoyaltyRule, UnreadableRow


class Problem(Enum):
    """A contradiction between the rules, or between a rule and the groups."""

    GONE = "gone"
    LOWER = "lower"
    SAME_SUM = "same_sum"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A problem of a rule; `other` is the rule that it contradicts, if there is one."""

    problem: Problem
    rule: LoyaltyRule
    other: LoyaltyRule | None = None


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
        unread = {row.id for row in unreadable}
        self._unread_ids = unread - {None}
        self._some_unknown = None in unread
        self._is_mixed = any(rule.loyalty_type not in (None, self._type(rule)) for rule in self.rules)

    def group_of(self, rule: LoyaltyRule) -> Group | None:
        """Return the group that a rule leads to, or None if it is gone or could not be read."""
        return self.groups.get(rule.group_id)

    def is_gone(self, rule: LoyaltyRule) -> bool:
        """Return True if the group of a rule is certainly not among those of the account."""
        unread = self._some_unknown or rule.group_id in self._unread_ids
        return rule.group_id not in self.groups and not unread

    def into(self, group_id: int) -> tuple[LoyaltyRule, ...]:
        """Return the rules that lead to a group."""
        return tuple(rule for rule in self.rules if rule.group_id == group_id)

    def out_of(self, group_id: int) -> tuple[LoyaltyRule, ...]:
        """Return the rules of the next step above a group; none if no rule leads to the group."""
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
        """Return the sum of the next step above a rule, or None on the highest one."""
        above = self.after(rule)
        return above[0].value if above else None

    @cached_property
    def outside(self) -> tuple[Group, ...]:
        """The groups that no rule leads to, in Poster's order."""
        led_to = {rule.group_id for rule in self.rules}
        return tuple(group for group in self.groups.values() if group.id not in led_to)

    def kind(self, rule: LoyaltyRule) -> int | None:
        """Return the ladder of a rule: the type of its groups, or 0 if the types are mixed."""
        return 0 if self._is_mixed else self._type(rule)

    def _type(self, rule: LoyaltyRule) -> int | None:
        group = self.group_of(rule)
        return group.loyalty_type if group else rule.loyalty_type

    @cached_property
    def _ladders(self) -> dict[int | None, list[LoyaltyRule]]:
        ladders: dict[int | None, list[LoyaltyRule]] = defaultdict(list)
        for rule in self.rules:
            ladders[self.kind(rule)].append(rule)
        return ladders

    @cached_property
    def contradictions(self) -> tuple[Contradiction, ...]:
        """All contradictions, in the order of the rules."""
        found = [each for ladder in self._ladders.values() for each in self._contradictions_of(ladder)]
        found += [Contradiction(Problem.GONE, rule) for rule in self.rules if self.is_gone(rule)]
        return tuple(sorted(found, key=lambda each: (each.rule.value, each.rule.id)))

    def _contradictions_of(self, ladder: list[LoyaltyRule]) -> Iterator[Contradiction]:
        best: tuple[Decimal, LoyaltyRule] | None = None
        for _sum, rules in groupby(ladder, key=attrgetter("value")):
            step = [(rule, group) for rule in rules if (group := self.group_of(rule))]
            for place, (rule, group) in enumerate(step):
                if len(step) > 1:
                    yield Contradiction(Problem.SAME_SUM, rule, step[place - 1][0])
                if best and best[0] > group.percent:
                    yield Contradiction(Problem.LOWER, rule, best[1])
            for rule, group in step:
                if best is None or group.percent > best[0]:
                    best = group.percent, rule
