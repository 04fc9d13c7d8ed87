"""Define the security log."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    """Kinds of events in the security log."""

    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    FAILED = "failed", _("failed to sign in")
    LOCKED = "locked", _("was locked out")
    CONFIRMED = "confirmed", _("confirmed the sign-in")
    SESSIONS_ENDED = "sessions_ended", _("ended sessions")
    PASSWORD = "password", _("changed a password")
    USER_ADDED = "user_added", _("added a user")
    INVITED = "invited", _("sent an invitation")
    USER_CHANGED = "user_changed", _("changed a user")
    USER_REMOVED = "user_removed", _("removed a user")
    RIGHTS = "rights", _("changed rights")
    TOKEN_SET = "token_set", _("connected a token")
    TOKEN_REMOVED = "token_removed", _("removed a token")
    FACTOR_SET = "factor_set", _("set up a second factor")
    FACTOR_REMOVED = "factor_removed", _("removed a second factor")
    FACTOR_USED = "factor_used", _("used the second factor")
    FACTOR_FAILED = "factor_failed", _("entered a wrong code")
    PASSKEY_FAILED = "passkey_failed", _("used a passkey that was not accepted")
    RECOVERY_USED = "recovery_used", _("used a recovery code")
    CODES_RENEWED = "codes_renewed", _("made new recovery codes")
    SNAPSHOT_READ = "snapshot_read", _("downloaded a snapshot")
    REFUSED = "refused", _("was refused by the company's sign-in")
    LINK_ALLOWED = "link_allowed", _("allowed a link to the company's sign-in")
    CHAT_SET = "chat_set", _("set a Telegram chat")
    CHAT_REMOVED = "chat_removed", _("removed a Telegram chat")
    LIMITS_SET = "limits_set", _("set the limits")
    BONUS_UNIT_SET = "bonus_unit_set", _("set the unit of the birthday bonus")
    WATCH_ON = "watch_on", _("switched the watch on")
    WATCH_OFF = "watch_off", _("switched the watch off")
    LINKED = "linked", _("was linked to the company's sign-in")


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The security log is append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("The security log is append-only.")


class SecurityEvent(models.Model):
    """One line of the security log: the actor, the action, the user concerned, the origin.

    Names are copied, so that a line outlives its user. `about` is the user concerned, if that is not the
    actor; `detail` holds names of roles and accounts, and numbers. It never contains a secret. `account` is
    the Poster account of the user concerned at that time, whose owners may read the line.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=15, choices=Event)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    user_name = models.CharField(max_length=150, blank=True)
    about = models.CharField(max_length=150, blank=True)
    detail = models.CharField(max_length=250, blank=True)
    account = models.CharField(max_length=63, blank=True, default="")
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=36, blank=True)

    objects = SecurityEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("line of the security log")
        verbose_name_plural = _("security log")
        ordering = ("-at", "-pk")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.user_name} {self.kind} {self.about}"

    def save(self, **kwargs: Any) -> None:
        """Insert the line; an existing line cannot be changed."""
        if not self._state.adding:
            raise TypeError("The security log is append-only.")
        super().save(**{**kwargs, "force_insert": True})

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("The security log is append-only.")
