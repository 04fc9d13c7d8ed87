"""Search groups by their names, in any spelling and with a slip of the finger."""

from collections.abc import Sequence

from groups.poster import Group
from groups.presenters.alphabet import has_all, is_almost, searchable, spellings

SHORTEST = 4
"""Letters from which on a word may differ by one."""


def search(groups: Sequence[Group], text: str) -> Sequence[Group]:
    """Return the groups whose names have all words of the text; if none has, those that almost have them."""
    words = [spellings(word) for word in text.split()]
    if not words:
        return groups
    found = [group for group in groups if has_all(group.name, words)]
    return found or [group for group in groups if all(_almost_has(group.name, word) for word in words)]


def _almost_has(name: str, word: set[str]) -> bool:
    """Return True if the name has the word, or one that differs by a letter."""
    longer = [spelling for spelling in word if len(spelling) >= SHORTEST]
    others = searchable(name).split()
    return has_all(name, [word]) or any(is_almost(mine, other) for mine in longer for other in others)
