"""Show the loyalty scheme of an account: as a ladder of its rules, and as an audit of its percents."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from groups.features.insights.presenters.scheme_chart import LadderPicture, draw_scheme
from groups.features.insights.presenters.sums import ShownSums, as_of_words, unreadable_words
from groups.features.insights.services.ladder import Contradiction, Problem
from groups.features.insights.services.member_sums import NEAR, MemberSums
from groups.features.insights.services.sales import MONTH
from groups.features.insights.services.sales_sums import Sales
from groups.features.insights.services.scheme import Scheme
from groups.poster import Group, LoyaltyRule
from groups.presenters.messages import Message, error_words
from groups.services.values import NumberFormat, type_label


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in a line of text; `number` tells groups of one name apart.

    `turnover` is empty where it is not known or not shown.
    """

    id: int
    number: str
    name: str
    url: str
    type: str
    is_bonus: bool
    percent: str
    clients: str
    turnover: str = ""


@dataclass(frozen=True, slots=True)
class LadderRow:
    """A rule as a step of the ladder; `group` is None if it is not in the list.

    `near` is the number of clients near the next step, empty until they are counted, `near_url` the address
    of all clients of the group by what they have paid, and `near_from` the sum from which they count as near;
    it is empty on the highest step.
    """

    rule_id: int
    group_id: int
    sum: str
    group: GroupLine | None
    near: str
    near_url: str
    near_from: str
    problems: list[str]


class SchemePage:
    """The scheme as pages show it; `count` is None on a page that counts no clients."""

    def __init__(
        self, scheme: Scheme, count: ShownSums[MemberSums] | None, may: Callable[[str], bool]
    ) -> None:
        self.scheme = scheme
        self.count = count
        self.sums = count.sums if count else None
        self.numbers = NumberFormat.current()
        self._may_change = may("groups.change_group") and scheme.groups.failure is None

    @property
    def stale(self) -> Message | None:
        failure = self.scheme.groups.failure
        return error_words(failure) if failure else None

    @property
    def rules_failure(self) -> Message | None:
        failure = self.scheme.rules.failure
        return error_words(failure) if failure else None

    def lines(self, groups: Iterable[Group], corrected_at: str = "") -> list[GroupLine]:
        """Return the lines of groups, each with a link to the page that corrects it, or to its own page."""
        return [self.line(group, corrected_at) for group in groups]

    def line(self, group: Group, corrected_at: str = "") -> GroupLine:
        url = reverse("groups:detail", args=[group.id])
        if corrected_at and self._may_change and group.is_editable:
            with suppress(NoReverseMatch):  # the feature of that page is switched off
                url = reverse(corrected_at, args=[group.id])
        return GroupLine(
            id=group.id,
            number=_("no. %(id)s") % {"id": group.id},
            name=group.name,
            url=url,
            type=type_label(group.loyalty_type),
            is_bonus=group.is_bonus,
            percent=self.numbers.percent(group.percent),
            clients=self.numbers.count(group.clients),
        )

    def sum_of(self, rule: LoyaltyRule) -> str:
        return self.numbers.round_money(rule.value)


class LadderPage(SchemePage):
    """The rules in the order of their sums, and the groups that none of them leads to."""

    @cached_property
    def rows(self) -> list[LadderRow]:
        ladder, sums, rows = self.scheme.ladder, self.sums, []
        for rule in ladder.rules:
            group, above = ladder.group_of(rule), ladder.next_sum(rule)
            near = ""
            if group and above and sums:
                near = self.numbers.count(sums.near.get(group.id, {}).get(above, 0))
            row = LadderRow(
                rule_id=rule.id,
                group_id=rule.group_id,
                sum=self.sum_of(rule),
                group=self.line(group) if group else None,
                near=near,
                near_url=f"{reverse('groups:members', args=[group.id])}?sort=-paid" if group else "",
                near_from=self.numbers.round_money(above * NEAR) if group and above else "",
                problems=self.problems.get(rule.id, []),
            )
            rows.append(row)
        return rows

    @property
    def outside(self) -> list[GroupLine]:
        return self.lines(self.scheme.ladder.outside)

    @cached_property
    def problems(self) -> dict[int, list[str]]:
        """Contradictions in words, by the id of the rule."""
        found: dict[int, list[str]] = {}
        for each in self.scheme.ladder.contradictions:
            found.setdefault(each.rule.id, []).append(self._problem_words(each))
        return found

    @property
    def problem_count(self) -> int:
        return sum(map(len, self.problems.values()))

    def _problem_words(self, found: Contradiction) -> str:
        other = self.scheme.ladder.group_of(found.other) if found.other else None
        known = {"name": other.name if other else "", "sum": self.sum_of(found.other) if found.other else ""}
        match found.problem:
            case Problem.GONE:
                return _("This group is not there any more.")
            case Problem.SAME_SUM:
                return _("“%(name)s” has the same sum: nothing says which of them counts.") % known
            case Problem.LOWER:
                return _("It gives less than “%(name)s”, for which %(sum)s are enough.") % known


@dataclass(frozen=True, slots=True)
class Turnover(ShownSums[Sales]):
    """The turnover of groups in the last month; there is none for a user who may not see sales."""

    @property
    def days(self) -> int:
        return MONTH

    @property
    def missing(self) -> str:
        """The rows that are in no sum, in words."""
        return unreadable_words(self.sums.unreadable) if self.sums else ""

    @property
    def as_of(self) -> str:
        """The time of the reading, in words."""
        return as_of_words(self.sums) if self.sums else ""


class ChartPage(LadderPage):
    """The scheme as a picture and a table, with the turnover for those who may see it."""

    def __init__(self, scheme: Scheme, turnover: Turnover | None, may: Callable[[str], bool]) -> None:
        super().__init__(scheme, None, may)
        self.turnover = turnover

    def line(self, group: Group, corrected_at: str = "") -> GroupLine:
        return replace(super().line(group, corrected_at), turnover=self._turnover_of(group.id))

    def _turnover_of(self, group_id: int) -> str:
        if not self.turnover or not self.turnover.sums:
            return ""
        revenue = self.turnover.sums.of_group(group_id).revenue
        return self.numbers.round_money(revenue.quantize(Decimal(1), ROUND_HALF_UP))

    @cached_property
    def pictures(self) -> list[LadderPicture]:
        return draw_scheme(self.scheme.ladder, self._turnover_of)


@dataclass(frozen=True, slots=True)
class OwnPercents:
    """A group with clients whose own percent is above or below the group's."""

    group: GroupLine
    above: str
    below: str
    above_url: str
    below_url: str


@dataclass(frozen=True, slots=True)
class UnreachedPercent:
    """A percent of one type that no rule leads to, and the groups that have it."""

    percent: str
    type: str
    is_bonus: bool
    lines: list[GroupLine]


class AuditPage(SchemePage):
    """Percents that work otherwise than they seem, and groups that may not be needed."""

    @property
    def own_percents(self) -> list[OwnPercents]:
        sums = self.sums
        if sums is None:
            return []
        found = []
        for group in self.scheme.groups.groups:
            url = reverse("groups:members", args=[group.id])
            above, below = sums.above.get(group.id, 0), sums.below.get(group.id, 0)
            if above or below:
                own = OwnPercents(
                    group=self.line(group),
                    above=self.numbers.count(above),
                    below=self.numbers.count(below),
                    above_url=f"{url}?own=above" if above else "",
                    below_url=f"{url}?own=below" if below else "",
                )
                found.append(own)
        return found

    @property
    def alike(self) -> list[list[GroupLine]]:
        return [self.lines(groups, "groups:retire") for groups in self.scheme.alike]

    @property
    def without_benefit(self) -> list[GroupLine]:
        return self.lines(self.scheme.without_benefit, "groups:update")

    @property
    def empty(self) -> list[GroupLine]:
        return self.lines(self.scheme.empty, "groups:retire")

    @property
    def out_of_reach(self) -> list[UnreachedPercent]:
        return [
            UnreachedPercent(lines[0].percent, lines[0].type, lines[0].is_bonus, lines)
            for groups in self.scheme.out_of_reach
            if (lines := self.lines(groups, "groups:update"))
        ]
