"""Register passkeys, and check what they sign. py_webauthn does the cryptography: docs/adr/0018-passkeys.md.

Every passkey can sign in alone: the device keeps it, names its user, and has to verify that user each time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    generate_user_handle,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from poster_admin.users import security_log, sessions
from poster_admin.users.accounts import name_of
from poster_admin.users.identities import lock_unchanged
from poster_admin.users.models import Event, Passkey, passkeys_of
from poster_admin.users.sign_in import two_factor

NAME = "Poster Admin"
# Key in the session: the challenge that is to be signed, and when it was given out.
CHALLENGE = "passkey_challenge"
CHALLENGE_LIFE = timedelta(minutes=5)
MILLISECONDS = CHALLENGE_LIFE // timedelta(milliseconds=1)
VERIFIED = UserVerificationRequirement.REQUIRED
# All errors that a forged answer can cause, in the library and in the lookup of its passkey.
FAILURES = (
    *(WebAuthnException, ObjectDoesNotExist, ValidationError, IntegrityError),
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
)


class NotAccepted(Exception):
    """The answer of the device does not prove who the user is."""


def registration_options(request: HttpRequest, user: User) -> str:
    """Return as JSON what the browser needs to make a passkey; no device gets a second one."""
    others = passkeys_of(user)
    options = generate_registration_options(
        rp_id=_host(request),
        rp_name=NAME,
        user_id=base64url_to_bytes(others[0].handle) if others else generate_user_handle(),
        user_name=user.get_username(),
        user_display_name=name_of(user),
        timeout=MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
        exclude_credentials=_descriptors(others),
    )
    _give_out(request, options.challenge, handle=bytes_to_base64url(options.user.id))
    return options_to_json(options)


def request_options(request: HttpRequest, user: User | None) -> str:
    """Return as JSON what the browser needs to use a passkey: of this user, or of anybody at a sign-in."""
    options = generate_authentication_options(
        rp_id=_host(request),
        timeout=MILLISECONDS,
        allow_credentials=_descriptors(passkeys_of(user)) if user else [],
        user_verification=VERIFIED,
    )
    _give_out(request, options.challenge)
    return options_to_json(options)


def register(request: HttpRequest, user: User, answer: str, name: str) -> Passkey:
    """Store the passkey that a device has made. Raises `NotAccepted`."""
    challenge, handle = _take_back(request)
    with _refusing(), transaction.atomic():
        lock_unchanged(user)
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_host(request),
            expected_origin=_origins(request),
            require_user_verification=True,
        )
        passkey = Passkey(
            user=user,
            name=name,
            credential_id=bytes_to_base64url(made.credential_id),
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            handle=handle,
        )
        passkey.full_clean(exclude=["user"])
        passkey.save(force_insert=True)
    return passkey


def check(request: HttpRequest, answer: str, user: User | None = None) -> Passkey:
    """Return the passkey that has signed the challenge, under its lock. Raises `NotAccepted`.

    Without `user` the passkey stands for name and password, so it has to name its user, who may sign in by
    password here. py_webauthn refuses a counter that has not grown: a copy of the key was used.
    """
    challenge, _handle = _take_back(request)
    with _refusing(), transaction.atomic():
        credential = parse_authentication_credential_json(answer)
        of_id = Passkey.objects.filter(credential_id=bytes_to_base64url(credential.raw_id))
        passkey: Passkey = of_id.select_for_update().get()
        if user is None:
            owner, handle = passkey.user, credential.response.user_handle
            is_named = handle is not None and bytes_to_base64url(handle) == passkey.handle
            may_sign_in = is_named and owner.is_active and owner.has_usable_password()
        else:
            may_sign_in = passkey.user == user
        if not may_sign_in:
            raise NotAccepted
        signed = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=_host(request),
            expected_origin=_origins(request),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
        passkey.sign_count = signed.new_sign_count
        passkey.set_last_used_timestamp(commit=False)
        passkey.save(update_fields=["sign_count", "last_used_at"])
    return passkey


def check_factor(request: HttpRequest, answer: str) -> bool:
    """Check what a passkey of the user has signed, and mark the session."""
    user: Any = request.user
    try:
        passkey = check(request, answer, user)
    except NotAccepted:
        security_log.record(Event.PASSKEY_FAILED, request=request)
        return False
    security_log.record(Event.FACTOR_USED, request=request, detail=two_factor.PASSKEY)
    two_factor.mark(request, passkey)
    return True


def add_factor(request: HttpRequest, answer: str, name: str) -> list[str]:
    """Add a passkey; return recovery codes if it is the first factor. Raises `NotAccepted`."""
    user: Any = request.user
    is_first = two_factor.factor_of(user) is None
    passkey = register(request, user, answer, name)
    two_factor.mark(request, passkey)
    security_log.record(Event.FACTOR_SET, request=request, detail=two_factor.PASSKEY)
    if not is_first:
        return []
    # Sessions begun before lack the mark.
    sessions.end(user, but=request.session.session_key)
    return two_factor.renew_codes(user)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn every error of a forged answer into `NotAccepted`, without its text: it may hold keys."""
    try:
        yield
    except FAILURES:
        raise NotAccepted from None


def _give_out(request: HttpRequest, challenge: bytes, *, handle: str = "") -> None:
    request.session[CHALLENGE] = [bytes_to_base64url(challenge), time.time(), handle]


def _take_back(request: HttpRequest) -> tuple[bytes, str]:
    """Return the challenge of this session, which counts once, and the handle that was given out with it."""
    challenge, given_at, handle = request.session.pop(CHALLENGE, ("", 0, ""))
    if time.time() - given_at >= CHALLENGE_LIFE.total_seconds():
        raise NotAccepted
    return base64url_to_bytes(challenge), handle


def _descriptors(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in passkeys]


def _host(request: HttpRequest) -> str:
    """Return the name that passkeys are bound to: the host of this request, which ALLOWED_HOSTS allows."""
    return urlsplit(f"//{request.get_host()}").hostname or ""


def _origins(request: HttpRequest) -> list[str]:
    """Return the origins of that host: this request's, and those of CSRF_TRUSTED_ORIGINS behind a proxy."""
    trusted = [each for each in settings.CSRF_TRUSTED_ORIGINS if urlsplit(each).hostname == _host(request)]
    return [f"{request.scheme}://{request.get_host()}", *trusted]
