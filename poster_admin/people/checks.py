"""System checks: whether what is encrypted can be read."""

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from groups.crypto import unreadable


@register(Tags.database)
def every_secret_can_be_read(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Open every stored token and second factor; their users are asked again, the others go on."""
    if not databases:
        return []
    found = unreadable()
    if found is None:
        return []
    total, lost = found
    if not lost:
        return []
    kind = checks.Error if len(lost) == total else checks.Warning
    hint = "Put the old key back behind the new ones. Otherwise these have to be entered again."
    return [
        kind(f"POSTER_TOKEN_KEYS open {total - len(lost)} of {total} stored secrets; not: {', '.join(lost)}.",
             hint=hint, id="people.E001" if kind is checks.Error else "people.W001")
    ]  # fmt: skip
