"""Show the promotions and loyalty rules that depend on a group, on its page and before it is changed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.insights.services.dependents import Dependents
from groups.poster import Unreachable
from groups.presenters.messages import error_words
from groups.services.values import NumberFormat


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
        return any(
            isinstance(each.failure, Unreachable) for each in (self.found.promotions, self.found.rules)
        )

    @property
    def rules(self) -> list[RuleLine]:
        """The rules that lead into the group, and those that lead on from it."""
        numbers, lines = NumberFormat.current(), []
        for rule in self.found.rules.found:
            group = self.found.ladder.group_of(rule)
            line = RuleLine(
                id=rule.id,
                group_id=rule.group_id,
                leads_here=rule.group_id == self.group_id,
                sum=numbers.round_money(rule.value),
                name=group.name if group else "",
                url=reverse("groups:detail", args=[group.id]) if group else "",
            )
            lines.append(line)
        return lines

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
