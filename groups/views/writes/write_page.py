"""The page of a form that asks for a write: itself, its check page, and its conflict."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.http import HttpResponse
from django.urls import reverse
from django_htmx.http import push_url, retarget

from groups.forms.groups import GroupForm, RemovalForm, Version, WriteForm
from groups.models import Change
from groups.poster import Group, GroupValues
from groups.presenters.changes.change_diff import check_rows
from groups.presenters.changes.change_words import outcome_words
from groups.services import groups as reads
from groups.services.writes.commands import GroupCommand
from groups.views.http.requests import Request, is_in_row
from poster_admin.common.htmx import element_asked_for, render_page


@dataclass(slots=True)
class WritePage[F: WriteForm]:
    """A page with a form that asks for a write; its fragment is `form`.

    The form is sent to `form_action`; its confirmation, and another try of the same write, to `asks_at`. Both
    default to the address of the request.
    """

    request: Request
    template: str
    form: F
    group: Group | None = None
    context: dict[str, Any] = field(default_factory=dict)
    form_action: str = ""
    asks_at: str = ""

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
        context = {"allowed": True}
        return WritePage(request, template, form, group, context, form_action=url, asks_at=request.path)

    def show(self, *, status: int = 0, template: str = "", **context: Any) -> HttpResponse:
        """Render the page; with errors in the form its status is 422."""
        context = {
            "form": self.form,
            "group": self.group,
            "form_action": self.form_action or self.request.path,
            "asks_at": self.asks_at,
            **self.context,
            **context,
        }
        status = status or (422 if self.form.errors else 200)
        template = template or self.template
        if not is_in_row(self.request):
            return render_page(self.request, template, context, fragment="form", status=status)
        if template == "groups/group/form.html":
            return render_page(self.request, "groups/list/list.html#edit_row", context, status=status)
        # Shown over the list, since it does not fit into its row; the row stays as it is.
        context["row_id"] = element_asked_for(self.request)
        dialog = render_page(self.request, f"{template}#form", context, status=status)
        dialog["HX-Reswap"] = "beforeend ignoreTitle:true"
        return retarget(dialog, "#dialog")

    def show_again(self, change: Change, *, status: int) -> HttpResponse:
        """Render the form with its input, ready for another try, and say why this one failed."""
        self.form = self.form.again()
        return self.show(status=status, change=change, outcome=outcome_words(change))

    def show_check(
        self,
        command: GroupCommand,
        warnings: list[str],
        namesakes: list[Group],
        *,
        status: int = 200,
        **more: Any,
    ) -> HttpResponse:
        """Render the page that asks for confirmation, with all input repeated.

        It has its own place in the history of the browser, so that Back leads to the form that it came from.
        """
        reached = command.reached_group
        clients = reads.read_group(self.request.credentials, reached).group.clients if reached else 0
        page = self.show(
            status=status,
            template="groups/writes/check.html",
            rows=check_rows(command.loaded, command.values),
            warnings=warnings,
            namesakes=" ".join(str(each.id) for each in namesakes),
            clients=clients,
            checked=command,
            **more,
        )
        form_at = self.request.htmx.current_url_abs_path or ""
        is_over_form = urlsplit(form_at).path == self.request.path and "confirmed" not in self.form.data
        return push_url(page, form_at) if is_over_form else page

    def show_conflict(self, **context: Any) -> HttpResponse:
        """Render the page that says why nothing was sent."""
        url = reverse("groups:detail", args=[self.group.id]) if self.group else reverse("groups:list")
        return self.show(status=409, template="groups/writes/conflict.html", theirs_url=url, **context)


def group_of(group_id: int, values: GroupValues, clients: int = 0) -> Group:
    """Return the group as a form was opened on it, for the page; an edit has no count of clients."""
    return Group(id=group_id, clients=clients, **msgspec.structs.asdict(values))
