"""Answer a form whose write was not sent: the one place that turns the reason into a response.

Each view passes the page that it shows. A feature registers the answers to its own errors by
`@answer_not_sent.register`, and reads its own fields of a form by `hooks.consent`.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, Protocol

from django.http import HttpResponse
from django.shortcuts import redirect

from groups.poster import PosterError
from groups.presenters.holders import holder_notice
from groups.presenters.messages import (
    bonus_blocked_words,
    not_counted_words,
    not_recorded_words,
    reused_words,
)
from groups.services.writes.not_sent import BonusBlocked, Locked, NotRecorded, OperationReused
from groups.services.writes.submissions import BecameOther
from groups.views.http.requests import Request
from groups.views.http.statuses import status_of


class Show(Protocol):
    """Render the page of a form once more.

    The context has one of: `holder` (a `HolderNotice`), `reused` with `outcome`, `outcome` (a `Message`),
    `blocked` (an error of the form in words), or what a feature shows in the form: `question`, a template;
    `beyond`, sentences about the write; and `reached`, the number of clients in these, if there is one.
    """

    def __call__(self, *, status: int, **context: Any) -> HttpResponse: ...


@singledispatch
def answer_not_sent(error: Exception, request: Request, asked: Any, show: Show) -> HttpResponse:
    """Answer a form whose write was not sent because of `error`.

    `asked` is the command, the job or the row of a feature that the form asked for.
    """
    raise error


@answer_not_sent.register
def _answer_locked(error: Locked, request: Request, asked: Any, show: Show) -> HttpResponse:
    return show(status=409, holder=holder_notice(error.holder))


@answer_not_sent.register
def _answer_became_other(error: BecameOther, request: Request, asked: Any, show: Show) -> HttpResponse:
    return redirect(error.row.get_absolute_url())


@answer_not_sent.register
def _answer_reused(error: OperationReused, request: Request, asked: Any, show: Show) -> HttpResponse:
    return show(status=409, reused=True, outcome=reused_words())


@answer_not_sent.register
def _answer_not_recorded(error: NotRecorded, request: Request, asked: Any, show: Show) -> HttpResponse:
    return show(status=503, outcome=not_recorded_words())


@answer_not_sent.register
def _answer_blocked(error: BonusBlocked, request: Request, asked: Any, show: Show) -> HttpResponse:
    return show(status=422, blocked=bonus_blocked_words())


@answer_not_sent.register
def _answer_not_counted(error: PosterError, request: Request, asked: Any, show: Show) -> HttpResponse:
    return show(status=status_of(error), outcome=not_counted_words(error))


# --- Consent -----------------------------------------------------------------------------------------------

type ReadConsent = Callable[[Request], dict[str, Any]]

consent_readers: list[ReadConsent] = []
"""Each reads from a form with which consent its write passes a gate."""


def consent_of(request: Request) -> dict[str, Any]:
    """Return the consent in a form, as fields of a command and columns of a row; empty if it gives none."""
    return {name: value for read in consent_readers for name, value in read(request).items()}
