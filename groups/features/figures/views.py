"""Show the figures of groups: the picture of a group, what a change did, the bonus book, and files."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.features.figures import services
from groups.features.figures.models import DAY, Figure, yesterday
from groups.features.figures.presenters import YEAR, draw_line, draw_year, effect_words
from groups.features.figures.services import tally_of
from groups.features.insights.services.sales import VIEW_SALES
from groups.models import Change, Job, PosterCredentials
from groups.poster import Group
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.lists import Amounts, ColumnSet, column_sets
from groups.services.gateway import check_token
from groups.services.groups import Groups, OneGroup, known_groups, list_groups, read_group
from groups.services.values import name_or_number
from groups.spreadsheets import money, protected
from groups.views.http import Request, file_response, requires

MOST_EFFECTS = 4
"""Changes of one group whose effects its page shows; the others have it on their own pages."""
FILE_DAYS = 366
ROWS = 100

type Variables = dict[str, Any]


# --- A group and a change ----------------------------------------------------------------------------------


@hooks.part("group.figures", "figures/card.html")
def card_of(request: Request, one: OneGroup) -> Variables | None:
    """Show the picture of a group, and what the changes of its percent did."""
    if not request.user.has_perm(VIEW_SALES):
        return None
    credentials, last = request.credentials, yesterday()
    rows = list(
        Figure.objects.filter(
            account=credentials.account_id, group_id=one.group.id, day__gt=last - YEAR * DAY
        )
    )
    tally = tally_of(credentials)
    if not rows and tally is None:
        return None
    changes = services.percent_changes(credentials.account_id, last - YEAR * DAY, last + DAY, one.group.id)
    owed = next((row for row in reversed(rows) if row.owed is not None), None)
    old_enough = [each for each in reversed(changes) if each.is_old_enough and rows]
    return {
        "group": one.group,
        "picture": draw_year(rows, changes),
        "owed": owed,
        "tally": tally,
        "is_late": owed is not None and owed.day < last - DAY,
        "effects": [effect_words(services.effect_of(each)) for each in old_enough[:MOST_EFFECTS]],
    }


@hooks.part("group.facts", "figures/owed_fact.html")
def owed_of_group(request: Request, one: OneGroup) -> Variables | None:
    """Show the bonuses that the clients of a group have."""
    if not request.user.has_perm(VIEW_SALES):
        return None
    nights = Figure.objects.nights(request.credentials.account_id)
    owed = nights.filter(group_id=one.group.id, owed__isnull=False).order_by("-day").first()
    return {"owed": owed} if owed else None


@hooks.part("write.facts", "figures/effect_of_change.html")
def effect_of_change(request: Request, row: Change | Job) -> Variables | None:
    """Show what a change of a percent did, on its page."""
    made = services.percent_change(row) if isinstance(row, Change) else None
    if made is None or not request.user.has_perm(VIEW_SALES) or not made.is_old_enough:
        return None
    if not Figure.objects.nights(made.change.account_id).filter(group_id=made.group_id).exists():
        return None
    return {"each": effect_words(services.effect_of(made))}


@hooks.part("cost.below", "figures/share_spent.html")
@hooks.part("form.percent", "figures/share_spent.html", order=1)
def share_beside_cost(request: Request, group: Group | None, _command: object = None) -> Variables | None:
    """Say beside the cost of a bonus group what share of its bonuses was spent."""
    if group is None or not request.user.has_perm(VIEW_SALES):
        return None
    share = services.share_spent(request.credentials.account_id, group)
    return None if share is None else {"share": share}


@hooks.part("account.watch", "figures/watch.html", order=1)
def words_for_watch(_request: HttpRequest, credentials: PosterCredentials) -> Variables | None:
    """Say in the card of the watch that figures go with it."""
    return {"tally": tally_of(credentials)} if settings.FIGURES_SECONDS else None


# --- Files -------------------------------------------------------------------------------------------------

COLUMNS = ("clients", "owed", "buyers", "receipts", "revenue", "granted", "spent", "by_todays_members")


def _asked_for(request: Request, name: str, otherwise: date, pattern: str = "%Y-%m-%d") -> date | None:
    """Return the day or month in the address, or None for a text that is none."""
    text = request.GET.get(name, "")
    try:
        day = datetime.strptime(text, pattern).date() if text else otherwise  # noqa: DTZ007 - a day
    except ValueError:
        return None
    return day if not text or f"{day:{pattern}}" == text else None


def _wrong(request: Request, words: str) -> HttpResponse:
    return render(request, "figures/wrong.html", {"words": words}, status=422)


def _table(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a file for programs and people alike: commas between the columns, money with a point."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)  # None is an empty cell
    return text.getvalue().encode()


@require_safe
@requires("view_group", "view_sales")
def figures_file(request: Request, group_id: int | None = None) -> HttpResponse:
    """Save the figures of one group or of all; a group that never was there is none."""
    credentials = request.credentials
    check_token(credentials)
    last = _asked_for(request, "to", timezone.localdate())
    first = _asked_for(request, "from", (last or timezone.localdate()) - FILE_DAYS * DAY)
    if first is None or last is None:
        return _wrong(request, _("A day is written like 2026-11-30."))
    if first > last:
        return _wrong(request, _("The first day is after the last one."))
    figures = Figure.objects.filter(account=credentials.account_id)
    if group_id is not None:
        figures = figures.filter(group_id=group_id)
        if not figures.exists():
            read_group(credentials, group_id)  # raises `NotFound`
    values = figures.filter(day__range=(first, last)).values_list("day", "group_id", *COLUMNS)
    names, of_all = _names(known_groups(credentials)), group_id is None
    header = ("day", *(("group", "name") if of_all else ()), *COLUMNS)

    def lines() -> Iterable[Sequence[Any]]:
        for day, group, *columns, by_todays_members in values.iterator():
            whose = (group, protected(names.get(group, ""))) if of_all else ()
            yield (day, *whose, *columns, "1" if by_todays_members else "")

    name = f"figures-{credentials.account_id if of_all else group_id}-{first}-{last}"
    return file_response(request, name, "csv", lambda: _table(header, lines()))


def _names(groups: Groups | None) -> dict[int, str]:
    return {group.id: group.name for group in groups.groups} if groups else {}


# --- The bonus book ----------------------------------------------------------------------------------------


@require_safe
@requires("view_group", "view_sales")
def bonus_book(request: Request, *, as_file: bool = False) -> HttpResponse:
    """Show what was owed in a month, group by group, and what became of it; the file has all groups."""
    credentials = request.credentials
    check_token(credentials)
    month = _asked_for(request, "month", yesterday().replace(day=1), "%Y-%m")
    if month is None:
        return _wrong(request, _("A month is written like 2026-11."))
    book = services.bonus_book(credentials.account_id, month)
    names = _names(known_groups(credentials) or list_groups(credentials))
    if as_file:
        header = ("group", "name", "opening", "granted", "spent", "closing", "rest", "from", "to")
        lines = []
        for row in book.rows:
            amounts = map(money, (*row[1:], row.rest))
            lines.append(
                (row.group_id, protected(names.get(row.group_id, "")), *amounts, book.opened, book.closed)
            )
        name = f"bonuses-{credentials.account_id}-{month:%Y-%m}"
        return file_response(request, name, "csv", lambda: _table(header, lines))
    shown = sorted((row for row in book.rows if any(row[1:])), key=lambda row: (-(row.closing or 0), row[0]))
    page = Paginator(shown, ROWS).get_page(request.GET.get("page"))
    owed = services.owed_by_night(credentials.account_id, book, [row.group_id for row in page])
    rows = [
        {
            "row": row,
            "rest": abs(row.rest or 0),
            "name": names.get(row.group_id) or name_or_number(None, row.group_id),
            "is_there": row.group_id in names,
            "lines": draw_line(owed.get(row.group_id, {})),
        }
        for row in page
    ]
    first, last = Figure.objects.first_and_last(credentials.account_id)
    next_month = services.end_of_month(month) + DAY
    context = {
        "book": book,
        "total": book.total,
        "rest": abs(book.total.rest or 0),
        "page": page,
        "rows": rows,
        "hidden": len(book.rows) - len(shown),
        "lines": draw_line(owed.get(0, {})),
        "before": month - DAY if first and first < month else None,
        "after": next_month if last and last >= next_month else None,
        "tally": tally_of(credentials),
        "may_switch": bool(settings.FIGURES_SECONDS) and request.user.has_perm(WATCH_ACCOUNT),
    }
    return render(request, "figures/bonuses.html", context)


hooks.form_addresses("figures_export", "bonuses_export", "group_figures_export")
hooks.destinations(pages_for((VIEW_SALES, gettext_lazy("Bonus book"), "groups:bonuses", PAGE)), order=5)
hooks.part("list.tools", "figures/link_to_book.jinja", order=2)(
    lambda request, _listing: {} if request.user.has_perm(VIEW_SALES) else None
)


# --- What is owed, in the list -----------------------------------------------------------------------------


def read_columns(credentials: PosterCredentials) -> Amounts:
    """Return what is owed by group as of the last night, and what was granted and spent in 30 days."""
    night, found = services.amounts_of_groups(credentials.account_id)
    about = {"night": night, "total": sum((amounts[0] or 0 for amounts in found.values()), Decimal(0))}
    if not found:
        return Amounts(OWED, about)
    return Amounts(OWED, about, lambda group: found.get(group.id, (None, None, None)))


OWED = ColumnSet(
    key="owed",
    permission=VIEW_SALES,
    labels=lambda: {
        "owed": _("Owed in bonuses"),
        "granted": pgettext("bonuses of 30 days", "Granted ≈"),
        "spent": pgettext("bonuses of 30 days", "Spent"),
    },
    words=gettext_lazy("with bonuses owed"),
    template="figures/owed.html",
    read=read_columns,
)
column_sets[OWED.key] = OWED
