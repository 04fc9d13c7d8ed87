"""The values of a write, as Poster takes them, and the codes by which it refuses."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from groups.poster.sandbox.data import encode_name

NAME_LIMIT = 255
MESSAGES = {
    10: "Access token is required",
    11: "Bad access token",
    12: "Access token has expired",
    20: "The token has no right to this method",
    30: "No such method",
    32: "No such record",
    34: "Required parameter is missing",
    38: "This name is already in use",
    42: "Parameter has a wrong value",
    503: "The account is archived",
    700: "The method is not available in the tariff plan of the account",
}
_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_MONEY = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,2})?", re.ASCII)
_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


class ApiError(Exception):
    """Poster says no, with a code; nearly always inside an HTTP 200."""

    def __init__(self, code: int, detail: str = "", *, status: int = 200) -> None:
        self.code = code
        self.message = f"{MESSAGES[code]}: {detail}" if detail else MESSAGES[code]
        self.status = status
        super().__init__(self.message)


def identifier(form: Mapping[str, str], field: str) -> int:
    """Return the id in a field. Which of its two names an id has depends on the method: no other is taken."""
    text = _required(form, field)
    if not _ID.fullmatch(text):
        raise ApiError(42, field)
    return int(text)


def name(form: Mapping[str, str]) -> str:
    """Return the name as it will be answered, with entities.

    A name with a character above U+FFFF arrives in Poster's database as nothing, so it counts as missing.
    """
    text = _required(form, "client_groups_name")
    if _FOUR_BYTES.search(text):
        raise ApiError(34, "client_groups_name")
    if len(text) > NAME_LIMIT:
        raise ApiError(42, "client_groups_name")
    return encode_name(text)


def loyalty_type(form: Mapping[str, str]) -> str:
    """Return "1" or "2"."""
    text = _required(form, "loyalty_type")
    if text not in {"1", "2"}:
        raise ApiError(42, "loyalty_type")
    return text


def percent(form: Mapping[str, str]) -> str:
    """Return the percent without trailing zeros."""
    text = _required(form, "client_groups_discount")
    if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
        raise ApiError(42, "client_groups_discount")
    return f"{Decimal(text).normalize():f}"


def kopecks(form: Mapping[str, str], unit: Literal["hryvnia", "kopecks"]) -> str:
    """Return the birthday bonus in kopecks, as a read answers it.

    Taken as kopecks, what stands behind the point is cut off, as a cast to an integer does.
    """
    text = _required(form, "birthday_bonus")
    if not _MONEY.fullmatch(text):
        raise ApiError(42, "birthday_bonus")
    return str(int(Decimal(text) * (100 if unit == "hryvnia" else 1)))


def switch(form: Mapping[str, str], field: str) -> str:
    """Return "0" or "1"; a switch that was not sent is off."""
    text = form.get(field, "0")
    if text not in {"0", "1"}:
        raise ApiError(42, field)
    return text


def _required(form: Mapping[str, str], field: str) -> str:
    text = form.get(field, "")
    if not text.strip():
        raise ApiError(34, field)
    return text
