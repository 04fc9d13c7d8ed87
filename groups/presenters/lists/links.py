"""Links to variants of a list: another sort column, filter, or page."""

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
    count: str = ""
    title: str = ""
    note: str = ""

    ICONS: ClassVar = {"none": "sort", "ascending": "up", "descending": "down"}

    @property
    def sort_icon(self) -> str:
        """Return the icon of a column: the order that it sorts in, if it does."""
        return self.ICONS[self.aria_sort]
