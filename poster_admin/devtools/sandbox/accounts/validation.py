"""Validation of the parameters of a call, with the codes by which Poster refuses them."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from poster_admin.devtools.sandbox.accounts.invented_clients import phone
from poster_admin.devtools.sandbox.accounts.seed_data import Row, encode_name

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
    54: "The token has no right to this section",
    503: "The account is archived",
    700: "The method is not available in the tariff plan of the account",
}
_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_MONEY = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,2})?", re.ASCII)
_YMD = re.compile(r"[0-9]{8}", re.ASCII)
_NUMBERS = frozenset({"client_id", "bonus", "total_payed_sum", "discount_per"})
_WORDS = frozenset({"firstname", "lastname", "phone", "email", "birthday", "date_activale", "card_number"})
_TAG = re.compile("<[^>]*>?")
_FOUR_BYTES = re.compile("[\U00010000-\U0010ffff]")


class ApiError(Exception):
    """A refusal by Poster, with its code; nearly always inside an HTTP 200."""

    def __init__(self, code: int, detail: str = "", *, status: int = 200) -> None:
        self.code = code
        self.message = f"{MESSAGES[code]}: {detail}" if detail else MESSAGES[code]
        self.status = status
        super().__init__(self.message)


def identifier(form: Mapping[str, str], field: str) -> int:
    """Return the id in a field. The methods name it differently, and each accepts its own name only."""
    text = _required(form, field)
    if not _ID.fullmatch(text):
        raise ApiError(42, field)
    return int(text)


def name(form: Mapping[str, str], kept: str = "encoded") -> str:
    """Return the name with HTML entities, as reads answer it; where it is `changed`, without any tag.

    Poster's database stores an empty text for a name with a character above U+FFFF, so it counts as missing.
    """
    text = _required(form, "client_groups_name")
    if _FOUR_BYTES.search(text):
        raise ApiError(34, "client_groups_name")
    if len(text) > NAME_LIMIT:
        raise ApiError(42, "client_groups_name")
    return encode_name(_TAG.sub("", text).strip() if kept == "changed" else text)


def loyalty_type(form: Mapping[str, str]) -> str:
    """Return "1" or "2"."""
    text = _required(form, "loyalty_type")
    if text not in {"1", "2"}:
        raise ApiError(42, "loyalty_type")
    return text


def percent(form: Mapping[str, str], field: str = "client_groups_discount", *, fraction: str = "kept") -> str:
    """Return the percent without trailing zeros; a fraction may be rounded, or refused."""
    text = _required(form, field)
    if not _PERCENT.fullmatch(text) or Decimal(text) > 100:
        raise ApiError(42, field)
    percent = Decimal(text)
    if fraction == "refused" and percent % 1:
        raise ApiError(42, field)
    return f"{percent.quantize(1, ROUND_HALF_UP) if fraction == 'rounded' else percent.normalize():f}"


def kopecks(form: Mapping[str, str], unit: str, field: str = "birthday_bonus") -> str:
    """Return a sum of money in kopecks, as reads answer it.

    With the unit kopecks, digits behind the point are cut off, as by a cast to an integer.
    """
    text = _required(form, field)
    if not _MONEY.fullmatch(text):
        raise ApiError(42, field)
    return str(int(Decimal(text) * (100 if unit == "hryvnia" else 1)))


def switch(form: Mapping[str, str], field: str) -> str:
    """Return "0" or "1"; a switch that was not sent is "0"."""
    text = form.get(field, "0")
    if text not in {"0", "1"}:
        raise ApiError(42, field)
    return text


def client(form: Mapping[str, str], unit: Literal["hryvnia", "kopecks"]) -> Row:
    """Return the fields of a client that were sent, as reads answer them.

    A text with a character above U+FFFF is stored as an empty one, and some fields answer "0" for that.
    """
    row: Row = {}
    for field, text in form.items():
        match field:
            case "client_name":
                row |= _whole_name(text)
            case "phone":
                row |= _phone(text)
            case "client_sex" if text not in {"0", "1", "2"}:
                raise ApiError(42, field)
            case "discount_per":
                row[field] = percent(form, field)
            case "bonus" | "total_payed_sum":
                row[field] = kopecks(form, unit if field == "bonus" else "kopecks", field)
            case "birthday":
                row[field] = _birthday(text)
            case "client_sex" | "card_number" | "email" | "comment":
                row[field] = _stored(text)
            case "country" | "city" | "address":
                row[field] = _stored(text) or "0"
    return row


def rule_type(query: Mapping[str, str]) -> int | None:
    """Return the loyalty type whose rules are requested, or None for all."""
    text = query.get("loyalty_type", "")
    if text not in {"", "1", "2"}:
        raise ApiError(42, "loyalty_type")
    return int(text) if text else None


def whole(query: Mapping[str, str], field: str) -> int | None:
    """Return a whole number, or None if the field is absent or empty."""
    text = query.get(field, "")
    if text and not (text.isascii() and text.isdecimal()):
        raise ApiError(42, field)
    return int(text) if text else None


def day(query: Mapping[str, str], field: str) -> date | None:
    """Return a day in the format Ymd, or None if the field is absent or empty."""
    text = query.get(field, "")
    if not text:
        return None
    if not _YMD.fullmatch(text):
        raise ApiError(42, field)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ApiError(42, field) from None


def order(query: Mapping[str, str]) -> "Callable[[list[Row]], list[Row]] | None":
    """Return the function that sorts clients as requested, or None for the order of their ids."""
    field, direction = query.get("order_by", ""), query.get("sort", "") or "asc"
    if direction not in {"asc", "desc"}:
        raise ApiError(42, "sort")
    if not field or (field, direction) == ("client_id", "asc"):
        return None
    if field in _NUMBERS:
        return lambda rows: sorted(
            rows, key=lambda row: int(float(row[field]) * 100), reverse=direction == "desc"
        )
    if field in _WORDS:
        return lambda rows: sorted(rows, key=lambda row: row[field].casefold(), reverse=direction == "desc")
    raise ApiError(42, "order_by")


def _whole_name(text: str) -> Row:
    """Split a name into its fields; a single word is the family name."""
    words = [*_stored(text).split(maxsplit=2), "", "", ""]
    return dict(zip(("lastname", "firstname", "patronymic"), words, strict=False))


def _phone(text: str) -> Row:
    digits = re.sub(r"[\s()+-]", "", text)
    if digits and not (digits.isascii() and digits.isdecimal()):
        raise ApiError(42, "phone")
    return phone(digits)


def _birthday(text: str) -> str:
    try:
        return str(date.fromisoformat(text)) if text.strip("0-") else "0000-00-00"
    except ValueError:
        raise ApiError(42, "birthday") from None


def _stored(text: str) -> str:
    return "" if _FOUR_BYTES.search(text) else encode_name(text.strip()[:NAME_LIMIT])


def _required(form: Mapping[str, str], field: str) -> str:
    text = form.get(field, "")
    if not text.strip():
        raise ApiError(34, field)
    return text
