"""Show the figures of groups: the picture of a group, what a change did, the bonus book, and files."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.features.figures.models import DAY, Figure, yesterday
from groups.features.figures.presenters import YEAR, draw_line, draw_year, shown_effects, unbroken
from groups.features.figures.services.book import (
    add_up,
    amounts_of_groups,
    end_of_month,
    owed_by_night,
)
from groups.features.figures.services.changes import percent_change, percent_changes
from groups.features.figures.services.effects import effects_of
from groups.features.figures.services.nightly import tally_of
from groups.features.insights.services.sales import VIEW_SALES
from groups.models import Change, IdsFirst, Job, PosterCredentials
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.lists import Amounts, ColumnSet, column_sets
from groups.services.gateway import check_token
from groups.services.groups import Groups, OneGroup, known_groups, list_groups, read_group
from groups.services.values import name_or_number
from groups.spreadsheets import money, plain_csv, protected
from groups.views.http import Request, file_response, requires

MOST_EFFECTS = 12
"""Changes of one group whose effects its page shows; the others have it on their own pages."""
FILE_DAYS = 366
ROWS = 100
FIGURES = IdsFirst(Figure.objects.all())

type Variables = dict[str, Any]


# --- A group and a change ----------------------------------------------------------------------------------


@hooks.part("group.figures", "figures/card.html")
def card_of(request: Request, one: OneGroup) -> Variables | None:
    """Show the members of a year and its changes to all who see the group, sums with the right to them."""
    credentials, last, with_sums = request.credentials, yesterday(), request.user.has_perm(VIEW_SALES)
    rows = FIGURES.find(account=credentials.account_id, group_id=one.group.id, day__gt=last - YEAR * DAY)
    tally = tally_of(credentials) if rows or with_sums else None
    if not rows and tally is None:
        return None
    changes = percent_changes(credentials.account_id, last - YEAR * DAY, last + DAY, one.group.id)
    night = next((row.day for row in reversed(rows) if row.clients is not None), last)
    old_enough = [each for each in reversed(changes) if each.is_old_enough and rows and with_sums]
    return {
        "group": one.group,
        "picture": draw_year(rows, changes, with_sums=with_sums),
        "night": night,
        "tally": tally,
        "with_sums": with_sums,
        "is_late": night < last - DAY,
        "changes": shown_effects(effects_of(old_enough[:MOST_EFFECTS])),
    }


@hooks.part("group.facts", "figures/owed_fact.html")
def owed_of_group(request: Request, one: OneGroup) -> Variables | None:
    if not request.user.has_perm(VIEW_SALES):
        return None
    nights = Figure.objects.filter(account=request.credentials.account_id)
    owed = nights.filter(group_id=one.group.id, owed__isnull=False).order_by("-day").first()
    return {"owed": owed} if owed else None


@hooks.part("write.facts", "figures/effect_of_change.html")
def effect_of_change(request: Request, row: Change | Job) -> Variables | None:
    made = percent_change(row) if isinstance(row, Change) else None
    if made is None or not request.user.has_perm(VIEW_SALES) or not made.is_old_enough:
        return None
    if not Figure.objects.filter(account=made.change.account_id, group_id=made.group_id).exists():
        return None
    return {"change": shown_effects(effects_of([made]))[0]}


@hooks.part("account.watch", "figures/watch.html", order=1)
def words_for_watch(_request: HttpRequest, credentials: PosterCredentials) -> Variables | None:
    return {"tally": tally_of(credentials)} if settings.FIGURES_SECONDS else None


# --- Files -------------------------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 2000, 2200
COLUMNS = ("clients", "owed", "moved", "buyers", "receipts", "total", "revenue", "granted", "spent")


def _requested(request: Request, name: str, otherwise: date, pattern: str = "%Y-%m-%d") -> date | None:
    """Return the day or month in the address, or None for a text that is none, and for years out of reach."""
    text = request.GET.get(name, "")
    try:
        day = datetime.strptime(text, pattern).date() if text else otherwise  # noqa: DTZ007 - a day
    except ValueError:
        return None
    is_one = not text or (f"{day:{pattern}}" == text and FIRST_YEAR <= day.year < LAST_YEAR)
    return day if is_one else None


def _wrong(request: Request, words: str) -> HttpResponse:
    return render(request, "figures/wrong.html", {"words": words}, status=422)


@require_safe
@requires("view_group", "view_sales")
def figures_file(request: Request, group_id: int | None = None) -> HttpResponse:
    """Save the figures of one group or of all; a group that never was there is none."""
    credentials = request.credentials
    check_token(credentials)
    last = _requested(request, "to", timezone.localdate())
    first = _requested(request, "from", (last or timezone.localdate()) - FILE_DAYS * DAY)
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
        for day, group, *columns in values.iterator():
            whose = (group, protected(names.get(group, ""))) if of_all else ()
            yield (day, *whose, *columns)

    name = f"figures-{credentials.account_id if of_all else group_id}-{first}-{last}"
    return file_response(request, name, "csv", lambda: plain_csv(header, lines()))


def _names(groups: Groups | None) -> dict[int, str]:
    """Return the names by group, with one for the clients in none."""
    return {0: _("Without a group")} | ({group.id: group.name for group in groups.groups} if groups else {})


# --- The bonus book ----------------------------------------------------------------------------------------


@require_safe
@requires("view_group", "view_sales")
def bonus_book(request: Request, *, as_file: bool = False) -> HttpResponse:
    """Show what was owed in a month, group by group, and what became of it; the file has all groups."""
    credentials = request.credentials
    check_token(credentials)
    month = _requested(request, "month", yesterday().replace(day=1), "%Y-%m")
    if month is None:
        return _wrong(request, _("A month is written like 2026-11."))
    book = add_up(credentials.account_id, month)
    names = _names(known_groups(credentials) or list_groups(credentials))
    if as_file:
        missing = " ".join(map(str, book.missing))
        header = ("group", "name", "opening", "granted", "spent", "moved", "closing", "rest", "missing_days")
        lines = [
            (row[0], protected(names.get(row[0], "")), *map(money, (*row[1:], row.rest)), missing)
            for row in book.rows
        ]
        name = f"bonuses-{credentials.account_id}-{month:%Y-%m}"
        return file_response(request, name, "csv", lambda: plain_csv(header, lines))
    shown = sorted(
        (row for row in book.rows if any(row[1:]) or not row[0]),
        key=lambda row: (-(row.closing or 0), row[0]),
    )
    page = Paginator(shown, ROWS).get_page(request.GET.get("page"))
    owed = owed_by_night(credentials.account_id, book, [row.group_id for row in page])
    rows = [
        {
            "row": row,
            "name": names.get(row.group_id) or name_or_number(None, row.group_id),
            "is_there": row.group_id and row.group_id in names,
            "lines": draw_line(owed.get(row.group_id, {})),
        }
        for row in page
    ]
    bounds = Figure.objects.filter(account=credentials.account_id).aggregate(Min("day"), Max("day"))
    first, last = bounds["day__min"], bounds["day__max"]
    next_month = end_of_month(month) + DAY
    context = {
        "book": book,
        "total": book.total,
        "without_receipts": _joined(book.without_receipts),
        "without_night": _joined(book.without_night),
        "without_moves": _joined(book.without_moves),
        "page": page,
        "rows": rows,
        "hidden": len(book.rows) - len(shown),
        "lines": draw_line(owed.get(None, {})),
        "before": month - DAY if first and first < month else None,
        "after": next_month if last and last >= next_month else None,
        "tally": tally_of(credentials),
        "may_switch": bool(settings.FIGURES_SECONDS) and request.user.has_perm(WATCH_ACCOUNT),
    }
    return render(request, "figures/bonuses.html", context)


def _joined(days: Sequence[date]) -> str:
    """Return days in words, those that follow each other as one: "03.11, 05.11 – 09.11"."""
    lines = unbroken({day: date_format(day, "d.m") for day in days}, DAY)
    return ", ".join(line[0] if len(line) == 1 else f"{line[0]} – {line[-1]}" for line in lines)


hooks.form_addresses("figures_export", "bonuses_export", "group_figures_export")
hooks.destinations(pages_for((VIEW_SALES, gettext_lazy("Bonus book"), "groups:bonuses", PAGE)), order=5)
hooks.part("list.tools", "figures/link_to_book.jinja", order=2)(
    lambda request, _listing: {} if request.user.has_perm(VIEW_SALES) else None
)


# --- What is owed, in the list -----------------------------------------------------------------------------


def read_columns(credentials: PosterCredentials) -> Amounts:
    """Return what is owed by group as of the last night, and what was granted and spent in 30 days."""
    night, found = amounts_of_groups(credentials.account_id)
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

urlpatterns = [
    path("groups/bonuses/", bonus_book, name="bonuses"),
    path("groups/bonuses.csv", bonus_book, {"as_file": True}, name="bonuses_export"),
    path("groups/figures.csv", figures_file, name="figures_export"),
    path("groups/<group:group_id>/figures.csv", figures_file, name="group_figures_export"),
]
