"""Answer with a file that the browser saves."""

from collections.abc import Callable

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from groups.services.calls.limits import file_turn
from groups.views.http.requests import Request

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl; charset=utf-8",
    "yaml": "application/yaml; charset=utf-8",
}


def file_response(request: Request, name: str, extension: str, make: Callable[[], bytes]) -> HttpResponse:
    """Make a file when it is this user's turn, and let the browser save it."""
    with file_turn(request.user.pk):
        content = make()
    response = HttpResponse(content, content_type=CONTENT_TYPES[extension])
    disposition = content_disposition_header(as_attachment=True, filename=f"{name}.{extension}")
    response["Content-Disposition"] = disposition
    return response
