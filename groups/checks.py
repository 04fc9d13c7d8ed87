"""System checks: settings with which a write could be lost."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def journal_outlives_the_request(**_: Any) -> list[CheckMessage]:
    """Refuse ATOMIC_REQUESTS: the journal's row would be rolled back with a request that fails."""
    return [
        Error(f"ATOMIC_REQUESTS must be off for the database {alias!r}.", id="groups.E001")
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS")
    ]
