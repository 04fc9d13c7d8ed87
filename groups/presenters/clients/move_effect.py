"""Say what a move changes, and for how many clients, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.poster import Group
from groups.presenters.messages import clients_words
from groups.services.move_effect import MoveCount
from groups.services.values import NumberFormat, percent_words, type_label


@dataclass(frozen=True, slots=True)
class MoveEffect:
    """The terms before and after the move; `count` is None if the clients could not be counted."""

    group: Group
    target: Group
    count: MoveCount | None

    @property
    def before(self) -> str:
        return _terms(self.group)

    @property
    def after(self) -> str:
        return _terms(self.target)

    @property
    def is_same(self) -> bool:
        """Return True if the new group gives the same."""
        return self.before == self.after

    @property
    def clients(self) -> str:
        return clients_words(self.count.clients) if self.count else ""

    @property
    def keep_own(self) -> str:
        """The clients that keep a larger percent of their own, in words; empty if there are none."""
        if not self.count or not self.count.keep_own:
            return ""
        text = ngettext(
            "%(count)s has a larger percent of their own and keeps it",
            "%(count)s have a larger percent of their own and keep it",
            self.count.keep_own,
        )
        return text % {"count": NumberFormat.current().count(self.count.keep_own)}


@dataclass(frozen=True, slots=True)
class MoveEffects:
    """The effects of a move, one for each group; `staying` counts the chosen clients of the target itself."""

    effects: Sequence[MoveEffect]
    staying: int = 0

    @property
    def are_counted(self) -> bool:
        return all(effect.count for effect in self.effects)

    @property
    def has_several(self) -> bool:
        """Return True if each line has to name its group."""
        return len(self.effects) > 1


def _terms(group: Group) -> str:
    return _("%(percent)s · %(type)s") % {
        "percent": percent_words(group.percent),
        "type": type_label(group.loyalty_type),
    }
