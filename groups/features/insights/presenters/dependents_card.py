"""Show the promotions and loyalty rules that depend on a group, on its page and before it is changed."""

from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.insights.services.dependents import Dependents, dependents_of
from groups.models import PosterCredentials
from groups.poster import LoyaltyRule, PosterError, Unreachable
from groups.presenters.messages import error_words
from groups.services.values import NumberFormat
from poster_admin.common.observability.server_timing import poster_time

QUICK = 0.15
"""Seconds: Poster answers quickly if the page has waited no longer for it."""
AT_ONCE = 1.0
"""Seconds in which each of the two lists has to come to be on the page from the beginning."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in words: into the group from `sum` on, or out of it to the group `name`.

    Without an `url` the group that it leads to is not in the list.
    """

    id: int
    group_id: int
    leads_here: bool
    sum: str
    name: str = ""
    url: str = ""


class DependentsCard:
    """The dependents of a group: Poster is asked only when a page shows them.

    `leaving` is True on pages that lead to the removal of the group.
    """

    def __init__(
        self,
        credentials: PosterCredentials,
        group_id: int,
        *,
        leaving: bool = False,
        within: float | None = None,
    ) -> None:
        self._credentials = credentials
        self._within = within
        self.group_id = group_id
        self.leaving = leaving

    @cached_property
    def found(self) -> Dependents:
        return dependents_of(self._credentials, self.group_id, fresh=self.leaving, within=self._within)

    @property
    def is_empty(self) -> bool:
        """Return True if both lists were read, and neither names the group."""
        lists = (self.found.promotions, self.found.rules)
        return not any(each.found or each.is_unread or each.unreadable for each in lists)

    @property
    def is_late(self) -> bool:
        """Return True if a list did not come in time, and may come later."""
        return any(
            isinstance(each.failure, Unreachable) for each in (self.found.promotions, self.found.rules)
        )

    @property
    def rules(self) -> list[RuleLine]:
        """The rules that lead into the group, and those that lead on from it."""
        numbers = NumberFormat.current()
        return [self._line(rule, numbers) for rule in self.found.rules.found]

    def _line(self, rule: LoyaltyRule, numbers: NumberFormat) -> RuleLine:
        group = self.found.ladder.group_of(rule)
        return RuleLine(
            id=rule.id,
            group_id=rule.group_id,
            leads_here=rule.group_id == self.group_id,
            sum=numbers.round_money(rule.value),
            name=group.name if group else "",
            url=reverse("groups:detail", args=[group.id]) if group else "",
        )

    @property
    def unread(self) -> list[str]:
        """Sentences about the lists that could not be read, so that nothing is known of them."""
        sentences = {
            _("Whether promotions are for this group could not be read."): self.found.promotions,
            _("Whether rules lead clients into this group could not be read."): self.found.rules,
        }
        return [
            f"{words} {_why(listed.failure)}".strip()
            for words, listed in sentences.items()
            if listed.is_unread
        ]


def dependents_at_once(credentials: PosterCredentials, group_id: int) -> DependentsCard | None:
    """Return the dependents for the page of the group itself, or None to have the page load them afterwards.

    A page waits for two lists more only while Poster has answered its other calls quickly.
    """
    waited = poster_time.get()
    if waited is not None and waited.seconds > QUICK:
        return None
    card = DependentsCard(credentials, group_id, within=AT_ONCE)
    return None if card.is_late else card


def _why(failure: PosterError | None) -> str:
    return f"{error_words(failure).title}." if failure else ""
