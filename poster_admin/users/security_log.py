"""Write and read the security log: each line goes into the database and into the log of the process."""

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
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from poster_admin.common.client_ip import client_address
from poster_admin.common.logs import mask, request_id
from poster_admin.common.outages import optional
from poster_admin.users.accounts import ADMINISTRATORS, ROLE_LABELS, connections, proved_account, seen_by
from poster_admin.users.models import EventKind, SecurityEvent

log = logging.getLogger("poster_admin.security")
# Signals of models have no request: the user who changes rights is found through this variable.
current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
SERIOUS = {
    EventKind.FAILED,
    EventKind.LOCKED,
    EventKind.FACTOR_FAILED,
    EventKind.PASSKEY_FAILED,
    EventKind.REFUSED,
}

# Details of events that are words; all others are names and numbers. An app above this one adds its own.
DETAIL_LABELS: dict[str, str | Promise] = ROLE_LABELS | {
    "passkey": _("passkey"),
    "password": _("Password"),
    "code": _("Code"),
    "is_active=False": pgettext_lazy("a user", "blocked"),
    "is_active=True": pgettext_lazy("a user", "no longer blocked"),
    "is_superuser=True": ROLE_LABELS[ADMINISTRATORS],
    "is_superuser=False": _("no longer an administrator"),
    "email": _("E-mail"),
    "secret": _("new secret"),
}


def record(
    kind: EventKind,
    *,
    request: HttpRequest | None = None,
    user: User | None = None,
    name: str = "",
    about: str = "",
    detail: str = "",
    account: str = "",
) -> None:
    """Write a line, by default of the user of the current request, for the account of the user concerned.

    While the database is away, the action goes on without its line.
    """
    request = request or current_request.get()
    if user is None and not name:
        user = acting_user(request)
    user_name = user.get_username() if user is not None else name
    shown, detail = mask(user_name.replace("\0", "")), mask(detail.replace("\0", ""))
    event = SecurityEvent(
        kind=kind,
        user=user,
        user_name=shown[:150],
        about="" if about == user_name else mask(about.replace("\0", ""))[:150],
        detail=detail[:250],
        account=account,
        address=client_address(request) if request is not None else "",
        request_id=request_id(),
    )
    # The log of the process has the line in any case.
    with optional("a line of the security log"):
        if not account:
            rows = connections().filter(user__username__in=[about or user_name, user_name])
            known: dict[str, str] = dict(rows.values_list("user__username", "account"))
            event.account = known.get(about) or known.get(user_name, "")
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
    """Return the lines that a user may read: of people without an account those whom the user sees."""
    lines = SecurityEvent.objects.all()
    if user.is_superuser:
        return lines
    people = seen_by(user)
    named = Q(user__in=people) | Q(about__in=people.values("username"))
    return lines.filter(Q(account__in=proved_account(user)) | Q(account="") & named)


def forget_old() -> int:
    old = timezone.now() - timedelta(days=settings.SECURITY_LOG_DAYS)
    # Nothing else may delete any: the queries of the model itself refuse to.
    return models.QuerySet(SecurityEvent).filter(at__lt=old).delete()[0]


def acting_user(request: HttpRequest | None = None) -> Any:
    user = getattr(request or current_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


def detail_words(event: SecurityEvent) -> str:
    def in_words(text: str) -> str:
        for separator in (", ", ": ", " → "):
            if separator in text:
                return separator.join(map(in_words, text.split(separator)))
        return str(DETAIL_LABELS.get(text, text))

    sign = event.detail[:1] if event.kind == EventKind.RIGHTS else ""
    return sign + in_words(event.detail.removeprefix(sign))
