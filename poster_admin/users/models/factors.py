"""Define second factors, passkeys, and the company's identities."""

import base64
import secrets
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from poster_admin.common.encryption import EncryptedField, Secret

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class TOTPDevice(TimestampMixin, ThrottlingMixin, Device):  # type: ignore[misc]  # django-otp is untyped
    """An authenticator app that shows a new code every 30 seconds.

    django-otp's own device keeps its key in clear text; this one encrypts it like the Poster tokens. After
    each wrong code the next try has to wait twice as long.
    """

    STEP, DIGITS, TOLERANCE = 30, 6, 1

    key = EncryptedField()
    last_step = models.BigIntegerField(default=-1, editable=False)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        default_permissions = ("view", "delete")

    def get_throttle_factor(self) -> float:
        return 1.0

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

    def address_for_apps(self) -> str:
        """Return the otpauth address that apps read from the QR code."""
        label = quote(f"Poster Admin:{self.user.get_username()}")
        return f"otpauth://totp/{label}?{urlencode({'secret': self.key.reveal(), 'issuer': 'Poster Admin'})}"

    address_for_apps.alters_data = True  # type: ignore[attr-defined]  # no template may call it


class Passkey(TimestampMixin, Device):  # type: ignore[misc]  # django-otp is untyped
    """A key pair in a phone, a computer or a security key, of which the public half is stored here.

    The device signs for the address alone that it was made at, and after a finger, a face or a PIN.
    `handle` stands for the user: the device tells it at a sign-in that names nobody.
    """

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
    """Return the passkeys of a user, the oldest first."""
    return list(Passkey.objects.filter(user=user))


class RecoveryCode(models.Model):
    """A code for a user who lost the phone: works once, and is stored only as a digest.

    It is 120 random bits, so a fast digest is enough: nobody can guess it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()

    def __str__(self) -> str:
        return "[recovery code]"


def new_key() -> Secret:
    """Return a new key for an authenticator: 160 bits, as RFC 4226 requires."""
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
        verbose_name = _("company identity")
        verbose_name_plural = _("company identities")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("issuer", "subject"), name="one_user_a_subject"),)

    def __str__(self) -> str:
        return f"{self.issuer} {self.subject}"


class CompanyLink(models.Model):
    """Permission to link a user to the company's sign-in by the name alone, once.

    People can edit their names at many providers: an owner has to confirm that this name means this user.
    """

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
