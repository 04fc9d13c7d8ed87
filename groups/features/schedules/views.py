"""Views of planned changes: plan, list, cancel after a question; and their parts of other pages."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.schedules import services
from groups.features.schedules.models import Schedule
from groups.features.schedules.services import CHANGE_GROUP, is_overtaken, open_schedules, planned_words
from groups.forms import (
    ONE_IS_GONE,
    BonusField,
    PercentField,
    Version,
    WriteForm,
    is_other_than_shown,
    version_of_several,
)
from groups.models import Change, PosterCredentials
from groups.models.locks import holder_finders
from groups.poster import Group, GroupValues, LoyaltyType, PosterError
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.lists import ChoiceCondition, RowMark, Test, ids_param
from groups.services import groups as reads
from groups.services.groups import Groups, OneGroup
from groups.services.messages import HolderNotice, holder_notice
from groups.services.values import (
    NumberFormat,
    difference_words,
    money_words,
    names_words,
    percent_words,
)
from groups.services.writes.lag import certain_groups, current_group, current_groups, open_change
from groups.services.writes.outcome import same
from groups.services.writes.submissions import (
    Locked,
    NotNow,
    NotSent,
    WriteHeld,
    find_by_operation,
    find_known,
)
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of, group_of
from poster_admin.common.pages import page_above, page_param, render_page

State = Schedule.State
type Variables = dict[str, Any] | None
# Closer than this a time is said by the day of its week alone.
NEAR = timedelta(days=6)


FORMAT = "%Y-%m-%dT%H:%M"


class LocalTimeField(forms.CharField):
    """A time on the site's clock: none that it leaves out, and of one that comes twice the first."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT)
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            typed = datetime.strptime(text, FORMAT)  # noqa: DTZ007 - the zone follows
            moment = typed.replace(tzinfo=timezone.get_default_timezone(), fold=0)
            shown = moment.astimezone(UTC).astimezone(moment.tzinfo)
        except (ValueError, OverflowError):
            raise ValidationError(
                gettext_lazy("Enter a day and a time, for example 2026-12-04T18:00.")
            ) from None
        if shown.replace(tzinfo=None) != typed:
            raise ValidationError(
                gettext_lazy(
                    "There is no such time: the clock is put forward in that hour. Choose another one."
                )
            )
        return moment.astimezone(UTC)


def proposed_times(now: datetime) -> list[tuple[str | Promise, str, str]]:
    """Return times that one click fills in: label, beginning and end, or ""."""
    sunday = (now + timedelta(days=6 - now.weekday())).replace(hour=22, minute=0, second=0, microsecond=0)
    if sunday <= now:
        sunday += timedelta(days=7)
    begins = max(now, (sunday - timedelta(days=1)).replace(hour=10))
    present, begin, end = (each.strftime(FORMAT) for each in (now, begins, sunday))
    return [
        (gettext_lazy("Now"), present, ""),
        (gettext_lazy("This weekend"), begin, end),
        (gettext_lazy("Until Sunday 22:00"), "", end),
    ]


class TimesForm(WriteForm):
    percent = PercentField(label=gettext_lazy("Percent for that time"))
    starts_at = LocalTimeField(
        label=gettext_lazy("From"),
        error_messages={"required": gettext_lazy("Enter when it begins.")},
        help_text=gettext_lazy("A time that is past means: at once."),
    )
    ends_at = LocalTimeField(
        label=gettext_lazy("Until"),
        required=False,
        help_text=gettext_lazy("Then the present values come back. Leave it empty if they should not."),
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if data is None:  # else the summary of the errors takes the focus
            self.fields["percent"].widget.attrs["data-type-at-once"] = True

    @property
    def proposals(self) -> list[tuple[str | Promise, str, str]]:
        return proposed_times(timezone.localtime())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", gettext_lazy("The end is past. Choose a later one."))
        elif starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", gettext_lazy("The end must come after the beginning."))
        return data


class SeveralForm(TimesForm):
    id = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, groups: Sequence[Group], ids: Sequence[int]) -> None:
        super().__init__(data)
        self.groups, self._ids = groups, ids
        self.initial.update(_shown(groups, ids))

    def clean_id(self) -> Sequence[int]:
        if len(self.groups) != len(self._ids):
            raise ValidationError(ONE_IS_GONE)
        return self._ids

    def operation_of(self, group: Group) -> uuid.UUID:
        return uuid.uuid5(self.cleaned_data["operation"], str(group.id))

    def only(self, groups: Sequence[Group]) -> "SeveralForm":
        """Return the form with the same input for these groups, as they are by now."""
        ids = [group.id for group in groups]
        data = {name: self[name].data for name in self.fields} | _shown(groups, ids)
        return SeveralForm(data, groups=groups, ids=ids)


def _shown(groups: Sequence[Group], ids: Sequence[int]) -> dict[str, str]:
    return {"id": ",".join(map(str, ids)), "version": version_of_several(groups)}


class ScheduleForm(TimesForm):
    """The values of one group for some time; with `version` a group that was changed since is a conflict."""

    birthday_bonus = BonusField(
        label=gettext_lazy("Birthday bonus for that time"),
        help_text=gettext_lazy("Leave it empty to keep the present one."),
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False)
    field_order = ("percent", "birthday_bonus", "starts_at", "ends_at")

    def __init__(self, data: Any = None, *, group: Group) -> None:
        super().__init__(data, initial={"percent": group.percent}, version=Version.of_group(group))
        self.group, self.made_with = group, {"group": group}
        if group.loyalty_type != LoyaltyType.BONUS:
            del self.fields["birthday_bonus"]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        is_readable = "percent" in data and "birthday_bonus" not in self.errors
        if is_readable and not self.is_moved_on and self.planned == self.group.values:
            self.add_error("percent", gettext_lazy("The group has these values already."))
        return data

    @property
    def planned(self) -> GroupValues:
        data, values = self.cleaned_data, self.group.values
        bonus = data.get("birthday_bonus")
        return values.replace(
            percent=data["percent"], birthday_bonus=values.birthday_bonus if bonus is None else bonus
        )

    @property
    def is_moved_on(self) -> bool:
        version: Version = self.cleaned_data.get("version", Version())
        return version.values not in (None, self.group.values)


@require_safe
@requires("view_group")
def schedule_list(request: Request) -> HttpResponse:
    page = page_param(request, services.schedules_of(request.credentials).in_order())
    planned = {each.group_id: each for each in page.object_list if each.is_open}
    groups: dict[int, Group] = {}
    if planned:
        with suppress(PosterError):
            listed = reads.list_groups(request.credentials)
            groups = certain_groups(request.credentials, listed, planned)
    rows = [card_of(each, request.user, groups.get(each.group_id)) for each in page.object_list]
    return render_page(request, "schedules/schedules.html", {"page": page, "rows": rows}, fragment="rows")


@form_methods
@requires("change_group")
def schedule_create(request: Request, group_id: int) -> HttpResponse:
    credentials = request.credentials
    data = request.POST if request.method == "POST" else None
    # A form that was sent before is held against the group as it was then.
    group = _known_base(request, request.POST.get("operation", ""), group_id)
    if group is None:
        group, _late = current_group(credentials, group_id)
    form, known = ScheduleForm(data, group=group), services.schedule_of(credentials, group_id)

    def show(*, status: int, form: ScheduleForm = form, **context: Any) -> HttpResponse:
        context |= {"group": group, "present": present_words(group.values), "now": timezone.now()}
        return render_page(
            request, "schedules/schedule.html", {"form": form, **context}, fragment="form", status=status
        )

    if data is None and known and known.is_open:
        return show(status=200, holder=holder_notice(known))
    if not group.is_editable:
        return show(status=422 if form.is_bound else 200, unsafe=True)
    if not form.is_valid():
        return show(status=422 if form.is_bound else 200)
    schedule = _make_schedule(
        request, form, group, form.cleaned_data["operation"], form.planned, **consent_of(request)
    )
    try:
        if form.is_moved_on and find_known(schedule.submission, Schedule) is None:
            return show(status=409, form=form.again(version=Version.of_group(group)), moved_on=True)
        schedule = services.plan_schedule(schedule, credentials)
    except NotSent as error:
        return answer_not_sent(error, request, schedule, show)
    messages.success(request, f"{_('Planned:')} {planned_words(schedule)}")
    return redirect("groups:detail", schedule.group_id)


@form_methods
@requires("change_group")
def schedule_several(request: Request) -> HttpResponse:
    """Plan the same percent for the groups chosen in the list: each gets a plan of its own, or a problem."""
    posted = request.POST if request.method == "POST" else None
    ids = ids_param(posted or request.GET)
    if len(ids) == 1 and posted is None:
        return redirect("groups:schedule", ids[0])
    groups = [group for group in current_groups(request.credentials).groups if group.id in ids]
    if not groups:
        return redirect("groups:list")
    form = SeveralForm(posted, groups=groups, ids=ids)

    def show(form: SeveralForm, *, status: int, **context: Any) -> HttpResponse:
        rows = [(group, present_words(group.values)) for group in form.groups]
        context |= {"form": form, "rows": rows, "now": timezone.now()}
        return render_page(request, "schedules/several.html", context, fragment="form", status=status)

    if not form.is_valid():
        return show(form, status=422 if form.is_bound else 200)
    groups = [_known_base(request, form.operation_of(group), group.id) or group for group in groups]
    if any(is_other_than_shown(group, form["version"].data) for group in groups):
        return show(form.only(groups), status=409, moved_on=True)
    made = [(group, *_plan_one(request, form, group)) for group in groups]
    problems = [(group, problem) for group, problem, _url in made if problem]
    requests = [url for _group, _problem, url in made if url]
    planned, waits = len(made) - len(problems) - len(requests), len(requests)
    said = (
        (ngettext("Planned for %(count)s group.", "Planned for %(count)s groups.", planned), planned),
        (
            ngettext(
                "%(count)s group waits for an approval.", "%(count)s groups wait for an approval.", waits
            ),
            waits,
        ),
    )
    count = NumberFormat.current().count
    words = " ".join(text % {"count": count(number)} for text, number in said if number)
    if problems:
        # The form goes on with the groups that are left.
        left = form.only([group for group, _problem in problems])
        return show(left, status=409, problems=problems, made=words)
    messages.success(request, words)
    return redirect(page_above(requests[0]) if requests else "groups:schedules")


def _plan_one(request: Request, form: SeveralForm, group: Group) -> tuple[str, str]:
    if not group.is_editable:
        return _("Poster has a type for this group that is not known here."), ""
    planned = group.values.replace(percent=form.cleaned_data["percent"])
    if planned == group.values:
        return _("The group has these values already."), ""
    schedule = _make_schedule(request, form, group, form.operation_of(group), planned)
    try:
        services.plan_schedule(schedule, request.credentials)
    except NotSent as error:
        return _problem_of(error, request, schedule)
    return "", ""


def _problem_of(error: NotSent, request: Request, schedule: Schedule) -> tuple[str, str]:
    try:
        if row := error.go_on(schedule, request.user):
            return "", row.get_absolute_url()
    except NotSent as other:
        return _problem_of(other, request, schedule)
    message = error.message()
    if isinstance(error, WriteHeld):
        advice = _("Plan it on the page of the group, where you can give a reason.")
        return format_html("{} {}", message.text, advice), ""
    return f"{message.title}. {message.text}", ""


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
        **request.credentials.sender_columns,
        group_id=group.id,
        group_name=group.name[:400],
        base=group.values.to_json(),
        planned=planned.to_json(),
        starts_at=form.cleaned_data["starts_at"],
        ends_at=form.cleaned_data["ends_at"],
        **consent,
    )


def _known_base(request: Request, operation: uuid.UUID | str, group_id: int) -> Group | None:
    """Return the group as it was when the form of this operation was sent, or None if it was not."""
    known = find_by_operation(operation)
    if isinstance(known, Schedule) and known.account_id == request.credentials.account_id:
        return group_of(group_id, known.base_values)
    return None


@form_methods
@requires("change_group")
def schedule_cancel(request: Request, schedule_id: uuid.UUID) -> HttpResponse:
    found = services.schedules_of(request.credentials).select_related("account")
    schedule = get_object_or_404(found, pk=schedule_id)
    if request.method != "POST":
        return _ask_to_cancel(request, schedule)
    said = request.POST.get("ending", "")
    try:
        services.cancel_schedule(schedule, user=request.user, said=said)
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
    credentials, group = request.credentials, None
    ending = services.ending_of(schedule)
    if ending and not open_change(credentials, schedule.group_id):
        with suppress(PosterError):
            group, _late = current_group(credentials, schedule.group_id)
    context |= {
        "row": card_of(schedule, request.user, group),
        "schedule": schedule,
        "ending": ending,
        "group": group,
        "present": group and present_words(group.values),
        "old": present_words(schedule.base_values),
        "is_as_planned": group is not None and same(schedule.planned_values, group),
    }
    return render_page(request, "schedules/cancel.html", context, status=status)


# --- Words -------------------------------------------------------------------------------------------------


def mark_words(schedule: Schedule, group: Group | None) -> str:
    """Return the mark of a group in the list: "20% until Sun", "20% from Fri"."""
    base, planned = schedule.base_values, schedule.planned_values
    values = []
    if planned.percent != base.percent or planned.birthday_bonus == base.birthday_bonus:
        values.append(percent_words(planned.percent))
    if planned.birthday_bonus != base.birthday_bonus:
        values.append(money_words(planned.birthday_bonus))
    words = {"values": ", ".join(values)}
    if is_overtaken(schedule, group):
        return pgettext("planned change", "%(values)s planned, but changed meanwhile") % words
    if schedule.state == State.ACTIVE and schedule.ends_at:
        words["time"] = _time_words(schedule.ends_at)
        return pgettext("planned change", "%(values)s until %(time)s") % words
    words["time"] = _time_words(schedule.starts_at)
    return pgettext("planned change", "%(values)s from %(time)s") % words


def _time_words(moment: datetime) -> str:
    """Return "18:00" today, "Sun" within a week, else the day."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return date_format(local, "TIME_FORMAT")
    day = date_format(local, "j M" if abs(local.date() - today) > NEAR else "D")
    return day if get_language() == "en" else day.lower()


def warning_words(schedule: Schedule, group: Group | None) -> str:
    """Return what becomes of an open schedule if a form gives its group other values."""
    words = _("If you save other values, it will be held, and a person has to decide.")
    return overtaken_words(schedule, group) or words


def overtaken_words(schedule: Schedule, group: Group | None) -> str:
    """Return what the next step will do where the group has other values than the expected ones, or ""."""
    if group is None or not is_overtaken(schedule, group):
        return ""
    text = _(
        "The group has other values by now: %(changes)s. So this will not begin: it will be held, and a "
        "person has to decide."
    )
    if schedule.state == State.ACTIVE:
        text = _(
            "The group has other values by now: %(changes)s. So the old values will not return "
            "automatically: this will be held, and a person has to decide."
        )
    return text % {"changes": difference_words(schedule.expected_values.to_json(), group.values.to_json())}


def present_words(values: GroupValues) -> str:
    """Return "10%", or "10%, 50.00 ₴ on the birthday"."""
    words = percent_words(values.percent)
    if not values.birthday_bonus:
        return words
    bonus = {"percent": words, "bonus": money_words(values.birthday_bonus)}
    return _("%(percent)s, and %(bonus)s on the birthday") % bonus


def card_of(schedule: Schedule, user: User, group: Group | None = None) -> dict[str, Any]:
    """Return what the card of a planned change shows; `group` is None where it is not certain."""
    is_back = schedule.returns and schedule.ended_at is not None and not schedule.can_be_returned
    return {
        "schedule": schedule,
        "words": planned_words(schedule),
        "overtaken": overtaken_words(schedule, group),
        "reason": schedule.reason and Schedule.Reason(schedule.reason).label,
        "who": names_words(schedule.user_name, schedule.requested_by),
        "return_was_tried": is_back,
        "may_cancel": user.has_perm(CHANGE_GROUP) and (schedule.is_open or schedule.state == State.HELD),
    }


# --- Parts of other pages ----------------------------------------------------------------------------------


hooks.section("schedules", "groups")
hooks.destinations(
    pages_for(("groups.view_group", gettext_lazy("Planned changes"), "groups:schedules", PAGE)), order=9
)
hooks.part("list.chosen", "schedules/plan_of_chosen.jinja", order=1)(
    lambda request, _listing: {} if request.user.has_perm(CHANGE_GROUP) else None
)


hooks.part("list.tools", "schedules/link_of_list.jinja", order=1)(lambda _request, _listing: {})


@hooks.row_marks
def marks_of(credentials: PosterCredentials, groups: Groups) -> dict[int, RowMark]:
    schedules = open_schedules(credentials)
    certain = certain_groups(credentials, groups, schedules)
    return {
        group_id: RowMark("calendar", mark_words(schedule, certain.get(group_id)))
        for group_id, schedule in schedules.items()
    }


def find_planned(credentials: PosterCredentials, _groups: Groups, answer: str) -> Test:
    planned = open_schedules(credentials).keys()
    return lambda group: (group.id in planned) == (answer == "yes")


hooks.list_condition(
    ChoiceCondition(
        key="planned",
        label=gettext_lazy("Planned change"),
        choices={
            "yes": gettext_lazy("with a planned change"),
            "no": gettext_lazy("without a planned change"),
        },
        find=find_planned,
    )
)


@hooks.part("group.actions", "schedules/action.html")
def action_of_group(request: Request, one: OneGroup, is_held: bool) -> Variables:
    may_plan = one.group.is_editable and not is_held and request.user.has_perm(CHANGE_GROUP)
    return {"group": one.group} if may_plan else None


@hooks.part("group.top", "schedules/card.html")
def card_of_group(request: Request, one: OneGroup, _change: Change | None) -> Variables:
    credentials, group_id = request.credentials, one.group.id
    schedule = services.schedule_of(credentials, group_id)
    if schedule is None:
        return None
    certain = certain_groups(credentials, one, [group_id]).get(group_id)
    return {"row": card_of(schedule, request.user, certain), "of_one_group": True}


@hooks.part("form.head", "schedules/in_force.html")
@hooks.part("request.group", "schedules/in_force.html")
def notice_of_form(request: Request, group: Group) -> Variables:
    schedule = services.schedule_of(request.credentials, group.id)
    if schedule is None or not schedule.is_open:
        return None
    return {"words": planned_words(schedule), "warning": warning_words(schedule, group)}


def warnings_of_groups(credentials: PosterCredentials, groups: Groups | None = None) -> dict[int, list[str]]:
    """Warn of planned groups in forms that edit many; `groups` are those of the form, if it has read them."""
    found = open_schedules(credentials)
    if not found:
        return {}
    now = certain_groups(credentials, groups or reads.list_groups(credentials), found)
    title = _("A change of this group is planned.")
    return {
        group_id: [f"{title} {planned_words(each)} {warning_words(each, now.get(group_id))}"]
        for group_id, each in found.items()
    }


holder_finders["schedules"] = lambda pk: Schedule.objects.get(pk=pk)


@holder_notice.register
def notice_of_holder(schedule: Schedule) -> HolderNotice:
    one_at_a_time = _("There can be only one at a time.")
    until = _("Until that has ended or is cancelled, the group cannot be removed.")
    return HolderNotice(
        _("A change of this group is planned"),
        planned_words(schedule),
        f"{one_at_a_time} {until}",
        url=schedule.get_absolute_url(),
        label=_("Planned changes"),
        mark="clock",
    )


urlpatterns = [
    path("groups/<group:group_id>/schedule/", schedule_create, name="schedule"),
    path("groups/schedule/", schedule_several, name="schedule_several"),
    path("schedules/", schedule_list, name="schedules"),
    path("schedules/<uuid:schedule_id>/cancel/", schedule_cancel, name="schedule_cancel"),
]
