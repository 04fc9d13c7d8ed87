"""Let features offer a way back from a change: a page that makes good more of it than an undo does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from groups.models import Change

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class WayBack:
    """A link to a page that makes good a change: `label` is for the history, `button` for a message."""

    url: str
    label: str
    button: str


type FindWaysBack = Callable[[Sequence[Change], "User"], Mapping[UUID, WayBack]]

_finders: list[FindWaysBack] = []


def add_ways_back(find: FindWaysBack) -> None:
    """Add ways back: `find` returns those that a user may take, by the ids of the changes, in one query."""
    _finders.append(find)


def ways_back(changes: Iterable[Change], user: "User") -> dict[UUID, list[WayBack]]:
    """Return the ways back from each of the changes that the user may take."""
    rows = list(changes)
    found = [find(rows, user) for find in _finders]
    return {change.pk: [ways[change.pk] for ways in found if change.pk in ways] for change in rows}
