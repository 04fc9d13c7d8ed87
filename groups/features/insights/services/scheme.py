"""Read the loyalty scheme of an account: its groups, and the rules between them."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from groups.features.insights.services.dependents import Listed, begin_rules
from groups.features.insights.services.ladder import Ladder
from groups.models import PosterCredentials
from groups.poster import Group, LoyaltyRule, UnreadableRow
from groups.poster.fields import fold
from groups.services.groups import Groups, list_groups


@dataclass(frozen=True)
class Scheme:
    """The groups and rules of an account, and the groups that are worth a second look."""

    groups: Groups
    rules: Listed[LoyaltyRule]

    @cached_property
    def ladder(self) -> Ladder:
        # The last good copy lacks unreadable rows and groups that came since, so nothing is certainly gone.
        is_old = self.groups.failure is not None
        unreadable = (UnreadableRow("a copy"),) if is_old else self.groups.unreadable
        return Ladder(self.rules.found, self.groups.groups, unreadable)

    @property
    def alike(self) -> list[list[Group]]:
        """Groups of one name, percent and type, two or more together."""
        found = defaultdict(list)
        for group in self.groups.groups:
            found[fold(group.name), group.percent, group.loyalty_type].append(group)
        return [groups for groups in found.values() if len(groups) > 1]

    @property
    def without_benefit(self) -> list[Group]:
        """Groups at 0 percent that have clients."""
        return [group for group in self.groups.groups if not group.percent and group.clients]

    @property
    def empty(self) -> list[Group]:
        return [group for group in self.groups.groups if not group.clients]

    @property
    def out_of_reach(self) -> list[list[Group]]:
        """Groups whose percent no rule leads to: those of one type and percent together, lowest first."""
        reached = {
            (group.loyalty_type, group.percent)
            for rule in self.ladder.rules
            if (group := self.ladder.group_of(rule))
        }
        found = defaultdict(list)
        for group in self.groups.groups:
            found[group.loyalty_type, group.percent].append(group)
        return [groups for key, groups in sorted(found.items()) if key not in reached]


def read_scheme(credentials: PosterCredentials, *, fresh: bool = False) -> Scheme:
    """Return the scheme. Raises `PosterError` if the groups cannot be read; the rules may be missing."""
    take_rules = begin_rules(credentials, fresh=fresh)
    return Scheme(list_groups(credentials, fresh=fresh), take_rules())
