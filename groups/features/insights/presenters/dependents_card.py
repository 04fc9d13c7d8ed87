"""Show the promotions and loyalty rules that depend on a group, on its page and before it is changed."""

from collections.abc import Callable
from functools import cached_property

from django.utils.translation import gettext as _

from groups.features.insights.services.dependents import Dependents
from groups.poster import Group, LoyaltyRule, Unreachable
from groups.presenters.messages import error_words
from groups.services.values import NumberFormat


class DependentsCard:
    """The dependents of a group: the page waits for them where it shows them.

    `take` returns them. `leaving` is True on pages that lead to the removal of the group.
    """

    def __init__(self, group_id: int, take: Callable[[], Dependents], *, leaving: bool = False) -> None:
        self._take = take
        self.group_id = group_id
        self.leaving = leaving

    @cached_property
    def found(self) -> Dependents:
        return self._take()

    @property
    def is_empty(self) -> bool:
        """Return True if both lists were read, and neither names the group."""
        lists = (self.found.promotions, self.found.rules)
        return not any(each.found or each.is_unread or each.unreadable for each in lists)

    @property
    def is_late(self) -> bool:
        """Return True if a list did not come in time, and may come later."""
        failures = (self.found.promotions.failure, self.found.rules.failure)
        return any(isinstance(failure, Unreachable) for failure in failures)

    @property
    def rules(self) -> list[tuple[LoyaltyRule, Group | None, str]]:
        """The rules into the group and on from it, each with the group that it leads to, and its sum."""
        numbers, found = NumberFormat.current(), self.found
        return [
            (rule, found.ladder.group_of(rule), numbers.round_money(rule.value)) for rule in found.rules.found
        ]

    @property
    def unread(self) -> list[str]:
        """Sentences about the lists that could not be read, so that nothing is known of them."""
        sentences = {
            _("Whether promotions are for this group could not be read."): self.found.promotions,
            _("Whether rules lead clients into this group could not be read."): self.found.rules,
        }
        return [
            f"{words} {error_words(listed.failure).title}." if listed.failure else words
            for words, listed in sentences.items()
            if listed.is_unread
        ]
