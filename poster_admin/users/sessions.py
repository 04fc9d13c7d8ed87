"""Store sessions in the database, with limits; ask for the password again before a sensitive step.

No cache stands before the database: a session that was ended must be over in every process.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from poster_admin.common.client_ip import client_address, describe_agent
from poster_admin.common.outages import optional
from poster_admin.users.models import IDLE, LONGEST, EventKind, SecurityEvent, UserSession

# Keys in the session.
STARTED = "started"
FROM = "from"
LAST_VISIT = "last_visit"
# When the user last signed in or typed the password again.
CONFIRMED_AT = "confirmed_at"
# Whether the password is requested instead of doing what a form was sent for.
FORM_WAITS = "form_waits"
CONFIRMATION_LIFE = timedelta(minutes=15)


class SessionStore(DatabaseStore):
    seen_at: datetime | None = None

    def __init__(self, session_key: str | None = None) -> None:
        # A cookie may hold a NUL, which PostgreSQL does not take.
        super().__init__(None if "\0" in (session_key or "") else session_key)

    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def load(self) -> dict[str, Any]:
        """Return the data of the session. One that is gone or over loses its key, so its cookie goes too."""
        with suppress(UserSession.DoesNotExist):
            row = UserSession.objects.get(pk=self.session_key)
            if not row.is_over:
                self.seen_at = row.seen_at
                return row.get_decoded()
        with optional("the end of a session"):
            self.flush()
        return {}

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        row: Any = super().create_model_instance(data)
        row.user_id = data.get(SESSION_KEY)
        row.address, row.agent = data.get(FROM, ("", ""))
        if STARTED in data:
            row.started_at = datetime.fromtimestamp(data[STARTED], UTC)
        return cast("UserSession", row)

    def save(self, must_create: bool = False) -> None:
        """Save a session. While the database is away only a new session fails: other pages go on unsaved."""
        if must_create or self.session_key is None:
            super().save(must_create)
            return
        row = self.create_model_instance(dict(self.items()))
        columns = [field.attname for field in UserSession._meta.concrete_fields if not field.primary_key]
        found, values = 1, {name: getattr(row, name) for name in columns}
        with optional("what a session has"):
            found = UserSession.objects.filter(pk=row.pk).update(**values)
        if not found:
            raise UpdateError

    def was_used(self) -> None:
        """Store the time of use, at most once a minute, without the data that another tab may have saved."""
        now = timezone.now()
        if self.seen_at is not None and (now - self.seen_at).total_seconds() > 60:
            with optional("that a session is used"):
                UserSession.objects.filter(pk=self.session_key).update(seen_at=now)


def begin(request: HttpRequest, user: User) -> None:
    """Record the sign-in and the visit before it."""
    others = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    used = others.aggregate(at=Max("seen_at"))["at"]
    kinds = (EventKind.SIGNED_IN, EventKind.SIGNED_OUT)
    logged = SecurityEvent.objects.filter(user=user, kind__in=kinds).values_list("at", flat=True).first()
    visited_at = max(filter(None, (used, logged)), default=None)
    if visited_at is not None:
        request.session[LAST_VISIT] = visited_at.timestamp()
    request.session[STARTED] = time.time()
    agent = describe_agent(request.headers.get("User-Agent", ""))
    request.session[FROM] = (client_address(request), agent)
    SessionStore.clear_expired()


def last_visit(request: HttpRequest) -> datetime | None:
    seconds = request.session.get(LAST_VISIT)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def forget_over() -> int:
    now = timezone.now()
    over = Q(expire_date__lt=now) | Q(seen_at__lt=now - IDLE) | Q(started_at__lt=now - LONGEST)
    return UserSession.objects.filter(over).delete()[0]


def sessions_of(user: User) -> list[UserSession]:
    rows = UserSession.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-seen_at")
    return [row for row in rows if not row.is_over]


def end(user: User, *, mark: str | None = None, but: str | None = None) -> int:
    """End sessions of a user: all, or the one with that mark, or all but the one with that key."""
    rows = sessions_of(user)
    keys = [row.session_key for row in rows if mark in (None, row.mark) and row.session_key != but]
    UserSession.objects.filter(pk__in=keys).delete()
    return len(keys)


# --- The password again, in case the user has left the PC unlocked ----------------------------------------


def note_confirmation(request: HttpRequest) -> None:
    request.session[CONFIRMED_AT] = time.time()
    request.session.pop(FORM_WAITS, None)


def recently_confirmed(request: HttpRequest) -> bool:
    confirmed_at: float = request.session.get(CONFIRMED_AT, 0)
    return time.time() - confirmed_at < CONFIRMATION_LIFE.total_seconds()


def ask_to_confirm(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """Ask for the password, say that a form has done nothing yet, and lead back."""
    request.session[FORM_WAITS] = request.method == "POST"
    return redirect(f"{reverse('confirm')}?{urlencode({'next': back or request.path})}")
