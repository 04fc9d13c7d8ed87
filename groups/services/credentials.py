"""Save and delete a user's credentials for a Poster account; lock and record tokens that are removed."""

import logging
from dataclasses import asdict
from typing import Any, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from groups.models import GroupsCopy, PosterAccount, PosterCredentials
from groups.poster import ErrorReason, PosterError, TokenRejected
from groups.services import gateway
from groups.services.writes import reconcile
from poster_admin.users import guardians
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

log = logging.getLogger("groups.accounts")

# Seconds to wait for the company's name; saving the credentials does not depend on it.
COMPANY_WITHIN = 3.0


def credentials_of(user: User) -> PosterCredentials | None:
    return PosterCredentials.objects.select_related("account", "user").filter(user=user).first()


def credentials_to_try(
    user_id: int | None, account_id: str
) -> PosterCredentials | Literal["no_user", "token"]:
    """Return refused credentials too, since Poster may have been wrong; or what is missing."""
    of_active = PosterCredentials.objects.select_related("account", "user").filter(user__is_active=True)
    if found := of_active.filter(user=user_id or 0, account=account_id).first():
        return found
    return "token" if User.objects.filter(pk=user_id or 0, is_active=True).exists() else "no_user"


def connect(*, user: User, account: str, token: str) -> PosterCredentials:
    """Check the token with Poster and save it for the user.

    Nothing is saved unless Poster returns the list of groups for this account and token. If people of another
    account may know the user's password, it is replaced by one that nobody knows: `guardians.arrive`. Raises
    the `PosterError` of that call, or `TokenRejected` with the reason "other_account".
    """
    poster = gateway.client(account, token, person=user.pk)
    poster.get_groups()
    try:
        settings = asdict(poster.get_settings(within=COMPANY_WITHIN))
    except PosterError as error:  # for example for lack of a right
        log.info("The settings of %s cannot be read: %s", poster.account, error.reason)
        settings = {}
    company = {field: value for field, value in settings.items() if value}
    _check_company(user, account, company.get("company_id", ""))
    with transaction.atomic():
        # Nobody may manage the user meanwhile: `poster_admin.users.accounts.lock_managed`. A change of theirs
        # that is being recorded may refer to the row: it may hold that of the account, which is locked next.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        owner, _ = PosterAccount.objects.update_or_create(name=account, defaults=company)
        credentials = PosterCredentials.objects.filter(user=user).first() or PosterCredentials(user=user)
        is_new_here = credentials.account_id != account
        since, known = credentials.connected_at, credentials.fingerprint
        credentials.account = owner
        credentials.set_token(token)
        if credentials.fingerprint == known:  # keep the date that the age of the token counts from
            credentials.connected_at = since
        credentials.save()
        if is_new_here:
            guardians.arrive(user, account)
        GroupsCopy.objects.filter(credentials=credentials).exclude(
            fingerprint=credentials.fingerprint
        ).delete()
    record(EventKind.TOKEN_SET, about=user.get_username(), user=user, detail=account)
    reconcile.bring_checks_forward(owner.changes.all())
    return credentials


def _check_company(user: User, account: str, company_id: str) -> None:
    """Raise `TokenRejected` for a token of another company, which must not show this account's local data.

    If POSTER_API_URL does not contain the account, Poster has not checked that the token belongs to it. Then
    the company's id has to prove it, and a company that is known keeps its name: under another one it would
    have other locks, limits and history.
    """
    known = PosterAccount.objects.filter(name=account).first()
    is_named = "{account}" in settings.POSTER_API_URL
    if known is None:
        others = PosterAccount.objects.exclude(company_id="").filter(company_id=company_id)
        is_its = is_named or not others.exists()
    elif known.company_id and company_id:
        is_its = known.company_id == company_id
    elif is_named:
        is_its = True
    else:
        is_its = not known.company_id and PosterCredentials.objects.filter(user=user, account=known).exists()
    if not is_its:
        raise TokenRejected(None, "", method="settings.getAllSettings", reason=ErrorReason.OTHER_ACCOUNT)


def set_bonus_unit(credentials: PosterCredentials, unit: str) -> None:
    """Set the unit in which this account reads a written birthday bonus, and lift the block on bonuses.

    The document in tests/seed says hryvnia for both writes, all of Poster's later pages kopecks, next to the
    same sample 50.00. So an account starts with hryvnia, and the first bonus that comes back off by 100 stops
    all further ones.
    """
    if not credentials.user.has_perm("groups.set_bonus_unit"):
        raise PermissionDenied
    with transaction.atomic():
        stored = PosterAccount.objects.select_for_update().get(pk=credentials.account_id)
        before = stored.bonus_unit
        stored.bonus_unit, stored.bonus_block = PosterAccount.BonusUnit(unit), None
        stored.save(update_fields=["bonus_unit", "bonus_block"])
    detail = f"{credentials.account_id}, {before} → {unit}"
    record(EventKind.BONUS_UNIT_SET, user=credentials.user, detail=detail)


@receiver(pre_delete, sender=PosterCredentials)
def token_is_being_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Lock the row: a list that is read meanwhile stores its copy before the removal, or not at all."""
    PosterCredentials.objects.select_for_update().filter(pk=instance.pk).first()


@receiver(post_delete, sender=PosterCredentials)
def token_was_removed(sender: Any, instance: PosterCredentials, **_: Any) -> None:
    """Record the removal, also when the credentials are deleted along with their user."""
    account = instance.account_id
    record(EventKind.TOKEN_REMOVED, about=instance.user.get_username(), detail=account, account=account)
