"""Make, use and remove passkeys, which sign in alone: docs/adr/0018-passkeys.md."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import webauthn
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    generate_user_handle,
    parse_authentication_credential_json,
    structs,
)
from webauthn.helpers.exceptions import WebAuthnException

from poster_admin.common.client_ip import describe_agent
from poster_admin.common.pages import render_page
from poster_admin.users import security_log, sessions, two_factor
from poster_admin.users.accounts import lock_unchanged, name_of
from poster_admin.users.models import EventKind, Passkey, passkeys_of
from poster_admin.users.pages import UserRequest, next_page, show_sign_in
from poster_admin.users.sessions import ask_to_confirm, note_confirmation, recently_confirmed

NAME = "Poster Admin"
# Key in the session: the challenge that is to be signed, and when it was given out.
CHALLENGE = "passkey_challenge"
CHALLENGE_LIFE = timedelta(minutes=5)
MILLISECONDS = CHALLENGE_LIFE // timedelta(milliseconds=1)
VERIFIED = structs.UserVerificationRequirement.REQUIRED
# All errors that a forged answer can cause, in the library and in the lookup of its passkey.
FAILURES = (
    *(WebAuthnException, ObjectDoesNotExist, ValidationError, IntegrityError),
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
)


class NotAccepted(Exception):
    """The answer of the device does not prove who the user is."""


class PasskeyForm(forms.Form):
    name = forms.CharField(
        label=pgettext_lazy("of a passkey", "Name"),
        max_length=64,
        help_text=gettext_lazy("So that you know it again, such as the phone that keeps it."),
        error_messages={"required": gettext_lazy("Enter a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    # static/js/passkeys.js writes the device's answer here.
    credential = forms.CharField(required=False, widget=forms.HiddenInput)


def add(request: UserRequest) -> HttpResponse:
    """Make a passkey; with the first factor come the recovery codes, which are shown once."""
    initial = {"name": describe_agent(request.headers.get("User-Agent", ""))}
    form = PasskeyForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        is_first = two_factor.factor_of(request.user) is None
        try:
            passkey = register(request, form.cleaned_data["credential"], form.cleaned_data["name"])
        except NotAccepted:
            form.add_error(None, _("The device's answer was not accepted, or it took too long. Try again."))
        else:
            two_factor.mark(request, passkey)
            security_log.record(EventKind.FACTOR_SET, request=request, detail=two_factor.PASSKEY)
            if is_first:
                # Sessions begun before lack the mark.
                sessions.end(request.user, but=request.session.session_key)
                context = {"codes": two_factor.renew_codes(request.user), "next": reverse("sessions")}
                return render_page(request, "users/recovery_codes.html", context)
            messages.success(request, _("The passkey was added."))
            return redirect("sessions")
    return show_sign_in(request, form)


@require_POST
def passkey_new_options(request: UserRequest) -> HttpResponse:
    if not recently_confirmed(request):
        raise PermissionDenied
    others = passkeys_of(request.user)
    options = webauthn.generate_registration_options(
        rp_id=_host(request),
        rp_name=NAME,
        user_id=base64url_to_bytes(others[0].handle) if others else generate_user_handle(),
        user_name=request.user.get_username(),
        user_display_name=name_of(request.user),
        timeout=MILLISECONDS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
        exclude_credentials=_descriptors(others),
    )
    return _give_out(request, options, handle=bytes_to_base64url(options.user.id))


@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Give the browser the options of a passkey; somebody who is not signed in does not learn who has one."""
    options = webauthn.generate_authentication_options(
        rp_id=_host(request),
        timeout=MILLISECONDS,
        allow_credentials=_descriptors(passkeys_of(request.user)) if request.user.is_authenticated else [],
        user_verification=VERIFIED,
    )
    return _give_out(request, options)


@sensitive_post_parameters("credential")
@require_POST
def passkey_use(request: HttpRequest) -> HttpResponse:
    """Take what a passkey has signed: as sign-in and second factor, as the latter alone, or to confirm."""
    back, user, page = next_page(request), None, "login"
    if request.user.is_authenticated:
        user, page = request.user, "login_code" if request.session.get(two_factor.DUE) else "confirm"
    try:
        passkey = check(request, request.POST.get("credential", ""), user)
    except NotAccepted:
        security_log.record(EventKind.PASSKEY_FAILED, request=request, name="" if user else "?")
        context = {"back": f"{reverse(page)}?{urlencode({'next': back})}"}
        return render_page(request, "users/passkeys/passkey_refused.html", context, status=422)
    if user is None:
        login(request, passkey.user, backend=settings.SIGN_IN_BACKEND)
    security_log.record(EventKind.FACTOR_USED, request=request, detail=two_factor.PASSKEY)
    two_factor.mark(request, passkey)
    if page == "confirm":
        note_confirmation(request)
        security_log.record(EventKind.CONFIRMED, request=request, detail=two_factor.PASSKEY)
    return redirect(back)


@require_POST
def passkey_remove(request: UserRequest, passkey_id: int) -> HttpResponse:
    if not recently_confirmed(request):
        return ask_to_confirm(request, back=reverse("sessions"))
    if two_factor.remove(request.user, Passkey.objects.filter(pk=passkey_id)):
        two_factor.unmark(request)
        messages.success(request, _("The passkey was removed. Delete it on the device too."))
    return redirect("sessions")


# --- Answers of devices -------------------------------------------------------------------------------------


def register(request: UserRequest, answer: str, name: str) -> Passkey:
    """Store the passkey that a device has made. Raises `NotAccepted`."""
    challenge, handle = _take_back(request)
    with _refusing(), transaction.atomic():
        lock_unchanged(request.user)
        made = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_host(request),
            expected_origin=_origins(request),
            require_user_verification=True,
        )
        passkey = Passkey(
            user=request.user,
            name=name,
            credential_id=bytes_to_base64url(made.credential_id),
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            handle=handle,
        )
        passkey.full_clean(exclude=["user"])
        passkey.save(force_insert=True)
    return passkey


def check(request: HttpRequest, answer: str, user: User | None) -> Passkey:
    """Return the passkey that has signed the challenge. Raises `NotAccepted`.

    Without `user` it stands for name and password, so it has to name its user, who may sign in by password
    here. py_webauthn refuses a counter that has not grown: a copy of the key was used.
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
        signed = webauthn.verify_authentication_response(
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


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn every error of a forged answer into `NotAccepted`, without its text: it may hold keys."""
    try:
        yield
    except FAILURES:
        raise NotAccepted from None


def _give_out(request: HttpRequest, options: Any, *, handle: str = "") -> HttpResponse:
    request.session[CHALLENGE] = [bytes_to_base64url(options.challenge), time.time(), handle]
    return HttpResponse(webauthn.options_to_json(options), content_type="application/json")


def _take_back(request: HttpRequest) -> tuple[bytes, str]:
    """Return the challenge of this session, which counts once, and the handle that was given out with it."""
    challenge, given_at, handle = request.session.pop(CHALLENGE, ("", 0, ""))
    if time.time() - given_at >= CHALLENGE_LIFE.total_seconds():
        raise NotAccepted
    return base64url_to_bytes(challenge), handle


def _descriptors(passkeys: list[Passkey]) -> list[structs.PublicKeyCredentialDescriptor]:
    return [
        structs.PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in passkeys
    ]


def _host(request: HttpRequest) -> str:
    """Return the name that passkeys are bound to: the host of this request, which ALLOWED_HOSTS allows."""
    return urlsplit(f"//{request.get_host()}").hostname or ""


def _origins(request: HttpRequest) -> list[str]:
    """Return the origins of that host: this request's, and those of CSRF_TRUSTED_ORIGINS behind a proxy."""
    trusted = [each for each in settings.CSRF_TRUSTED_ORIGINS if urlsplit(each).hostname == _host(request)]
    return [f"{request.scheme}://{request.get_host()}", *trusted]
