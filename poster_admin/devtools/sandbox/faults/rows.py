"""Faults of a row in an answer: values of another type, out of range, missing, hostile.

The descriptions speak of a group. In the row of a client, a promotion, a rule, a client's sales or a receipt
the corresponding field is changed; a rule has no name, so faults of the name leave it as it is.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from poster_admin.devtools.sandbox.faults.fault import LIST, ROWS, Exchange, Fault, fault
from poster_admin.devtools.sandbox.http.exchange import SandboxAnswer

FAULTS: dict[str, Fault] = {}

type Row = dict[str, Any]

_WHOLE = (
    *("client_groups_id", "loyalty_type", "birthday_bonus", "count_groups_clients"),
    *("client_id", "bonus", "total_payed_sum", "promotion_id", "rule_id", "value"),
    *("sum", "profit", "profit_netto", "revenue", "clients", "clienst"),
    *("transaction_id", "date_close", "status", "payed_cash", "payed_card", "payed_bonus"),
)
_ID, _NAME, _PERCENT, _BONUS = (
    *("client_groups_id", "client_groups_name"),
    *("client_groups_discount", "birthday_bonus"),
)
# The field that corresponds to a group's, in the row of a client, a promotion, a rule and sales.
_OF_CLIENTS = {_ID: "client_id", _NAME: "lastname", _PERCENT: "discount_per", _BONUS: "bonus"}
_OF_PROMOTIONS = {_ID: "promotion_id", _NAME: "name", _PERCENT: "params", _BONUS: "promotion_id"}
_OF_RULES = {_ID: "rule_id", _PERCENT: "value", _BONUS: "value"}
_OF_SALES = {_ID: "client_id", _NAME: "lastname", _PERCENT: "sum", _BONUS: "revenue"}
_OF_RECEIPTS = {_ID: "transaction_id", _NAME: "name", _PERCENT: "bonus", _BONUS: "payed_cash"}
# Receipts and sales come first: their rows have a `client_id` too.
_FIELDS = {
    "transaction_id": _OF_RECEIPTS,
    "middle_invoice": _OF_SALES,
    "client_id": _OF_CLIENTS,
    "promotion_id": _OF_PROMOTIONS,
    "rule_id": _OF_RULES,
}


# --- Other spellings of the same ---------------------------------------------------------------------------


@fault(FAULTS, 41, ROWS, readable=True)
def row_numbers(exchange: Exchange) -> SandboxAnswer:
    """Answer all numbers of all rows as JSON numbers."""

    def change(row: Row) -> Row:
        return row | {name: int(row[name]) for name in _WHOLE if name in row} | _percents(row, float)

    return _change_all(exchange, change)


@fault(FAULTS, 41, ROWS, readable=True)
def row_decimals(exchange: Exchange) -> SandboxAnswer:
    """Answer percents like "10.00" and bonuses like 5000.0."""

    def change(row: Row) -> Row:
        bonuses = {name: float(row[name]) for name in (_BONUS, "bonus", "value", "revenue") if name in row}
        return row | bonuses | _percents(row, lambda percent: f"{float(percent):.2f}")

    return _change_all(exchange, change)


# --- One row that cannot be read ---------------------------------------------------------------------------


@fault(FAULTS, 42, ROWS, group=None, field="client_groups_discount")
def row_null_field(exchange: Exchange) -> SandboxAnswer:
    """Answer null for a `field` of a `group`, by default the first."""
    return _set_field(exchange, None)


@fault(FAULTS, 42, ROWS, group=None, field="client_groups_discount")
def row_missing_field(exchange: Exchange) -> SandboxAnswer:
    """Leave out a `field` of a `group`."""

    def change(row: Row) -> Row:
        left_out = _like(row, exchange.options["field"])
        return {name: row[name] for name in row if name != left_out}

    return _change_one(exchange, change)


@fault(FAULTS, 42, ROWS, group=None, field="client_groups_discount")
def row_empty_field(exchange: Exchange) -> SandboxAnswer:
    """Answer "" for a `field` of a `group`."""
    return _set_field(exchange, "")


@fault(FAULTS, 42, ROWS, group=None, field="client_groups_discount")
def row_bool_field(exchange: Exchange) -> SandboxAnswer:
    """Answer true for a `field` of a `group`."""
    return _set_field(exchange, True)


@fault(FAULTS, 42, ROWS, group=None, field="birthday_bonus")
def row_exponent(exchange: Exchange) -> SandboxAnswer:
    """Answer "1e3" for a `field` of a `group`."""
    return _set_field(exchange, "1e3")


@fault(FAULTS, 42, ROWS, group=None)
def row_id_zero(exchange: Exchange) -> SandboxAnswer:
    """Answer the id "0" for a `group`."""
    return _change_one(exchange, lambda row: row | {_like(row, _ID): "0"})


@fault(FAULTS, 42, ROWS, group=None)
def row_not_object(exchange: Exchange) -> SandboxAnswer:
    """Answer a string where a `group` is due."""
    return _change_one(exchange, lambda _: "group")


@fault(FAULTS, 43, ROWS, group=None)
def row_fraction_of_kopeck(exchange: Exchange) -> SandboxAnswer:
    """Answer a bonus of "50.5" kopecks."""
    return _change_one(exchange, lambda row: row | {_like(row, _BONUS): "50.5"})


@fault(FAULTS, 43, ROWS, group=None)
def row_percent_150(exchange: Exchange) -> SandboxAnswer:
    """Answer a percent of "150"."""
    return _change_one(exchange, lambda row: row | {_like(row, _PERCENT): "150"})


@fault(FAULTS, 43, ROWS, group=None)
def row_negative_count(exchange: Exchange) -> SandboxAnswer:
    """Answer "-1" clients."""
    return _change_one(exchange, lambda row: row | {"count_groups_clients": "-1"})


# --- One row that can be read, and is odd ------------------------------------------------------------------


@fault(FAULTS, 44, ROWS, group=None)
def row_unknown_type(exchange: Exchange) -> SandboxAnswer:
    """Answer the loyalty type "3"."""
    return _change_one(exchange, lambda row: row | {"loyalty_type": "3"})


@fault(FAULTS, 45, LIST, group=None)
def row_duplicate_id(exchange: Exchange) -> SandboxAnswer:
    """Repeat a `group` at the end of the list, under another name."""
    return _append(exchange, lambda row: _renamed(row, lambda name: f"{name} (2)"))


@fault(FAULTS, 45, LIST, group=None)
def row_duplicate_name(exchange: Exchange) -> SandboxAnswer:
    """Repeat a `group` at the end of the list, under another id."""
    return _append(exchange, lambda row: row | {_like(row, _ID): "900000"})


@fault(FAULTS, 46, ROWS, group=None)
def row_html_name(exchange: Exchange) -> SandboxAnswer:
    """Answer a name that is a script."""
    return _rename(exchange, lambda name: f"{name}<script>alert(1)</script>\"'><img src=x onerror=alert(2)>")


@fault(FAULTS, 46, ROWS, group=None)
def row_rtl_name(exchange: Exchange) -> SandboxAnswer:
    """Answer a name with an override of the writing direction."""
    return _rename(exchange, lambda name: f"{name} \u202e%01")


@fault(FAULTS, 46, ROWS, group=None)
def row_nul_name(exchange: Exchange) -> SandboxAnswer:
    """Answer a name with a NUL in it."""
    return _rename(exchange, lambda name: f"{name}\0!")


@fault(FAULTS, 46, ROWS, group=None)
def row_long_name(exchange: Exchange) -> SandboxAnswer:
    """Answer a name of ten thousand characters."""
    return _rename(exchange, lambda name: (name * 10_000)[:10_000])


@fault(FAULTS, 46, ROWS, group=None)
def row_surrogate_name(exchange: Exchange) -> SandboxAnswer:
    """Answer a name with half a character in it."""
    return _rename(exchange, lambda name: f"{name}\ud83d")


@fault(FAULTS, 47, ROWS, group=None)
def row_deleted(exchange: Exchange) -> SandboxAnswer:
    """Answer that a `group` is removed."""
    return _change_one(exchange, lambda row: row | {"delete": "1"})


def _like(row: Row, name: str) -> str:
    """Return the field of this row that corresponds to a field of a group."""
    names = next((names for own, names in _FIELDS.items() if own in row), {})
    return names.get(name, name)


def _percents(row: Row, convert: Callable[[str], Any]) -> Row:
    return {name: convert(row[name]) for name in (_PERCENT, "discount_per") if name in row}


def _set_field(exchange: Exchange, value: object) -> SandboxAnswer:
    return _change_one(exchange, lambda row: row | {_like(row, exchange.options["field"]): value})


def _rename(exchange: Exchange, change: Callable[[str], str]) -> SandboxAnswer:
    return _change_one(exchange, lambda row: _renamed(row, change))


def _renamed(row: Row, change: Callable[[str], str]) -> Row:
    name = _like(row, _NAME)
    return row | {name: change(row[name])} if name in row else row


def _change_all(exchange: Exchange, change: Callable[[Row], Any]) -> SandboxAnswer:
    return _rewrite(exchange, lambda rows: [change(row) for row in rows])


def _change_one(exchange: Exchange, change: Callable[[Row], Any]) -> SandboxAnswer:
    def rewrite(rows: list[Row]) -> list[Any]:
        place = _place(exchange, rows)
        return [change(row) if index == place else row for index, row in enumerate(rows)]

    return _rewrite(exchange, rewrite)


def _append(exchange: Exchange, change: Callable[[Row], Any]) -> SandboxAnswer:
    return _rewrite(exchange, lambda rows: [*rows, change(rows[_place(exchange, rows)])])


def _place(exchange: Exchange, rows: list[Row]) -> int:
    """Return the index of the group to change; -1, the last one, if the list does not have it."""
    group = exchange.options["group"]
    if group is None:
        return 0
    ids = [str(row[_like(row, _ID)]) for row in rows]
    return ids.index(str(group)) if str(group) in ids else -1


def _rewrite(exchange: Exchange, change: Callable[[list[Row]], list[Any]]) -> SandboxAnswer:
    """Change the rows of a list, or the single row of a get; an answer without rows stays as it is."""
    content = json.loads(exchange.answer.body)
    response = content.get("response")
    if isinstance(response, list) and response:
        content["response"] = change(response)
    elif isinstance(response, dict):
        content["response"] = change([response])[0]
    else:
        return exchange.answer
    # Escape everything beyond ASCII: a lone surrogate has no encoding.
    return replace(exchange.answer, body=json.dumps(content, separators=(",", ":")).encode())
