"""Views of the history and of one change, which may be a save that a page waits for."""

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.contrib import messages
from django.contrib.messages import get_messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from groups.forms.groups import HistoryForm
from groups.models import Change, Job
from groups.presenters.changes.change_diff import history_rows
from groups.presenters.changes.change_words import step_words, undone_words
from groups.presenters.changes.toasts import outcome_toast, toasts
from groups.presenters.places import parts_of
from groups.services.clients import find_names
from groups.services.groups import known_groups
from groups.services.jobs.lease import jobs_of
from groups.services.journal import history
from groups.services.values import NumberFormat
from groups.services.writes.commands import Command
from groups.services.writes.not_sent import NotNow
from groups.spreadsheets.history_exports import EXTENSIONS, history_file
from groups.views.http.files import file_response
from groups.views.http.requests import Request, form_methods, requires
from groups.views.jobs import undo_by_job
from groups.views.writes.write_page import WritePage
from groups.views.writes.write_responses import ask_or_execute, execute_and_respond, show_outcome
from poster_admin.common.htmx import element_asked_for, render_page
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed

HISTORY_PAGE = 50
TOLD_BY_ITS_FORM = timedelta(seconds=1)
"""Time in which the request that has made a change leaves its message of success to the session."""


@require_safe
@requires("view_group")
def history_list(request: Request) -> HttpResponse:
    """Show the history of the account."""
    # The filter is not among the rows, and its people are many rows of a long journal.
    people = () if element_asked_for(request) == "rows" else history.people_of(request.credentials)
    filters = HistoryForm(request.GET, people=people)
    changes = filters.narrow(history.changes_of(request.credentials))
    jobs = filters.narrow_jobs(jobs_of(request.credentials))
    page = history.HistoryPages(changes, jobs, HISTORY_PAGE).get_page(request.GET.get("page"))
    shown = history.read_rows(request.credentials, page.object_list)
    groups = history.group_names(request.credentials, shown)
    context = {
        "filter_form": filters,
        "page": page,
        "rows": history_rows(shown, request.user, groups=groups, clients=_client_names(request, shown)),
        "export_types": EXTENSIONS,
    }
    return render_page(request, "groups/journal/history.html", context, fragment="rows")


def _client_names(request: Request, shown: Iterable[Change | Job]) -> dict[int, str]:
    """Return the names of the clients in these rows, as far as the user may see them and Poster tells."""
    ids = {row.client_id for row in shown if isinstance(row, Change) and row.client_id}
    return find_names(request.credentials, ids)


@require_safe
@requires("view_group")
def history_export(request: Request, extension: str) -> HttpResponse:
    """Return a file with the changes that the history shows with the same filters, on all its pages."""
    changes = HistoryForm(request.GET).narrow(history.changes_of(request.credentials))
    pages = history.HistoryPages(changes, Job.objects.none(), HISTORY_PAGE)
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
        match element_asked_for(request):
            case "step" if change.is_over:  # its form tells the outcome
                return HttpResponse(status=204)
            case "step":
                return HttpResponse(step_words(change), content_type="text/plain; charset=utf-8")
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

    The browser may have another user by now, who has not asked for it.
    """
    if change.user_id != request.user.pk:
        raise Http404
    if not change.is_over or (change.settled_at and timezone.now() - change.settled_at < TOLD_BY_ITS_FORM):
        return HttpResponse(status=204)
    shown = toasts(get_messages(request), request.user)
    if str(change.pk) not in {toast.change_id for toast in shown}:
        shown.append(outcome_toast(change, request.user))
    return render_page(request, "components/messages.html", {"toasts": shown})


@require_POST
@requires("view_group")
def change_undo(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Undo a change by a new change, after a confirmation if a form would ask for one.

    The changes of clients belong to jobs, so they are undone by one.
    """
    change = get_object_or_404(history.changes_of(request.credentials), pk=change_id)
    if change.job is not None and change.client_id:
        return undo_by_job(request, change.job, change)
    sent = request.POST.get("operation", "")
    try:
        command = history.undo_command(change, request.credentials, sent=sent)
    except NotNow:
        made = Command.from_change(change)
        return show_outcome(request, made, change, fragment="form", status=409, words=undone_words())
    page = WritePage.for_command(request, command)
    confirmed = request.POST.get("confirmed") == "1"
    if command.removes:
        # An empty group is removed again; something may speak against that by now.
        concerns = [] if confirmed else parts_of("removal.doubts", request, command.group_id)
        return page.show(concerns=concerns) if concerns else execute_and_respond(page, command)
    return ask_or_execute(page, command, confirmed=confirmed)
