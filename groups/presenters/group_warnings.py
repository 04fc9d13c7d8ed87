"""Warn about groups in the forms that edit many of them: something will happen to their values."""

from collections.abc import Callable, Mapping

from groups.models import PosterCredentials
from groups.services.groups import Groups

type FindWarnings = Callable[[PosterCredentials, Groups | None], Mapping[int, str]]
"""Takes the credentials of the user, and the groups if the form has read them; returns words by group ids.

Without anything to warn about it asks Poster for nothing, and the database once.
"""

_finders: list[FindWarnings] = []


def add_group_warnings(find_warnings: FindWarnings) -> None:
    """Show the warnings that a function finds beside their groups."""
    _finders.append(find_warnings)


def group_warnings(credentials: PosterCredentials, groups: Groups | None = None) -> dict[int, list[str]]:
    """Return the warnings about the groups of an account, by the ids of the groups."""
    found: dict[int, list[str]] = {}
    for find_warnings in _finders:
        for group_id, words in find_warnings(credentials, groups).items():
            found.setdefault(group_id, []).append(words)
    return found
