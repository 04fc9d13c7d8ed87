"""Let features say more about a change: on its page, in the history, and in the message of success."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groups.models import Change

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """Words about a change: `sentence` in its message, `text` on pages, beside `label` or alone, or none."""

    sentence: str
    label: str = ""
    text: str = ""


type FindNote = Callable[[Change, "User"], ChangeNote | None]

_find_notes: list[FindNote] = []


def add_change_note(find_note: FindNote) -> None:
    """Add a note to changes: `find_note` returns that of a change for a user, or None, without a query."""
    _find_notes.append(find_note)


def notes_of(change: Change, user: "User") -> list[ChangeNote]:
    """Return the notes about a change that pages show to the user."""
    return [note for note in _all_notes(change, user) if note.text]


def sentences_of(change: Change, user: "User") -> list[str]:
    """Return the sentences about a change that its message shows to the user."""
    return [note.sentence for note in _all_notes(change, user)]


def _all_notes(change: Change, user: "User") -> list[ChangeNote]:
    found = (find_note(change, user) for find_note in _find_notes)
    return [note for note in found if note is not None]
