"""Read what a file is compared with, and apply it: a plan of many groups, and the job that carries it out."""

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.approvals.models import EXCEED_LIMITS, ApprovalRequest
from groups.features.approvals.services.approvals import ask_for
from groups.features.approvals.services.limits import BeyondLimits
from groups.features.bulk.services import Edit, Line, keep_plan
from groups.models import Job, PosterCredentials
from groups.poster import LoyaltyRuleList
from groups.poster.fields import plain
from groups.services.gateway import call_poster
from groups.services.groups import Groups
from groups.services.jobs import queue
from groups.services.writes.commands import CreateGroup
from groups.services.writes.lag import list_with_own_changes


@dataclass(frozen=True, slots=True)
class Rule:
    """A loyalty rule: who has paid this sum in all moves to the group of this name."""

    group: str
    sum: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between a file and Poster: the lines of a plan, and what that leaves alone.

    `unlisted` are the names of the groups that the file does not have. `missing_rules` are those of the file
    that Poster does not have, `other_rules` those of Poster that the file does not have.
    """

    lines: tuple[Line, ...] = ()
    unchanged: int = 0
    unlisted: tuple[str, ...] = ()
    missing_rules: tuple[Rule, ...] = ()
    other_rules: tuple[Rule, ...] = ()

    @property
    def created(self) -> int:
        return sum(line.old is None for line in self.lines)

    @property
    def is_empty(self) -> bool:
        """Return True if Poster has all that the file has, as it is there."""
        return not (self.lines or self.missing_rules or self.other_rules)

    @property
    def effect(self) -> "Comparison":
        """The comparison without what a plan does not show: the counts of clients move all day."""
        lines = tuple(replace(line, clients=0, namesakes=()) for line in self.lines)
        return replace(self, lines=lines)


class Apply(Edit):
    """Create and change groups as the file of a scheme says.

    Its row keeps beside the lines what they leave alone, for the page of the plan.
    """

    kind = "scheme"
    label = gettext_lazy("scheme applied")
    source = "groups:compare"
    beside = "scheme_file/beside.html"

    def may_be_controlled_by(self, user: User) -> bool:
        creates = any(line.old is None for line in self.plan.lines)
        return super().may_be_controlled_by(user) and (not creates or user.has_perm(CreateGroup.permission))

    @property
    def unlisted(self) -> list[str]:
        return list(self.job.wanted["unlisted"])

    @property
    def missing_rules(self) -> list[Rule]:
        return _rules_from_json(self.job.wanted["missing_rules"])

    @property
    def other_rules(self) -> list[Rule]:
        return _rules_from_json(self.job.wanted["other_rules"])

    @property
    def title(self) -> str:
        return _("A scheme from a file")


def read_poster(credentials: PosterCredentials, *, with_rules: bool) -> tuple[Groups, LoyaltyRuleList | None]:
    """Return the groups that Poster has now, and its loyalty rules if asked for. Raises `PosterError`."""
    groups = list_with_own_changes(credentials)
    if not with_rules:
        return groups, None
    return groups, call_poster(credentials, lambda poster: poster.get_loyalty_rules())


def names_twice(groups: Groups) -> list[str]:
    """Return the names that more than one group has: a file cannot say which of them is meant."""
    return [name for name, count in Counter(group.name for group in groups.groups).items() if count > 1]


def keep(found: Comparison, credentials: PosterCredentials) -> Job:
    """Save and return the plan of a comparison. Raises `PermissionDenied`."""
    return keep_plan(
        credentials,
        kind=Apply,
        lines=found.lines,
        unchanged=found.unchanged,
        unlisted=found.unlisted,
        missing_rules=_rules_to_json(found.missing_rules),
        other_rules=_rules_to_json(found.other_rules),
    )


def start(job: Job, user: User, reason: str = "") -> ApprovalRequest | None:
    """Start a plan, or ask for it and return the request if it goes beyond the limits of the account.

    A user who may exceed these gives a reason. Raises `BeyondLimits` if that is missing, `NotSent`, `NotNow`
    and `PosterError`.
    """
    may_exceed = user.has_perm(EXCEED_LIMITS)
    consent: dict[str, Any] = {"limit_reason": reason} if reason and may_exceed else {}
    try:
        queue.start_draft(job, user, **consent)
    except BeyondLimits as beyond:
        if may_exceed and not beyond.needs_another:
            raise
        return ask_for(job, user, beyond.breaches)
    return None


def _rules_to_json(rules: tuple[Rule, ...]) -> list[list[str]]:
    return [[rule.group, plain(rule.sum)] for rule in rules]


def _rules_from_json(rows: list[list[str]]) -> list[Rule]:
    return [Rule(group, Decimal(total)) for group, total in rows]
