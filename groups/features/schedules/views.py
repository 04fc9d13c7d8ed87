"""Views of planned changes: plan one, list them, cancel one after a question."""

import uuid
from contextlib import suppress
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups.features.schedules.forms import ScheduleForm, SeveralForm, TimesForm
from groups.features.schedules.models import Schedule
from groups.features.schedules.presenters.calendar import Week, asked_week, week_bounds
from groups.features.schedules.presenters.cancelling import cancel_lines, question_words
from groups.features.schedules.presenters.rows import ScheduleRow, present_words, repeated_hour_words
from groups.features.schedules.presenters.several import OnePlan, question_about, several_words
from groups.features.schedules.services import schedules
from groups.features.schedules.services.schedules import planned_words
from groups.forms.groups import Version
from groups.poster import Group, GroupValues, PosterError
from groups.poster.fields import whole_number
from groups.presenters.holders import holder_notice
from groups.presenters.lists.list_filters import asked_ids
from groups.presenters.messages import Message
from groups.services import groups as reads
from groups.services.journal import history
from groups.services.writes.lag import list_with_own_changes, with_own_change
from groups.services.writes.not_sent import Locked, NotNow, NotSent
from groups.services.writes.submissions import find_by_operation, find_known
from groups.views.http.requests import Request, form_methods, requires
from groups.views.writes.not_sent import Show, answer_not_sent, consent_of
from groups.views.writes.write_page import group_of
from poster_admin.common.htmx import render_page
from poster_admin.common.pages import page_above
from poster_admin.common.paging import page_asked_for

State = Schedule.State


@require_safe
@requires("view_group")
def schedule_list(request: Request) -> HttpResponse:
    """Show the planned changes of the account, those to come first, and a week of them as a calendar."""
    found = schedules.schedules_of(request.credentials)
    page = page_asked_for(request, found.in_order())
    planned = {each.group_id: each for each in page.object_list if each.is_open}
    groups: dict[int, Group] = {}
    if planned:
        with suppress(PosterError):
            listed = reads.list_groups(request.credentials)
            groups = schedules.groups_of(planned, listed, history.locked_ids(request.credentials))
    monday = asked_week(request.GET.get("week", ""))
    context = {
        "page": page,
        "rows": [ScheduleRow(each, request.user, groups.get(each.group_id)) for each in page.object_list],
        "week": Week(monday, found.between(*week_bounds(monday))),
    }
    return render_page(request, "schedules/schedules.html", context, fragment="rows")


@form_methods
@requires("change_group")
def schedule_create(request: Request, group_id: int) -> HttpResponse:
    """Plan a change of a group."""
    credentials = request.credentials
    data = request.POST if request.method == "POST" else None
    # A form that was sent before is held against the group as it was then.
    group = _known_base(request, request.POST.get("operation", ""), group_id)
    if group is None:
        read = reads.read_now(credentials, group_id).group
        group = with_own_change(credentials.account_id, read)[0]
    form, known = ScheduleForm(data, group=group), schedules.schedule_of(credentials, group_id)
    if data is None and known and known.is_open:
        return _show(request, form, holder=holder_notice(known))
    if not group.is_editable:
        return _show(request, form, status=422 if form.is_bound else 200, unsafe=True)
    if not form.is_valid():
        return _show(request, form, status=422 if form.is_bound else 200)
    operation, consent = form.cleaned_data["operation"], consent_of(request)
    schedule = _make_schedule(request, form, group, operation, form.planned, **consent)
    try:
        if form.is_moved_on and find_known(schedule.submission, Schedule) is None:
            again = form.again(version=Version.of_group(group))
            return _show(request, again, status=409, moved_on=True)
        schedule = schedules.plan_schedule(schedule, credentials)
    except NotSent as error:
        return answer_not_sent(error, request, schedule, partial(_show, request, form))
    words = (_("Planned:"), planned_words(schedule), *repeated_hour_words(schedule))
    messages.success(request, " ".join(words))
    return redirect("groups:detail", schedule.group_id)


def _make_schedule(
    request: Request,
    form: TimesForm,
    group: Group,
    operation: uuid.UUID,
    planned: GroupValues,
    **consent: Any,
) -> Schedule:
    return Schedule(
        id=operation,
        account=request.credentials.account,
        user=request.user,
        user_name=request.user.get_username(),
        group_id=group.id,
        group_name=group.name[:400],
        base=group.values.to_json(),
        planned=planned.to_json(),
        starts_at=form.cleaned_data["starts_at"],
        ends_at=form.cleaned_data["ends_at"],
        **consent,
    )


@form_methods
@requires("change_group")
def schedule_several(request: Request) -> HttpResponse:
    """Plan the same percent for the groups chosen in the list: each gets a plan of its own, or a reason."""
    posted = request.POST if request.method == "POST" else None
    ids = asked_ids(posted or request.GET)
    if len(ids) == 1 and posted is None:
        return redirect("groups:schedule", ids[0])
    groups = [group for group in list_with_own_changes(request.credentials).groups if group.id in ids]
    if not groups:
        return redirect("groups:list")
    form = SeveralForm(posted, groups=groups, ids=ids)
    if not form.is_valid():
        return _show_several(request, form, status=422 if form.is_bound else 200)
    made = {group.id: _known_base(request, form.operation_of(group), group.id) for group in groups}
    if any(form.is_moved_on(group) for group in groups if made[group.id] is None):
        return _show_several(request, form.only(groups), status=409, moved_on=True)
    plans = [_plan_one(request, form, made[group.id] or group) for group in groups]
    left = [plan for plan in plans if not plan.is_done]
    if left:
        # The form goes on with the groups that are left; what was planned or asked for stays so.
        form, shown = form.only([plan.group for plan in left]), question_about(left)
        if any(plan.problem for plan in left):
            shown["status"] = 409
        return _show_several(request, form, plans=plans, **shown)
    messages.success(request, several_words(plans))
    asked = [plan.asked_url for plan in plans if plan.asked_url]
    return redirect(page_above(asked[0]) if asked else "groups:schedules")


def _plan_one(request: Request, form: SeveralForm, group: Group) -> OnePlan:
    """Plan a change of one of several groups, or say why it is not planned."""
    if not group.is_editable:
        return OnePlan(group, problem=_("Poster has a type for this group that is not known here."))
    planned = form.planned_of(group)
    if planned == group.values:
        return OnePlan(group, problem=_("The group has these values already."))
    consent = _consent_for(request, group)
    schedule = _make_schedule(request, form, group, form.operation_of(group), planned, **consent)
    shown: dict[str, Any] = {}

    def show(*, status: int, **context: Any) -> HttpResponse:
        shown.update(context, status=status)
        return HttpResponse(status=status)

    try:
        schedules.plan_schedule(schedule, request.credentials)
    except NotSent as error:
        answer = answer_not_sent(error, request, schedule, show)
        return OnePlan.refused(group, shown) if shown else OnePlan(group, asked_url=answer["Location"])
    return OnePlan(group)


def _consent_for(request: Request, group: Group) -> dict[str, Any]:
    """Return the consent in a form for several groups: for as many clients of this one as its page has shown.

    It is empty for a group of which the page has shown nothing. A script that says no number means those
    that there are now.
    """
    consent, shown = consent_of(request), request.POST.get(f"reached_{group.id}")
    if consent and shown is not None:
        return consent | {"allowed_clients": whole_number(shown) or 0}
    return consent if consent.get("allowed_clients") is None else {}


def _show_several(request: Request, form: SeveralForm, *, status: int, **context: Any) -> HttpResponse:
    rows = [(group, present_words(group.values)) for group in form.groups]
    context = {"form": form, "rows": rows, "now": timezone.now(), **context}
    return render_page(request, "schedules/several.html", context, fragment="form", status=status)


def _known_base(request: Request, operation: uuid.UUID | str, group_id: int) -> Group | None:
    """Return the group as it was when the form of this operation was sent, or None if it was not."""
    known = find_by_operation(operation)
    if isinstance(known, Schedule) and known.account_id == request.credentials.account_id:
        return group_of(group_id, known.base_values)
    return None


def answer_too_late(_error: schedules.TooLate, _request: Request, _asked: Any, show: Show) -> HttpResponse:
    """Say that the time of a planned change was over before it was approved."""
    outcome = Message(
        _("The time of this change is over"),
        _("Nothing was sent, and the request still waits."),
        _("Refuse it. The change can be planned again."),
    )
    return show(status=409, outcome=outcome)


def _show(request: Request, form: ScheduleForm, *, status: int = 200, **context: Any) -> HttpResponse:
    present = present_words(form.group.values)
    context = {"form": form, "group": form.group, "present": present, "now": timezone.now(), **context}
    return render_page(request, "schedules/schedule.html", context, fragment="form", status=status)


@form_methods
@requires("change_group")
def schedule_cancel(request: Request, schedule_id: uuid.UUID) -> HttpResponse:
    """Ask first, and say what it does; then cancel a planned change: one that is in force returns at once."""
    found = schedules.schedules_of(request.credentials).select_related("account")
    schedule = get_object_or_404(found, pk=schedule_id)
    if request.method != "POST":
        return _ask_to_cancel(request, schedule)
    said = request.POST.get("ending", "")
    try:
        schedules.cancel_schedule(schedule, user=request.user, said=said)
    except (NotNow, Locked) as error:
        if said:
            schedule.refresh_from_db()
            if schedule.cancelled_by_id == request.user.pk:
                return redirect("groups:schedules")  # the same form came twice
            holder = holder_notice(error.holder) if isinstance(error, Locked) else None
            return _ask_to_cancel(request, schedule, status=409, moved_on=True, holder=holder)
        messages.warning(request, _("This planned change has moved on meanwhile. Look at it again."))
        return redirect("groups:schedules")
    if schedule.began_at and schedule.ended_at and not schedule.reason:
        messages.success(request, _("The planned change was cancelled: the group has its old values again."))
    elif schedule.state == State.CANCELLED:
        messages.success(request, _("The planned change was cancelled."))
    elif schedule.is_open:
        messages.warning(request, _("The planned change is being cancelled. This page shows the end of it."))
    else:
        messages.error(request, Schedule.Reason(schedule.reason).label)
    return redirect("groups:schedules")


def _ask_to_cancel(
    request: Request, schedule: Schedule, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Show what cancelling a planned change would do now. The form says which of that it was opened on."""
    credentials, group = request.credentials, None
    ending = schedules.ending_of(schedule)
    if ending and not history.open_change(credentials, schedule.group_id):
        with suppress(PosterError):
            read = reads.read_now(credentials, schedule.group_id).group
            group = with_own_change(credentials.account_id, read)[0]
    context |= {
        "row": ScheduleRow(schedule, request.user, group),
        "question": question_words(schedule, ending),
        "ending": ending,
        "lines": list(cancel_lines(schedule, ending, group)),
    }
    return render_page(request, "schedules/cancel.html", context, status=status)
