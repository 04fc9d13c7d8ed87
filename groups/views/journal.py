"""Views of the journal: the history, its news, and one change, which may be a save that a page waits for."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe

from groups.forms import HistoryForm
from groups.models import Change, Job
from groups.models.changes import ChangeQuerySet
from groups.presenters.changes import undo_doubts
from groups.presenters.history import history_rows, outcome_toast, toasts
from groups.presenters.places import parts_of
from groups.services import history
from groups.services.clients import find_names
from groups.services.groups import known_groups, read_group
from groups.services.jobs.lease import jobs_of
from groups.services.messages import Message
from groups.services.values import NumberFormat
from groups.services.writes.commands import Command
from groups.services.writes.submissions import NotNow
from groups.spreadsheets import history_file
from groups.views.http import Request, file_response, form_methods, requires
from groups.views.jobs import undo_by_job
from groups.views.writes import WritePage, ask_or_execute, execute_and_respond, show_outcome
from poster_admin.common.pages import htmx_target, render_page
from poster_admin.users.sessions import ask_to_confirm, last_visit, recently_confirmed

HISTORY_PAGE = 50
PEOPLE_OF = 2000
"""Latest changes whose authors can be chosen in the filter of the history."""
TOLD_BY_ITS_FORM = timedelta(seconds=1)
"""Time in which the request that has made a change leaves its message of success to the session."""
NEWS_SEEN = "news_seen"
A_WEEK = timedelta(days=7)
"""Time that the news goes back for a user who was never here before."""


@require_safe
@requires("view_group")
def history_list(request: Request) -> HttpResponse:
    people: set[str] = set()
    if htmx_target(request) != "rows":  # the filter is not among them, and its people are many changes
        latest = history.changes_of(request.credentials).of_groups().values_list("user_name", flat=True)
        people = set(latest[:PEOPLE_OF])
    filters = HistoryForm(request.GET, people=people)
    changes, jobs = filters.narrow(_changes(request, filters), jobs_of(request.credentials))
    if not any(filters.cleaned_data.get(name) for name in ("action", "state", "job", "group", "new")):
        # Each job that has made some of the changes is there as a whole.
        changes = changes.filter(job=None)
    if filters.is_news:
        request.session[NEWS_SEEN] = timezone.now().timestamp()
    page = history.HistoryPages(changes, jobs, HISTORY_PAGE).get_page(request.GET.get("page"))
    shown = history.read_rows(request.credentials, page.object_list)
    groups = history.group_names(request.credentials, shown)
    # Names of clients, as far as the user may see them and Poster shows them.
    ids = {row.client_id for row in shown if isinstance(row, Change) and row.client_id}
    clients = find_names(request.credentials, ids)
    users = User.objects.filter(pk__in={row.user_id for row in shown if row.user_id})
    full_names = {user.pk: name for user in users if (name := user.get_full_name())}
    rows = history_rows(shown, request.user, groups=groups, clients=clients, people=full_names)
    context = {"filter_form": filters, "page": page, "days": by_day(rows)}
    context["since"] = _since(request) if filters.is_news else None
    return render_page(request, "groups/journal/history.html", context, fragment="rows")


def _changes(request: Request, filters: HistoryForm) -> ChangeQuerySet:
    if filters.is_news:
        return history.news_of(request.credentials, _since(request))
    return history.changes_of(request.credentials)


def by_day(rows: Iterable[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of each day under its title: "Today, December 1", or a date of another year whole."""
    today = localdate()
    names = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    # Translators: a day and its month, in the letters of Django's date formats: "December 1"
    day_format = pgettext("format of a date without its year", "F j")
    days = []
    for day, of_day in groupby(rows, key=lambda row: row["when"].date()):
        date = date_format(day, day_format if day.year == today.year else "DATE_FORMAT")
        days.append((f"{names[day]}, {date}" if day in names else date, list(of_day)))
    return days


@require_safe
@requires("view_group")
def history_export(request: Request, extension: str) -> HttpResponse:
    filters = HistoryForm(request.GET)
    changes, no_jobs = filters.narrow(_changes(request, filters), Job.objects.none())
    pages = history.HistoryPages(changes, no_jobs, HISTORY_PAGE)
    if pages.has_more:
        text = _("More than %(count)s changes match. Choose days in the filter, and export them in parts.")
        messages.warning(request, text % {"count": NumberFormat.current().count(history.COUNTED)})
        return redirect(f"{reverse('groups:history')}?{request.GET.urlencode()}")
    known = known_groups(request.credentials)
    names = {group.id: group.name for group in known.groups} if known else {}
    rows = changes.select_related("job").iterator()
    name = f"history-{request.credentials.account_id}-{localdate()}"
    return file_response(request, name, extension, lambda: history_file(rows, names, extension))


@form_methods
@requires("view_group")
def change_detail(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Show one change, and let a user settle it if the program cannot."""
    changes = history.changes_of(request.credentials).select_related("account")
    change = get_object_or_404(changes, pk=change_id)
    if request.method != "POST":
        match htmx_target(request):
            case "step" if change.is_over:  # its form shows the outcome
                return HttpResponse(status=204)
            case "step":
                step = _("Asking what Poster has …")
                if change.sent_at and change.accepted:
                    step = _("Asked what Poster has · sent · reading it back …")
                elif change.sent_at:
                    step = _("Asked what Poster has · sending …")
                words = f"{step} {_('You can go on: the outcome will be told on every page.')}"
                return HttpResponse(words, content_type="text/plain; charset=utf-8")
            case "messages":
                return _tell_outcome(request, change)
            case _:
                return show_outcome(request, Command.from_change(change), change)
    decision = request.POST.get("decision", "")
    if decision == "again" and Command.kind_of(change).removes and not recently_confirmed(request):
        return ask_to_confirm(request)
    try:
        if decision == "again":
            command = history.command_again(change, request.credentials)
            page = WritePage.for_command(request, command)
            page.context["decision"] = decision
            return execute_and_respond(page, command)
        history.resolve(change, decision, request.user)
    except NotNow:
        messages.warning(request, _("This change has moved on meanwhile. Look at it again."))
    return redirect("groups:change", change.pk)


def _tell_outcome(request: Request, change: Change) -> HttpResponse:
    """Answer with the messages for the user, one of them about this change; with nothing until it is over.

    The browser may have another user by now, who has not requested it.
    """
    if change.user_id != request.user.pk:
        raise Http404
    if not change.is_over or (change.settled_at and timezone.now() - change.settled_at < TOLD_BY_ITS_FORM):
        return HttpResponse(status=204)
    shown = toasts(get_messages(request), request.user)
    if str(change.pk) not in {toast.get("change_id") for toast in shown}:
        shown.append(outcome_toast(change, request.user))
    return render_page(request, "components/messages.html", {"toasts": shown})


@require_POST
@requires("view_group")
def change_undo(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Undo a change by a new change, after a confirmation if it is old, or if a form would ask for one.

    The changes of clients belong to jobs, so they are undone by one.
    """
    change = get_object_or_404(history.changes_of(request.credentials), pk=change_id)
    confirmed = request.POST.get("confirmed") == "1"
    if change.job is not None and change.client_id:
        return undo_by_job(request, change.job, change, shown_first=history.is_old(change) and not confirmed)
    sent = request.POST.get("operation", "")
    try:
        command = history.undo_command(change, request.credentials, sent=sent)
    except NotNow:
        words = Message(
            _("Nothing is left to undo"),
            _("This change has been undone already."),
            _("That undo is in the history, and can be undone there."),
        )
        made = Command.from_change(change)
        return show_outcome(request, made, change, fragment="form", status=409, words=words)
    page = WritePage.for_command(request, command)
    doubts = [] if confirmed else undo_doubts(change, history.change_after(change))
    if command.removes:
        # An empty group is removed again; something may speak against that by now.
        concerns = [] if confirmed else parts_of("removal.doubts", request, command.group_id)
        if concerns or doubts:
            return page.show(concerns=concerns, doubts=doubts)
        return execute_and_respond(page, command)
    if doubts and command.group_id and command.loaded:
        # An undo that is not as shown any more goes to the page of the conflict, which has all versions.
        group = read_group(request.credentials, command.group_id, fresh=True).group
        doubts = doubts if group.values == command.loaded else []
    return ask_or_execute(page, command, confirmed=confirmed, doubts=doubts)


# --- News --------------------------------------------------------------------------------------------------


def count_unseen(request: Request) -> tuple[int, int] | None:
    """Return how many groups others have changed since the user looked, and how many of them elsewhere.

    None if nothing is new.
    """
    since, seen_at = last_visit(request), request.session.get(NEWS_SEEN)
    if since is None:
        return None
    if seen_at:  # the news was opened in this visit
        since = max(since, datetime.fromtimestamp(seen_at, since.tzinfo))
    changed, elsewhere = history.count_news(request.credentials, since)
    return (changed, elsewhere) if changed else None


def _since(request: Request) -> datetime:
    """Return the last visit; for a user who was never here before, a week ago."""
    return last_visit(request) or timezone.now() - A_WEEK
