"""Take Poster tokens out of any text, by their shape."""

import re

TOKEN = re.compile(r"(?:[0-9]{1,12}:)?[0-9a-f]{32}", re.ASCII)
"""A Poster token: 32 hex digits, in newer accounts after the account's number and a colon."""

# A hex digit before the 32 makes them part of something longer, unless it is the end of an escaped character.
_START = r"(?:(?<![0-9a-f])|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2}))"
_SHAPE = re.compile(
    r"(?i)(?:[0-9]{1,12}(?::|%(?:25)?3a|&#x3a;|&#58;|\\u003a))?" + _START + r"[0-9a-f]{32}(?![0-9a-f])"
    r"|(?<=token=)[^&\s'\"<>]+"
)
# What each of them has in it. Most texts have none, and this finds that out ten times sooner.
_SIGN = re.compile(r"(?i)[0-9a-f]{32}|token=")
MASK = "[token]"


def redact(text: str) -> str:
    """Return the text with everything that looks like a Poster token masked.

    A UUID without dashes and an MD5 digest look the same and are masked too: write UUIDs with dashes.
    """
    return _SHAPE.sub(MASK, text) if _SIGN.search(text) else text
