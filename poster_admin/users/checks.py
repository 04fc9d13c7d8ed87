"""System check: report stored secrets that no key can decrypt."""

from typing import Any

from django.core import checks

from poster_admin.common.encryption import examine_keys


@checks.register(checks.Tags.database)
def every_secret_can_be_read(databases: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Decrypt every stored token and second factor.

    Unreadable ones are a warning, not an error: their owners are asked for new ones, and the others work on.
    """
    report = examine_keys() if databases else None
    if not report or not report.lost:
        return []
    return [
        checks.Warning(
            str(report),
            hint="Put the old key behind the new ones. Otherwise these have to be entered again.",
            id="users.W001",
        )
    ]
