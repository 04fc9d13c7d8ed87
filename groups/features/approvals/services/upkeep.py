"""Say that limits bind nothing, while the feature is left out."""

from typing import Any

from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name
from django.db import DatabaseError

from groups.features.approvals.models import Limits
from groups.services.installation.findings import Found, State

NAMED_AT_MOST = 5


def limits_without_effect(**_: Any) -> list[CheckMessage]:
    """Warn about limits that are set, and bind nothing."""
    try:
        accounts = _accounts_with_limits()
    except DatabaseError:
        return []  # it does not answer, or has no tables yet: other checks say so
    if not accounts:
        return []
    return [Warning(_words(accounts), hint="Take approvals out of FEATURES_OFF.", id="approvals.W001")]


def examine() -> Found:
    """Tell about limits that are set, and bind nothing."""
    if accounts := _accounts_with_limits():
        yield State.WARNING, _words(accounts)


def _accounts_with_limits() -> list[str]:
    return [limits.account_id for limits in Limits.objects.order_by("account") if limits.values]


def _words(accounts: list[str]) -> str:
    named = ", ".join(accounts[:NAMED_AT_MOST])
    more = f" and {len(accounts) - NAMED_AT_MOST} more" if len(accounts) > NAMED_AT_MOST else ""
    return f"FEATURES_OFF has approvals, so the limits of {named}{more} bind nothing."
