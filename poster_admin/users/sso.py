"""Sign in through the company by OpenID Connect.

Authlib handles the flow, and checks the token. This module checks issuer, audience and age once more, and
finds the user. Addresses and keys are requested at each sign-in, so the provider may change them any time.
"""

import logging
import time
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, User
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.views.decorators.http import require_safe
from joserfc.errors import JoseError

from poster_admin.common.pages import is_ours
from poster_admin.users import security_log
from poster_admin.users.models import CompanyIdentity, CompanyLink, EventKind
from poster_admin.users.sessions import CONFIRMED_AT

log = logging.getLogger("poster_admin.users")
# Seconds: maximum age of the company's own sign-in where the password would be requested again.
FRESH = 900
# Signatures by a key that only the provider has.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
BACKEND = "poster_admin.users.sso.CompanyBackend"
REFUSED = "/accounts/login/?company=refused"

# All errors that a provider's answer can cause; the last one if two answers for one name come at once.
FAILURES = (requests.RequestException, OAuthError, JoseError, SuspiciousOperation, ValidationError,
            LookupError, TypeError, ValueError, AttributeError, RuntimeError, IntegrityError)  # fmt: skip


class UserNameTaken(SuspiciousOperation):
    """A user has the name here, and no owner has allowed the link."""

    def __init__(self, name: str) -> None:
        super().__init__("A user has the name, and no owner has allowed the link.")
        self.name = name


class CompanyBackend(ModelBackend):
    """Keep users signed in whom the company has signed in: `back` finds them, and nobody else does."""

    def authenticate(self, *_: Any, **__: Any) -> None:
        return None


@require_safe
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the company; a user who is signed in must sign in there again."""
    if not settings.OIDC_ENABLED:
        raise Http404
    fresh = request.user.is_authenticated
    request.session["oidc_fresh"] = fresh
    request.session["oidc_next"] = request.GET.get("next", "")
    try:
        answer: HttpResponse = _provider().authorize_redirect(
            request,
            request.build_absolute_uri(reverse("company_back")),
            **({"prompt": "login", "max_age": "0"} if fresh else {}),
        )
    except FAILURES as error:
        log.warning("The company's sign-in cannot begin: %s", type(error).__name__)
        return redirect(REFUSED)
    return answer


@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Take the company's answer. None of its failures is a 500."""
    if not settings.OIDC_ENABLED:
        raise Http404
    # A user who is signed in is here to confirm: an answer that failed before must not lift the need for it.
    fresh = request.session.pop("oidc_fresh", False) or request.user.is_authenticated
    page = request.session.pop("oidc_next", "")
    try:
        claims = _claims(request, fresh=fresh)
        name = claims.get(settings.OIDC_NAME_CLAIM)
        if not name:
            raise SuspiciousOperation("A user without a name.")
        groups = claims.get(settings.OIDC_GROUPS_CLAIM) or []
        names = [str(each) for each in groups] if isinstance(groups, list) else [str(groups)]
        user = _user_of_subject(request, claims["sub"], str(name), names)
    except FAILURES as error:
        # The error's text may contain the code or the token.
        log.warning("The company's sign-in failed: %s", type(error).__name__)
        about = error.name if isinstance(error, UserNameTaken) else ""
        security_log.record(EventKind.REFUSED, request=request, name="?", about=about, detail="oidc")
        return redirect(REFUSED)
    login(request, user, backend=BACKEND)
    signed_in_at = claims.get("auth_time")  # some providers do not say
    if isinstance(signed_in_at, int | float) and time.time() - signed_in_at > FRESH:
        # The company has requested nothing now: anybody at an unlocked PC could sign out and in again.
        request.session.pop(CONFIRMED_AT, None)
    return redirect(page if is_ours(request, page) else resolve_url(settings.LOGIN_REDIRECT_URL))


def _provider() -> Any:
    provider = OAuth().register(
        "company",
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        server_metadata_url=f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": 10,  # seconds for each call
        },
    )
    metadata = provider.load_server_metadata()
    if metadata["issuer"] != settings.OIDC_ISSUER:
        raise SuspiciousOperation("The provider has another name than OIDC_ISSUER.")
    if settings.OIDC_ISSUER.startswith("https:") and any(
        str(metadata.get(name, "")).startswith("http:") for name in ADDRESSES
    ):
        raise SuspiciousOperation("The provider has an address without TLS.")
    if "client_secret_basic" not in metadata.get(
        "token_endpoint_auth_methods_supported", ["client_secret_basic"]
    ):
        provider.client_kwargs["token_endpoint_auth_method"] = "client_secret_post"
    offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
    known = [each for each in offered if each in ALGORITHMS]
    if not known:
        raise SuspiciousOperation("The provider signs in no way that is safe.")
    metadata["id_token_signing_alg_values_supported"] = known
    return provider


def examine() -> int:
    """Find the provider and its keys; return their number. Raises `SuspiciousOperation`."""
    try:
        return len(_provider().fetch_jwk_set()["keys"])
    except FAILURES as error:
        # Words of ours, or only the kind of an error: its text may hold more.
        words = str(error) if isinstance(error, SuspiciousOperation) else type(error).__name__
        raise SuspiciousOperation(words) from None


def _claims(request: HttpRequest, *, fresh: bool) -> dict[str, Any]:
    """Exchange the code for the token, check it, and return what the provider says of the user."""
    provider = _provider()
    token = provider.authorize_access_token(request)
    claims = dict(token["userinfo"])
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims["iss"] != settings.OIDC_ISSUER or settings.OIDC_CLIENT_ID not in audience:
        raise SuspiciousOperation("A token of or for somebody else.")
    if not isinstance(claims["exp"], int | float) or not isinstance(claims["sub"], str) or not claims["sub"]:
        raise SuspiciousOperation("A token without an end or a subject.")
    if fresh and time.time() - claims.get("auth_time", 0) > FRESH:
        raise SuspiciousOperation("The sign-in was to be a fresh one.")
    if provider.server_metadata.get("userinfo_endpoint"):
        info = dict(provider.userinfo(token=token))
        if info.get("sub") != claims["sub"]:
            raise SuspiciousOperation("The provider speaks of two people.")
        claims |= info
    return claims


def _user_of_subject(request: HttpRequest, subject: str, name: str, groups: list[str]) -> User:
    """Return the user of a subject, with the roles of the groups; the first sign-in makes the user.

    A name can be given to somebody else later: an owner has to allow that its user is taken. Raises
    `SuspiciousOperation` or `ValidationError`.
    """
    identity = {"issuer": settings.OIDC_ISSUER, "subject": subject}
    known = CompanyIdentity.objects.filter(**identity).first()
    user = known.user if known else None
    if user is None:
        User._meta.get_field("username").run_validators(name)
        with transaction.atomic():
            user = User.objects.filter(username=name).first()
            if user is None:
                user = User.objects.create_user(name)
            elif not CompanyLink.objects.filter(user=user).delete()[0]:
                raise UserNameTaken(name)
            CompanyIdentity.objects.update_or_create(user=user, defaults=identity)
        security_log.record(EventKind.LINKED, request=request, user=user)
    if not user.is_active:
        raise SuspiciousOperation("The user is blocked here.")
    if settings.COMPANY_ROLES:
        wanted = {settings.COMPANY_ROLES[each] for each in groups if each in settings.COMPANY_ROLES}
        has = set(user.groups.filter(name__in=settings.ROLES).values_list("name", flat=True))
        user.groups.add(*Group.objects.filter(name__in=wanted - has))
        user.groups.remove(*Group.objects.filter(name__in=has - wanted))
    return user
