"""System check: report stored secrets that no key can decrypt."""

from typing import Any

from django.core import checks

from poster_admin.common.encryption import unreadable


@checks.register(checks.Tags.database)
def every_secret_can_be_read(databases: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Decrypt every stored token and second factor.

    Unreadable ones are a warning, not an error: their owners are asked for new ones, and the others work on.
    """
    total, lost = (unreadable() if databases else None) or (0, [])
    if not lost:
        return []
    return [
        checks.Warning(
            f"POSTER_TOKEN_KEYS open {total - len(lost)} of {total} stored secrets; not: {', '.join(lost)}.",
            hint="Put the old key behind the new ones. Otherwise these have to be entered again.",
            id="users.W001",
        )
    ]
