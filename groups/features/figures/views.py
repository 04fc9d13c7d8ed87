"""Show the figures of groups: the picture of a group, what a change did, the bonus book, and files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.features.figures.models import DAY, Figure, yesterday
from groups.features.figures.services.book import (
    add_up,
    amounts_of_groups,
    end_of_month,
    owed_by_night,
)
from groups.features.figures.services.changes import PercentChange, percent_change, percent_changes
from groups.features.figures.services.effects import MeasuredEffect, effect_of
from groups.features.figures.services.nightly import tally_of
from groups.features.insights.services.sales import VIEW_SALES, cost_words
from groups.models import Change, Job, PosterCredentials
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.lists import Amounts, ColumnSet, column_sets
from groups.services.gateway import check_token
from groups.services.groups import Groups, OneGroup, known_groups, list_groups, read_group
from groups.services.values import NumberFormat, name_or_number
from groups.spreadsheets import money, plain_csv, protected
from groups.views.http import Request, file_response, requires

MOST_EFFECTS = 4
"""Changes of one group whose effects its page shows; the others have it on their own pages."""
FILE_DAYS = 366
ROWS = 100

type Variables = dict[str, Any]


# --- A group and a change ----------------------------------------------------------------------------------


@hooks.part("group.figures", "figures/card.html")
def card_of(request: Request, one: OneGroup) -> Variables | None:
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
    changes = percent_changes(credentials.account_id, last - YEAR * DAY, last + DAY, one.group.id)
    owed = next((row for row in reversed(rows) if row.owed is not None), None)
    old_enough = [each for each in reversed(changes) if each.is_old_enough and rows]
    return {
        "group": one.group,
        "picture": draw_year(rows, changes),
        "owed": owed,
        "tally": tally,
        "is_late": owed is not None and owed.day < last - DAY,
        "effects": [effect_words(effect_of(each)) for each in old_enough[:MOST_EFFECTS]],
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
    return {"each": effect_words(effect_of(made))}


@hooks.part("account.watch", "figures/watch.html", order=1)
def words_for_watch(_request: HttpRequest, credentials: PosterCredentials) -> Variables | None:
    return {"tally": tally_of(credentials)} if settings.FIGURES_SECONDS else None


# --- Pictures: places in parts of 100, and pixels from the top; numbers with a decimal point, for SVG ------

YEAR, WEEK = 364, 7
GAP = 7 * DAY
"""Time between two nights from which on no line joins them."""
TURNOVER_HIGH = 60
LABEL_HIGH, LABEL_SIGN, LABEL_ROOM = 20, 7.4, 14
"""Height of a flag's label, and the width of one of its signs and of the space beside them, in pixels."""
NARROW = 300
"""Width of the picture on a phone, in pixels: flags that would meet there stand below each other."""


def draw_year(rows: Sequence[Figure], changes: Sequence[PercentChange]) -> dict[str, Any] | None:
    """Draw the members, the changes and the turnover of a group in a year; None without a night.

    `rows` are in the order of their days. A week of turnover is drawn where all of its nights are known; any
    other week since the first night has a mark that its figures are missing.
    """
    nights = [row for row in rows if row.clients is not None]
    if not nights:
        return None
    last = yesterday()
    first = last - (YEAR - 1) * DAY

    def x(day: date) -> float:
        return 100 * (day - first).days / YEAR

    counts = {row.day: row.clients or 0 for row in nights}
    top = _round_up(max(counts.values()))
    points = {day: f"{x(day) + 50 / YEAR:.2f},{100 - 100 * count / top:.1f}" for day, count in counts.items()}
    # The weeks end with the last night, so that the latest days are in one.
    known = {row.day: row.revenue for row in rows if row.revenue is not None}
    ends = max(known, default=nights[0].day)
    ends += (last - ends) // (WEEK * DAY) * WEEK * DAY
    found: list[tuple[date, Decimal | None]] = []
    while known and ends - (WEEK - 1) * DAY >= nights[0].day:
        days = [ends - number * DAY for number in range(WEEK)]
        is_whole = all(day in known for day in days)
        found.append((ends, sum((known[day] for day in days), Decimal(0)) if is_whole else None))
        ends -= WEEK * DAY
    highest = _round_up(max((int(revenue or 0) for _day, revenue in found), default=0))
    weeks = []
    for day, revenue in reversed(found):
        high = float(TURNOVER_HIGH * max(revenue or Decimal(0), Decimal(0)) / highest)
        first_of_week = day - (WEEK - 1) * DAY
        week = {
            "first": first_of_week,
            "last": day,
            "clients": counts.get(day),
            "turnover": revenue,
            "is_empty": not any(first_of_week <= night <= day for night in counts),
            "changes": [each for each in changes if first_of_week <= each.day <= day],
            "x": f"{x(first_of_week) + 0.2:.2f}",
            "y": f"{TURNOVER_HIGH - high:.1f}",
            "height": f"{high:.1f}",
        }
        weeks.append(week)
    flags = _flags([each for each in changes if first <= each.day <= last], x)
    months = [day for number in range(YEAR) if (day := first + number * DAY).day == 1]
    month_ago = next(row.clients or 0 for row in nights if row.day >= nights[-1].day - 30 * DAY)
    numbers, change = NumberFormat.current(), counts[nights[-1].day] - month_ago
    return {
        "lines": [
            (" ".join(line), line[0].partition(",")[0], line[-1].partition(",")[0])
            for line in _unbroken(points, GAP)
        ],
        "top": numbers.count(top),
        "half": numbers.count(top // 2),
        "weeks": weeks,
        "latest": next((week for week in reversed(weeks) if week["turnover"] is not None), None),
        "lacks": any(week["turnover"] is None for week in weeks),
        "width": f"{100 * WEEK / YEAR - 0.4:.2f}",
        "highest": numbers.count(highest),
        "flags": flags,
        "flags_high": LABEL_HIGH * max((flag["row"] + 1 for flag in flags), default=0) + 4,
        "months": [(f"{x(month):.2f}", month) for month in months[::2]],
        "began": nights[0],
        "began_x": f"{x(nights[0].day):.2f}" if nights[0].day - first > WEEK * DAY else "",
        "now": nights[-1],
        "change": numbers.change(change),
    }


def _flags(changes: Sequence[PercentChange], x: Callable[[date], float]) -> list[dict[str, Any]]:
    """Place the label of each change beside its line, and below those that it would meet on a phone."""
    flags: list[dict[str, Any]] = []
    ends: list[float] = []
    for each in changes:
        width, left = LABEL_SIGN * len(each.words) + LABEL_ROOM, x(each.day)
        part = 100 * width / NARROW
        is_left = left + part > 100
        begin = left - part if is_left else left
        row = next((row for row, end in enumerate(ends) if end < begin), len(ends))
        ends[row : row + 1] = [begin + part + 1]
        flags.append(
            {
                "label": each.words,
                "row": row,
                "x": f"{left:.2f}",
                "y": row * LABEL_HIGH,
                "width": f"{width:.0f}",
                "offset": f"{-width if is_left else 0:.0f}",
                "middle": f"{(-width if is_left else width) / 2:.0f}",
            }
        )
    return flags


def _round_up(number: int) -> int:
    """Return the next number that an axis may end with, at least 10: a digit and zeros."""
    size: int = 10 ** (len(str(max(number, 10))) - 1)
    return -(-max(number, 10) // size) * size


def draw_line(owed: Mapping[date, Decimal]) -> list[str]:
    """Draw what was owed from night to night, as lines that break where a night is missing.

    The height is at least a fiftieth of the sum: otherwise a thousandth of it would look like a crash.
    """
    if len(owed) < 2:
        return []
    days, least, most = sorted(owed), min(owed.values()), max(owed.values())
    height, middle = max(most - least, most / 50), (least + most) / 2
    points = {}
    for day in days:
        part = Decimal("0.5") + ((owed[day] - middle) / height if height > 0 else 0)
        x = 100 * (day - days[0]).days / (days[-1] - days[0]).days
        points[day] = f"{x:.1f},{22 - part * 20:.1f}"
    return [" ".join(line) for line in _unbroken(points, DAY) if len(line) > 1]


def _unbroken(points: Mapping[date, str], gap: timedelta) -> list[list[str]]:
    """Return the points of each line: two days further apart than the gap are not joined."""
    lines: list[list[str]] = []
    before = date.min
    for day, point in points.items():
        if day - before > gap:
            lines.append([])
        lines[-1].append(point)
        before = day
    return lines


def effect_words(effect: MeasuredEffect) -> dict[str, Any]:
    """Return an effect for its template, with bars that show it beside the others and the usual swing."""

    def percent_of(before: Decimal | None, after: Decimal | None) -> float | None:
        return float(after / before - 1) * 100 if before and after else None

    values = {
        "own": percent_of(effect.before, effect.after),
        "others": percent_of(effect.others_before, effect.others_after),
        "swing": 200 * effect.noise if effect.noise is not None else None,
    }
    known = {key: value for key, value in values.items() if value is not None}
    longest = max(map(abs, known.values()), default=0) or 1
    bars = []
    for key, value in known.items():
        wide = 50 * abs(value) / longest
        is_swing = key == "swing"
        left, width = 50 - wide * (value < 0 or is_swing), 2 * wide if is_swing else wide
        words = f"± {value:.0f}" if is_swing else f"{value:+z.0f}"
        bars.append(
            {"key": key, "x": f"{left:.1f}", "width": f"{width:.1f}", "words": words.replace("-", "−")}
        )
    beside = "" if effect.ratio is None else f"{100 * effect.ratio - 100:+z.0f}".replace("-", "−")
    cost = effect.made.change.monthly_cost
    return {
        "effect": effect,
        "made": effect.made,
        "beside": beside,
        "bars": bars,
        "cost": "" if cost is None else cost_words(cost),
    }


# --- Files -------------------------------------------------------------------------------------------------

COLUMNS = ("clients", "owed", "moved", "buyers", "receipts", "total", "revenue", "granted", "spent")


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
    month = _asked_for(request, "month", yesterday().replace(day=1), "%Y-%m")
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
    lines = _unbroken({day: date_format(day, "d.m") for day in days}, DAY)
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
