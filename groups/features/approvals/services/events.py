"""Find the requests that wait for a decision or were decided, for those who want to be told."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import assert_never

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services import approvals
from groups.models import PosterAccount
from groups.services.events import Event, is_user, one_line


def find_requests(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the requests that wait, to those who may decide them; those that have ended, to who asked.

    One whose approved write changed nothing waits again, and may be approved again.
    """
    for request in approvals.moved_since(since).filter(account=account).order_by():
        state = request.present_state
        concerns = partial(is_user, request.user_id)
        if state == ApprovalRequest.State.WAITING:
            concerns = partial(approvals.may_decide, request)
        is_lapsed = state == ApprovalRequest.State.LAPSED
        at = request.lapses_at if is_lapsed else request.decided_at or request.created_at
        url = reverse("groups:request", args=[request.pk])
        key = f"request {request.pk} {state} {at.isoformat()}"
        yield Event(key, at, url, partial(request_words, request), concerns)


def request_words(request: ApprovalRequest) -> str:
    """Say that a request waits, or how it was decided."""
    words = {"what": request.group_name or request.kind_label}
    match request.present_state:
        case ApprovalRequest.State.WAITING:
            text = _("A request beyond the limits waits for a decision: “%(what)s”.")
        case ApprovalRequest.State.APPROVED:
            text = _("A request beyond the limits was approved: “%(what)s”.")
        case ApprovalRequest.State.REFUSED:
            text = _("A request beyond the limits was refused: “%(what)s”.")
        case ApprovalRequest.State.LAPSED:
            text = _("A request beyond the limits has lapsed: “%(what)s”.")
        case _ as never:
            assert_never(never)
    return one_line(text % words)
