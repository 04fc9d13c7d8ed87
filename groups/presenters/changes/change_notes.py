"""Let features say more about a change: on its page, in the history, and in the message of success.

There they may also offer a way back: a page that brings back more than an undo does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User

from groups.models import Change


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """Words about a change: `sentence` in its message, `text` on pages, beside `label` or alone, or none."""

    sentence: str
    label: str = ""
    text: str = ""


type FindNote = Callable[[Change, User], ChangeNote | None]

note_finders: list[FindNote] = []
"""Each returns the note of a feature about a change for a user, or None, without a query."""


def notes_of(change: Change, user: User) -> list[ChangeNote]:
    """Return the notes about a change that the user may see; pages show those with a text."""
    found = (find_note(change, user) for find_note in note_finders)
    return [note for note in found if note is not None]


@dataclass(frozen=True, slots=True)
class WayBack:
    """A link to a page that brings back more than an undo: `label` in the history, `button` in a message."""

    url: str
    label: str
    button: str


type FindWaysBack = Callable[[Sequence[Change], User], Mapping[UUID, WayBack]]

way_finders: list[FindWaysBack] = []
"""Each returns the ways back that a user may take, by the ids of the changes, in one query."""


def ways_back(changes: Iterable[Change], user: User) -> dict[UUID, list[WayBack]]:
    """Return the ways back from each of the changes that the user may take."""
    rows = list(changes)
    found = [find(rows, user) for find in way_finders]
    return {change.pk: [ways[change.pk] for ways in found if change.pk in ways] for change in rows}
