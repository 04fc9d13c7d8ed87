"""Define sessions, the security log, second factors, and what is known of people besides Django's user."""

import base64
import secrets
import time
import uuid
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from poster_admin.common.encryption import EncryptedField, Secret

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.base import SessionBase

IDLE = timedelta(hours=3)
LONGEST = timedelta(hours=12)


class UserSession(AbstractBaseSession):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sign_ins"
    )
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=60, blank=True)

    class Meta(AbstractBaseSession.Meta):
        default_permissions = ()
        indexes = (models.Index(fields=("user", "-seen_at"), name="sign_in_by_user"),)

    @classmethod
    def get_session_store_class(cls) -> Any:
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store

    @property
    def is_over(self) -> bool:
        now = timezone.now()
        return now > self.expire_date or now - self.seen_at > IDLE or now - self.started_at > LONGEST

    @property
    def mark(self) -> str:
        """Return an identifier for forms: the session key itself would let its reader sign in."""
        return salted_hmac("users.sign_in", self.session_key, algorithm="sha256").hexdigest()[:20]


class EventKind(models.TextChoices):
    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    FAILED = "failed", _("failed to sign in")
    LOCKED = "locked", _("was locked out")
    UNLOCKED = "unlocked", _("lifted a lock of the sign-in")
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
    POSTER_DIFFERS = "poster_differs", _("saw Poster do something else than before")
    LINKED = "linked", _("was linked to the company's sign-in")


class SecurityEventQuerySet(models.QuerySet["SecurityEvent"]):
    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The security log is append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("The security log is append-only.")


class SecurityEvent(models.Model):
    """One line of the security log, which outlives its user.

    `about` is the user concerned, if that is not the actor; `detail` holds names of roles and accounts, and
    numbers, never a secret. The owners of `account`, that of the user concerned then, may read the line.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=15, choices=EventKind)
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


class TOTPDevice(TimestampMixin, ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp is untyped
    """An authenticator app. django-otp's own device keeps its key in clear text; this one encrypts it."""

    STEP, DIGITS, TOLERANCE = 30, 6, 1

    key = EncryptedField()
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        default_permissions = ("view", "delete")

    def get_throttle_factor(self) -> float:
        return 1.0  # seconds, twice as long after each wrong code

    def verify_token(self, token: str) -> bool:
        """Return True if the code is right, and accept it only once."""
        allowed, _why = self.verify_is_allowed()
        if not allowed:
            return False
        totp = TOTP(base64.b32decode(self.key.reveal()), self.STEP, digits=self.DIGITS)
        totp.time = time.time()
        right = token.isascii() and token.isdecimal() and len(token) == self.DIGITS
        if not right or not totp.verify(int(token), self.TOLERANCE, self.last_step + 1):
            self.throttle_increment(commit=True)
            return False
        self.last_step = totp.t()
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True


class Passkey(TimestampMixin, Device):  # type: ignore[misc]  # django-otp is untyped
    """The public half of a key pair in a device; `handle` is its user, where a sign-in names nobody."""

    credential_id = models.CharField(max_length=1364, unique=True, editable=False)  # 1,023 bytes in base64
    public_key = models.BinaryField(editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    handle = models.CharField(max_length=86, editable=False)

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")
        default_permissions = ("view", "delete")
        ordering = ("created_at", "pk")

    def __str__(self) -> str:
        return str(self.name)


def passkeys_of(user: "User") -> list[Passkey]:
    return list(Passkey.objects.filter(user=user))


class RecoveryCode(models.Model):
    """A code for a user who lost the phone: works once. Nobody can guess 120 random bits from a digest."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "[recovery code]"


def new_key() -> Secret:
    """Return 160 bits, as RFC 4226 requires of an authenticator."""
    return Secret(base64.b32encode(secrets.token_bytes(20)).decode())


class CompanyIdentity(models.Model):
    """The user behind a subject of the company's sign-in: names can change hands, subjects cannot."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="company_identity"
    )
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("issuer", "subject"), name="one_user_a_subject"),)

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject}"


class CompanyLink(models.Model):
    """Permission to link a user to the company's sign-in once by a name, which people may edit there."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="company_link",
        verbose_name=_("user"),
    )
    allowed_at = models.DateTimeField(_("allowed"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("permission to link a user to the company's sign-in")
        verbose_name_plural = _("permissions to link users to the company's sign-in")
        default_permissions = ("add", "view", "delete")

    def __str__(self) -> str:
        return self.user.get_username()


class Invitation(models.Model):
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="invitation"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()


class Guardian(models.Model):
    """A person who may know a way to sign in as the user; `invited` is set for the one who made the user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="guardians")
    guardian = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    invited = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "guardian"), name="one_guardian_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.guardian_id}"


class ChosenLanguage(models.Model):
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chosen_language"
    )
    language = models.CharField(max_length=10)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.language


class SetupLink(models.Model):
    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"of {self.made_at:%F %T}"


class Guide(models.Model):
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()
