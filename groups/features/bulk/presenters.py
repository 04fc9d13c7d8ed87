"""Show many groups in one form, and their plan cell by cell, before anything is sent."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from math import ceil
from types import MappingProxyType
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from groups import hooks
from groups.features.bulk.services import Edit, Line
from groups.models import Job
from groups.poster import Group
from groups.poster.fields import whole_number
from groups.presenters.changes import check_rows, warnings_for
from groups.presenters.destinations import ACTION, ListAction, pages_for
from groups.presenters.lists.group_list import Listing
from groups.services.jobs.kinds import JobKind
from groups.services.values import FIELD_LABELS, NumberFormat
from groups.services.writes.commands import CreateGroup, UpdateGroup
from groups.services.writes.reach import reach_of_values

PAGE_SIZE = 100
NUMBERS = ("percent", "birthday_bonus")


# --- The plan ----------------------------------------------------------------------------------------------


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
        self.total = len(self._lines)
        self.created = sum(line.old is None for line in self._lines)
        self.updated = self.total - self.created

    @cached_property
    def page(self) -> "Page[Line]":
        ordered = sorted(self._lines, key=lambda line: line not in self.risky)
        return Paginator(ordered, PAGE_SIZE).get_page(self._page)

    @property
    def rows(self) -> Iterator[tuple[Line, dict[str, Any], list[dict[str, Any]], list[str]]]:
        """The lines of this page, each with its name and its values, old and new, and with its warnings."""
        for line in self.page:
            compared = {row["field"]: row for row in check_rows(line.old, line.new)}
            # A discount group has no birthday bonus to compare.
            no_bonus = {"label": FIELD_LABELS["birthday_bonus"], "new": "–"}
            cells = [
                compared["loyalty_type"],
                compared["percent"],
                compared.get("birthday_bonus", no_bonus),
            ]
            yield line, compared["name"], cells, self._risks_of(line)

    @cached_property
    def risky(self) -> set[Line]:
        return {line for line in self._lines if self._risks_of(line)}

    def _risks_of(self, line: Line) -> list[str]:
        about_group = self._warnings.get(line.group_id, ()) if line.group_id else ()
        return [*about_group, *warnings_for(line.old, line.new, line.namesakes)]

    @property
    def clients(self) -> int:
        """Number of clients who would get something else, by the rule of the limits."""
        return sum(reach_of_values(line.old, line.new, line.clients).clients for line in self._lines)


# --- The form ----------------------------------------------------------------------------------------------


class Sheet:
    """The groups that can be edited, the page of them that is shown, and the lines typed so far.

    Lines are rebased onto the groups: a value that nobody has typed is the present one. A line whose values
    Poster has by now, as after its plan was carried out, is left out.

    Without a page in the address the one with the first typed value is shown. Groups that fit on one page
    have those with typed values first.
    """

    def __init__(self, listing: Listing, lines: Iterable[Line], chosen: Collection[int]) -> None:
        self.listing = listing
        self.chosen = chosen
        locked = listing.locked_ids
        found = [group for group in listing.found_groups if group.is_editable and group.id not in locked]
        now = {group.id: group for group in found}
        typed = {line.group_id: line for line in lines if line.group_id is not None}
        onto = {pk: line.onto(now[pk]) if pk in now else line for pk, line in typed.items()}
        self.lines = {pk: line for pk, line in onto.items() if pk not in now or line.new != now[pk].values}
        if len(found) <= PAGE_SIZE:
            found.sort(key=lambda group: group.id not in self.lines)
        self.found_groups: list[Group] = found
        self.found = len(found)
        self.pages = max(1, ceil(self.found / PAGE_SIZE))

    def type_percent(self, percent: Decimal) -> None:
        """Type a percent for all groups, on each page."""
        values = {group: group.values.replace(percent=percent) for group in self.found_groups}
        self.lines = {
            group.id: Line.of(0, new, group) for group, new in values.items() if new != group.values
        }

    def page_of(self, asked: str) -> int:
        """Return the number of the page that the address asks for."""
        number = whole_number(asked)
        if number is not None:
            return min(max(number, 1), self.pages)
        typed = (index for index, group in enumerate(self.found_groups) if group.id in self.lines)
        return next(typed, 0) // PAGE_SIZE + 1

    def groups_of(self, page: int) -> list[Group]:
        return self.found_groups[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]

    def elsewhere(self, shown: Collection[int]) -> int:
        """Return the number of typed values of groups that this page does not show."""
        lines = [line for group_id, line in self.lines.items() if line.old and group_id not in shown]
        return sum(getattr(line.old, name) != getattr(line.new, name) for line in lines for name in NUMBERS)

    def count_words(self, shown: Collection[int], typed: int) -> str:
        """Return the number of typed values in words, those of the page among them: «4 зміни»."""
        return _changes(self.elsewhere(shown) + typed)

    @cached_property
    def plurals(self) -> str:
        """The words for 1, 2 and 5 changes, for the script that counts while one types."""
        return "|".join(_changes(count) for count in (1, 2, 5))


def _changes(count: int) -> str:
    return ngettext("%(n)s change", "%(n)s changes", count) % {"n": NumberFormat.current().count(count)}


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.part("list.bar", "bulk/percents.jinja")
@hooks.part("list.tools", "bulk/percents_on_a_phone.jinja")
def link_to_percents(request: HttpRequest, listing: Listing) -> dict[str, str] | None:
    """Return the query of the form for the percents of the groups that the list found."""
    if not listing.writable or not listing.found_groups or not request.user.has_perms(Edit.permissions):
        return None
    return {"query": listing.filters.query()}


@hooks.part("list.tools", "bulk/files.jinja", order=3)
def links_to_files(request: HttpRequest, listing: Listing) -> dict[str, bool]:
    """Show the links to the import, and to the scheme of this account."""
    may_import = request.user.has_perms((CreateGroup.permission, UpdateGroup.permission))
    return {
        "may_import": listing.writable and may_import,
        "may_save": bool(listing.groups.groups) and not listing.stale,
    }


@hooks.part("request.job", "bulk/plan_of_request.html")
def plan_of_request(
    _request: HttpRequest, job: Job, groups: Iterable[Group] | None
) -> dict[str, Plan] | None:
    """Return the plan of a job that edits groups, onto these as they are now if that is known."""
    kind = JobKind.of(job)
    if not isinstance(kind, Edit):
        return None
    return {"plan": Plan(kind.plan.lines if groups is None else kind.lines_onto(groups))}


hooks.list_action(
    ListAction(gettext_lazy("Percents…"), "groups:bulk", UpdateGroup.permission, takes_percent=True), order=-1
)
hooks.destinations(
    pages_for(
        ("groups.change_group", gettext_lazy("Change several percents"), "groups:bulk", ACTION),
        ("groups.add_group", gettext_lazy("Import groups from a file"), "groups:import", ACTION),
    ),
    order=1,
)
hooks.form_addresses("scheme_export")
