"""Connect a user to a Poster account, and take the connection away."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from groups.models import GroupsCopy, PosterAccount, PosterCredentials
from groups.poster import PosterClient, PosterError, TokenRejected
from groups.services import gateway
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

if TYPE_CHECKING:
    from django.contrib.auth.models import User


log = logging.getLogger("groups.accounts")

# The company's name is a courtesy: connecting does not wait longer for it, in seconds.
COMPANY_WITHIN = 3.0


def connection_of(user: "User") -> PosterCredentials | None:
    """Return the user's connection with its account, or None."""
    return PosterCredentials.objects.select_related("account").filter(user=user).first()


def connect(*, user: "User", account: str, token: str) -> PosterCredentials:
    """Check the token with Poster and keep it for the user.

    Nothing is saved unless Poster answers the list of groups for this very account and token. Raises the
    `PosterError` of that call, and `TokenRejected` with the reason "other_account" for another one's.
    """
    poster = gateway.client(account, token, person=user.pk)
    poster.get_groups()
    company = _company(poster)
    _check_company(user, account, company.get("company_id", ""))
    with transaction.atomic():
        owner, _ = PosterAccount.objects.update_or_create(name=account, defaults=company)
        credentials = PosterCredentials.objects.filter(user=user).first() or PosterCredentials(user=user)
        since, known = credentials.connected_at, credentials.fingerprint
        credentials.account = owner
        credentials.set_token(token)
        if credentials.fingerprint == known:
            credentials.connected_at = since  # the age is the token's, not that of its last check
        credentials.save()
        GroupsCopy.objects.filter(credentials=credentials).exclude(
            fingerprint=credentials.fingerprint
        ).delete()
    record(Event.TOKEN_SET, about=user.get_username(), user=user, detail=account)
    return credentials


def _company(poster: PosterClient) -> dict[str, str]:
    """Return what Poster tells of the company; a token that may not read it fails nothing."""
    try:
        told = poster.get_settings(within=COMPANY_WITHIN)
    except PosterError as error:
        log.info("The settings of %s cannot be read: %s", poster.account, error.reason)
        return {}
    return {field: value for field, value in asdict(told).items() if value}


def _check_company(user: "User", account: str, company_id: str) -> None:
    """Refuse a token of another company than the account's: what is kept here of it is not for that token.

    Where its name is not in Poster's address, Poster has not checked it: the token has to tell its company.
    """
    known = PosterAccount.objects.filter(name=account).first()
    if known is None:
        return
    if known.company_id and company_id:
        is_its = known.company_id == company_id
    elif "{account}" in settings.POSTER_API_URL:
        is_its = True
    else:
        is_its = not known.company_id and PosterCredentials.objects.filter(user=user, account=known).exists()
    if not is_its:
        raise TokenRejected(None, "", method="settings.getAllSettings", reason="other_account")


def disconnect(*, user: "User") -> None:
    """Forget the user's token and the last good copy that was read with it."""
    PosterCredentials.objects.filter(user=user).delete()


def set_bonus_unit(*, user: "User", account: PosterAccount, unit: str) -> None:
    """Say in which unit this account takes a written birthday bonus, and lift the block on bonuses."""
    if not user.has_perm("groups.set_bonus_unit"):
        raise PermissionDenied
    PosterAccount.objects.filter(pk=account.pk).update(
        bonus_unit=PosterAccount.BonusUnit(unit), bonus_block=None
    )
