"""Take Poster tokens out of any text, by their shape."""

import re

TOKEN = re.compile(r"(?:[0-9]{1,12}:)?[0-9a-f]{32}", re.ASCII)
"""A Poster token: 32 hex digits, in newer accounts after the account's number and a colon."""

_SHAPE = re.compile(
    r"(?i)(?:[0-9]{1,12}(?::|%3a|&#x3a;|&#58;))?(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"
    r"|(?<=token=)[^&\s'\"<>]+"
)
MASK = "[token]"


def redact(text: str) -> str:
    """Return the text with everything that looks like a Poster token masked.

    A UUID without dashes and an MD5 digest look the same and are masked too: write UUIDs with dashes.
    """
    return _SHAPE.sub(MASK, text)
