"""Store a picture of an account's groups as plain JSON, and read it back."""

from typing import Any

import msgspec

from groups.services.elsewhere.compare import Picture


def to_json(picture: Picture) -> dict[str, Any]:
    """Return a picture as plain JSON."""
    content: dict[str, Any] = msgspec.to_builtins(picture, str_keys=True)
    return content


def from_json(data: dict[str, Any]) -> Picture:
    """Return the picture from the result of `to_json`; an empty one for the picture of an older version."""
    try:
        return msgspec.convert(data, Picture, str_keys=True)
    except msgspec.ValidationError:
        return Picture()
