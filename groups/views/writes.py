"""The page of a form that asks for a write, and the response to what became of it.

Where it was not sent, the error says so on the page that a view passes. A feature shows a question instead by
`@shown_with.register`, and reads the answer from a form by `hooks.consent`.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, assert_never
from urllib.parse import urlsplit

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import push_url, reswap, retarget

from groups.forms import GroupForm, RemovalForm, Version, WriteForm, warnings_for
from groups.models import Change
from groups.poster import ErrorReason, Group, GroupValues, NameTaken, NotFound, PosterError
from groups.poster.errors import REFUSALS
from groups.poster.fields import fold, whole_number
from groups.presenters.changes import (
    check_rows,
    conflict_rows,
    difference_rows,
    notes_of,
    outcome_rows,
    outcome_words,
    ways_back,
    who_made,
)
from groups.presenters.history import OF_A_CHANGE, success_words
from groups.services import groups as reads
from groups.services import history
from groups.services.clients import find_names
from groups.services.history import can_repeat, late_until, undoable_ids, undone_ids
from groups.services.messages import Message
from groups.services.writes import gates
from groups.services.writes.commands import Command, GroupCommand
from groups.services.writes.execute import execute
from groups.services.writes.lag import named_groups
from groups.services.writes.submissions import NotCounted, NotSent, find_known
from groups.views.http import (
    LOST,
    Request,
    htmx_row,
    referring_list,
    status_of_change,
    status_of_refusal,
)
from poster_admin.common.pages import htmx_target, referring_page, render_page

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


@dataclass(slots=True)
class WritePage[F: WriteForm]:
    """A page with a form that asks for a write; its fragment is `form`.

    The form is sent to `form_action` in its context; its confirmation, and another try of the same write, to
    `asks_at`. Both default to the address of the request.
    """

    request: Request
    template: str
    form: F
    group: Group | None = None
    context: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def for_command(request: Request, command: GroupCommand) -> "WritePage[Any]":
        """Return the page with the form of this command, for a command that came without a form."""
        hidden = {
            "version": str(Version(command.loaded, command.loaded_clients)),
            "operation": str(command.operation),
        }
        group = None
        if command.group_id and command.loaded:
            group = group_of(command.group_id, command.loaded, command.loaded_clients or 0)
        if group and command.removes:
            form: WriteForm = RemovalForm(hidden | {"confirm_name": group.name}, group=group)
            template, url = "groups/group/remove.html", reverse("groups:remove", args=[group.id])
        else:
            form = GroupForm({**command.values.to_json(), **hidden, "note": command.note})
            template = "groups/group/form.html"
            url = reverse("groups:update", args=[group.id]) if group else reverse("groups:create")
        form.is_valid()
        context = {"allowed": True, "form_action": url, "asks_at": request.path}
        return WritePage(request, template, form, group, context)

    def show(self, *, status: int = 0, template: str = "", **context: Any) -> HttpResponse:
        """Render the page; with errors in the form its status is 422."""
        context = {
            "form": self.form,
            "group": self.group,
            "form_action": self.request.path,
            "asks_at": "",
            **self.context,
            **context,
        }
        status = status or (422 if self.form.errors else 200)
        template = template or self.template
        if htmx_row(self.request) is None or self.group is None:
            return render_page(self.request, template, context, fragment="form", status=status)
        if template == "groups/group/form.html":
            return render_page(self.request, "groups/list/list.html#edit_row", context, status=status)
        # Shown over the list, since it does not fit into its row; the row stays as it is.
        context["row_id"] = htmx_target(self.request)
        dialog = render_page(self.request, f"{template}#form", context, status=status)
        dialog["HX-Reswap"] = "beforeend ignoreTitle:true"
        return retarget(dialog, "#dialog")

    def show_check(self, attempt: "Attempt", *, status: int = 200, **more: Any) -> HttpResponse:
        """Render the page that asks for confirmation, with all input repeated.

        It has its own place in the history of the browser, so that Back leads to the form that it came from.
        """
        command = attempt.with_group().command
        page = self.show(
            status=status,
            template="groups/writes/check.html",
            rows=[row for row in check_rows(command.loaded, command.values) if row["changed"]],
            warnings=attempt.warnings,
            namesakes=" ".join(str(each.id) for each in attempt.namesakes),
            clients=command.read.clients if command.read and command.reached_group else 0,
            checked=command,
            **more,
        )
        form_at = self.request.htmx.current_url_abs_path or ""
        is_over_form = urlsplit(form_at).path == self.request.path and "confirmed" not in self.form.data
        return push_url(page, form_at) if is_over_form else page

    def show_conflict(self, **context: Any) -> HttpResponse:
        url = reverse("groups:detail", args=[self.group.id]) if self.group else reverse("groups:list")
        return self.show(status=409, template="groups/writes/conflict.html", theirs_url=url, **context)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A write before it is sent, with what was read for it once: it is shown, and passed on to the gates."""

    command: GroupCommand
    namesakes: list[Group]
    warnings: list[str]

    @staticmethod
    def of(command: GroupCommand) -> "Attempt":
        """Read the other groups with the new name of a command just now; its own group comes with them."""
        old, new, namesakes = command.loaded, command.values, []
        if old is None or fold(old.name) != fold(new.name):
            with suppress(PosterError):  # the write itself reads first, and reports a failure of Poster
                groups = reads.list_groups(command.sender, fresh=True)
                group_id, account_id = command.group_id, command.sender.account_id
                namesakes = named_groups(account_id, groups, new.name, but=group_id)
                if group_id and not groups.is_copy:
                    command = replace(command, read=groups.find(group_id))
        warnings = warnings_for(old, new, [(each.id, each.clients) for each in namesakes])
        return Attempt(command, namesakes, warnings)

    def with_group(self) -> "Attempt":
        """Read the group whose clients it reaches, to show them; it may be as old as the cache."""
        command = self.command
        if not command.reached_group or command.read:
            return self
        read = reads.read_group(command.sender, command.reached_group).group
        return replace(self, command=replace(command, read=read))


def ask_or_execute(
    page: WritePage[Any], command: GroupCommand, *, confirmed: bool, doubts: Sequence[str] = ()
) -> HttpResponse:
    """Ask for confirmation if there are warnings that the user has not confirmed; else execute the command.

    `doubts` are sentences that are shown with the warnings, and are one.

    The check page shows the groups with the same name, and is shown again for others. A script that confirms
    without such a page wants the name in any case. A form that is sent twice is not asked about: the group
    that it has just created already has the name.
    """
    sent = page.request.POST.get("namesakes")
    shown = None if sent is None else frozenset(filter(None, map(whole_number, sent.split())))
    if confirmed and (shown is None or command.creates):
        # The read before a creation compares the groups with its name with those that were shown.
        return execute_and_respond(page, command.confirmed(shown))
    attempt = Attempt.of(command)
    attempt = replace(attempt, warnings=[*doubts, *attempt.warnings])
    is_shown = confirmed and all(each.id in (shown or ()) for each in attempt.namesakes)
    if attempt.warnings and not is_shown:
        # A user who approves is warned too, so one who has to ask for that is not.
        try:
            if find_known(command.submission, Change) is None:
                attempt = attempt.with_group()
                gates.ahead(attempt.command)
                return page.show_check(attempt)
        except (NotSent, PosterError) as error:
            return _show_not_sent(page, command, error, attempt)
    return execute_and_respond(page, attempt.command, attempt)


def execute_and_respond(  # noqa: C901, PLR0912 - one arm an outcome is the clearest form
    page: WritePage[Any], command: GroupCommand, attempt: Attempt | None = None
) -> HttpResponse:
    request = page.request
    try:
        change = execute(replace(command, **consent_of(request)))
    except (NotSent, PosterError) as error:
        return _show_not_sent(page, command, error, attempt)
    match State(change.state):
        case State.APPLIED | State.DIFFERS:
            level = messages.WARNING if change.state == State.DIFFERS else messages.SUCCESS
            words = success_words(command, change, request.user)
            messages.add_message(request, level, words, extra_tags=f"{OF_A_CHANGE}{change.pk}")
            if change.state == State.DIFFERS:
                return redirect("groups:change", change.pk)
            if command.removes:
                return redirect("groups:list")
            return redirect_after_write(request, change.group_id)
        case State.FAILED if change.reason == Reason.NAME_TAKEN:
            page.form = page.form.again()
            attempt = Attempt.of(command)
            return page.show_check(
                replace(attempt, warnings=attempt.warnings or [_("A group with this name exists")])
            )
        case State.FAILED if change.reason in (Reason.CONFLICT, Reason.HAS_CLIENTS):
            page.group = Group.from_json(change.before)
            page.form = page.form.again(version=Version.of_group(page.group, with_clients=command.removes))
            author, rows = history.change_before(request.credentials, change), conflict_rows(change)
            return page.show_conflict(
                change=change,
                command=command,
                author=author,
                author_changes=difference_rows(author) if author else [],
                rows=rows,
                has_choice=any("theirs" in row["choices"] for row in rows),
            )
        case State.FAILED if change.reason == Reason.GONE:
            raise NotFound(None, reason=ErrorReason.GONE)
        case State.FAILED if change.reason == Reason.NO_RIGHT:
            raise PermissionDenied
        case State.REFUSED if REFUSALS.get(change.code or 0) is NameTaken and "name" in page.form.fields:
            page.form = page.form.again()
            error_of_name = _("A group with this name exists. Choose another name.")
            if change.message:
                error_of_name += " " + _("Poster says: “%(words)s”") % {"words": change.message}
            page.form.add_error("name", error_of_name)
            return page.show(change=change)
        case State.REFUSED | State.FAILED:
            page.form = page.form.again()
            return page.show(status=status_of_change(change), change=change, outcome=outcome_words(change))
        case State.PENDING | State.UNKNOWN | State.REVIEW | State.ELSEWHERE:
            # The last one is written by the watch; a command never ends so.
            refused = change.again_of_id and change.code is not None
            status = status_of_refusal(change) if refused else LOST
            return show_outcome(request, command, change, fragment="form", status=status)
        case _ as never:
            assert_never(never)


def _show_not_sent(
    page: WritePage[Any], command: GroupCommand, error: NotSent | PosterError, attempt: Attempt | None
) -> HttpResponse:
    def show(*, status: int, blocked: str = "", **context: Any) -> HttpResponse:
        if "holder" in context or "reused" in context:
            return page.show_conflict(**context)
        if "question" in context and not command.removes:
            return page.show_check(attempt or Attempt.of(command), status=status, **context)
        if blocked:
            page.form.add_error(None, blocked)
        return page.show(status=status, **context)

    not_sent = NotCounted(error) if isinstance(error, PosterError) else error
    return answer_not_sent(not_sent, page.request, command, show)


def redirect_after_write(request: Request, group_id: int | None) -> HttpResponse:
    """Redirect to the group; a form in a row of the list becomes the row again, where it stands."""
    if htmx_row(request) is None:
        # Something was taken back by the message in the list.
        referrer = referring_list(request)
        return redirect(referrer) if referrer else redirect("groups:detail", group_id)
    place = {
        "path": referring_page(request) or reverse("groups:list"),
        "target": f"#{htmx_target(request)}",
        "selectOOB": "#pictures,#messages:innerHTML",
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
    # Nothing but its row is read for an open change: the page polls, and the database may be away.
    settled = [] if change.is_open else [change]
    clients = {each.client_id for each in settled if each.client_id}
    name = "".join(find_names(request.credentials, clients).values())
    context = {
        "change": change,
        "whom": name or command.subject(change),
        "who": who_made(change)["who"],
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
    if htmx_row(request) is not None:
        # In place of the list, under its own address.
        page = render_page(request, f"{template}#page", context, status=status)
        return push_url(reswap(retarget(page, "#main"), "innerHTML"), change.get_absolute_url())
    if htmx_target(request) == fragment:
        template += "#outcome"
    return render_page(request, template, context, status=status)


def group_of(group_id: int, values: GroupValues, clients: int = 0) -> Group:
    """Return the group as a form was opened on it, for the page; an edit has no count of clients."""
    return Group(id=group_id, clients=clients, **msgspec.structs.asdict(values))


# --- Why nothing was sent -----------------------------------------------------------------------------------


type Show = Callable[..., HttpResponse]
"""Render the page of a form once more, with a `status` and what `NotSent.shown` returns, or a question.

The context of a question has `question`, a template; `beyond`, sentences about the write; and `reached`, the
number of clients in these, if there is one.
"""


def answer_not_sent(error: NotSent, request: Request, write: Any, show: Show) -> HttpResponse:
    """Answer a form whose write was not sent: go on to what it has become, or show the form once more.

    `write` is the command, the job or the row of a feature that the form requested.
    """
    try:
        if row := error.go_on(write, request.user):
            return redirect(row.get_absolute_url())
    except NotSent as other:
        return answer_not_sent(other, request, write, show)
    return show(**shown_with(error, request))


@singledispatch
def shown_with(error: NotSent, request: Request) -> dict[str, Any]:
    """Return the status and the variables of a form that shows the error; with a question, those of that."""
    return {"status": error.status, **error.shown()}


# --- Consent -----------------------------------------------------------------------------------------------

consent_readers: list[Callable[[Request], dict[str, Any]]] = []
"""Each reads from a form with which consent its write passes a gate."""


def consent_of(request: Request) -> dict[str, Any]:
    """Return the consent in a form, as fields of a command and columns of a row; empty if it gives none."""
    return {name: value for read in consent_readers for name, value in read(request).items()}
