"""Read phone numbers as people write and paste them, and compare them with those that Poster stores."""

import re
import unicodedata

SHORTEST_PART = 3
"""Fewer digits are no part of a number: they would be in nearly every one."""
_WHOLE = range(9, 16)
_NATIONAL = 9
"""Digits of a Ukrainian number without the code of the country and the 0 before it."""
_LABEL = re.compile(r"^(tel|тел|моб)[.:\s]*")


def phone_digits(text: str) -> str:
    """Return the digits of a text that is a phone number or a part of one; else an empty text.

    Any signs may stand between the digits: spaces, dots, slashes, dashes of all kinds, and marks of
    direction that nobody sees.
    """
    text = _LABEL.sub("", unicodedata.normalize("NFKC", text).casefold())
    if any(map(str.isalpha, text)):
        return ""
    digits = "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())
    return digits if len(digits) >= SHORTEST_PART else ""


def whole_numbers(digits: str) -> tuple[str, ...]:
    """Return the numbers that these digits may mean, the likeliest first; empty if they are only a part.

    Poster stores the code of the country, and people leave it out: 067 123 45 67, and 8 067 123 45 67, are
    380671234567.
    """
    if digits.startswith("00"):
        international = digits[2:]
        return (international,) if len(international) in _WHOLE else ()
    if len(digits) not in _WHOLE:
        return ()
    if digits.startswith("0"):
        return (f"38{digits}", digits)
    if len(digits) == _NATIONAL:
        return (f"380{digits}", digits)
    if digits.startswith("80") and len(digits) == _NATIONAL + 2:
        return (f"3{digits}", digits)
    return (digits,)


def may_be_same(asked: str, stored: str) -> bool:
    """Return True if the stored digits have the asked ones as a part, or mean the same whole number."""
    parts = {asked, asked.removeprefix("00")}
    if any(len(part) >= SHORTEST_PART and part in stored for part in parts):
        return True
    return not set(whole_numbers(asked)).isdisjoint(whole_numbers(stored))
