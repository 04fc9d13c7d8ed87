"""Match clients with the ones that a change created: normalize fields and compare them as HMACs.

Poster formats phone numbers and spaces in its own way, so sent and stored values are compared in a normalized
form. The journal stores only HMACs of the fields, never names or numbers of people.
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
from groups.poster.fields import plain

# Fields that identify a person. The other fields may change at any moment.
OF_THE_PERSON = ("name", "sex", "card_number", "phone", "email", "birthday")
_ALL = (
    *OF_THE_PERSON,
    *("country", "city", "address", "comment", "own_percent", "bonus", "total_paid"),
)


def field_hmacs(fields: Mapping[str, Any], operation: uuid.UUID) -> dict[str, str]:
    """Return an HMAC of each field: it shows that a value changed, but does not reveal the value.

    The key depends on the installation and the operation, so the same name has a different HMAC in each row.
    """
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), salt=operation.bytes, digest_size=32).digest()
    return {
        name: base64.b64encode(
            hashlib.blake2b(repr(value).encode(), key=key, digest_size=6).digest()
        ).decode()
        for name, value in fields.items()
    }


def normalized(record: Client | ClientValues) -> dict[str, str]:
    """Return the fields of the record that a write can set, in a normalized form; leave out None."""
    values: dict[str, str] = {}
    for name in _ALL:
        match getattr(record, name):
            case None:
                continue
            case Decimal() as value:
                values[name] = plain(value)
            case date() as value:
                values[name] = value.isoformat()
            case str() as value if name == "phone":
                values[name] = re.sub(r"\D", "", value)
            case value:
                values[name] = " ".join(unicodedata.normalize("NFC", str(value)).split())
    return values


def other_fields(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> list[str]:
    """Return the names of the client's fields that do not match the expected HMACs."""
    known = {name: value for name, value in normalized(client).items() if name in expected}
    seen = field_hmacs(known, operation)
    return sorted(name for name, mark in expected.items() if seen.get(name) != mark)


def is_alike(expected: Mapping[str, str], client: Client, operation: uuid.UUID) -> bool:
    """Return True if the fields that identify a person match the expected HMACs."""
    person = {name: mark for name, mark in expected.items() if name in OF_THE_PERSON}
    return not other_fields(person, client, operation)
