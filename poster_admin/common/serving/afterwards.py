"""Let a request do some of its work after its response has been sent: nobody waits for that."""

from collections.abc import Callable
from contextvars import ContextVar

type Work = Callable[[], object]

left_over: ContextVar[list[Work] | None] = ContextVar("left_over", default=None)
"""The work that the server does after the response; None in requests that write, and without a server."""


def afterwards(work: Work) -> None:
    """Do the work after the response to a GET of the server, or else at once."""
    works = left_over.get()
    if works is None:
        work()
    else:
        works.append(work)


def can_wait() -> bool:
    """Return True if this request can leave work until after its response."""
    return left_over.get() is not None
