"""Let the first owner of an installation be made in the browser, by a link that the server prints.

The link is for a database without users. It ends with the first user, after a day, and when a server starts,
which prints another one. Only the digest of its token is kept.
"""

import base64
import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from poster_admin.users.identities import set_role
from poster_admin.users.models import Guide, SetupLink

LIFE = timedelta(hours=24)
ROLE = "Owners"


def new_link() -> str:
    """Return the whole address of a new link, which ends the one before; empty if there is a user."""
    if User.objects.exists():
        return ""
    # 160 bits in the shape of a code, which every log masks: `logs.mask`.
    token = base64.b32encode(secrets.token_bytes(20)).decode()
    with transaction.atomic():
        SetupLink.objects.all().delete()
        SetupLink.objects.create(digest=_digest(token))
    return site_address() + reverse("setup", args=[token])


def site_address() -> str:
    """Return the address of the site as people reach it, as far as the settings tell."""
    if settings.SITE_URL:
        return str(settings.SITE_URL).rstrip("/")
    hosts = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    host = hosts[0] if hosts else settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
    return f"https://{host}" if settings.HTTPS else f"http://{host}:{settings.PORT}"


def holds(token: str) -> bool:
    """Return True if the link with this token makes the first owner now."""
    link = SetupLink.objects.filter(digest=_digest(token)).first()
    return link is not None and timezone.now() - link.made_at < LIFE


def make_owner(token: str, owner: User) -> User | None:
    """Save the first owner, who is the Administrator too; None if another form was sooner.

    The row of the link is the lock for forms that are sent at once.
    """
    with transaction.atomic():
        SetupLink.objects.select_for_update().filter(digest=_digest(token)).first()
        if User.objects.exists() or not holds(token):
            return None
        owner.is_superuser = True
        owner.save()
        set_role(owner, ROLE)
        SetupLink.objects.all().delete()
        Guide.objects.create(user=owner)
    return owner


def _digest(token: str) -> str:
    """Return what is kept of a token; nobody can guess 160 random bits, so a fast digest is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
