"""Define the records of clients, and convert them from and to Poster's wire format.

In the wire format every value is a string; money is read in kopecks and written in the unit of each field
(`bonus` in hryvnia, `total_payed_sum` in kopecks); texts may contain HTML entities, and "0" means an empty
text; the birthday "0000-00-00" means none; the field for a client's group has different names on a read and
on a write.

The records hold personal data, so their `repr`, and with it any traceback, shows only the id.

Source: the Poster API documentation, section clients.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Self

from groups.poster.fields import (
    KOPECKS,
    UnreadableRow,
    is_given,
    plain,
    read_given,
    read_hryvnia,
    read_id,
    read_integer,
    read_money,
    read_percent,
    read_rows,
    read_words,
)

# Poster's names for a client's fields on a write; the other fields of ClientValues keep their own names.
_WRITTEN = {
    "group_id": "client_groups_id_client",
    "name": "client_name",
    "sex": "client_sex",
    "own_percent": "discount_per",
    "total_paid": "total_payed_sum",
}
_NO_BIRTHDAY = "0000-00-00"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientValues:
    """The values of a client that a write sends. None is not sent, and Poster keeps the stored value.

    Money is in hryvnia. `name` is the whole name, family name first; Poster splits it.
    """

    group_id: int | None = None
    name: str | None = None
    sex: int | None = None
    card_number: str | None = None
    own_percent: Decimal | None = None
    phone: str | None = None
    email: str | None = None
    birthday: date | None = None
    country: str | None = None
    city: str | None = None
    address: str | None = None
    comment: str | None = None
    bonus: Decimal | None = None
    total_paid: Decimal | None = None

    def to_wire(self) -> dict[str, str]:
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {_WRITTEN.get(name, name): _written(name, value) for name, value in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Client:
    """A client as stored at Poster.

    Money is in hryvnia, and None if Poster returns none. `birthday` is None also if Poster's value is not a
    date, such as a day without a year. `group_percent` and `loyalty_type` belong to the group. `removed` is
    True for a client that Poster still lists with `delete="1"`. `raw` is the unchanged row with all its
    fields; a copy of the client keeps it.
    """

    id: int
    group_id: int
    group_percent: Decimal = Decimal(0)
    loyalty_type: int | None = None
    lastname: str = ""
    firstname: str = ""
    patronymic: str = ""
    sex: int = 0
    phone: str = ""
    email: str = ""
    card_number: str = ""
    birthday: date | None = None
    country: str = ""
    city: str = ""
    address: str = ""
    comment: str = ""
    own_percent: Decimal = Decimal(0)
    bonus: Decimal | None = None
    total_paid: Decimal | None = None
    ewallet: Decimal | None = None
    removed: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"<Client {self.id}>"

    @property
    def name(self) -> str:
        """The whole name, family name first; may be empty."""
        return " ".join(part for part in (self.lastname, self.firstname, self.patronymic) if part)

    @property
    def has_own_percent(self) -> bool:
        """Return True if the client's own percent applies: it does if it is larger than the group's."""
        return self.own_percent > self.group_percent

    @property
    def effective_percent(self) -> Decimal:
        return max(self.own_percent, self.group_percent)

    @property
    def born_on(self) -> tuple[int, int] | None:
        """The month and day of the birthday, also where Poster has no year; None if there is none.

        Raises `UnreadableRow` if Poster's value is missing or no day.
        """
        text = _written_day(self.raw, "birthday")
        if not text:
            return None
        # A year with a 29 February stands for none.
        day = _day(f"2000{text[4:]}" if text.startswith("0000") else text, "birthday")
        return day.month, day.day

    @property
    def registered_on(self) -> date | None:
        """The day of `date_activale`; None if there is none.

        Raises `UnreadableRow` if Poster's value is missing or no day.
        """
        text = _written_day(self.raw, "date_activale")
        return None if not text or text.startswith("0000") else _day(text[:10], "date_activale")

    @classmethod
    def from_wire(cls, row: Mapping[Any, Any], *, paid_in_hryvnia: bool = False) -> Self:
        """Raise `UnreadableRow` where the id or a number cannot be read; a missing text is empty."""
        birthday = None
        with suppress(KeyError, TypeError, ValueError):
            birthday = date.fromisoformat(row["birthday"])
        return cls(
            id=read_id(row, "client_id"),
            group_id=read_integer(row, "client_groups_id"),
            group_percent=read_given(read_percent, row, "client_groups_discount", Decimal(0)),
            loyalty_type=read_given(read_integer, row, "loyalty_type", None),
            sex=read_given(read_integer, row, "client_sex", 0),
            birthday=birthday,
            own_percent=read_given(read_percent, row, "discount_per", Decimal(0)),
            bonus=read_given(read_money, row, "bonus", None),
            total_paid=read_given(
                read_hryvnia if paid_in_hryvnia else read_money, row, "total_payed_sum", None
            ),
            ewallet=read_given(read_money, row, "ewallet", None),
            removed=read_given(read_integer, row, "delete", 0) != 0,
            raw=MappingProxyType(dict(row)),
            **{name: _text(row, name) for name in _TEXTS},
        )


_TEXTS = (
    *("lastname", "firstname", "patronymic", "phone", "email", "card_number"),
    *("country", "city", "address", "comment"),
)


def is_removed(row: object) -> bool:
    """Return True if Poster has removed the client of this row; False also if that cannot be read."""
    with suppress(UnreadableRow):
        return isinstance(row, Mapping) and read_given(read_integer, row, "delete", 0) != 0
    return False


@dataclass(frozen=True, slots=True)
class ClientList:
    """A response of clients.getClients: the clients in Poster's order, and the rows that could not be read.

    `rows` are all rows, unchanged, including repeated ones.
    """

    clients: tuple[Client, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    rows: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """The number of rows; only this number shows whether a page was full."""
        return len(self.rows)

    @classmethod
    def from_wire(cls, rows: list[Any], *, paid_in_hryvnia: bool = False) -> Self:
        read = partial(Client.from_wire, paid_in_hryvnia=paid_in_hryvnia)
        return cls(*read_rows(read, rows, "client_id"), tuple(rows))


def _written(name: str, value: Any) -> str:
    if name == "bonus":
        return f"{value:.2f}"
    if name == "total_paid":
        return f"{value * KOPECKS:.0f}"
    return plain(value) if isinstance(value, Decimal) else str(value)


def _text(row: Mapping[Any, Any], name: str) -> str:
    if not is_given(row, name):
        return ""
    words = read_words(row, name).strip()
    return "" if words == "0" else words


def _written_day(row: Mapping[str, Any], field: str) -> str:
    """Return the text of a day; an empty one where Poster says that there is none."""
    if row.get(field) is None:
        raise UnreadableRow(f"{field} is missing")
    text = str(row[field])
    return "" if text == "0" or text.startswith(_NO_BIRTHDAY) else text


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableRow(f"{field} is not a day") from None
