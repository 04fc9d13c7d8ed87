"""Faults of concurrency: another person changes the group or client just before the call."""

from contextlib import suppress

from poster_admin.devtools.sandbox.accounts.clients import newcomer
from poster_admin.devtools.sandbox.faults.fault import ANY, Exchange, Fault
from poster_admin.devtools.sandbox.http.exchange import SandboxAnswer

_NAME = "client_groups_name"
_ORDER = {"bonus": "4200", "total_payed_sum": "420000"}
_NEWCOMER = {"firstname": "Новий", "lastname": "Гість"}


def busy_console(exchange: Exchange) -> None:
    """Change the group in question, or the `group` given, as somebody at Poster's own console would."""
    account, options, parameters = exchange.account, exchange.options, exchange.request.parameters
    if account is None:
        return
    number = options["group"] or parameters.get("group_id") or parameters.get("client_groups_id")
    group_id = int(number or next(iter(account.groups), 0))
    if group_id not in account.groups:
        return
    if options["remove"]:
        account.drop(group_id)
    else:
        account.edit(group_id, options["fields"] or {_NAME: f"{account.groups[group_id][_NAME]} (змінено)"})


def busy_cashier(exchange: Exchange) -> None:
    """Add clients to the group in question, or the `group` given, as cashiers do all day."""
    account, options = exchange.account, exchange.options
    if account is None:
        return
    number = options["group"] or exchange.request.parameters.get("group_id")
    group_id = int(number or next(iter(account.groups), 0))
    if group_id in account.groups:
        for _ in range(options["clients"]):
            account.put_client(newcomer(group_id) | _NEWCOMER)


def busy_till(exchange: Exchange) -> None:
    """Change the `fields` of the client in question, as an order at the till does."""
    account, client_id = exchange.account, exchange.request.parameters.get("client_id", "")
    if account is not None and client_id.isdecimal():
        with suppress(KeyError):  # an unknown client cannot order
            account.put_client({"client_id": client_id, **(exchange.options["fields"] or _ORDER)})


def _answer(exchange: Exchange) -> SandboxAnswer:
    return exchange.answer


FAULTS: dict[str, Fault] = {
    "busy_console": Fault(
        "busy_console",
        "Let somebody edit (`fields`) or `remove` a `group` at Poster's own console just before the call.",
        row=0,
        run=_answer,
        kinds=ANY,
        certain="applied",
        readable=True,
        before=busy_console,
        options={"group": None, "fields": None, "remove": False},
    ),
    "busy_cashier": Fault(
        "busy_cashier",
        "Let somebody add some `clients` to a `group` just before the call.",
        row=0,
        run=_answer,
        kinds=ANY,
        certain="applied",
        readable=True,
        before=busy_cashier,
        options={"group": None, "clients": 1},
    ),
    "busy_till": Fault(
        "busy_till",
        "Let an order at the till change some `fields` of the client just before the call.",
        row=0,
        run=_answer,
        kinds=ANY,
        certain="applied",
        readable=True,
        before=busy_till,
        options={"fields": None},
    ),
}
