"""Show the limits of an account and the requests beyond them; answer a form that goes beyond."""

import uuid
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_POST, require_safe

from groups import hooks
from groups.features.approvals import services as approvals
from groups.features.approvals.models import EXCEED_LIMITS, LIFE, ApprovalRequest, Breach, Limits
from groups.features.approvals.services import OWN_BOUND, BeyondLimits, in_words
from groups.forms import BonusField, DecimalField, PercentField, WholeField, warnings_for
from groups.models import Change, Consent, IdsFirst, Job, PosterCredentials
from groups.models.contents import Effect
from groups.models.submissions import LONGEST_REASON
from groups.poster import Group, PosterError
from groups.presenters.changes import Comparison, outcome_words, value_rows
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.lists import RowMark
from groups.presenters.settings_pages import ACCOUNT, SettingsPage
from groups.services.gateway import check_token
from groups.services.groups import Groups, OneGroup
from groups.services.jobs.kinds import JobKind
from groups.services.messages import Message
from groups.services.values import money_words, terms_words
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.submissions import NotNow, NotSent
from groups.views.http import LOST, Request, form_methods, requires, status_of_change
from groups.views.writes import answer_not_sent, shown_with
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.outages import optional
from poster_admin.common.pages import page_param, render_form, render_page
from poster_admin.users.security_log import DETAIL_LABELS
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed

Limit = Limits.Limit
State = ApprovalRequest.State
WAITING = IdsFirst(ApprovalRequest.objects.filter(state=State.WAITING))

type Variables = dict[str, Any] | None


class LimitsForm(forms.Form):
    """The limits of an account; an empty field is no limit.

    `opened` has what the fields were opened with, so that only what was typed is set.
    """

    opened: dict[str, Decimal | None]

    max_percent = PercentField(label=Limits.Limit.MAX_PERCENT.label, required=False)
    max_rise = DecimalField(
        label=Limits.Limit.MAX_RISE.label,
        maximum=Decimal(100),
        range_message=gettext_lazy("The rise must be between 0 and 100 points."),
        required=False,
        help_text=gettext_lazy("From 10% to 15% are 5 points. A new group rises from 0%."),
    )
    max_birthday_bonus = BonusField(label=Limits.Limit.MAX_BIRTHDAY_BONUS.label)
    max_clients = WholeField(
        0,
        2**31 - 1,
        label=Limits.Limit.MAX_CLIENTS.label,
        required=False,
        help_text=gettext_lazy("A change of many groups, an import or a move counts as one change."),
    )

    def __init__(self, data: Any = None, *, limits: Limits) -> None:
        values = {limit.value: value for limit, value in limits.values.items()}
        super().__init__(data, initial=values)
        self.limits = limits
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean(self) -> None:
        self.opened = {}
        for field in self:
            said = self.data.get(field.html_initial_name)
            with suppress(forms.ValidationError):  # then it says nothing
                if said is not None:
                    self.opened[field.name] = field.field.to_python(said)

    @property
    def typed(self) -> dict[str, Decimal | int | None]:
        """All values but those that are as they were opened."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in self.opened or value != self.opened[name]
        }

    def on(self, limits: Limits) -> "LimitsForm":
        """Return what was typed, as if it had been opened on these limits."""
        now = {field.name: field.value() or "" for field in LimitsForm(limits=limits)}
        opened = {self[name].html_initial_name: value for name, value in now.items()}
        typed = {name: self[name].data or "" for name in self.typed}
        return LimitsForm(opened | now | typed, limits=limits)

    @property
    def theirs(self) -> list[tuple[str, str | None]]:
        return [(str(field.label), field.value()) for field in LimitsForm(limits=self.limits)]


class RefusalForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        error_messages={
            "required": gettext_lazy("Enter a reason."),
            "max_length": gettext_lazy("Enter a reason of at most 200 characters."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": LONGEST_REASON}),
    )


class ConsentForm(RefusalForm):
    """A reason to go beyond the limits; `reached` is the number of clients that the form has shown."""

    reached = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)


@form_methods
@requires("exceed_limits")
def account_limits(request: Request) -> HttpResponse:
    check_token(request.credentials)
    limits = approvals.limits_of(request.credentials.account_id)
    form = LimitsForm(request.POST if request.method == "POST" else None, limits=limits)
    if not form.is_valid():
        return render_form(request, "approvals/limits.html", form, fragment="form", limits=limits)
    try:
        approvals.set_limits(limits.account_id, form.typed, opened=form.opened, user=request.user)
    except approvals.SetSince:
        limits = approvals.limits_of(limits.account_id)
        context = {"form": form.on(limits), "limits": limits, "set_since": True}
        return render_page(request, "approvals/limits.html", context, fragment="form", status=409)
    messages.success(request, _("The limits are set."))
    return redirect("groups:limits")


@require_safe
@requires("view_group")
def request_list(request: Request) -> HttpResponse:
    page = page_param(request, approvals.requests_of(request.credentials))
    made = approvals.writes_of(page.object_list)
    rows = [_about(approval, made=made.get(approval.pk)) for approval in page.object_list]
    return render_page(request, "approvals/requests.html", {"page": page, "rows": rows}, fragment="rows")


@require_safe
@requires("view_group")
def request_detail(request: Request, request_id: uuid.UUID) -> HttpResponse:
    return _show(request, _find(request, request_id))


@require_POST
@requires("exceed_limits")
def request_approve(request: Request, request_id: uuid.UUID) -> HttpResponse:
    approval = _find_to_decide(request, request_id)
    if approvals.needs_password(approval) and not recently_confirmed(request):
        return ask_to_confirm(request, back=request.path.removesuffix("approve/"))

    def show_not_sent(*, status: int, blocked: str = "", **context: Any) -> HttpResponse:
        if blocked:  # there is no form that could be corrected
            still = _("Nothing was sent, and the request still waits.")
            status, context["outcome"] = 409, Message(_("Birthday bonuses are stopped"), still, blocked)
        return _show(request, approval, status=status, **context)

    try:
        change = approvals.approve(approval, request.credentials, seen=request.POST.get("seen", ""))
    except NotNow:
        return _moved_on(request, approval)
    except approvals.AlreadySo:
        messages.info(request, _("Poster has all of this already, so nothing was sent."))
        return redirect("groups:request", approval.pk)
    except approvals.ChangedSince as changed:
        return _show(request, approval, status=409, now=changed.now, asks_again=True)
    except NotSent as error:
        return answer_not_sent(error, request, approval, show_not_sent)
    if change is None or change.state in Change.MADE:
        # The outcome of a job or a planned change is on its own page, later.
        messages.success(request, _("The request was approved."))
        return redirect("groups:request", approval.pk)
    if change.state == Change.State.FAILED and change.reason == Change.Reason.CONFLICT:
        status = 409
    else:
        status = status_of_change(change) if change.state in Change.NOTHING_CHANGED else LOST
    return _show(request, approval, status=status, outcome=outcome_words(change), change=change)


@require_POST
@requires("exceed_limits")
def request_refuse(request: Request, request_id: uuid.UUID) -> HttpResponse:
    approval = _find_to_decide(request, request_id)
    form = RefusalForm(request.POST)
    if not form.is_valid():
        return _show(request, approval, status=422, reason_form=form)
    try:
        approvals.refuse(approval, user=request.user, reason=form.cleaned_data["reason"])
    except NotNow:
        return _moved_on(request, approval)
    messages.success(request, _("The request was refused. Nothing was sent to Poster."))
    return redirect("groups:request", approval.pk)


@require_POST
@requires("view_group")
def request_withdraw(request: Request, request_id: uuid.UUID) -> HttpResponse:
    approval = _find(request, request_id)
    if approval.user_id != request.user.pk:
        raise PermissionDenied
    try:
        approvals.decide(approval, State.REFUSED, request.user)
    except NotNow:
        return _moved_on(request, approval)
    messages.success(request, _("The request was withdrawn. Nothing was sent to Poster."))
    return redirect("groups:request", approval.pk)


# --- The page of a request ---------------------------------------------------------------------------------


def _find(request: Request, request_id: uuid.UUID) -> ApprovalRequest:
    return get_object_or_404(approvals.requests_of(request.credentials), pk=request_id)


def _find_to_decide(request: Request, request_id: uuid.UUID) -> ApprovalRequest:
    approval = _find(request, request_id)
    if not approvals.may_decide(approval, request.user):
        raise PermissionDenied
    return approval


def _moved_on(request: Request, approval: ApprovalRequest) -> HttpResponse:
    messages.warning(request, _("This request has moved on meanwhile. Look at it again."))
    return redirect("groups:request", approval.pk)


def _about(
    approval: ApprovalRequest,
    *,
    now: Effect | None = None,
    made: Change | None = None,
    command: GroupCommand | None = None,
) -> dict[str, Any]:
    """Show a request in a row of the list, and as the beginning of its page.

    `now` has its present effect, `command` what it would write, `made` the write of one that was approved.
    """
    is_approved = approval.present_state == State.APPROVED
    if approval.is_change:
        title = approval.group_name
        # As a noun: it was requested, and may never be made.
        what = {
            Change.Action.CREATE: pgettext("requested", "creation"),
            Change.Action.UPDATE: pgettext("requested", "change"),
            Change.Action.REMOVE: pgettext("requested", "removal"),
        }[Change.Action(approval.action)]
    else:
        title, what = approval.subject.title, approval.kind_label

    # The numbers of now, or of the approval; where these are not known, of the request.
    breaches = []
    for breach in map(Breach.from_json, approval.breaches):
        number = breach.number
        if breach.limit in (Limit.MAX_CLIENTS, OWN_BOUND):
            consent, then = made or approval.job, approval.requested_effect
            if is_approved:
                if consent and consent.request_id == approval.pk and consent.allowed_clients is not None:
                    number = Decimal(consent.allowed_clients)
            elif now and then:
                # The rest of a job counts the clients it has reached already, and its effect does not.
                number += now.clients - then.clients
        elif breach.limit == Limit.MAX_RISE and made is not None:
            number = Command.from_change(made).reach.rise
        elif breach.limit == Limit.MAX_RISE and now and command:
            number = command.reach.rise
        if number > breach.allowed:
            breaches.append(in_words(replace(breach, number=number), is_approved=is_approved))
    return {"request": approval, "title": title, "what": what, "breaches": breaches}


def _show(
    request: Request,
    approval: ApprovalRequest,
    *,
    status: int = 200,
    now: Effect | None = None,
    **context: Any,
) -> HttpResponse:
    approval.refresh_from_db()
    waits, then = approval.is_waiting, approval.requested_effect
    if now is None and waits:
        # The page says what was requested; the approval reads again, and checks the rights to it.
        with suppress(PosterError, PermissionDenied, SecretUnreadable):
            now = approvals.effect_of(approval, request.credentials)
    command, changed_groups, warnings = None, list[str](), list[str]()
    if waits and approval.is_change:  # what an approval would send now
        command = approvals.rebased_onto(now, approvals.command_of(approval))
    if now and command and command.creates:
        namesakes = [(group.id, group.clients) for group in now.groups]
        warnings = warnings_for(None, command.values, namesakes)
    elif now and then:
        before = {group.id: group.values for group in then.all_groups}
        changed_groups = [group.name for group in now.all_groups if before.get(group.id) != group.values]
    may_approve = partial(approvals.may_approve, approval)
    is_approver = waits and may_approve(request.user)
    names_approvers = waits and not is_approver
    made = approvals.writes_of([approval]).get(approval.pk)
    page = _about(approval, now=now, made=made, command=command) | {
        "now": now,
        "then": then,
        "command": command,
        "may_approve": is_approver,
        "may_decide": waits and approvals.may_decide(approval, request.user),
        "approvers": approvals.approvers_of(approval.account_id, may_approve) if names_approvers else "",
        "warnings": warnings,
        "changed_groups": changed_groups,
    }
    if approval.is_change:
        page["rows"] = _rows(approval, command, now if changed_groups else None)
        page["outcomes"] = list(approval.changes)
    else:
        page["words"] = "" if approval.job and not waits else approval.subject.words_onto(now)
        page["outcomes"] = [approval.subject.row] if approval.present_state == State.APPROVED else []
    if waits:
        page["effect"] = _effect(approval.job, now, then)
    context = {"page": page, "reason_form": RefusalForm(), **context}
    return render_page(request, "approvals/request.html", context, fragment="request", status=status)


def _rows(approval: ApprovalRequest, command: GroupCommand | None, now: Effect | None) -> Comparison:
    rows = value_rows(
        before=approval.loaded,
        now=now.group.values.to_json() if now and now.group else None,
        new=command.intended.to_json() if command and command.intended else approval.intended,
    )
    # The owner decides about what changes: the buttons are in sight below it.
    rows = [row for row in rows if row["new"] != row["before"] or row["now"] not in ("", row["before"])]
    return [row | {"changed": row["new"] not in ("", row["now"] or row["before"])} for row in rows]


def _effect(job: Job | None, now: Effect | None, then: Effect | None) -> dict[str, Any]:
    effect = now or then or Effect()  # as it was requested, where Poster was not read
    now, then = now or Effect(), then or Effect()
    names = {group.id: group.name for group in effect.all_groups}
    if job:
        names.setdefault(job.target_id or 0, job.target_name)
    groups = effect.groups if job and (effect.pairs or JobKind.of(job).moves_clients) else ()
    terms_then = {group.id: _terms(group) for group in then.groups}
    return {
        "target": _terms(now.target),
        "target_then": _terms(then.target),
        "pairs": [(*pair, *(names.get(pk, f"№ {pk}") for pk in pair[:2])) for pair in effect.pairs],
        "terms": [(group.id, _terms(group), terms_then.get(group.id, "")) for group in groups],
    }


def _terms(group: Group | None) -> str:
    if group is None:
        return ""
    words = [terms_words(group)]
    if bonus := group.effective_bonus:
        words.append(_("birthday: %(bonus)s") % {"bonus": money_words(bonus)})
    return " · ".join(words)


# --- Forms that go beyond the limits -----------------------------------------------------------------------


@hooks.consent
def read_reason(request: Request) -> dict[str, Any]:
    """Return the reason to go beyond the limits, and for how many clients: None if no number was shown."""
    form = ConsentForm(request.POST)
    if not request.user.has_perm(EXCEED_LIMITS) or not form.is_valid():
        return {}
    shown = form.cleaned_data["reached"] or 0
    return {
        "limit_reason": form.cleaned_data["reason"],
        "allowed_clients": shown if "reached" in request.POST else None,
    }


@shown_with.register
def ask_for_reason(error: BeyondLimits, request: Request) -> dict[str, Any]:
    reached = {breach.limit: int(breach.number) for breach in error.breaches}
    shown = {"reached": reached.get(Limits.Limit.MAX_CLIENTS, "")}
    is_sent = "reason" in request.POST
    initial = shown | {"reason": request.POST.get("note", "")}
    form = ConsentForm({**request.POST.dict(), **shown} if is_sent else None, initial=initial)
    return {
        # 409 if the reason was given for fewer clients than there are by now, 422 if it is missing.
        "status": 200 if not is_sent else 409 if form.is_valid() else 422,
        "question": "approvals/beyond.html",
        "beyond": [in_words(breach) for breach in error.breaches],
        "reason_form": form,
        **shown,
    }


# --- Parts of other pages ----------------------------------------------------------------------------------


@hooks.part("nav", "approvals/nav.jinja")
def entry_of_requests(request: Request, credentials: PosterCredentials | None) -> Variables:
    """Count the requests that wait for the user, in the head of every page."""
    if not credentials or credentials.refused_at or not request.user.has_perm(EXCEED_LIMITS):
        return None
    with optional("what waits for a decision"):
        waiting = ApprovalRequest.objects.waiting().filter(account=credentials.account_id)
        if count := waiting.exclude(user=request.user).count():
            path, url = request.path_info, reverse("groups:requests")
            # The value of `aria-current`, for the page itself and for those below it.
            here = "page" if path == url else "true" if path.startswith(url) else ""
            return {"to_decide": count, "here": here}
    return None


@hooks.part("group.top", "approvals/waiting_on_group.html")
def notice_on_group(request: Request, one: OneGroup, _change: Change | None) -> Variables:
    return notice_on_form(request, one.group)


@hooks.part("form.head", "approvals/waiting.html")
def notice_on_form(request: Request, group: Group) -> Variables:
    """Show it above a form of the group too, before somebody asks for the same."""
    credentials = request.credentials
    if credentials.refused_at or not WAITING.find(account=credentials.account_id, group_id=group.id):
        return None
    approval = approvals.requests_of(credentials).waiting().filter(group_id=group.id).first()
    return {"approval": approval} if approval else None


@hooks.row_marks
def marks_of(credentials: PosterCredentials, _groups: Groups) -> dict[int, RowMark]:
    waiting = WAITING.find(account=credentials.account_id, created_at__gt=timezone.now() - LIFE)
    return {each.group_id: RowMark("clock", _("waits for approval")) for each in waiting if each.group_id}


@hooks.part("form.percent", "approvals/limit_of_percent.html", order=-1)
def limit_of_percent(request: Request, group: Group | None, _command: Command | None) -> Variables:
    """Say from which percent on a write is beyond the limits; a new group rises from nothing."""
    limits = approvals.limits_of(request.credentials.account_id)
    base = group.percent if group else Decimal(0)
    rise = None if limits.max_rise is None else base + limits.max_rise
    bounds = [bound for bound in (limits.max_percent, rise) if bound is not None]
    most = limits.max_clients
    return {
        # A group may keep the percent that it has: only a rise is held back.
        "above": max(min(bounds), base) if bounds else None,
        "too_many": most if group and most is not None and group.clients > most else None,
        "may_exceed": request.user.has_perm(EXCEED_LIMITS),
    }


@hooks.part("history.tabs", "approvals/tab.html", order=5)
def tab_of_requests(request: Request) -> Variables:
    is_here = request.path_info == reverse("groups:requests")
    is_shown = is_here or approvals.requests_of(request.credentials).exists()
    return {"is_here": is_here} if is_shown else None


@hooks.settings_pages
def settings_of_limits(user: User) -> list[SettingsPage]:
    words = _("The highest percent and bonus.")
    page = SettingsPage(ACCOUNT, _("Limits"), reverse("groups:limits"), words, "flag", connected=True)
    return [page] if user.has_perm(EXCEED_LIMITS) else []


@hooks.part("guide.protection", "approvals/step.html")
def step_of_limits(request: Request) -> Variables:
    if not request.user.has_perm(EXCEED_LIMITS):
        return None
    credentials = getattr(request.user, "credentials", None)
    limits = Limits.objects.filter(account=credentials.account_id) if credentials else Limits.objects.none()
    return {"is_done": limits.exists()}


@hooks.part("change.who", "approvals/request_link.html")
def link_to_request(_request: Request, change: Change) -> Variables:
    return {"change": change} if change.request_id else None


@hooks.part("write.facts", "approvals/reason.html")
@hooks.part("history.words", "approvals/reason_in_row.jinja")
def reason_of_write(_request: Request, row: Consent) -> Variables:
    return {"reason": row.limit_reason} if row.limit_reason else None


hooks.section("requests", "history")
hooks.destinations(
    pages_for(("groups.view_group", gettext_lazy("Requests"), "groups:requests", PAGE)), order=12
)
hooks.form_addresses("request_approve", "request_refuse", "request_withdraw")
DETAIL_LABELS.update((limit.value, limit.label) for limit in Limit)

urlpatterns = [
    path("account/limits/", account_limits, name="limits"),
    path("requests/", request_list, name="requests"),
    path("requests/<uuid:request_id>/", request_detail, name="request"),
    path("requests/<uuid:request_id>/approve/", request_approve, name="request_approve"),
    path("requests/<uuid:request_id>/refuse/", request_refuse, name="request_refuse"),
    path("requests/<uuid:request_id>/withdraw/", request_withdraw, name="request_withdraw"),
]
