"""Ways to steer the sandbox: its console, and the same over HTTP for tests in another process."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Protocol

from poster_admin.devtools.sandbox.accounts.clients import newcomer
from poster_admin.devtools.sandbox.accounts.sales import SandboxReceipt, midnight_of
from poster_admin.devtools.sandbox.accounts.state import Account
from poster_admin.devtools.sandbox.http.exchange import SandboxAnswer, dump
from poster_admin.devtools.sandbox.log import Log


class Console:
    """Poster's own console: a person makes changes past the API, unchecked, with values as on the wire."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def put(self, row: Mapping[str, str]) -> int:
        """Add a group, or replace the one with the same `client_groups_id`, and return its id."""
        return self._account.put(row)

    def edit(self, group_id: int, **fields: str) -> None:
        """Change some fields of a group. Raises KeyError for an unknown group."""
        self._account.edit(group_id, fields)

    def remove(self, group_id: int) -> None:
        """Remove a group and its clients. Raises KeyError for an unknown group."""
        self._account.drop(group_id)

    def put_client(self, group_id: int, **fields: str) -> int:
        """Add a client to a group, with these fields, and return the id."""
        return self._account.put_client(newcomer(group_id) | fields)

    def set_rules(self, *rules: Mapping[str, Any]) -> None:
        """Replace all loyalty rules."""
        self._account.offer(loyalty_rules=rules)

    def set_promotions(self, *promotions: Mapping[str, Any]) -> None:
        """Replace all promotions."""
        self._account.offer(promotions=promotions)

    def edit_client(self, client_id: int, **fields: str) -> None:
        """Change fields of a client, also its group or `delete`. Raises KeyError for an unknown client."""
        self._account.put_client({"client_id": str(client_id), **fields})

    def sell(
        self,
        client_id: int,
        day: date,
        total: int,
        revenue: int,
        profit: int = 0,
        closed_at: datetime | None = None,
        **more: Any,
    ) -> None:
        """Add a receipt of a client, or of nobody (0), in kopecks; `more` are fields of `SandboxReceipt`."""
        if closed_at is not None:
            more["minute"] = int((closed_at - midnight_of(day.toordinal())).total_seconds() // 60)
        self._account.sell(client_id, SandboxReceipt(day.toordinal(), total, revenue, profit, **more))

    def dispute(self, **points: Any) -> None:
        """Let disputed points be so; see `POINTS`. `refusal` is a code that answers statistics alone."""
        if "refusal" in points:
            self._account.disputes.refusal = points.pop("refusal")
        self._account.disputes.let(points)

    def take_back_sales(self, client_id: int) -> None:
        """Take back all receipts of a client that were added."""
        self._account.take_back_sales(client_id)


class Steered(Protocol):
    """The parts of the sandbox that another process steers."""

    log: Log

    @property
    def accounts(self) -> Mapping[str, Account]: ...

    def console(self, account: str) -> Console: ...

    @property
    def script(self) -> Callable[..., None]: ...

    def clear_faults(self) -> None: ...

    @property
    def lag(self) -> Callable[..., None]: ...

    def catch_up(self) -> None: ...

    def reset(self) -> None: ...


def handle(sandbox: Steered, verb: str, path: str, query: Mapping[str, str], body: bytes) -> SandboxAnswer:
    """Carry out a call to /_sandbox/…; where that is impossible, answer 400 with the reason."""
    try:
        return SandboxAnswer(dump(_run(sandbox, verb, path.removeprefix("/_sandbox/"), query, body)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return SandboxAnswer(dump({"error": f"{type(error).__name__}: {error}"}), status=400)


def _run(sandbox: Steered, verb: str, name: str, query: Mapping[str, str], body: bytes) -> Any:
    match verb, name:
        case "GET", "log":
            return {"calls": [asdict(call) for call in sandbox.log]}
        case "GET", "state":
            account = sandbox.accounts[query.get("account", "demo")]
            return {"account": account.name, "company": account.company, "groups": account.snapshot()}
        case "POST", "script":
            sandbox.script(**json.loads(body))
        case "POST", "clear":
            sandbox.clear_faults()
        case "POST", "lag":
            sandbox.lag(**json.loads(body))
        case "POST", "catch_up":
            sandbox.catch_up()
        case "POST", "reset":
            sandbox.reset()
        case "POST", "groups":
            return {"id": _console(sandbox, json.loads(body))}
        case _:
            raise ValueError(f"{verb} /_sandbox/{name} is unknown")
    return {"done": True}


def _console(sandbox: Steered, instruction: Mapping[str, Any]) -> int:
    console = sandbox.console(instruction.get("account", "demo"))
    match instruction:
        case {"put": dict(row)}:
            return console.put(row)
        case {"edit": int(group_id), "fields": dict(fields)}:
            console.edit(group_id, **fields)
        case {"remove": int(group_id)}:
            console.remove(group_id)
        case {"rules": list(rules)}:
            console.set_rules(*rules)
            return len(rules)
        case {"dispute": dict(points)}:
            console.dispute(**points)
            return len(points)
        case {"put_client": int(group_id), "fields": dict(fields)}:
            return console.put_client(group_id, **fields)
        case {"edit_client": int(client_id), "fields": dict(fields)}:
            console.edit_client(client_id, **fields)
            return client_id
        case _:
            raise ValueError('needs "put": row, "edit": id with "fields": {…}, "remove": id, …')
    return group_id
