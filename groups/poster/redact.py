"""Mask Poster tokens in texts; tokens are recognized by their form."""

import re

TOKEN = re.compile(r"(?:[0-9]{1,12}:)?[0-9a-f]{32}", re.ASCII)
"""A Poster token: 32 hex digits; in newer accounts the account's number and a colon precede them."""

# A hex digit before the 32 digits makes them part of a longer text, unless it ends an escaped character.
_START = r"(?:(?<![0-9a-f])|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2}))"
_SHAPE = re.compile(
    r"(?i)(?:[0-9]{1,12}(?::|%(?:25)?3a|&#x3a;|&#58;|\\u003a))?" + _START + r"[0-9a-f]{32}(?![0-9a-f])"
    r"|(?<=token=)[^&\s'\"<>]+"
)
# A quick test that every match of _SHAPE passes. Most texts hold no token, and this test is ten times faster.
_SIGN = re.compile(r"(?i)[0-9a-f]{32}|token=")
MASK = "[token]"


def redact(text: str) -> str:
    """Return the text with everything masked that looks like a Poster token.

    UUIDs without dashes and MD5 digests have the same form and are masked too, so write UUIDs with dashes.
    """
    return _SHAPE.sub(MASK, text) if _SIGN.search(text) else text
