"""Define sessions, with details by which their owner recognises them."""

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

IDLE = timedelta(hours=3)
LONGEST = timedelta(hours=12)


class UserSession(AbstractBaseSession):
    """A session, with details by which its owner recognises it.

    `sessions.SessionStore` writes the columns beside Django's own; the middleware writes `seen_at`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sign_ins"
    )
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=60, blank=True)

    class Meta(AbstractBaseSession.Meta):
        verbose_name = _("session")  # type: ignore[assignment]  # as in every model
        verbose_name_plural = _("sessions")  # type: ignore[assignment]  # as above
        default_permissions = ()
        indexes = (models.Index(fields=("user", "-seen_at"), name="sign_in_by_user"),)

    @classmethod
    def get_session_store_class(cls) -> Any:
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store

    @property
    def is_over(self) -> bool:
        """Return True if the session has expired, was idle for too long, or has reached its maximum age."""
        now = timezone.now()
        return now > self.expire_date or now - self.seen_at > IDLE or now - self.started_at > LONGEST

    @property
    def mark(self) -> str:
        """Return an identifier for forms: the session key itself would let its reader sign in."""
        return salted_hmac("users.sign_in", self.session_key, algorithm="sha256").hexdigest()[:20]
