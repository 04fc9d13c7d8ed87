"""Execute the command of a form, and turn the outcome into a response."""

import json
from dataclasses import replace
from typing import Any, assert_never

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import push_url, reswap, retarget

from groups.forms.groups import Version
from groups.models import Change
from groups.poster import ErrorReason, Group, NameTaken, NotFound, PosterError
from groups.poster.errors import REFUSALS
from groups.poster.fields import fold, whole_number
from groups.presenters.changes.change_diff import conflict_rows, difference_rows, outcome_rows
from groups.presenters.changes.change_notes import notes_of, ways_back
from groups.presenters.changes.change_words import name_refused_words, outcome_words, who_words
from groups.presenters.changes.toasts import success_words, tag_of
from groups.presenters.changes.warnings import warnings_for
from groups.presenters.messages import Message
from groups.services import groups as reads
from groups.services.clients import find_names
from groups.services.journal import history
from groups.services.journal.history import can_repeat, late_until, undoable_ids, undone_ids
from groups.services.writes import gates
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.execute import execute
from groups.services.writes.lag import named_groups
from groups.services.writes.not_sent import NotSent
from groups.services.writes.submissions import find_known
from groups.views.http.requests import Request, is_in_row, list_behind
from groups.views.http.statuses import LOST, status_of_change, status_of_refusal
from groups.views.writes.not_sent import answer_not_sent, consent_of
from groups.views.writes.write_page import WritePage
from poster_admin.common.htmx import element_asked_for, page_behind, render_page

State, Reason = Change.State, Change.Reason
SHORTEST_POLL, LONGEST_POLL = 2, 30
"""Seconds until the page of an open outcome asks again."""
NOTICES = {
    State.APPLIED: "success",
    State.DIFFERS: "differs",
    State.ELSEWHERE: "differs",
    State.PENDING: "unknown",
    State.UNKNOWN: "unknown",
    State.REVIEW: "unknown",
}
"""Kind of the notice on the page of a change, by its state; every other state is an error."""


def ask_or_execute(page: WritePage[Any], command: GroupCommand, *, confirmed: bool) -> HttpResponse:
    """Ask for confirmation if there are warnings that the user has not confirmed; else execute the command.

    A form that is sent twice is not asked about: the group that it has just created already has the name.
    """
    shown = _shown_namesakes(page.request) if confirmed else frozenset()
    namesakes = _namesakes_of(command) if shown is not None else []
    is_confirmed = confirmed and (shown is None or shown.issuperset(each.id for each in namesakes))
    warnings = [] if is_confirmed else _warnings_of(command, namesakes)
    if warnings:
        # A user who approves is warned too, so one who has to ask for that is not.
        try:
            known = find_known(command.submission, Change)
            if known is None:
                gates.ahead(command)
                return page.show_check(command, warnings, namesakes)
        except (NotSent, PosterError) as error:
            return _answer_not_sent(page, command, error)
    return execute_and_respond(page, command.confirmed(shown) if confirmed else command)


def _namesakes_of(command: GroupCommand) -> list[Group]:
    """Return the other groups that have the new name of a command, read just now."""
    old, new = command.loaded, command.values
    if old is not None and fold(old.name) == fold(new.name):
        return []
    try:
        groups = reads.list_groups(command.sender, fresh=True)
    except PosterError:  # the write itself reads first, and reports a failure of Poster
        return []
    return named_groups(command.sender.account_id, groups, new.name, but=command.group_id)


def _warnings_of(command: GroupCommand, namesakes: list[Group]) -> list[str]:
    known = [(each.id, each.clients) for each in namesakes]
    return warnings_for(command.loaded, command.values, known)


def _shown_namesakes(request: Request) -> frozenset[int] | None:
    """Return the ids of the groups that the check page has shown with the name; it asks about others again.

    A script that sends `confirmed` without such a page wants the name in any case: None.
    """
    shown = request.POST.get("namesakes")
    return None if shown is None else frozenset(filter(None, map(whole_number, shown.split())))


def execute_and_respond(page: WritePage[Any], command: GroupCommand) -> HttpResponse:
    """Execute the command, and answer with the outcome, or with the reason why nothing was sent."""
    command = replace(command, **consent_of(page.request))
    try:
        change = execute(command)
    except (NotSent, PosterError) as error:
        return _answer_not_sent(page, command, error)
    if (change.state, change.reason) == (State.FAILED, Reason.NAME_TAKEN):
        page.form = page.form.again()
        namesakes = _namesakes_of(command)
        warnings = _warnings_of(command, namesakes) or [_("A group with this name exists")]
        return page.show_check(command, warnings, namesakes)
    return respond(page, command, change)


def _answer_not_sent(page: WritePage[Any], command: GroupCommand, error: Exception) -> HttpResponse:
    """Answer with the reason why nothing was sent: in the form, on its check page, or without it."""

    def show(*, status: int, blocked: str = "", **context: Any) -> HttpResponse:
        if "holder" in context or "reused" in context:
            return page.show_conflict(**context)
        if "question" in context and not command.removes:
            namesakes = _namesakes_of(command)
            warnings = _warnings_of(command, namesakes)
            return page.show_check(command, warnings, namesakes, status=status, **context)
        if blocked:
            page.form.add_error(None, blocked)
        return page.show(status=status, **context)

    return answer_not_sent(error, page.request, command, show)


def respond(page: WritePage[Any], command: GroupCommand, change: Change) -> HttpResponse:
    """Answer with the outcome of a change."""
    match State(change.state):
        case State.APPLIED | State.DIFFERS:
            return respond_success(page.request, command, change)
        case State.FAILED if change.reason in (Reason.CONFLICT, Reason.HAS_CLIENTS):
            return _respond_conflict(page, command, change)
        case State.FAILED if change.reason == Reason.GONE:
            raise NotFound(None, reason=ErrorReason.GONE)
        case State.FAILED if change.reason == Reason.NO_RIGHT:
            raise PermissionDenied
        case State.REFUSED if REFUSALS.get(change.code or 0) is NameTaken and "name" in page.form.fields:
            page.form = page.form.again()
            page.form.add_error("name", name_refused_words(change))
            return page.show(change=change)
        case State.REFUSED:
            return page.show_again(change, status=status_of_refusal(change))
        case State.FAILED:
            return page.show_again(change, status=status_of_change(change))
        case State.PENDING | State.UNKNOWN | State.REVIEW:
            refused = change.again_of_id and change.code is not None
            status = status_of_refusal(change) if refused else LOST
            return show_outcome(page.request, command, change, fragment="form", status=status)
        case State.ELSEWHERE:  # written by the watch; a command never ends so
            return show_outcome(page.request, command, change, fragment="form")
        case _ as never:
            assert_never(never)


def respond_success(request: Request, command: GroupCommand, change: Change) -> HttpResponse:
    """Redirect to the group, or to the list after a removal, with a message of success."""
    level = messages.WARNING if change.state == State.DIFFERS else messages.SUCCESS
    words = success_words(command, change, request.user)
    messages.add_message(request, level, words, extra_tags=tag_of(change))
    if change.state == State.DIFFERS:
        return redirect("groups:change", change.pk)
    if command.removes:
        return redirect("groups:list")
    return redirect_after_write(request, change.group_id)


def redirect_after_write(request: Request, group_id: int | None) -> HttpResponse:
    """Redirect to the group; a form in a row of the list becomes the row again, where it stands."""
    if not is_in_row(request):
        # Something was taken back by the message in the list.
        behind = list_behind(request)
        return redirect(behind) if behind else redirect("groups:detail", group_id)
    place = {
        "path": page_behind(request) or reverse("groups:list"),
        "target": f"#{element_asked_for(request)}",
        "selectOOB": "#figures,#pictures,#messages:innerHTML",
        "push": "false",
    }
    return HttpResponse(headers={"HX-Location": json.dumps(place)})


def show_outcome(
    request: Request,
    command: Command,
    change: Change,
    *,
    fragment: str = "outcome",
    status: int = 200,
    words: Message | None = None,
) -> HttpResponse:
    """Render the page of one change, with its outcome or other `words`; while it is open, the page polls."""
    may_decide = command.may_be_sent_by(request.user)
    # Only a change made elsewhere is undone here; one that was made here is undone in the history.
    may_undo = change.state == State.ELSEWHERE and undoable_ids([change], request.user)
    # The page asks again after a twentieth of the time waited so far: a worker may settle it at any moment.
    waited = (timezone.now() - change.created_at).total_seconds()
    pause = int(min(max(waited / 20, SHORTEST_POLL), LONGEST_POLL))
    # Nothing but its row is asked for of an open change: the page polls, and the database may be away.
    settled = [] if change.is_open else [change]
    clients = {each.client_id for each in settled if each.client_id}
    name = "".join(find_names(request.credentials, clients).values())
    context = {
        "change": change,
        "whom": name or command.subject(change),
        "who": who_words(change),
        "undone": change.pk in undone_ids(settled),
        "ways_back": ways_back(settled, request.user).get(change.pk, ()),
        "undo_url": reverse("groups:undo", args=[change.pk]) if may_undo else "",
        "command": command,
        "words": words or outcome_words(change),
        "rows": outcome_rows(change, history.group_names(request.credentials, settled)),
        "notes": notes_of(change, request.user),
        "notice": "conflict" if words else NOTICES.get(State(change.state), "error"),
        "poll_seconds": pause if change.is_open else None,
        "can_resolve": may_decide and change.state == State.REVIEW,
        "can_send_again": may_decide and can_repeat(change),
        "late_until": late_until(change) if may_decide else None,
    }
    template = "groups/writes/outcome.html"
    if is_in_row(request):
        # In place of the list, under its own address.
        page = render_page(request, f"{template}#page", context, status=status)
        return push_url(reswap(retarget(page, "#main"), "innerHTML"), change.get_absolute_url())
    if element_asked_for(request) == fragment:
        template += "#outcome"
    return render_page(request, template, context, status=status)


def _respond_conflict(page: WritePage[Any], command: GroupCommand, change: Change) -> HttpResponse:
    theirs = Group.from_json(change.before)
    version = Version.of_group(theirs, with_clients=command.removes)
    page.form = page.form.again(version=version)
    page.group = theirs
    author = history.change_before(page.request.credentials, change)
    context = {"author": author, "author_changes": difference_rows(author) if author else []}
    rows = conflict_rows(change)
    has_choice = any("theirs" in row["choices"] for row in rows)
    return page.show_conflict(change=change, command=command, rows=rows, has_choice=has_choice, **context)
