"""Faults of time: somebody else was there a moment before."""

from groups.poster.sandbox.clients import newcomer
from groups.poster.sandbox.exchange import Answer, Exchange
from groups.poster.sandbox.faults.fault import ANY, Fault

_NAME = "client_groups_name"
_NEWCOMER = {"firstname": "Новий", "lastname": "Гість"}


def busy_console(exchange: Exchange) -> None:
    """Change the group in question, or the `group` given, as somebody at Poster's own console would."""
    account, options, request = exchange.account, exchange.options, exchange.request
    if account is None:
        return
    asked = options["group"] or request.query.get("group_id")
    asked = asked or request.form.get("client_groups_id") or request.form.get("group_id")
    group_id = int(asked or next(iter(account.groups), 0))
    if group_id not in account.groups:
        return
    if options["remove"]:
        account.drop(group_id)
    else:
        account.edit(group_id, options["fields"] or {_NAME: f"{account.groups[group_id][_NAME]} (змінено)"})


def busy_cashier(exchange: Exchange) -> None:
    """Add clients to the group in question, or the `group` given, as cashiers do all day."""
    account, options, request = exchange.account, exchange.options, exchange.request
    if account is None:
        return
    asked = options["group"] or request.query.get("group_id") or request.form.get("group_id")
    group_id = int(asked or next(iter(account.groups), 0))
    if group_id in account.groups:
        for _ in range(options["clients"]):
            account.put_client(newcomer(group_id) | _NEWCOMER)


def _answer(exchange: Exchange) -> Answer:
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
}
