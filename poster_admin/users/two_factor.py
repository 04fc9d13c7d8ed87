"""Set up, check and remove the second factor: an app for codes, passkeys, and recovery codes."""

import base64
import secrets
from textwrap import wrap
from typing import Any, cast
from urllib.parse import quote, urlencode

import django_otp
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_variables

from poster_admin.users import security_log, sessions
from poster_admin.users.accounts import lock_unchanged
from poster_admin.users.models import EventKind, Passkey, RecoveryCode, TOTPDevice, new_key
from poster_admin.users.sessions import CONFIRMATION_LIFE

DUE = "second_factor_due"
# Detail of a line in the security log; without it the line is about a code.
PASSKEY = "passkey"


def authenticator_of(user: AbstractBaseUser) -> TOTPDevice | None:
    found: TOTPDevice | None = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    return found


def factor_of(user: AbstractBaseUser) -> TOTPDevice | Passkey | None:
    passkey: Passkey | None = Passkey.objects.filter(user=user).first()
    return authenticator_of(user) or passkey


def is_required(user: Any) -> bool:
    return bool(
        settings.REQUIRE_2FA
        and (user.has_perm("auth.change_user") or user.has_perm("groups.delete_group_with_clients"))
    )


def page_that_is_due(request: HttpRequest) -> str:
    """Return the address of the page that the user has to visit first, or an empty string."""
    if request.session.get(DUE):
        return reverse("login_code")
    is_missing = django_otp.DEVICE_ID_SESSION_KEY not in request.session and is_required(request.user)
    return reverse("sessions", query={"set": "app"}) if is_missing else ""


@sensitive_variables("text", "code")
def check_code(request: HttpRequest, text: str) -> bool:
    user: Any = request.user
    device = factor_of(user)
    if device is None:
        request.session[DUE] = False
        return True
    code = "".join(text.split()).replace("-", "").upper()
    kind = EventKind.FACTOR_FAILED
    if RecoveryCode.objects.filter(user=user, digest=_digest(code)).delete()[0]:
        kind = EventKind.RECOVERY_USED
    elif django_otp.verify_token(user, device.persistent_id, code):
        kind = EventKind.FACTOR_USED
    security_log.record(kind, request=request)
    if kind == EventKind.FACTOR_FAILED:
        return False
    mark(request, device)
    return True


def prepare(user: User) -> TOTPDevice:
    """Return an unconfirmed authenticator; an old one may have been read at an unlocked PC."""
    shown = TOTPDevice.objects.filter(user=user, confirmed=False)
    device: TOTPDevice | None = shown.filter(created_at__gt=timezone.now() - CONFIRMATION_LIFE).first()
    if device is None:
        shown.delete()
        device = TOTPDevice(user=user, name="app", confirmed=False, key=new_key())
        device.save()
    return device


def finish(request: HttpRequest, device: TOTPDevice, code: str) -> list[str]:
    """Confirm the authenticator with its first code; return the recovery codes, or none if it is wrong."""
    user: Any = request.user
    with transaction.atomic():
        lock_unchanged(user)
        # None if it was removed meanwhile.
        locked: TOTPDevice | None = TOTPDevice.objects.select_for_update().filter(pk=device.pk).first()
        if locked is None or not locked.verify_token("".join(code.split())):
            return []
        TOTPDevice.objects.filter(user=user, confirmed=True).delete()
        locked.confirmed = True
        locked.save(update_fields=["confirmed"])
    mark(request, locked)
    security_log.record(EventKind.FACTOR_SET, request=request)
    # Sessions begun before lack the mark.
    sessions.end(user, but=request.session.session_key)
    return renew_codes(user)


def renew_codes(user: User) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(15)).decode() for _ in range(10)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return ["-".join(wrap(code, 4)) for code in codes]


def remove(user: User, *kinds: QuerySet[Any]) -> int:
    """Remove devices of a user, all where none are named; with the last one go the recovery codes."""
    with transaction.atomic():
        devices = kinds or (TOTPDevice.objects.all(), Passkey.objects.all())
        removed = sum(each.filter(user=user).delete()[0] for each in devices)
        if factor_of(user) is None:
            RecoveryCode.objects.filter(user=user).delete()
    return removed


@sensitive_variables("key")
def app_address(device: TOTPDevice) -> str:
    """Return the address that an app for codes opens, from its camera or from a link on its own phone."""
    label = quote(f"Poster Admin:{device.user.get_username()}")
    key = urlencode({"secret": device.key.reveal(), "issuer": "Poster Admin"})
    return f"otpauth://totp/{label}?{key}"


def qr_code(device: TOTPDevice) -> SafeString:
    import segno  # noqa: PLC0415 - 2 MB that a worker needs once in a while

    # Without inline styles: the colours come from the style sheet.
    svg = segno.make(app_address(device), error="m").svg_inline(
        omitsize=True, border=4, svgclass="qr", lineclass="qr-dark"
    )
    return mark_safe(svg.replace(' stroke="#000"', ""))  # noqa: S308 - drawn by segno from our own address


def mark(request: HttpRequest, device: TOTPDevice | Passkey) -> None:
    django_otp.login(request, device)
    request.session[DUE] = False
    request.session.cycle_key()


def unmark(request: HttpRequest) -> None:
    """Record that the session has passed no second factor, once the user has removed the last one."""
    if factor_of(cast("User", request.user)) is None:
        request.session.pop(django_otp.DEVICE_ID_SESSION_KEY, None)


def _digest(code: str) -> str:
    return salted_hmac("users.recovery", code, algorithm="sha256").hexdigest()


def key_in_groups(device: TOTPDevice) -> str:
    """Return the key for a phone without a camera."""
    return " ".join(wrap(device.key.reveal(), 4))
