"""Search groups by their names, in any spelling and with a slip of the finger."""

from collections.abc import Sequence

from groups.poster import Group
from groups.presenters.alphabet import is_almost, searchable, spellings

SHORTEST = 4
"""Letters from which on a word may differ by one."""


def search(groups: Sequence[Group], text: str) -> Sequence[Group]:
    """Return the groups whose names have all words of the text; if none has, those that almost have them."""
    words = [spellings(word) for word in text.split()]
    if not words:
        return groups
    names = [(group, searchable(group.name)) for group in groups]
    found = [group for group, name in names if all(_is_in(name, word) for word in words)]
    return found or [group for group, name in names if all(_is_almost_in(name, word) for word in words)]


def _is_in(name: str, word: set[str]) -> bool:
    return any(spelling in name for spelling in word)


def _is_almost_in(name: str, word: set[str]) -> bool:
    """Return True if the name has the word, or one that differs by a letter."""
    longer = [spelling for spelling in word if len(spelling) >= SHORTEST]
    return _is_in(name, word) or any(
        is_almost(spelling, other) for spelling in longer for other in name.split()
    )
