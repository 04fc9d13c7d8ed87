"""Put values into words, as the reader's language and the currency of the account have them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.utils.formats import date_format, get_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from groups.models import PosterAccount
from groups.poster import Group, LoyaltyType
from groups.poster.fields import plain
from groups.poster.records import GROUP_FIELDS, FieldKind

type Version = Mapping[str, Any] | None
"""Values of a group at one time, as `to_json` returns them; None where there was none."""


FIELD_LABELS = {
    "name": gettext_lazy("Name"),
    "loyalty_type": gettext_lazy("Type"),
    "percent": gettext_lazy("Percent"),
    "birthday_bonus": gettext_lazy("Birthday bonus"),
    "use_ewallet": gettext_lazy("E-wallet"),
    "clients": gettext_lazy("Clients"),
    "group_id": gettext_lazy("Group"),
}
"""The names of the fields of a version, in their order."""
FORM_FIELDS = tuple(name for name, each in GROUP_FIELDS.items() if each.kind != FieldKind.SWITCH)
"""The fields of a group that users type."""


def value_words(field: str, version: Version, groups: Mapping[int, str] | None = None) -> str:
    """Return the value of a field: "12.5%", "50.00 ₴"; empty where the version has none."""
    value = version.get(field) if version else None
    if value is None:
        return ""
    match GROUP_FIELDS[field].kind if field in GROUP_FIELDS else field:
        case FieldKind.TYPE:
            return type_label(value)
        case FieldKind.PERCENT:
            return percent_words(Decimal(str(value)))
        case FieldKind.MONEY:
            return money_words(Decimal(str(value)))
        case FieldKind.SWITCH:
            return _("yes") if value == "1" else _("no")
        case "clients":
            return NumberFormat.current().count(value)
        case "group_id":
            return (groups or {}).get(value) or _("no. %(id)s") % {"id": value}
        case _:
            return str(value)


def name_or_number(group: Group | None, group_id: int) -> str:
    return group.name if group else _("group %(id)s") % {"id": group_id}


def difference_words(before: Version, after: Version) -> str:
    """Return how the values of a group differ: "percent 10% → 12.5%, type Bonus → Discount".

    A missing switch is no difference: Poster does not always send it.
    """
    words = []
    for field, declared in GROUP_FIELDS.items():
        old, new = value_words(field, before), value_words(field, after)
        if old != new and (declared.kind != FieldKind.SWITCH or (old and new)):
            label = str(FIELD_LABELS[field])
            words.append(f"{label[:1].lower()}{label[1:]} {old or '–'} → {new or '–'}")
    return ", ".join(words)


def moment_words(moment: datetime) -> str:
    return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


def names_words(name: str, requested_by: str) -> str:
    return _("%(name)s, for %(asker)s") % {"name": name, "asker": requested_by} if requested_by else name


def type_label(loyalty_type: int) -> str:
    match loyalty_type:
        case LoyaltyType.BONUS:
            return _("Bonus")
        case LoyaltyType.DISCOUNT:
            return _("Discount")
        case _:
            return _("unknown type (%(number)s)") % {"number": loyalty_type}


DEFAULT_CURRENCY = "₴"
currency: ContextVar[str] = ContextVar("currency", default=DEFAULT_CURRENCY)
"""Currency sign of the account that this request, or this notice, concerns."""


@contextmanager
def in_currency_of(account: PosterAccount) -> Iterator[None]:
    before = currency.set(account.currency)
    try:
        yield
    finally:
        currency.reset(before)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The number format of the page's language, looked up once: Django does it for each number."""

    point: str
    thousands: str
    percent_pattern: str
    currency: str

    @classmethod
    def current(cls) -> "NumberFormat":
        return cls._of(get_language(), currency.get())

    @classmethod
    @cache
    def _of(cls, _active_language: str | None, sign: str) -> "NumberFormat":
        # Translators: a percent, such as 12.5%
        percent = _("%(number)s%%")
        return cls(get_format("DECIMAL_SEPARATOR"), get_format("THOUSAND_SEPARATOR"), percent, sign)

    def count(self, number: int) -> str:
        """Return a number with its thousands separated: «1 250»."""
        return self._written(f"{number:,}")

    def change(self, number: int) -> str:
        """Return a difference with its sign: «+1 250»; an empty string for none."""
        return f"{'+' if number > 0 else ''}{self.count(number)}" if number else ""

    def number(self, number: Decimal) -> str:
        """Return a number with as many decimals as it has: «1 250,5»."""
        whole, point, part = plain(number).partition(".")
        return f"{self.count(int(whole))}{self.point if point else ''}{part}"

    def percent(self, percent: Decimal) -> str:
        return self._percent(plain(percent))

    def money(self, amount: Decimal) -> str:
        """Return an amount in the account's currency: «1 250,00 ₴», «−3,50 ₴»."""
        whole, _point, part = f"{amount:,.2f}".partition(".")
        return f"{self._written(whole)}{self.point}{part}\N{NO-BREAK SPACE}{self.currency}"

    def share(self, clients: int, everyone: int) -> str:
        """Return the percent of all clients: whole, or with one decimal; a few of very many are not 0%."""
        tenths = (2000 * clients + everyone) // (2 * everyone) if clients else 0
        if clients and not tenths:
            return f"<\N{NO-BREAK SPACE}{self._percent('0.1')}"
        return self._percent(f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10))

    def _percent(self, number: str) -> str:
        return self.percent_pattern % {"number": number.replace(".", self.point)}

    def _written(self, whole: str) -> str:
        return whole.replace(",", self.thousands).replace("-", "\N{MINUS SIGN}")

    def round_money(self, amount: Decimal) -> str:
        """Return an amount without its kopecks if there are none: «1 000 ₴», «999,50 ₴»."""
        return self.money(amount).replace(f"{self.point}00\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def terms_words(group: Group) -> str:
    return f"{group.name} · {type_label(group.loyalty_type)} {percent_words(group.percent)}"


def clients_words(count: int) -> str:
    words = ngettext("%(count)s client", "%(count)s clients", count)
    return words % {"count": NumberFormat.current().count(count)}


def percent_words(percent: Decimal) -> str:
    return NumberFormat.current().percent(percent)


def money_words(amount: Decimal) -> str:
    return NumberFormat.current().money(amount)
