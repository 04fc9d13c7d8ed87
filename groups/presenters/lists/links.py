"""Links to variants of a list: another sort column, filter, or page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Link:
    """Link to a variant of the list: another sort column, filter, or page."""

    label: str
    href: str
    current: bool = False
    key: str = ""
    aria_sort: str = "none"
    numeric: bool = False
    number: int = 0
    count: str = ""
    title: str = ""
    note: str = ""

    ICONS: ClassVar = {"none": "sort", "ascending": "up", "descending": "down"}

    @property
    def sort_icon(self) -> str:
        """Return the icon of a column: the order that it sorts in, if it does."""
        return self.ICONS[self.aria_sort]


def page_links(number: int, count: int, href: Callable[[int], str]) -> list[Link]:
    """Return links to the first page, the last one, and those around `number`; a gap has no address.

    A single page has no links.
    """
    if count == 1:
        return []
    near = {1, count, *range(number - 2, number + 3)}
    links: list[Link] = []
    for each in sorted(each for each in near if 1 <= each <= count):
        if links and each > links[-1].number + 1:
            links.append(Link(label="…", href=""))
        links.append(Link(label=str(each), href=href(each), number=each, current=each == number))
    return links
