"""Show a plan for many groups cell by cell, with old and new values, before anything is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.core.paginator import Page, Paginator

from groups.models.contents import Line
from groups.presenters.changes.change_diff import check_rows
from groups.presenters.changes.warnings import warnings_for
from groups.services.writes.reach import reach_of_values

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plan; `cells` are the values of the group, each with its `old`, `new` and `changed`."""

    line: Line
    name: dict[str, Any]
    cells: list[dict[str, Any]]
    risks: list[str]


class Plan:
    """The lines of a plan, those with warnings first.

    `warnings` are those about groups, by the ids of these; the lines have their own beside them.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        warnings: Mapping[int, list[str]] = MappingProxyType({}),
        page: str | None = None,
    ) -> None:
        self._lines = list(lines)
        self._warnings = warnings
        self._page = page

    @cached_property
    def page(self) -> "Page[Line]":
        """The lines that this page shows."""
        ordered = sorted(self._lines, key=lambda line: line not in self._risky)
        return Paginator(ordered, PAGE_SIZE).get_page(self._page)

    @property
    def rows(self) -> list[Row]:
        return [self._row(line) for line in self.page]

    def _row(self, line: Line) -> Row:
        compared = {row["field"]: row for row in check_rows(line.old, line.new)}
        cells = [compared[name] for name in ("loyalty_type", "percent", "birthday_bonus")]
        return Row(line, compared["name"], cells, self._risks_of(line))

    @cached_property
    def _risky(self) -> set[Line]:
        return {line for line in self._lines if self._risks_of(line)}

    def _risks_of(self, line: Line) -> list[str]:
        about_group = self._warnings.get(line.group_id, ()) if line.group_id else ()
        return [*about_group, *warnings_for(line.old, line.new, line.namesakes)]

    @property
    def risky(self) -> int:
        return len(self._risky)

    @property
    def total(self) -> int:
        return len(self._lines)

    @property
    def created(self) -> int:
        return sum(line.old is None for line in self._lines)

    @property
    def updated(self) -> int:
        return self.total - self.created

    @property
    def clients(self) -> int:
        """Number of clients who would get something else, by the rule of the limits."""
        return sum(reach_of_values(line.old, line.new, line.clients).clients for line in self._lines)
