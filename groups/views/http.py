"""Requests of signed-in users: rights, credentials, the context of each page, files, jobs they have left.

Errors of Poster that no view handles are answered here.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import register_converter, reverse
from django.urls.converters import IntConverter
from django.utils.crypto import salted_hmac
from django.utils.functional import SimpleLazyObject
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import retarget
from django_htmx.middleware import HtmxDetails
from structlog.contextvars import bind_contextvars

from groups.models import Change, Job, PosterCredentials
from groups.poster import InvalidValue, NotAllowed, PosterError, TokenRejected
from groups.poster.errors import REFUSALS
from groups.poster.fields import MAX_ID, whole_number
from groups.presenters.history import Toast, job_toast, toasts
from groups.services.gateway import file_turn
from groups.services.groups import MAX_WAIT
from groups.services.installation import maintenance
from groups.services.messages import error_words, status_of
from groups.services.values import DEFAULT_CURRENCY, currency
from poster_admin import VERSION
from poster_admin.common.middleware import GetResponse
from poster_admin.common.outages import optional
from poster_admin.common.pages import has_page, htmx_target, referring_page, render_page
from poster_admin.users import two_factor

form_methods = require_http_methods(["GET", "HEAD", "POST"])

# Section of the menu that an address belongs to, by the address's first part. Features add theirs.
SECTIONS = {
    "groups": "groups",
    "clients": "clients",
    "history": "history",
    "jobs": "history",
    **dict.fromkeys(("settings", "account", "accounts", "people", "help"), "settings"),
}

LEFT_JOBS = "jobs_under_way"
"""In the session: the ids of the jobs that the user saw under way."""
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "yaml": "application/yaml; charset=utf-8",
}


class GroupIdConverter(IntConverter):
    """Id of a group in Poster's format: no leading zeros, and no larger than Poster's ids can be."""

    regex = "[1-9][0-9]{0,9}"

    def to_python(self, value: str) -> int:
        number = super().to_python(value)
        if number > MAX_ID:
            raise ValueError
        return number


register_converter(GroupIdConverter, "group")


class Request(HttpRequest):
    """A request of a signed-in user; `credentials` is set in views that require them."""

    user: User
    htmx: HtmxDetails
    credentials: PosterCredentials


type View[**P] = Callable[Concatenate[Request, P], HttpResponse]


def requires[**P](*permissions: str, connected: bool = True) -> Callable[[View[P]], View[P]]:
    """Allow only users with these rights; send users without credentials to the account page."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.has_perms([f"groups.{permission}" for permission in permissions]):
                raise PermissionDenied
            # They were loaded together with the user.
            credentials = getattr(request.user, "credentials", None) if connected else None
            if connected and credentials is None:
                return redirect("groups:account")
            if credentials is not None:
                request.credentials = credentials
                bind_contextvars(account=credentials.account_id)
                currency.set(credentials.account.currency)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Add to every page its section, the user's mark and credentials, the currency, and the banners."""
    # A request that was answered early has no user.
    user: Any = getattr(request, "user", AnonymousUser())
    known = getattr(request, "credentials", None)
    section = SECTIONS.get(request.path_info.strip("/").partition("/")[0], "")
    credentials = SimpleLazyObject(
        lambda: known or (getattr(user, "credentials", None) if _may_read(request) else None)
    )
    return {
        "program_version": VERSION,
        # Distinguishes users of a browser, and reveals nothing else about them.
        "user_mark": SimpleLazyObject(
            lambda: (
                salted_hmac("user_mark", str(user.pk), algorithm="sha256").hexdigest()[:16]
                if user.is_authenticated
                else ""
            )
        ),
        "section": section,
        "current": "page" if request.path_info == f"/{section}/" else "true",
        "credentials": credentials,
        "unsettled": SimpleLazyObject(lambda: _unsettled_of(credentials)),
        "no_worker": lambda: user.is_authenticated and not maintenance.is_any_alive(),
        "toasts": SimpleLazyObject(
            lambda: [
                *toasts(get_messages(request), user),
                *(_toasts_of_left_jobs(request, user) if _may_read(request) else ()),
            ]
        ),
        "currency": SimpleLazyObject(
            lambda: credentials.account.currency if credentials else DEFAULT_CURRENCY
        ),
    }


def referring_list(request: HttpRequest) -> str:
    referrer = referring_page(request)
    return referrer if referrer.partition("?")[0] == reverse("groups:list") else ""


def htmx_row(request: HttpRequest) -> int | None:
    """Return the id of the group whose row of the list HTMX replaces, or None: a form may be opened in it."""
    kind, _dash, number = htmx_target(request).partition("row-")
    return None if kind else whole_number(number)


def max_wait_of(request: HttpRequest) -> float | None:
    """Return how long a page or the rows of a list wait for Poster where there is a copy to show.

    None is returned for a request that waits for the answer: it says so, or it replaces a part of a page,
    which could not say that it is old.
    """
    waits = "wait" in request.GET or htmx_target(request) not in {"", "rows"}
    return None if waits else MAX_WAIT


def _may_read(request: HttpRequest) -> bool:
    """Return True if the user may see the account: an error page and a sign-in are shown to others too."""
    user: Any = getattr(request, "user", AnonymousUser())
    return user.has_perm("groups.view_group") and not two_factor.page_that_is_due(request)


def _unsettled_of(credentials: Any) -> list[Change]:
    if credentials and not credentials.refused_at:
        with optional("what is unsettled"):
            changes: list[Change] = credentials.unsettled_changes
            return [change for change in changes if change.state != Change.State.PENDING]
    return []


def file_response(request: Request, name: str, extension: str, make: Callable[[], bytes]) -> HttpResponse:
    """Make a file when it is this user's turn, and let the browser save it."""
    with file_turn(request.user.pk):
        content = make()
    response = HttpResponse(content, content_type=CONTENT_TYPES[extension])
    disposition = content_disposition_header(as_attachment=True, filename=f"{name}.{extension}")
    response["Content-Disposition"] = disposition
    return response


# --- Jobs whose page the user has left ---------------------------------------------------------------------


def remember_job(request: HttpRequest, job: Job) -> None:
    """Remember a job that its page shows under way; forget it once the page shows that it is not."""
    known = request.session.get(LEFT_JOBS, [])
    others = [each for each in known if each != str(job.pk)]
    seen = [*others, str(job.pk)] if job.is_active and job.user_id == request.user.pk else others
    if seen != known:
        request.session[LEFT_JOBS] = seen


def _toasts_of_left_jobs(request: HttpRequest, user: Any) -> list[Toast]:
    """Return the message about a job that is no longer under way: one a page, and each job once."""
    known = request.session.get(LEFT_JOBS, [])
    if not known:
        return []
    with optional("which jobs have ended"):
        mine = Job.objects.filter(pk__in=known, user=user)
        job = mine.exclude(state__in=Job.ACTIVE).order_by("finished_at").first()
        if job is not None:
            request.session[LEFT_JOBS] = [each for each in known if each != str(job.pk)]
            return [job_toast(job, user)]
    return []


# --- Statuses of failures -----------------------------------------------------------------------------------


Failure = Change.Failure
LOST = 504
"""Status of a write whose outcome is not known, or of which nothing was heard."""


def status_of_change(change: Change) -> int:
    if change.state == Change.State.REFUSED:
        return status_of_refusal(change)
    if change.reason == Change.Reason.GONE:
        return Failure.NOT_FOUND.status
    return Failure(change.failure).status if change.failure else LOST


def status_of_refusal(change: Change) -> int:
    error = REFUSALS.get(change.code or 0, InvalidValue)
    no_access = issubclass(error, TokenRejected | NotAllowed)
    return (Failure.NO_ACCESS if no_access else Failure.REJECTED).status


class PosterErrorMiddleware:
    """Answer an unhandled `PosterError` with its message and its status."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, PosterError):
            return None
        fragment, status, referrer = htmx_target(request), status_of(error), referring_page(request)
        is_post = request.method == "POST"
        match status:
            case 424:
                url, label = reverse("groups:account"), _("To the connection")
            case 404:
                url, label = reverse("groups:list"), _("To the groups")
            case _:
                url, label = request.get_full_path(), _("Try again")
                if fragment or is_post or not has_page(request.path):
                    # A fragment or a file is no page, and the address of a form may take only a POST.
                    url = referrer or reverse("groups:list")
        words = error_words(error)
        if is_post and fragment in {"", "form"}:
            # No write that was sent ends here: its own page shows its outcome.
            words = replace(words, text=f"{words.text} {_('Nothing was changed.')}".strip())
        context = {"error_words": words, "status": status, "way_url": url, "way_label": label}
        context["back_url"] = referrer if referrer not in {url, request.get_full_path()} else ""
        if fragment:
            # A failed search leaves the page as it is, with the message above it.
            response = render_page(request, "poster_error.html#notice", context, status=status)
            return retarget(response, "#notice")
        return render_page(request, "poster_error.html", context, status=status)
