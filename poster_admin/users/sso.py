"""Sign in through the company: a proxy names the user, or OpenID Connect. Both are off by default.

mozilla-django-oidc handles the flow: state, nonce, PKCE, signatures. This module checks issuer, audience and
age of the token, and finds the user that it stands for.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

import jwt
import requests
from django.conf import settings
from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.models import Group, User
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from mozilla_django_oidc import views as oidc_views
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from poster_admin.users import security_log
from poster_admin.users.middleware import meta_name
from poster_admin.users.models import CompanyIdentity, CompanyLink, Event

log = logging.getLogger("poster_admin.users")
# Seconds: maximum age of the company's own sign-in after a fresh one was requested.
FRESH = 900


# All errors that a provider's answer can cause; the last one if two answers for one name come at once.
FAILURES = (requests.RequestException, jwt.PyJWTError, SuspiciousOperation, ValidationError,
            LookupError, TypeError, ValueError, AttributeError, IntegrityError)  # fmt: skip


def give_roles(user: User, names: Iterable[str]) -> None:
    """Give the roles that the company's groups stand for, and remove the other mapped roles.

    Without COMPANY_ROLES the roles stay as an owner set them.
    """
    if not settings.COMPANY_ROLES:
        return
    wanted = {settings.COMPANY_ROLES[name] for name in names if name in settings.COMPANY_ROLES}
    has = set(user.groups.filter(name__in=settings.ROLES).values_list("name", flat=True))
    user.groups.add(*Group.objects.filter(name__in=wanted - has))
    user.groups.remove(*Group.objects.filter(name__in=has - wanted))


class ProxyBackend(RemoteUserBackend):
    """Authenticate the user that the company's proxy names."""

    def authenticate(self, request: Any, **kwargs: Any) -> Any:  # type: ignore[override]  # as Django calls it
        name = self.clean_username(str(kwargs.get("remote_user") or ""))
        if not name:
            return None
        try:
            User._meta.get_field("username").run_validators(name)
        except ValidationError:
            security_log.record(Event.REFUSED, request=request, name="?", detail="name")
            return None
        return super().authenticate(request, remote_user=name)

    def clean_username(self, username: str) -> str:
        """Remove the domain that Kerberos and NTLM add to a name."""
        return username.strip().rpartition("\\")[2].partition("@")[0]

    def configure_user(self, request: Any, user: Any, created: bool = True) -> Any:
        if created:
            user.set_unusable_password()
            user.save()
        if settings.TRUSTED_GROUPS_HEADER:
            text = request.META.get(meta_name(settings.TRUSTED_GROUPS_HEADER), "")
            give_roles(user, [name.strip() for name in text.replace(";", ",").split(",")])
        return user


class CompanyBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library is untyped
    """Authenticate the user that the company's OpenID Connect provider names."""

    refused_name = ""

    def authenticate(self, request: Any, **kwargs: Any) -> Any:
        """Turn every failure of the provider into a failed sign-in: none of them is a 500."""
        if not settings.OIDC_ENABLED or "nonce" not in kwargs:
            return None
        try:
            user = super().authenticate(request, **kwargs)
        except FAILURES as error:
            # The error's text may contain the code or the token.
            log.warning("The company's sign-in failed: %s", type(error).__name__)
            user = None
        if user is None:
            security_log.record(
                Event.REFUSED, request=request, name="?", about=self.refused_name, detail="oidc"
            )
        return user

    def verify_token(self, token: str, **kwargs: Any) -> Any:
        """Check issuer, audience and age of the token, beyond the signature and the nonce."""
        claims = super().verify_token(token, **kwargs)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != settings.OIDC_ISSUER or settings.OIDC_RP_CLIENT_ID not in audiences:
            raise SuspiciousOperation("A token of or for somebody else.")
        if not isinstance(claims.get("exp"), int | float) or not claims.get("sub"):
            raise SuspiciousOperation("A token without an end or a subject.")
        if self.request.session.pop("oidc_fresh", False) and time.time() - claims.get("auth_time", 0) > FRESH:
            raise SuspiciousOperation("The sign-in was to be a fresh one.")
        return claims

    def get_userinfo(self, access_token: str, id_token: str, payload: Any) -> Any:
        """Join the claims of the two answers; both must concern the same subject."""
        if not settings.OIDC_OP_USER_ENDPOINT:
            return payload
        told = super().get_userinfo(access_token, id_token, payload)
        if told.get("sub") != payload["sub"]:
            raise SuspiciousOperation("The provider speaks of two people.")
        return {**payload, **told}

    def verify_claims(self, claims: Any) -> bool:
        return bool(claims.get(settings.OIDC_NAME_CLAIM))

    def filter_users_by_claims(self, claims: Any) -> Any:
        """Find the user by issuer and subject: a name can be given to somebody else later."""
        return User.objects.filter(
            company_identity__issuer=settings.OIDC_ISSUER, company_identity__subject=claims["sub"]
        )

    def create_user(self, claims: Any) -> Any:
        """Create the user, or take the one of that name if an owner has allowed that once."""
        name = str(claims[settings.OIDC_NAME_CLAIM])
        User._meta.get_field("username").run_validators(name)
        with transaction.atomic():
            user = User.objects.filter(username=name).first()
            if user is None:
                user = User.objects.create_user(name)
            elif not CompanyLink.objects.filter(user=user).delete()[0]:
                self.refused_name = name
                raise SuspiciousOperation("A user has the name, and nobody has allowed to link them.")
            identity = {"issuer": settings.OIDC_ISSUER, "subject": claims["sub"]}
            CompanyIdentity.objects.update_or_create(user=user, defaults=identity)
        security_log.record(Event.LINKED, request=self.request, user=user)
        return self.update_user(user, claims)

    def update_user(self, user: Any, claims: Any) -> Any:
        groups = claims.get(settings.OIDC_GROUPS_CLAIM) or []
        give_roles(user, [str(name) for name in groups] if isinstance(groups, list) else [str(groups)])
        return user


class BeginView(oidc_views.OIDCAuthenticationRequestView):  # type: ignore[misc]  # the library is untyped
    """Send the browser to the company; a user who is signed in must type the password there again."""

    def __init__(self, **kwargs: Any) -> None:
        if settings.OIDC_ENABLED:
            super().__init__(**kwargs)

    def get(self, request: Any) -> HttpResponse:
        if not settings.OIDC_ENABLED:
            raise Http404
        return super().get(request)  # type: ignore[no-any-return]  # the library has no types

    def get_extra_params(self, request: Any) -> dict[str, str]:
        request.session["oidc_fresh"] = request.user.is_authenticated
        return {"prompt": "login", "max_age": "0"} if request.user.is_authenticated else {}


class BackView(oidc_views.OIDCAuthenticationCallbackView):  # type: ignore[misc]  # the library is untyped
    """Receive the company's answer."""

    def get(self, request: Any) -> HttpResponse:
        if not settings.OIDC_ENABLED:
            raise Http404
        return super().get(request)  # type: ignore[no-any-return]  # the library has no types
