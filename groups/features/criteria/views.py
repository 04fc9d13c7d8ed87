"""Show and save the table, its preview with its pictures, its run and the pins; parts of other pages."""

import json
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from itertools import compress, pairwise
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from groups import hooks
from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services import approvers_of
from groups.features.criteria.forms import CriteriaForm, PinForm, RowForm, RunForm, choices_of
from groups.features.criteria.models import CHANGE_CRITERIA, KIND, Criteria, CriteriaPin
from groups.features.criteria.services import runs
from groups.features.criteria.services.judging import Bought, Criterion, Table
from groups.features.criteria.services.reading import (
    NAMED_AT_MOST,
    STARTS,
    CriteriaReading,
    GroupsGone,
    PairSums,
    Preview,
    Spread,
    dates_of,
    find_preview,
    kept_spread,
    lacks_sales,
    new_reading,
    saved_criteria,
    start_of,
)
from groups.features.criteria.services.runs import Run, SavedSince
from groups.features.insights.models import Sweep
from groups.features.insights.services.sales import VIEW_SALES, cost_words, rounded, summed
from groups.features.insights.services.scheme import ListReading, begin_promotions, begin_rules
from groups.features.insights.services.sweep import read_now
from groups.models import Job
from groups.models.submissions import Submission
from groups.poster import Client, ErrorReason, Group, Promotion, Unreachable
from groups.poster.fields import KOPECKS, whole_number
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services import groups as reads
from groups.services.clients import SECONDS_FOR_ALL, VIEW_CLIENTS, find_client
from groups.services.groups import Groups
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.messages import Message
from groups.services.values import NumberFormat, clients_words, name_or_number, terms_words
from groups.services.writes.submissions import NotSent, OperationReused, find_known
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.pages import htmx_target, render_page

MOST_SKIPPED = 10**6


@form_methods
@requires("view_group")
def criteria(request: Request) -> HttpResponse:
    """Show the table of criteria; save it, or change its rows without JavaScript."""
    saved = saved_criteria(request.credentials)
    if request.method != "POST":
        return _show_table(request, saved, start=request.GET.get("start", ""))
    if not request.user.has_perm(CHANGE_CRITERIA):
        raise PermissionDenied
    groups = reads.list_groups_now(request.credentials).groups
    form = CriteriaForm(request.POST, groups=groups, saved=saved)
    if step := request.POST.get("step"):
        return _show_table(request, saved, form=form.after(step), is_draft=True)
    if not form.is_valid():
        return _show_table(request, saved, form=form, status=422)
    sent = {name: form.cleaned_data[name] for name in ("nightly", "operation", "version")}
    try:
        changed = runs.save_table(form.table, **sent, credentials=request.credentials)
    except SavedSince as since:
        return _show_table(request, since.now, form=form.on(since.now), status=409, saved_since=True)
    except OperationReused as error:
        return _show_table(request, saved, form=form.on(saved), status=error.status, outcome=error.message())
    text = _("The table is saved.") if changed else _("This table was saved already.")
    messages.success(request, text)
    found = {group.id: group for group in groups}
    for upper, lower in pairwise(found[group_id] for group_id in form.table.groups):
        if is_better(upper, lower):
            text = _("“%(upper)s” stands above “%(lower)s” and gives less: clients who fit both get less.")
            messages.warning(request, text % {"upper": terms_words(upper), "lower": terms_words(lower)})
    return redirect("groups:criteria")


def _show_table(
    request: Request,
    saved: Criteria | None,
    *,
    form: CriteriaForm | None = None,
    pin_form: PinForm | None = None,
    status: int = 200,
    start: str = "",
    **context: Any,
) -> HttpResponse:
    groups = reads.list_groups(request.credentials)
    if form is None and request.user.has_perm(CHANGE_CRITERIA):
        row = None
        if start in STARTS:
            row, is_known = start_of(start, request.credentials)
            context |= {"start": start, "is_known": is_known}
        form = CriteriaForm(groups=groups.groups, saved=saved, start=row)
    context |= {"saved": saved, "pins": runs.pins_of(request.credentials), "form": form}
    context["pin_form"] = pin_form or PinForm()
    context["lacks_sales"] = form is not None and lacks_sales(request.credentials)
    if form is not None:
        fields = [field for row in form.rows for field in row.visible_fields()]
        typed = {field.html_name: field.value() for field in fields}
        context["bounds"] = urlencode({name: text for name, text in typed.items() if text not in (None, "")})
    context["may_preview"] = request.user.has_perms((VIEW_CLIENTS, VIEW_SALES))
    if saved:
        context |= _table_context(saved, groups, request.user)
    # Where a pin is refused, its section alone takes the place of the one that is there.
    fragment = "pins" if status != HTTPStatus.OK else ""
    return render_page(request, "criteria/criteria.html", context, fragment=fragment, status=status)


def _table_context(saved: Criteria, groups: Groups, user: User) -> dict[str, Any]:
    table, waits = Table.from_json(saved.table), runs.what_waits(saved)

    def is_gone(group_id: int) -> bool:
        """Return True if a group is certainly no longer in Poster."""
        if groups.failure or any(row.id in (None, group_id) for row in groups.unreadable):
            return False
        return groups.find(group_id) is None

    may_see = not isinstance(waits, ApprovalRequest) or waits.may_be_seen_by(user)
    night: dict[str, Any] = {}
    if saved.nightly:
        holder = waits or (runs.what_holds(saved) if saved.left_out_at else None)
        was_left_out = bool(holder and saved.left_out_at and saved.left_out_at >= holder.created_at)
        if saved.held:
            state = "held"
        elif not runs.was_run_by_hand(saved):
            state = "by_hand"
        elif saved.night_at is None:
            state = "off"
        else:
            state = "waits" if waits else "left_out" if was_left_out else "runs"
        night = {"state": state, "was_left_out": was_left_out, "holder": holder}
        night["title"] = JobKind.of(holder).title if isinstance(holder, Job) else ""
        night["url"] = holder.get_absolute_url() if holder and may_see else ""
    is_told = night.get("state") == "waits"
    return {
        "rows": [
            {
                "group_id": row.group_id,
                "name": name_or_number(groups.find(row.group_id), row.group_id),
                "is_gone": is_gone(row.group_id),
                "conditions": conditions_of(row),
            }
            for row in table.rows
        ],
        "otherwise": name_or_number(groups.find(table.otherwise), table.otherwise),
        "has_gone": any(map(is_gone, table.groups)),
        "night": night,
        "approval": waits if isinstance(waits, ApprovalRequest) and may_see and not is_told else None,
    }


# --- The preview -------------------------------------------------------------------------------------------


@form_methods
@requires("view_group", "view_client", "view_sales")
def preview(request: Request) -> HttpResponse:
    """Show what the saved table would do now; with `from` and `to` the clients of that pair by name."""
    if request.method != "POST":
        return redirect("groups:criteria")
    saved = saved_criteria(request.credentials)
    if saved is None:
        return _show_table(request, None, status=409, outcome=nothing_saved_words())
    from_id, to_id = (whole_number(request.POST.get(name, "")) for name in ("from", "to"))
    pair = (from_id, to_id) if from_id and to_id else None  # whose clients are requested by name
    skip = whole_number(request.POST.get("skip", ""), most=MOST_SKIPPED) or 0
    try:
        reading = new_reading(request.credentials, Table.from_json(saved.table), pair=pair, skip=skip)
    except GroupsGone:
        return _show_table(request, saved, status=409)
    again = "waiting" not in request.POST
    found = read_now(reading, seconds=SECONDS_FOR_ALL) if pair else find_preview(reading, again=again)
    return _show_preview(request, reading, found)


def _show_preview(
    request: Request, reading: CriteriaReading, found: Preview | Sweep, *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"is_other": status == HTTPStatus.CONFLICT}
    if isinstance(found, Sweep):
        context["progress"] = found
        return render_page(request, "criteria/preview.html", context, fragment="preview", status=status)
    credentials, table, numbers = request.credentials, reading.table, NumberFormat.current()
    groups = reads.list_groups(credentials)

    def name_of(group_id: int) -> str:
        return name_or_number(groups.find(group_id), group_id)

    promotions = begin_promotions(credentials)() if found.pairs else None
    against = sum((Counter(pair.against) for pair in found.pairs), Counter[int]())
    rules = {rule.id: rule for rule in begin_rules(credentials)().found} if against else {}
    pairs = [pair_of(pair, reading, name_of, promotions) for pair in found.pairs]
    cost = summed(pair.cost for pair in found.pairs)
    is_beyond, user = found.moves > table.max_moves, request.user

    def may_approve(other: User) -> bool:
        return other != user and other.has_perms(Run.permissions)

    context |= {
        "operation": uuid.uuid4(),
        "seen": runs.seen_of(reading, found.moved),
        "may_run": user.has_perms(Run.permissions),
        "approval": runs.requested_run(saved_criteria(credentials), credentials),
        "preview": found,
        "pairs": pairs,
        "better": sum(pair["sums"].clients for pair in pairs if pair["is_better"]),
        "worse": sum(pair["sums"].clients for pair in pairs if pair["is_better"] is False),
        # Hryvnia in 30 days, with a point.
        "cost": f"{cost:.2f}",
        "cost_words": cost_words(cost),
        "max_moves": table.max_moves,
        "is_beyond": is_beyond,
        "approvers": approvers_of(credentials.account_id, may_approve) if is_beyond else "",
        "against": against.total(),
        "rules": [
            {
                "id": rule_id,
                "clients": clients_words(clients),
                "sum": rule_id in rules and numbers.round_money(rules[rule_id].value),
                "group": rule_id in rules and name_of(rules[rule_id].group_id),
            }
            for rule_id, clients in against.most_common()
        ],
        "promotions_unread": bool(promotions and (promotions.failure or promotions.unreadable)),
        **flows_of(found, reading, name_of),
    }
    return render_page(request, "criteria/preview.html", context, fragment="preview", status=status)


# --- The run -----------------------------------------------------------------------------------------------


@form_methods
@requires("change_criteria", "move_client")
def run(request: Request) -> HttpResponse:
    """Read and judge all clients anew, and start their move if that is what the preview has shown."""
    if request.method != "POST":
        return redirect("groups:criteria")
    user, credentials = request.user, request.credentials
    saved, form = saved_criteria(credentials), RunForm(request.POST)
    if not form.is_valid():
        outcome = Message(_("Nothing was started"), _("This form is incomplete. Open the page again."))
        return _show_table(request, saved, status=422, outcome=outcome)
    operation, seen = form.cleaned_data["operation"], form.cleaned_data["seen"]

    def show(*, status: int, **context: Any) -> HttpResponse:
        context |= {"operation": operation, "seen": seen}
        return render(request, "criteria/run.html", context, status=status)

    try:
        known = find_known(Submission(operation, credentials.account_id, user.pk, Run.kind), Job)
    except NotSent as error:
        return answer_not_sent(error, request, None, show)
    unfinished = Job.objects.unfinished().filter(account=credentials.account, kind=KIND).defer("wanted")
    begun = known or unfinished.order_by("created_at").first() or runs.requested_run(saved, credentials)
    if begun:
        return redirect(begun.get_absolute_url())
    if saved is None:
        return show(status=409, outcome=nothing_saved_words())
    try:
        reading = new_reading(credentials, Table.from_json(saved.table))
    except GroupsGone:
        return _show_table(request, saved, status=409)
    found, is_read = _read_in_time(reading)
    if isinstance(found, Sweep) or runs.seen_of(reading, found.moved) != seen:
        return _show_preview(request, reading, found, status=409)
    job = runs.plan_run(reading, operation=operation, agreed=found.moved, is_read=is_read)
    try:
        return redirect(queue.start(job, **consent_of(request)))
    except NotSent as error:
        return answer_not_sent(error, request, job, show)


def _read_in_time(reading: CriteriaReading) -> tuple[Preview | Sweep, bool]:
    """Read and judge all clients; where that takes too long, return the preview that a worker has read.

    A worker has more time for a run too, and stops one that would move more clients than it may.
    """
    try:
        return read_now(reading, seconds=SECONDS_FOR_ALL), True
    except Unreachable as error:
        if error.reason != ErrorReason.DEADLINE:
            raise
        return find_preview(reading, again=False), False


@require_safe
@requires("view_group", "view_sales")
def spread(request: Request) -> HttpResponse:
    """Show where clients lie, next to the bounds of all rows that are typed; no sales are requested."""
    typed: dict[str, dict[str, str | list[object]]] = defaultdict(dict)
    for name, text in request.GET.items():
        if match := re.fullmatch("rows-([0-9]{1,2})-([a-z_]+)", name):
            typed[match[1]][match[2]] = text
    groups = reads.list_groups(request.credentials)
    choices = choices_of(groups.groups)
    # The rows in the order of their bounds; of what cannot be read there is nothing.
    bounds: dict[tuple[str, int], list[RowBounds]] = defaultdict(list)
    for number, fields in sorted(typed.items(), key=lambda row: int(row[0])):
        row = RowForm(fields, groups=choices)
        row.is_valid()
        days, group = row.cleaned_data.get("days"), row.cleaned_data.get("group")
        for field in ("bought", "receipts"):
            ends = tuple(row.cleaned_data.get(f"{field}_{end}") for end in ("min", "max"))
            if days and ends != (None, None):
                name = name_or_number(groups.find(group), group) if group else _("no group yet")
                bounds[field, days].append(RowBounds(f"rows-{number}-{field}", name, *ends))
        if days and not bounds:
            bounds["bought", days] = []
    cards = [
        spread_card(field, days, spread, rows)
        for (field, days), rows in bounds.items()
        if (spread := kept_spread(request.credentials, field, days))
    ]
    is_alone = htmx_target(request) == "spread"
    template = "criteria/spread.html#spread" if is_alone else "criteria/spread.html"
    return render(request, template, {"spreads": cards})


# --- Pins --------------------------------------------------------------------------------------------------


@form_methods
@requires("move_client")
def pin_create(request: Request) -> HttpResponse:
    if request.method != "POST":
        return redirect("groups:criteria")
    credentials, form = request.credentials, PinForm(request.POST)
    if form.is_valid():
        client_id = form.cleaned_data.pop("client")
        if find_client(credentials, client_id, within=None) is not None:
            values = form.cleaned_data | credentials.sender_columns | {"made_at": timezone.now()}
            CriteriaPin.objects.update_or_create(values, account=values.pop("account"), client_id=client_id)
            messages.success(request, _("The client stays where they are, whatever the table says."))
            return _redirect_to_pins(request)
        form.add_error("client", _("Poster has no client of this number."))
    return _show_table(request, saved_criteria(credentials), pin_form=form, status=422)


@require_POST
@requires("move_client")
def pin_remove(request: Request, pin_id: int) -> HttpResponse:
    pin = get_object_or_404(runs.pins_of(request.credentials), pk=pin_id)
    made_at = pin.made_at.isoformat()
    if request.POST.get("made_at", made_at) == made_at:
        # Not another one that somebody has put in its place meanwhile.
        CriteriaPin.objects.filter(pk=pin.pk, made_at=pin.made_at).delete()
        messages.success(request, _("The pin is removed."))
    else:
        messages.error(request, _("The pin was changed meanwhile, so it stays."))
    return _redirect_to_pins(request)


def _redirect_to_pins(request: Request) -> HttpResponse:
    """Redirect to the table; with a script only its pins are drawn again: what is typed above stays."""
    if htmx_target(request) != "pins":
        return redirect("groups:criteria")
    place = {"path": reverse("groups:criteria"), "target": "#pins", "select": "#pins", "push": "false"}
    place["selectOOB"] = "#messages:innerHTML"
    return HttpResponse(headers={"HX-Location": json.dumps(place)})


# --- Words -------------------------------------------------------------------------------------------------


def nothing_saved_words() -> Message:
    return Message(_("There are no automatic groups yet"), _("Save a table first."))


def is_better(old: Group, new: Group) -> bool | None:
    """Return True if clients get more in the new group, None if as much; the percent comes first.

    With the same percent groups of two types cannot be compared: one has a discount, one a birthday bonus.
    """
    if old.percent == new.percent and old.loyalty_type != new.loyalty_type:
        return None
    before, after = ((group.percent, group.effective_bonus) for group in (old, new))
    return None if before == after else after > before


def days_words(days: int) -> str:
    return ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}


def kopecks_words(kopecks: int) -> str:
    return NumberFormat.current().round_money(Decimal(kopecks) / KOPECKS)


def conditions_of(row: Criterion) -> list[str]:
    count, found = NumberFormat.current().count, list[str]()

    def say(text: str, least: int | None, most: int | None, written: Callable[[int], str]) -> None:
        low, high = ("" if bound is None else written(bound) for bound in (least, most))
        if low and high:
            bounds = _("from %(low)s to %(high)s") % {"low": low, "high": high}
        elif low:
            bounds = _("at least %(low)s") % {"low": low}
        elif high:
            bounds = _("at most %(high)s") % {"high": high}
        else:
            return
        found.append(text % {"bounds": bounds, "period": days_words(row.days or 0)})

    say(_("bought %(bounds)s %(period)s"), row.bought_min, row.bought_max, kopecks_words)
    say(_("receipts: %(bounds)s %(period)s"), row.receipts_min, row.receipts_max, count)
    say(_("registered, days ago: %(bounds)s"), row.registered_min, row.registered_max, count)
    if row.birthday_in is not None:
        text = ngettext(
            "a birthday within %(count)s day", "a birthday within %(count)s days", row.birthday_in
        )
        found.append(text % {"count": count(row.birthday_in)})
    return found


def reason_words(client: Client, bought: Bought | None, days: int | None, row: Criterion | None) -> str:
    """Return why a client belongs elsewhere: "bought 6,420 ₴ in 365 days, receipts: 12"."""
    parts, (born, registered) = [], dates_of(client)
    if bought is not None and days is not None:
        values = {"sum": kopecks_words(bought[0]), "period": days_words(days)}
        values["receipts"] = NumberFormat.current().count(bought[1])
        parts.append(_("bought %(sum)s %(period)s, receipts: %(receipts)s") % values)
    if row and row.birthday_in is not None and isinstance(born, tuple):
        month, day = born
        parts.append(_("birthday on %(day)s") % {"day": f"{day:02}.{month:02}"})
    if row and row.needs_registration and isinstance(registered, date):
        parts.append(_("registered on %(day)s") % {"day": date_format(registered, "SHORT_DATE_FORMAT")})
    return ", ".join(parts or [_("no row holds any more")])


def pair_of(
    pair: PairSums,
    reading: CriteriaReading,
    name_of: Callable[[int], str],
    promotions: ListReading[Promotion] | None,
) -> dict[str, Any]:
    numbers, rows, place = NumberFormat.current(), reading.table.rows, reading.table.places[pair.to_id]
    row = rows[place] if place < len(rows) else None
    named = reading.named if reading.pair == (pair.from_id, pair.to_id) else []
    shown = reading.skip + len(named)
    old, new = reading.groups[pair.from_id], reading.groups[pair.to_id]
    names = {pair.from_id: name_of(pair.from_id), pair.to_id: name_of(pair.to_id)}
    facts: dict[str, Any] = {
        "sums": pair,
        "is_better": is_better(old, new),
        "percents": tuple(numbers.percent(group.percent) for group in (old, new)),
        "names": tuple(names.values()),
        "conditions": conditions_of(row) if row else [_("no row holds any more")],
        "cost_words": cost_words(rounded(pair.cost)),
        # The promotions of one of the two groups, with True for the one that clients leave.
        "promotions": [
            (each, names[pair.from_id if is_lost else pair.to_id], is_lost)
            for each in (promotions.found if promotions else ())
            if (is_lost := pair.from_id in each.group_ids) != (pair.to_id in each.group_ids)
        ],
        "people": [
            (client.id, client.name, reason_words(client, sums, pair.days, row)) for client, sums in named
        ],
        "next_skip": shown if len(named) == NAMED_AT_MOST and shown < pair.clients else 0,
    }
    if pair.bought is not None and pair.receipts is not None and pair.days is not None:
        facts["money"] = " – ".join(dict.fromkeys(map(kopecks_words, pair.bought)))
        facts["receipts"] = " – ".join(dict.fromkeys(map(numbers.count, pair.receipts)))
        facts["period"] = days_words(pair.days)
    return facts


# --- Who would go where ------------------------------------------------------------------------------------

HEIGHT, HEAD, LEAST = 240.0, 46.0, 1.5
"""Pixels of all clients, of the words over a group, and of the narrowest flow."""
CHIP = 18.0
"""The height from which on a flow has its number in it."""
MOST_GROUPS = 6
"""Groups that a picture shows; the rest of a longer table is drawn as one, REST."""
REST = 0
LONGEST_NAME = 22
"""Letters of a name in the picture, for a phone; its tables have all of them."""


def flows_of(preview: Preview, reading: CriteriaReading, name_of: Callable[[int], str]) -> dict[str, Any]:
    """Return the groups now and then, and the clients between them as bands of an SVG that is 100 wide."""
    groups, numbers = reading.table.groups, NumberFormat.current()
    moving, staying, clients = Counter[int](), Counter(preview.members), Counter[tuple[int, int]]()
    for pair in preview.pairs:
        moving.update({pair.from_id: pair.clients, pair.to_id: pair.clients})
        staying[pair.from_id] -= pair.clients
    most = MOST_GROUPS if len(groups) <= MOST_GROUPS else MOST_GROUPS - 1
    shown = set(sorted(groups, key=lambda each: -moving[each])[:most])
    places = {each: each if each in shown else REST for each in groups}
    for pair in preview.pairs:
        clients[places[pair.from_id], places[pair.to_id]] += pair.clients
    for each in groups:
        clients[places[each], places[each]] += staying[each]

    scale, order = HEIGHT / max(clients.total(), 1), list(dict.fromkeys(places.values()))
    flows: list[dict[str, Any]] = [
        {"ends": ends, "clients": number, "height": max(number * scale, LEAST)}
        for ends, number in sorted(clients.items(), key=lambda item: [order.index(each) for each in item[0]])
        if number > 0
    ]
    sides: dict[int, dict[str, Any]] = {each: {} for each in order}
    for column, when in enumerate(("now", "then")):
        y = 0.0
        for group_id, side in sides.items():
            top = y = y + HEAD
            here = [flow for flow in flows if flow["ends"][column] == group_id]
            for flow in here:
                flow[when], y = y, y + flow["height"]
            number = sum(flow["clients"] for flow in here)
            side[when] = {"top": f"{top:.1f}", "height": f"{y - top:.1f}", "clients": number}
    for group_id, side in sides.items():
        name = side["name"] = name_of(group_id) if group_id else _("the other groups")
        side["short"] = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        if group := reading.groups.get(group_id):
            side["percent"] = numbers.percent(group.percent)
        change = side["then"]["clients"] - side["now"]["clients"]
        side["change"] = numbers.change(change) or "="
    looks = {True: "better", False: "worse", None: "same"}
    for flow in flows:
        left, right, height, (old, new) = flow["now"], flow["then"], flow["height"], flow["ends"]
        there = f"M0 {left:.1f}C50 {left:.1f} 50 {right:.1f} 100 {right:.1f}"
        left, right = left + height, right + height
        flow["path"] = f"{there}V{right:.1f}C50 {right:.1f} 50 {left:.1f} 0 {left:.1f}Z"
        flow["words_at"] = f"{left - height / 2 + 4:.1f}" if height >= CHIP else ""
        flow["from"], flow["to"] = sides[old]["name"], sides[new]["name"]
        flow["opens"] = bool(old and new and old != new)
        look = looks[is_better(reading.groups[old], reading.groups[new])] if flow["opens"] else "same"
        flow["look"] = "stays" if old == new else look
    high = HEAD * len(order) + sum(flow["height"] for flow in flows)
    return {"sides": list(sides.values()), "flows": flows, "flows_high": f"{high:.0f}"}


# --- Where clients lie -------------------------------------------------------------------------------------

BARS_HIGH, LEVEL = 128, 26
"""Pixels of the bars and of a line of the bounds."""
CLOSE = 24
"""Hundredths of the width in which the words of two bounds would meet, also on a phone."""


class RowBounds(NamedTuple):
    """The bounds of a row for one amount; `field` begins the names of their fields."""

    field: str
    name: str
    least: int | None
    most: int | None


def spread_card(field: str, days: int, spread: Spread, rows: list[RowBounds]) -> dict[str, Any]:
    """Return a picture in units of its template: bars in the shade of their row, the bounds, and an axis."""
    counts, words = spread.counts, kopecks_words if field == "bought" else NumberFormat.current().count
    highest, last = max(counts) or 1, len(counts) - 1
    shades = [f"{1 - 0.72 * place / len(rows):.2f}" for place in range(len(rows))] + ["0.25"]
    bars, of_rows = [], [0] * len(shades)
    for place, count in enumerate(counts):
        # The first row counts, as for clients. A bar of one client among thousands can be seen too.
        within = (spread.is_within(place, row.least, row.most) for row in rows)
        row = next(compress(range(len(rows)), within), len(rows))
        of_rows[row] += count
        height = max(BARS_HIGH * count / highest, 1.0) if count else 0.0
        bars.append((f"{BARS_HIGH - height:.2f}", f"{height:.2f}", shades[row], row < len(rows)))
    flags: list[dict[str, Any]] = []
    level, before = 0, -100.0
    ends = [(f"{row.field}_min", row.least) for row in rows] + [
        (f"{row.field}_max", row.most) for row in rows
    ]
    for name, value in sorted(((name, value) for name, value in ends if value), key=lambda end: end[1]):
        x, text = 100 * min(value / spread.step, last + 1) / len(counts), words(value)
        # Words that would cover those of the bound before stand above them.
        level, before = (level + 1 if x - before < CLOSE else 0), x
        width = 16 + 8 * len(text)
        left = -width if x > 100 - CLOSE else -width // 2 if x > CLOSE / 2 else 0
        flags.append(
            {"name": name, "x": f"{x:.2f}", "words": text, "width": width, "left": left, "level": level}
        )
    levels = max((flag["level"] for flag in flags), default=-1) + 1
    for flag in flags:
        flag["y"] = (levels - 1 - flag["level"]) * LEVEL
        flag["line"] = levels * LEVEL + BARS_HIGH - flag["y"]
    edges = [words(place * spread.step) for place in range(len(counts))]
    return {
        "field": field,
        "days": days,
        # A step as people type it: in hryvnia, or receipts.
        "step": spread.step // (KOPECKS if field == "bought" else 1),
        "is_exact": all(spread.is_edge(row.least, row.most) for row in rows),
        "parts": [
            {"name": row.name if row else "", "shade": shade, "clients": clients}
            for row, shade, clients in zip((*rows, None), shades, of_rows, strict=True)
        ],
        "bars": bars,
        "flags": flags,
        "flags_high": levels * LEVEL,
        "ticks": [
            ("0", "start", edges[0]),
            (f"{100 * (last // 2) / len(counts):.2f}", "middle", edges[last // 2]),
            ("100", "end", f"{edges[last]} +"),
        ],
        "lines": [
            (f"{low} – {high}", count)
            for (low, high), count in zip(pairwise(edges), counts, strict=False)
            if count
        ],
        "top": edges[last],
        "in_top": counts[-1],
    }


# --- Parts of other pages ----------------------------------------------------------------------------------


@partial(hooks.settings_pages, order=3)
def settings_of_criteria(user: User) -> list[SettingsPage]:
    """Offer the page to who may look only once it shows something."""
    credentials = getattr(user, "credentials", None)
    is_shown = user.has_perm(CHANGE_CRITERIA) or (credentials and saved_criteria(credentials))
    if not user.has_perm("groups.view_group") or not is_shown:
        return []
    words = _("Who belongs in which group; how many a run moves; every night; who stays where they are.")
    url, part_of = reverse("groups:criteria"), reverse("groups:account")
    return [
        SettingsPage(ACCOUNT, _("Automatic groups"), url, words, "group", connected=True, part_of=part_of)
    ]


hooks.part("list.tools", "criteria/link_to_criteria.jinja", order=1)(
    lambda request, _listing: {} if request.user.has_perm("groups.move_client") else None
)


@hooks.part("request.job", "criteria/link_to_preview.html", order=1)
def link_of_request(request: HttpRequest, job: Job, _now: object) -> dict[str, Any] | None:
    """Warn as the preview does, and offer it with a run that waits for an approval: it names the clients."""
    if job.kind != KIND or job.state != Job.State.REQUESTED:
        return None
    may_preview = request.user.has_perms((VIEW_CLIENTS, VIEW_SALES))
    return {
        "against": runs.RunScope.from_json(job.wanted).against,
        "all": job.total,
        "may_preview": may_preview,
    }


hooks.section("criteria", "groups")
hooks.form_addresses(
    "criteria_preview", "criteria_spread", "criteria_run", "criteria_pins", "criteria_pin_remove"
)

urlpatterns = [
    path("criteria/", criteria, name="criteria"),
    path("criteria/preview/", preview, name="criteria_preview"),
    path("criteria/run/", run, name="criteria_run"),
    path("criteria/spread/", spread, name="criteria_spread"),
    path("criteria/pins/", pin_create, name="criteria_pins"),
    path("criteria/pins/<int:pin_id>/remove/", pin_remove, name="criteria_pin_remove"),
]
