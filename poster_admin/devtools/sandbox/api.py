"""The methods of the Poster Web API: each turns a request into the answer of an undisturbed Poster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from poster_admin.devtools.sandbox.accounts import validation
from poster_admin.devtools.sandbox.accounts.disputes import REFUSED
from poster_admin.devtools.sandbox.accounts.replica import Lag, Table
from poster_admin.devtools.sandbox.accounts.state import Account
from poster_admin.devtools.sandbox.accounts.validation import ApiError
from poster_admin.devtools.sandbox.http.exchange import HTML, Kind, SandboxAnswer, SandboxRequest, dump

_RIGHTS: Mapping[str, tuple[str, ...]] = {
    "groups": tuple(f"clients.{verb}Group" for verb in ("get", "create", "update", "remove")),
    "clients": tuple(f"clients.{verb}Client" for verb in ("get", "create", "update")),
    "statistics": ("dash.",),
    "promotions": ("clients.getPromotions", "clients.getLoyaltyRules"),
    "settings": ("settings.",),
}

type Run = Callable[[Account, SandboxRequest, bool], bytes]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the API: its verb, its kind of call, and the function that runs it.

    `run` returns the JSON that goes under `response`. With its last argument False it is a rehearsal: the
    answer is the same and nothing is changed. `table` names the rows in which a read can lag.
    """

    verb: Literal["GET", "POST"]
    kind: Kind
    run: Run
    table: Table | None = None


class Api:
    """All methods of the API, over the given accounts."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = accounts

    def account(self, request: SandboxRequest) -> Account | None:
        """Return the account that the path names, else the account of the token."""
        if request.account:
            return self._accounts.get(request.account)
        return next((a for a in self._accounts.values() if a.knows(request.token)), None)

    def answer(self, request: SandboxRequest, *, apply: bool = True, lag: Lag | None = None) -> SandboxAnswer:
        """Return the answer of an undisturbed Poster; carry out a write if `apply` is true.

        With a `lag` a replica that is so far behind answers the read.
        """
        try:
            method, account = self._admit(request)
            if not lag and (late := account.disputes.number("write.lag")):
                lag = Lag(what="rows", seconds=late / 1000)
            honest = response = method.run(account, request, apply)
            if lag and method.table:
                response = self._late(method, account, request, lag, method.table)
        except ApiError as error:
            return refusal(error)
        return SandboxAnswer(
            b'{"response":' + response + b"}",
            applied=apply and method.kind == "write",
            behind=response != honest,
        )

    def _late(
        self, method: Method, account: Account, request: SandboxRequest, lag: Lag, table: Table
    ) -> bytes:
        return lag.read(
            lambda whole: method.run(account, whole, False),
            lambda whole: method.run(account.earlier(lag, table), whole, False),
            request,
            table,
        )

    def _admit(self, request: SandboxRequest) -> tuple[Method, Account]:
        method = METHODS.get(request.method)
        if method is None or method.verb != request.verb:
            raise ApiError(30, status=405)
        if request.query.get("format", "json") != "json":
            raise ApiError(42, "only format=json is supported by the sandbox, xml is not")
        if not request.token:
            raise ApiError(10)
        account = self.account(request)
        if account is None or not account.knows(request.token):
            raise ApiError(11)
        if account.profile.refusal is not None:
            raise ApiError(account.profile.refusal)
        if account.profile.statistics_refusal is not None and request.method.startswith("dash."):
            raise ApiError(account.profile.statistics_refusal)
        if account.disputes.refusal is not None and request.method.startswith("dash."):
            raise ApiError(account.disputes.refusal)
        if any(
            account.disputes[f"right.{right}"] == "refused" and request.method.startswith(prefixes)
            for right, prefixes in _RIGHTS.items()
        ):
            raise ApiError(REFUSED)
        if account.profile.write_refusal is not None and method.kind == "write":
            raise ApiError(account.profile.write_refusal)
        return method, account


def refusal(error: ApiError) -> SandboxAnswer:
    """Return the answer to a call that Poster refuses."""
    body = dump({"error": {"code": error.code, "message": error.message}})
    return SandboxAnswer(body, status=error.status, code=error.code)


def not_found() -> SandboxAnswer:
    """Return the answer to a path outside of the API."""
    return SandboxAnswer(
        b"<html><head><title>404 Not Found</title></head></html>", status=404, content_type=HTML
    )


def kind_of(method: str) -> Kind:
    """Return the kind of a method, in any case of its letters; an unknown method counts as a read."""
    return _KINDS.get(method.lower(), "get")


def _get_groups(account: Account, _request: SandboxRequest, _apply: bool) -> bytes:
    return account.all_groups()


def _get_group(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    return account.group(validation.identifier(request.query, "group_id"))


def _create_group(account: Account, request: SandboxRequest, apply: bool) -> bytes:
    return dump(account.create(request.parameters, apply=apply))


def _update_group(account: Account, request: SandboxRequest, apply: bool) -> bytes:
    return dump(account.update(request.parameters, apply=apply))


def _remove_group(account: Account, request: SandboxRequest, apply: bool) -> bytes:
    account.remove(request.parameters, apply=apply)
    return b"true"


def _get_clients(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    return account.find_clients(request.query)


def _get_client(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    return account.client(validation.identifier(request.query, "client_id"))


def _create_client(account: Account, request: SandboxRequest, apply: bool) -> bytes:
    return dump(account.create_client(request.parameters, apply=apply))


def _update_client(account: Account, request: SandboxRequest, apply: bool) -> bytes:
    return dump(account.update_client(request.parameters, apply=apply))


def _get_promotions(account: Account, _request: SandboxRequest, _apply: bool) -> bytes:
    return dump(account.promotions)


def _get_loyalty_rules(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    wanted = validation.rule_type(request.query)
    rules = account.loyalty_rules
    if account.disputes["rules.unit"] == "kopecks":
        rules = [{**rule, "value": rule["value"] * 100} for rule in rules]
    return dump(rules if wanted is None else [rule for rule in rules if rule["loyalty_type"] == wanted])


def _get_clients_sales(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    return account.clients_sales(request.query)


def _get_transactions(account: Account, request: SandboxRequest, _apply: bool) -> bytes:
    return account.receipts(request.query)


def _get_all_settings(account: Account, _request: SandboxRequest, _apply: bool) -> bytes:
    return dump(
        {
            "COMPANY_ID": account.number,
            "company_name": account.company,
            "timezones": "Europe/Kiev" if account.disputes["clock.zone"] == "same" else "Asia/Tbilisi",
            "analytics_plus_time": account.disputes["receipts.closing"],
            "lang": "ua",
            "currency": {
                "currency_id": 1,
                "currency_name": "Гривня",
                "currency_code": "грн.",
                "currency_symbol": account.profile.currency_symbol,
                "currency_code_iso": "UAH",
            },
        }
    )


METHODS: Mapping[str, Method] = {
    "clients.getGroups": Method("GET", "list", _get_groups, "groups"),
    "clients.getGroup": Method("GET", "get", _get_group, "groups"),
    "clients.createGroup": Method("POST", "write", _create_group),
    "clients.updateGroup": Method("POST", "write", _update_group),
    "clients.removeGroup": Method("POST", "write", _remove_group),
    "clients.getClients": Method("GET", "list", _get_clients, "clients"),
    "clients.getClient": Method("GET", "get", _get_client, "clients"),
    "clients.createClient": Method("POST", "write", _create_client),
    "clients.updateClient": Method("POST", "write", _update_client),
    "clients.getPromotions": Method("GET", "list", _get_promotions),
    "clients.getLoyaltyRules": Method("GET", "list", _get_loyalty_rules),
    "dash.getClientsSales": Method("GET", "list", _get_clients_sales),
    "dash.getTransactions": Method("GET", "list", _get_transactions),
    "settings.getAllSettings": Method("GET", "settings", _get_all_settings),
}
_KINDS: Mapping[str, Kind] = {name.lower(): method.kind for name, method in METHODS.items()}
