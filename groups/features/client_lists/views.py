"""Views of a list of clients: who of it is found can be moved to a group; nothing of the list is kept."""

from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups.features.bulk.files.tables import NotReadable
from groups.features.client_lists.forms import ListForm
from groups.features.client_lists.presenters import MOST_CHOICES, ListPage
from groups.features.client_lists.services import Line, look_up, read_directory
from groups.features.client_lists.spreadsheets import (
    BYTES_AT_MOST,
    LINES_AT_MOST,
    lines_of_file,
    lines_of_text,
)
from groups.features.moves.forms import ChoiceForm
from groups.services import groups as reads
from groups.services.limits import file_turn
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import body_length, render_form, render_page


@sensitive_post_parameters("text")
@form_methods
@requires("move_client")
def client_list(request: Request) -> HttpResponse:
    """Take a list of clients, and show for each line whom it names; the found ones can be moved at once."""
    groups = {group.id: group for group in reads.list_groups_now(request.credentials).groups}
    bounds: dict[str, Any] = {"most": LINES_AT_MOST, "megabytes": BYTES_AT_MOST // 2**20}
    if request.method != "POST":
        initial = {"target": request.GET.get("target", "")}
        form = ListForm(groups=list(groups.values()), largest=BYTES_AT_MOST, initial=initial)
        return render_page(request, "client_lists/list.html", {"form": form, **bounds})
    size = body_length(request) if request.content_type == "multipart/form-data" else 0
    form = ListForm(
        request.POST, request.FILES, groups=list(groups.values()), largest=BYTES_AT_MOST, size=size
    )
    lines = _lines_of(request, form) if form.is_valid() else []
    if not lines:
        return render_form(request, "client_lists/list.html", form, **bounds)
    target = form.cleaned_data["target"]
    directory = read_directory(request.credentials, lines, groups.keys())
    page = ListPage(look_up(lines, directory, target.id), target, groups)
    move = ChoiceForm(groups=list(groups.values()), chosen=page.chosen)
    context = {
        "form": form,
        "page": page,
        "move": move,
        "unreadable": directory.unreadable,
        "most_choices": MOST_CHOICES,
    }
    return render_page(request, "client_lists/list.html", context | bounds)


def _lines_of(request: Request, form: ListForm) -> list[Line]:
    """Return the lines of a valid form; none if its list cannot be read, which the form says then."""
    file, numbers = form.cleaned_data["file"], form.cleaned_data["numbers"]
    field = "file" if file else "text"
    try:
        with file_turn(request.user.pk):
            if file:
                lines = lines_of_file(file.read(), numbers=numbers)
            else:
                lines = lines_of_text(form.cleaned_data["text"], numbers=numbers)
    except NotReadable as problem:
        form.add_error(field, problem)
        return []
    if not lines:
        form.add_error(field, _("There is no line with a client."))
    return lines


@sensitive_post_parameters("text")
@require_POST
@requires("move_client")
def unknown_lines(request: Request) -> HttpResponse:
    """Return the unknown lines of a list as a file, as they were typed."""
    response = HttpResponse(request.POST.get("text", ""), content_type="text/plain; charset=utf-8")
    name = f"unknown-clients-{localdate()}.txt"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response
