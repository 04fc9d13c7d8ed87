"""Views that save the scheme of an account as a file, and compare one with what Poster has.

PyYAML and the modules that use it take a fiftieth of a start: each view imports them once it needs them.
"""

from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from groups.features.bulk.presenters import Plan
from groups.features.bulk.spreadsheets import ROWS_AT_MOST
from groups.features.scheme_file.forms import SchemeForm
from groups.features.scheme_file.services import keep, read_poster
from groups.presenters.changes import group_warnings
from groups.services.calls.limits import file_turn
from groups.services.writes.lag import list_with_own_changes
from groups.views.http.requests import Request, file_response, form_methods, requires
from poster_admin.common.htmx import body_length, render_page


@form_methods
@requires("view_group")
def scheme_compare(request: Request) -> HttpResponse:
    """Compare a file with what Poster has; make a plan of the difference, or show the errors of the file."""
    context: dict[str, Any] = {"most": ROWS_AT_MOST}
    if request.method != "POST":
        return render_page(request, "scheme_file/compare.html", {"form": SchemeForm(), **context})
    from groups.features.scheme_file.files.comparing import NotComparable, compare  # noqa: PLC0415 - see above
    from groups.features.scheme_file.files.documents import NotAScheme  # noqa: PLC0415
    from groups.features.scheme_file.files.schemes import read_scheme  # noqa: PLC0415

    status = 200
    form = SchemeForm(request.POST, request.FILES, size=body_length(request))
    if form.is_valid():
        try:
            # Nobody's file waits while Poster is asked for this one.
            with file_turn(request.user.pk):
                scheme = read_scheme(form.cleaned_data["file"].read())
            there = read_poster(request.credentials, with_rules=scheme.rules is not None)
            with file_turn(request.user.pk):
                found = compare(scheme, *there)
        except NotAScheme as mistakes:
            context["found"], status = {"errors": mistakes.errors}, 422
        except NotComparable as problem:
            form.add_error("file", str(problem))
        else:
            with suppress(PermissionDenied):  # users who may only look see it here
                if found.lines:
                    return redirect("groups:plan", keep(found, request.credentials).pk)
            plan = Plan(found.lines, group_warnings(request.credentials))
            context |= {"found": found, "plan": plan}
    status = 422 if form.errors else status
    return render_page(request, "scheme_file/compare.html", {"form": form, **context}, status=status)


@require_safe
@requires("view_group")
def scheme_export(request: Request) -> HttpResponse:
    """Return the file with the groups that Poster has now."""
    from groups.features.scheme_file.files.writing import write_scheme  # noqa: PLC0415 - see above

    groups = list_with_own_changes(request.credentials)
    name = f"scheme-{request.credentials.account_id}-{localdate(groups.as_of)}"
    return file_response(request, name, "yaml", lambda: write_scheme(groups).encode())
