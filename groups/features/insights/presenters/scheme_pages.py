"""Show the loyalty scheme of an account: as a ladder of its rules, and as an audit of its percents."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from groups.features.insights.presenters.scheme_chart import LadderPicture, draw_scheme
from groups.features.insights.presenters.sums import ShownSums, as_of_words, lacking_words
from groups.features.insights.services.ladder import Contradiction, Problem
from groups.features.insights.services.member_sums import NEAR, MemberSums
from groups.features.insights.services.sales import MONTH
from groups.features.insights.services.sales_sums import Sales
from groups.features.insights.services.scheme import Scheme
from groups.poster import Group, LoyaltyRule
from groups.presenters.messages import error_words
from groups.services.values import NumberFormat, type_label


class GroupLine:
    """A group in a line of text, with a link; `number` tells groups of one name apart.

    `turnover` is empty where it is not known or not shown.
    """

    def __init__(self, group: Group, url: str, turnover: str) -> None:
        numbers = NumberFormat.current()
        self.id, self.name, self.is_bonus = group.id, group.name, group.is_bonus
        self.number = _("no. %(id)s") % {"id": group.id}
        self.type = type_label(group.loyalty_type)
        self.percent, self.clients = numbers.percent(group.percent), numbers.count(group.clients)
        self.url, self.turnover = url, turnover


@dataclass(frozen=True, slots=True)
class LadderRow:
    """A rule as a step of the ladder; `group` is None if it is not in the list.

    `near` is the number of clients near the next step, empty until they are counted, and `near_from` the sum
    from which they count as near; it is empty on the highest step.
    """

    rule: LoyaltyRule
    sum: str
    group: GroupLine | None
    near: str
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
        self.stale = error_words(scheme.groups.failure) if scheme.groups.failure else None
        self.rules_failure = error_words(scheme.rules.failure) if scheme.rules.failure else None
        self.numbers = NumberFormat.current()
        self._may_change = may("groups.change_group") and self.stale is None

    def lines(self, groups: Iterable[Group], corrected_at: str = "") -> list[GroupLine]:
        """Return the lines of groups, each with a link to the page that corrects it, or to its own page."""
        return [self.line(group, corrected_at) for group in groups]

    def line(self, group: Group, corrected_at: str = "") -> GroupLine:
        url = reverse("groups:detail", args=[group.id])
        if corrected_at and self._may_change and group.is_editable:
            with suppress(NoReverseMatch):  # the feature of that page is switched off
                url = reverse(corrected_at, args=[group.id])
        return GroupLine(group, url, self.turnover_of(group.id))

    def turnover_of(self, group_id: int) -> str:
        """Return the turnover of a group in words; empty where it is not known or not shown."""
        return ""


class LadderPage(SchemePage):
    """The rules in the order of their sums, and the groups that none of them leads to."""

    @cached_property
    def rows(self) -> list[LadderRow]:
        ladder, rows = self.scheme.ladder, []
        for rule in ladder.rules:
            group, above = ladder.group_of(rule), ladder.next_sum(rule)
            near = near_from = ""
            if group and above:
                near_from = self.numbers.round_money(above * NEAR)
                near = self.numbers.count(self.sums.near_to(group.id, above)) if self.sums else ""
            line, problems = self.line(group) if group else None, self.problems.get(rule.id, [])
            rows.append(LadderRow(rule, self._sum_of(rule), line, near, near_from, problems))
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

    def _sum_of(self, rule: LoyaltyRule) -> str:
        return self.numbers.round_money(rule.value)

    def _problem_words(self, found: Contradiction) -> str:
        other = self.scheme.ladder.group_of(found.other) if found.other else None
        known = {"name": other.name if other else "", "sum": self._sum_of(found.other) if found.other else ""}
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

    days = MONTH

    @property
    def missing(self) -> str:
        """Return in words which sales the sums may lack."""
        return lacking_words(self.sums) if self.sums else ""

    @property
    def as_of(self) -> str:
        """The time of the reading, in words."""
        return as_of_words(self.sums) if self.sums else ""


class ChartPage(LadderPage):
    """The scheme as a picture and a table, with the turnover for those who may see it."""

    def __init__(self, scheme: Scheme, turnover: Turnover | None, may: Callable[[str], bool]) -> None:
        super().__init__(scheme, None, may)
        self.turnover = turnover

    def turnover_of(self, group_id: int) -> str:
        if not self.turnover or not self.turnover.sums:
            return ""
        revenue = self.turnover.sums.of_group(group_id).revenue
        return self.numbers.round_money(revenue.quantize(Decimal(1), ROUND_HALF_UP))

    @cached_property
    def pictures(self) -> list[LadderPicture]:
        # While the rules are unread, one of them may lead to any group.
        others = _("All groups") if self.scheme.rules.is_unread else _("No rule leads here")
        return draw_scheme(self.scheme.ladder, self.turnover_of, title_of_others=others)


class AuditPage(SchemePage):
    """Percents that work otherwise than they seem, and groups that may not be needed."""

    @property
    def own_percents(self) -> list[tuple[GroupLine, int, int]]:
        """The groups with clients whose own percent is above or below the group's, with their numbers."""
        above, below = (self.sums.above, self.sums.below) if self.sums else ({}, {})
        return [
            (self.line(group), above.get(group.id, 0), below.get(group.id, 0))
            for group in self.scheme.groups.groups
            if group.id in above or group.id in below
        ]

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
    def out_of_reach(self) -> list[list[GroupLine]]:
        """The groups whose percent no rule leads to: those of one type and percent together."""
        return [self.lines(groups, "groups:update") for groups in self.scheme.out_of_reach]
