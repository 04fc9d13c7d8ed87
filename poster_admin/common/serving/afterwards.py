"""Let a request do some of its work after its response has been sent: nobody waits for that."""

from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest

type Work = Callable[[], object]

WORKS = "poster_admin.left_over"
"""The key of a request's META under which the server has the list of what is left over."""
left_over: ContextVar[list[Work] | None] = ContextVar("left_over", default=None)
"""The work that the server does after the response; None in requests that write, and without a server."""


def afterwards(work: Work) -> None:
    """Do the work after the response to a GET of the server, or else at once."""
    works = left_over.get()
    if works is None:
        work()
    else:
        works.append(work)


def reads_only(request: HttpRequest) -> None:
    """Let a POST that writes nothing leave work as a GET does: it asks for what stays out of addresses."""
    left_over.set(request.META.get(WORKS, left_over.get()))


def can_wait() -> bool:
    """Return True if this request can leave work until after its response."""
    return left_over.get() is not None
