"""Views of a list of clients: who of it is found can be moved to a group; nothing of the list is kept.

The page for files of every kind is here too: a list it takes itself, groups go on to their import.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.bulk.files.tables import NotReadable
from groups.features.bulk.views import group_import
from groups.features.client_lists import services
from groups.features.client_lists.services import LineState
from groups.features.moves.services import MoveCount
from groups.features.moves.views import ChoiceForm, TargetField, effects_of
from groups.forms import FileInput
from groups.poster import Group
from groups.presenters.clients import value_of
from groups.presenters.destinations import Destination
from groups.presenters.lists import Listing
from groups.services import groups as reads
from groups.services.gateway import file_turn
from groups.services.groups import OneGroup
from groups.services.writes.commands import CreateGroup, MoveClient, UpdateGroup
from groups.views.http import Request, form_methods, requires
from poster_admin.common.pages import body_length, render_form, render_page

MOST_CHOICES = 250
"""Check boxes on the page: a form has room for few fields."""


class ClientListForm(forms.Form):
    """Choose a file with a list of clients, or paste one. Neither is kept.

    `size` is that of the upload: if it is larger than what Django receives, its file is left out.
    """

    file = forms.FileField(
        label=gettext_lazy("File, CSV or XLSX"),
        required=False,
        widget=FileInput(".csv,.xlsx,.txt"),
        error_messages={"empty": gettext_lazy("The file is empty.")},
    )
    text = forms.CharField(
        label=gettext_lazy("Or phones and cards of clients, one a line"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )
    numbers = forms.BooleanField(label=gettext_lazy("The list has Poster's client numbers"), required=False)

    def __init__(self, *args: Any, groups: Iterable[Group], size: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._size = size
        self.fields["target"] = TargetField(list(groups))
        self.fields["target"].label = _("Clients go to the group")

    def clean(self) -> None:
        if "text" not in self.cleaned_data or "file" not in self.cleaned_data:
            return
        text, file = self.cleaned_data["text"], self.cleaned_data["file"]
        is_cut = file is None and self._size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        too_large = _("The list is larger than %(size)s MB. Split it.") % {
            "size": services.BYTES_AT_MOST // 2**20
        }
        if len(text.encode()) > services.BYTES_AT_MOST:
            self.add_error("text", too_large)
        elif is_cut or (file is not None and file.size > services.BYTES_AT_MOST):
            self.add_error("file", too_large)
        elif not text.strip() and file is None:
            self.add_error("text", _("Paste a list, or choose a file."))
        elif text.strip() and file is not None:
            self.add_error("file", _("There is a list above too. Send one of them."))


def may_import(user: User) -> bool:
    return user.has_perms((CreateGroup.permission, UpdateGroup.permission))


def may_upload(user: User) -> bool:
    return user.has_perm(MoveClient.permission) or may_import(user)


@sensitive_post_parameters("text")
@form_methods
@requires("view_group")
def upload(request: Request) -> HttpResponse:
    """Take a file of groups or a list of clients: the file shows which, and the view for that answers."""
    if not may_upload(request.user):
        raise PermissionDenied
    if not request.user.has_perm(MoveClient.permission):
        return group_import(request)
    file, takes_groups = request.FILES.get("file"), may_import(request.user)
    if takes_groups and file and not request.POST.get("text", "").strip():
        content = file.read()
        file.seek(0)
        with file_turn(request.user.pk):
            is_of_groups = services.has_groups(file.name or "", content)
        if is_of_groups:
            return group_import(request)
    return client_list(request, takes_groups=takes_groups)


@sensitive_post_parameters("text")
@form_methods
@requires("move_client")
def client_list(request: Request, *, takes_groups: bool = False) -> HttpResponse:
    """Take a list of clients, and show the client of each line; the found ones can be moved at once.

    The page that `takes_groups` too says so.
    """
    groups = {group.id: group for group in reads.list_groups_now(request.credentials).groups}
    form = ClientListForm(
        *([request.POST, request.FILES] if request.method == "POST" else []),
        groups=groups.values(),
        size=body_length(request) if request.content_type == "multipart/form-data" else 0,
        initial={"target": request.GET.get("target", "")},
    )
    if takes_groups:
        form.fields["file"].label = _("File, CSV, XLSX or YAML")
        form.fields["file"].widget.attrs["accept"] += ",.yaml,.yml"
    bounds: dict[str, Any] = {
        "most": services.LINES_AT_MOST,
        "megabytes": services.BYTES_AT_MOST // 2**20,
        "takes_groups": takes_groups,
    }
    lines: list[services.ListLine] = []
    if form.is_bound and form.errors.keys() <= {"target"}:  # a file that is none is reported at once
        text, file, numbers = (form.cleaned_data[name] for name in ("text", "file", "numbers"))
        problem = ValidationError(_("There is no line with a client."))
        try:
            with file_turn(request.user.pk):
                lines = (
                    services.lines_of_file(file.read(), numbers=numbers)
                    if file
                    else services.lines_of_text(text, numbers=numbers)
                )
        except NotReadable as error:
            problem = error
            if takes_groups and file and error.code == services.NO_COLUMN:
                problem = ValidationError(
                    _(
                        "This is neither a file of groups nor a list of clients. Its first line has to name "
                        "the columns: for clients Phone, Card or ID, for groups those of a saved list."
                    )
                )
        if not lines:
            form.add_error("file" if file else "text", problem)
        elif form.errors and file:
            form.add_error("file", _("This is a list of clients. Choose it once more, and the group."))
    if not lines or form.errors:
        return render_form(request, "client_lists/list.html", form, **bounds)
    target = form.cleaned_data["target"]
    results, unreadable = services.look_up(request.credentials, lines, groups.keys(), target.id)
    found = [each.clients[0] for each in results if each.state == LineState.FOUND]
    moved = Counter(client.group_id for client in found)
    keep_own = Counter(client.group_id for client in found if client.own_percent > target.percent)
    counted = [(groups[each], MoveCount(clients, keep_own[each])) for each, clients in moved.items()]
    chosen = [value_of(client.id, client.group_id) for client in found]
    context = {
        "form": form,
        "page": _page_of(results, target, groups),
        "move": ChoiceForm(groups=list(groups.values()), chosen=chosen),
        "effects": effects_of(counted, target),
        "unreadable": unreadable,
        "most_choices": MOST_CHOICES,
    }
    return render_page(request, "client_lists/list.html", context | bounds)


def _page_of(
    results: Sequence[services.LineResult], target: Group, groups: Mapping[int, Group]
) -> dict[str, Any]:
    order = [
        LineState.AMBIGUOUS,
        LineState.UNKNOWN,
        LineState.UNREADABLE,
        LineState.DOUBLE,
        LineState.THERE,
        LineState.FOUND,
    ]
    rows, choices = [], 0
    for listed in sorted(results, key=lambda each: order.index(each.state)):
        clients = []
        for client in listed.clients:
            group = groups.get(client.group_id)
            may_go = group is not None and listed.state == LineState.AMBIGUOUS and group.id != target.id
            choices += may_go
            # A client that can be chosen has the value of its check box, while there is room.
            has_box = may_go and choices <= MOST_CHOICES
            value = value_of(client.id, client.group_id) if has_box else ""
            name = group.name if group else "–"
            clients.append({"id": client.id, "name": client.name, "group": name, "value": value})
        client_id = clients[0]["id"] if len(clients) == 1 else None
        rows.append({"listed": listed, "clients": clients, "client_id": client_id})
    counts = Counter(each.state.value for each in results)
    return {
        "target": target,
        "rows": rows,
        "has_more_choices": choices > MOST_CHOICES,
        "counts": counts,
        "summary": [
            (state.value, state.label, counts[state.value]) for state in LineState if counts[state.value]
        ],
        "unknown_text": "\n".join(each.line.text for each in results if each.state == LineState.UNKNOWN),
    }


@sensitive_post_parameters("text")
@require_POST
@requires("move_client")
def unknown_lines(request: Request) -> HttpResponse:
    response = HttpResponse(request.POST.get("text", ""), content_type="text/plain; charset=utf-8")
    name = f"unknown-clients-{localdate()}.txt"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


@hooks.part("clients.head", "client_lists/link.html")
@hooks.part("group.menu", "client_lists/menu_item.html")
def link_to_list(request: HttpRequest, one: OneGroup | None = None) -> dict[str, Any] | None:
    """Lead to the form; from the page of a group with that as the target."""
    return {"target": one and one.group.id} if request.user.has_perm(MoveClient.permission) else None


@hooks.part("list.tools", "client_lists/upload.jinja", order=3)
def link_to_upload(request: Request, listing: Listing) -> dict[str, Any] | None:
    return {} if not listing.stale and may_upload(request.user) else None


@partial(hooks.destinations, order=1)
def upload_destination(user: User) -> list[Destination]:
    if not may_upload(user):
        return []
    also = _("Import groups, a scheme as YAML, CSV or XLSX. Move clients from a list.")
    return [Destination(_("Upload a file"), reverse("groups:upload"), _("action"), also)]


hooks.form_addresses("client_list_unknown")

urlpatterns = [
    path("upload/", upload, name="upload"),
    path("clients/list/", client_list, name="client_list"),
    path("clients/list/unknown/", unknown_lines, name="client_list_unknown"),
]
