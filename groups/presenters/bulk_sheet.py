"""Show many groups in one form, in pages: the values typed on other pages are kept in a plan."""

from collections.abc import Collection, Iterable
from functools import cached_property
from math import ceil

from django.utils.translation import ngettext

from groups.models.contents import Line
from groups.poster import Group, GroupValues
from groups.poster.fields import whole_number
from groups.presenters.lists.group_list import Listing
from groups.services.values import NumberFormat

PAGE_SIZE = 100


class Sheet:
    """The groups that can be edited, the page of them that is shown, and the lines typed so far.

    Without a page in the address the one with the first typed value is shown. Groups that fit on one page
    have those with typed values first.
    """

    def __init__(self, listing: Listing, lines: Iterable[Line], chosen: Collection[int]) -> None:
        self.listing = listing
        self.lines = {line.group_id: line for line in lines if line.group_id is not None}
        self.chosen = chosen
        locked = listing.locked_ids
        found = [group for group in listing.found_groups if group.is_editable and group.id not in locked]
        if len(found) <= PAGE_SIZE:
            found.sort(key=lambda group: group.id not in self.lines)
        self.found_groups: list[Group] = found

    @property
    def typed(self) -> dict[int, GroupValues]:
        return {group_id: line.new for group_id, line in self.lines.items()}

    @property
    def found(self) -> int:
        return len(self.found_groups)

    @property
    def pages(self) -> int:
        return max(1, ceil(self.found / PAGE_SIZE))

    def page_of(self, asked: str) -> int:
        """Return the number of the page that the address asks for."""
        number = whole_number(asked)
        if number is not None:
            return min(max(number, 1), self.pages)
        places = (place for place, group in enumerate(self.found_groups) if group.id in self.lines)
        return next(places, 0) // PAGE_SIZE + 1

    def groups_of(self, page: int) -> list[Group]:
        return self.found_groups[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]

    def elsewhere(self, shown: Collection[int]) -> int:
        """Return the number of typed values of groups that this page does not show."""
        return sum(_edited(line) for group_id, line in self.lines.items() if group_id not in shown)

    def count_words(self, shown: Collection[int], typed: int) -> str:
        """Return the number of typed values in words, those of the page among them: «4 зміни»."""
        return _changes(self.elsewhere(shown) + typed)

    @cached_property
    def plurals(self) -> str:
        """The words for 1, 2 and 5 changes, for the script that counts while one types."""
        return "|".join(_changes(count) for count in (1, 2, 5))


def _edited(line: Line) -> int:
    old = line.old
    if old is None:
        return 0
    return (line.new.percent != old.percent) + (line.new.birthday_bonus != old.birthday_bonus)


def _changes(count: int) -> str:
    return ngettext("%(n)s change", "%(n)s changes", count) % {"n": NumberFormat.current().count(count)}
