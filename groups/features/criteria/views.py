"""Show and save the table, its preview, its run and the pins; parts of other pages."""

import json
import re
import uuid
from collections import Counter, defaultdict
from http import HTTPStatus
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from groups import hooks
from groups.features.approvals.models import ApprovalRequest
from groups.features.criteria import presenters
from groups.features.criteria.forms import CriteriaForm, PinForm, RowForm, RunForm, choices_of
from groups.features.criteria.models import CHANGE_CRITERIA, KIND, Criteria
from groups.features.criteria.services import runs
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import (
    CriteriaReading,
    GroupsGone,
    Preview,
    find_preview,
    kept_spread,
    lacks_sales,
    new_reading,
    saved_criteria,
)
from groups.features.criteria.services.runs import Run, SavedSince
from groups.features.criteria.services.starts import STARTS, start_of
from groups.features.insights.services.sales import VIEW_SALES, cost_words, summed
from groups.features.insights.services.scheme import begin_promotions, begin_rules
from groups.features.insights.services.sweep import SweepProgress, read_now
from groups.models import Job
from groups.models.submissions import Submission
from groups.poster import ErrorReason, Unreachable
from groups.poster.fields import whole_number
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services import groups as reads
from groups.services.clients import SECONDS_FOR_ALL, VIEW_CLIENTS
from groups.services.groups import Groups
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.messages import Message
from groups.services.values import NumberFormat, clients_words, name_or_number, terms_words
from groups.services.writes.not_sent import NotSent, OperationReused
from groups.services.writes.submissions import find_known
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.htmx import htmx_target, render_page

MOST_SKIPPED = 10**6


@form_methods
@requires("view_group")
def criteria(request: Request) -> HttpResponse:
    """Show the table of criteria; save it, or change its rows without JavaScript."""
    saved = saved_criteria(request.credentials)
    if request.method != "POST":
        return _show(request, saved, start=request.GET.get("start", ""))
    if not request.user.has_perm(CHANGE_CRITERIA):
        raise PermissionDenied
    groups = reads.list_groups_now(request.credentials).groups
    form = CriteriaForm(request.POST, groups=groups, saved=saved)
    if step := request.POST.get("step"):
        return _show(request, saved, form=form.after(step), is_draft=True)
    if not form.is_valid():
        return _show(request, saved, form=form, status=422)
    sent = {name: form.cleaned_data[name] for name in ("nightly", "operation", "version")}
    try:
        changed = runs.save_table(form.table, **sent, credentials=request.credentials)
    except SavedSince as since:
        return _show(request, since.now, form=form.on(since.now), status=409, saved_since=True)
    except OperationReused as error:
        return _show(request, saved, form=form.on(saved), status=error.status, outcome=error.message())
    text = _("The table is saved.") if changed else _("This table was saved already.")
    messages.success(request, text)
    found = {group.id: group for group in groups}
    for upper, lower in pairwise(found[group_id] for group_id in form.table.groups):
        if presenters.is_better(upper, lower):
            text = _("“%(upper)s” stands above “%(lower)s” and gives less: clients who fit both get less.")
            messages.warning(request, text % {"upper": terms_words(upper), "lower": terms_words(lower)})
    return redirect("groups:criteria")


def _show(
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
                "conditions": presenters.conditions_of(row),
            }
            for row in table.rows
        ],
        "otherwise": name_or_number(groups.find(table.otherwise), table.otherwise),
        "has_gone": any(map(is_gone, table.groups)),
        "night": night,
        "asked": waits if isinstance(waits, ApprovalRequest) and may_see and not is_told else None,
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
        return _show(request, None, status=409, outcome=nothing_saved_words())
    from_id, to_id = (whole_number(request.POST.get(name, "")) for name in ("from", "to"))
    pair = (from_id, to_id) if from_id and to_id else None  # whose clients are asked for by name
    skip = whole_number(request.POST.get("skip", ""), most=MOST_SKIPPED) or 0
    try:
        reading = new_reading(request.credentials, Table.from_json(saved.table), pair=pair, skip=skip)
    except GroupsGone:
        return _show(request, saved, status=409)
    again = "waiting" not in request.POST
    found = read_now(reading, seconds=SECONDS_FOR_ALL) if pair else find_preview(reading, again=again)
    return _show_preview(request, reading, found)


def _show_preview(
    request: Request, reading: CriteriaReading, found: Preview | SweepProgress, *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {"is_other": status == HTTPStatus.CONFLICT}
    if isinstance(found, SweepProgress):
        context["progress"] = found
    else:
        context |= _effect_of(found, reading)
        context |= {"operation": uuid.uuid4(), "seen": runs.seen_of(reading, found.moved)}
        context["may_run"] = request.user.has_perms(Run.permissions)
        context["asked"] = runs.asked_run(saved_criteria(request.credentials), request.credentials)
    return render_page(request, "criteria/preview.html", context, fragment="preview", status=status)


def _effect_of(preview: Preview, reading: CriteriaReading) -> dict[str, Any]:
    groups, table, credentials = reads.list_groups(reading.credentials), reading.table, reading.credentials
    numbers = NumberFormat.current()

    def name_of(group_id: int) -> str:
        return name_or_number(groups.find(group_id), group_id)

    promotions = begin_promotions(credentials)() if preview.pairs else None
    against = sum((Counter(pair.against) for pair in preview.pairs), Counter[int]())
    rules = {rule.id: rule for rule in begin_rules(credentials)().found} if against else {}
    pairs = [presenters.pair_of(pair, reading, name_of, promotions) for pair in preview.pairs]
    cost = summed(pair.cost for pair in preview.pairs)
    return {
        "preview": preview,
        "pairs": pairs,
        "better": sum(pair["sums"].clients for pair in pairs if pair["is_better"]),
        "worse": sum(pair["sums"].clients for pair in pairs if pair["is_better"] is False),
        # Hryvnia in 30 days, with a point.
        "cost": f"{cost:.2f}",
        "cost_words": cost_words(cost),
        "max_moves": table.max_moves,
        "is_beyond": preview.moves > table.max_moves,
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
        **presenters.flows_of(preview, reading, name_of),
    }


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
        return _show(request, saved, status=422, outcome=outcome)
    operation, seen = form.cleaned_data["operation"], form.cleaned_data["seen"]

    def show(*, status: int, **context: Any) -> HttpResponse:
        context |= {"operation": operation, "seen": seen}
        return render(request, "criteria/run.html", context, status=status)

    try:
        known = find_known(Submission(operation, credentials.account_id, user.pk, Run.kind), Job)
    except NotSent as error:
        return answer_not_sent(error, request, None, show)
    unfinished = Job.objects.unfinished().filter(account=credentials.account, kind=KIND).defer("wanted")
    begun = known or unfinished.order_by("created_at").first() or runs.asked_run(saved, credentials)
    if begun:
        return redirect(begun.get_absolute_url())
    if saved is None:
        return show(status=409, outcome=nothing_saved_words())
    try:
        reading = new_reading(credentials, Table.from_json(saved.table))
    except GroupsGone:
        return _show(request, saved, status=409)
    found, is_read = _read_in_time(reading)
    if isinstance(found, SweepProgress) or runs.seen_of(reading, found.moved) != seen:
        return _show_preview(request, reading, found, status=409)
    job = runs.plan_run(reading, operation=operation, agreed=found.moved, is_read=is_read)
    try:
        return redirect(queue.start(job, **consent_of(request)))
    except NotSent as error:
        return answer_not_sent(error, request, job, show)


def _read_in_time(reading: CriteriaReading) -> tuple[Preview | SweepProgress, bool]:
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
    """Show where clients lie, beside the bounds of all rows that are typed; Poster is asked for no sales."""
    typed: dict[str, dict[str, str | list[object]]] = defaultdict(dict)
    for name, text in request.GET.items():
        if match := re.fullmatch("rows-([0-9]{1,2})-([a-z_]+)", name):
            typed[match[1]][match[2]] = text
    groups = reads.list_groups(request.credentials)
    choices = choices_of(groups.groups)
    # The rows in the order of their bounds; of what cannot be read there is nothing.
    bounds: dict[tuple[str, int], list[presenters.Bounds]] = defaultdict(list)
    for number, fields in sorted(typed.items(), key=lambda row: int(row[0])):
        row = RowForm(fields, groups=choices)
        row.is_valid()
        days, group = row.cleaned_data.get("days"), row.cleaned_data.get("group")
        for field in ("bought", "receipts"):
            ends = tuple(row.cleaned_data.get(f"{field}_{end}") for end in ("min", "max"))
            if days and ends != (None, None):
                name = name_or_number(groups.find(group), group) if group else _("no group yet")
                bounds[field, days].append(presenters.Bounds(f"rows-{number}-{field}", name, *ends))
        if days and not bounds:
            bounds["bought", days] = []
    cards = [
        presenters.spread_card(field, days, spread, rows)
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
    form = PinForm(request.POST)
    if form.is_valid():
        if runs.pin_client(request.credentials, **form.cleaned_data):
            messages.success(request, _("The client stays where they are, whatever the table says."))
            return _redirect_to_pins(request)
        form.add_error("client", _("Poster has no client of this number."))
    return _show(request, saved_criteria(request.credentials), pin_form=form, status=422)


@require_POST
@requires("move_client")
def pin_remove(request: Request, pin_id: int) -> HttpResponse:
    pin = get_object_or_404(runs.pins_of(request.credentials), pk=pin_id)
    made_at = pin.made_at.isoformat()
    if request.POST.get("made_at", made_at) == made_at:
        runs.remove_pin(request.credentials, pin)
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


# --- Words of the table and of its preview ---------------------------------------------------------------


def nothing_saved_words() -> Message:
    return Message(_("There are no automatic groups yet"), _("Save a table first."))


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.settings_pages(order=3)
def settings_of_criteria(user: User) -> list[SettingsPage]:
    if not user.has_perm("groups.view_group"):
        return []
    words = _("Who belongs in which group; how many a run moves; every night; who stays where they are.")
    url, account = reverse("groups:criteria"), reverse("groups:account")
    return [SettingsPage(ACCOUNT, _("Automatic groups"), url, words, "group", part_of=account)]


hooks.part("list.tools", "criteria/link_to_criteria.jinja", order=1)(lambda _request, _listing: {})


@hooks.part("request.job", "criteria/link_to_preview.html", order=1)
def link_of_request(request: HttpRequest, job: Job, _groups: object) -> dict[str, Any] | None:
    """Offer the preview beside a run that waits for a yes: it names the clients of each pair."""
    is_waiting = job.kind == KIND and job.state == Job.State.ASKED
    return {} if is_waiting and request.user.has_perms((VIEW_CLIENTS, VIEW_SALES)) else None


hooks.section("criteria", "groups")
hooks.form_addresses(
    "criteria_preview", "criteria_spread", "criteria_run", "criteria_pins", "criteria_pin_remove"
)
