"""When a client is the one that was asked for: fields in one form, and marks that nobody can read.

Poster writes phone numbers and spaces in its own way, so what was sent and what came back are compared by
what they mean. The journal keeps marks alone: people's names and numbers have no place in it.
"""

import base64
import hashlib
import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from groups.poster import Client, ClientValues
from groups.poster.records import plain

# Who somebody is; the rest is what they have, and may have another value the moment after.
OF_THE_PERSON = ("name", "sex", "card_number", "phone", "email", "birthday")
_ALL = (
    *OF_THE_PERSON,
    *("country", "city", "address", "comment", "own_percent", "bonus", "total_paid"),
)


def field_hmacs(fields: Mapping[str, Any], operation: uuid.UUID) -> dict[str, str]:
    """Return a mark for each field, by which it can be told that it changed, but not what it is.

    Keyed by the installation and the operation: the same name has another mark in every row.
    """
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), salt=operation.bytes, digest_size=32).digest()
    return {
        name: base64.b64encode(
            hashlib.blake2b(repr(value).encode(), key=key, digest_size=6).digest()
        ).decode()
        for name, value in fields.items()
    }


def normalized(record: Client | ClientValues) -> dict[str, str]:
    """Return the fields that a write can set, as far as the record has them, by what they mean."""
    values = {name: getattr(record, name) for name in _ALL}
    return {name: _meaning(name, value) for name, value in values.items() if value is not None}


def _meaning(name: str, value: object) -> str:
    match value:
        case Decimal():
            return plain(value)
        case date():
            return value.isoformat()
        case str() if name == "phone":
            return re.sub(r"\D", "", value)
        case _:
            return " ".join(unicodedata.normalize("NFC", str(value)).split())


def other_fields(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> list[str]:
    """Return the names of the fields that a client has otherwise than these marks say."""
    known = {name: value for name, value in normalized(client).items() if name in expected}
    seen = field_hmacs(known, operation)
    return sorted(name for name, mark in expected.items() if seen.get(name) != mark)


def is_alike(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> bool:
    """Say whether a client is, as far as these marks tell, the same person."""
    person = {name: mark for name, mark in expected.items() if name in OF_THE_PERSON}
    return not other_fields(person, client, operation)
