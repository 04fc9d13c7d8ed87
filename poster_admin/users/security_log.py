"""Write the security log: each line goes into the database and into the log of the process."""

import logging
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from poster_admin.common.client_ip import client_address
from poster_admin.common.observability.logs import mask, request_id
from poster_admin.common.outages import optional
from poster_admin.users.accounts import account_named, proved_account, seen_by
from poster_admin.users.models import Event, SecurityEvent

log = logging.getLogger("poster_admin.security")
# Signals of models have no request: the user who changes rights is found through this variable.
current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
SERIOUS = {Event.FAILED, Event.LOCKED, Event.FACTOR_FAILED, Event.PASSKEY_FAILED, Event.REFUSED}


def record(
    kind: Event,
    *,
    request: HttpRequest | None = None,
    user: User | None = None,
    name: str = "",
    about: str = "",
    detail: str = "",
    account: str = "",
) -> None:
    """Write a line. Without a user it names the user of the current request.

    Without `account` the line belongs to the account of the user concerned. While the database is away, the
    action goes on without its line.
    """
    request = request or current_request.get()
    if user is None and not name:
        user = acting_user(request)
    user_name = user.get_username() if user is not None else name
    event = SecurityEvent(
        kind=kind,
        user=user,
        user_name=_short(user_name, 150),
        about="" if about == user_name else _short(about, 150),
        detail=_short(detail, 250),
        address=client_address(request) if request is not None else "",
        request_id=request_id(),
    )
    # The log of the process has the line in any case.
    with optional("a line of the security log"):
        event.account = account or account_named(about, user_name)
        event.save()
    line = {"kind": kind.value, "user": event.user_name, "about": event.about, "address": event.address,
            "detail": event.detail}  # fmt: skip
    log.log(
        logging.WARNING if kind in SERIOUS else logging.INFO,
        "%(kind)s user=%(user)r about=%(about)r address=%(address)s detail=%(detail)r",
        line,
        extra={"event": line},
    )


def lines_for(user: User) -> QuerySet[SecurityEvent]:
    """Return the lines that a user may read: an Administrator all.

    Others read those of their account, and of the people they see those from before these had one.
    """
    lines = SecurityEvent.objects.all()
    if user.is_superuser:
        return lines
    people = seen_by(user)
    named = Q(user__in=people) | Q(about__in=people.values("username"))
    return lines.filter(Q(account__in=proved_account(user)) | Q(account="") & named)


def forget_old() -> int:
    """Delete the lines that are older than SECURITY_LOG_DAYS; return their number.

    Nothing else may delete any: the queries of the model itself refuse to.
    """
    old = timezone.now() - timedelta(days=settings.SECURITY_LOG_DAYS)
    return models.QuerySet(SecurityEvent).filter(at__lt=old).delete()[0]


def acting_user(request: HttpRequest | None = None) -> Any:
    """Return the signed-in user of a request, else of the current one, or None."""
    user = getattr(request or current_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


def _short(text: str, length: int) -> str:
    return mask(text.replace("\0", ""))[:length]
