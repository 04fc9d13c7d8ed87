"""The class `Sandbox`, with which tests and the demo run and steer a local Poster."""

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from groups.poster.errors import MASK, redact
from poster_admin.devtools.sandbox import control
from poster_admin.devtools.sandbox.accounts.replica import Lag
from poster_admin.devtools.sandbox.accounts.state import Account
from poster_admin.devtools.sandbox.accounts.state_file import SandboxState
from poster_admin.devtools.sandbox.api import METHODS, Api, kind_of, not_found
from poster_admin.devtools.sandbox.control import Console
from poster_admin.devtools.sandbox.faults.fault import Exchange
from poster_admin.devtools.sandbox.http.exchange import Connection, SandboxAnswer, SandboxRequest
from poster_admin.devtools.sandbox.http.server import Server
from poster_admin.devtools.sandbox.log import Call, Log
from poster_admin.devtools.sandbox.script import FaultRule, Script, When, find_fault

_METHOD_LENGTH = 60


class Sandbox:
    """A local Poster over real HTTP.

    `groups` and `clients` are the size of the account `demo`; `latency` is in seconds. With a `state_path`
    the groups outlive the process; `notice` is set if the file was made with other numbers. A stopped sandbox
    can be started again, at the same address and with its state. `on_call` is called after each call. With
    `unique_names` a name that another group has is refused with 38; this is off by default, since nothing
    published says that Poster does so, and the examples of the documentation need that it does not. `clock`
    gives the age of the writes that a lagging read does not see. With `stories` bonuses of the account `demo`
    move, and three of its cards have a story. `disputes` are points of this account, until a reset.
    """

    def __init__(
        self,
        groups: int = 0,
        clients: int = 0,
        latency: float = 0.0,
        seed: int = 1,
        host: str = "127.0.0.1",
        port: int = 0,
        state_path: str | Path | None = None,
        *,
        unique_names: bool = False,
        stories: bool = False,
        disputes: Mapping[str, str] = MappingProxyType({}),
        on_call: Callable[[Call], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        path = Path(state_path) if state_path is not None else None
        self._state = SandboxState(seed=seed, groups=groups, clients=clients, path=path, clock=clock)
        if stories:
            self._state.accounts["demo"].tell_stories()
        self._state.accounts["demo"].disputes.let(disputes)
        self._api = Api(self._state.accounts)
        self._script = Script()
        self._replica = Script()
        self._host = host
        self._port = port
        self._server: Server | None = None
        self._on_call = on_call
        self._era = object()
        self.latency = latency
        self.unique_names = unique_names
        self.log = Log()
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen. A sandbox that is started again keeps its port."""
        if self._server is not None:
            raise RuntimeError("The sandbox runs already.")
        self.stopping = threading.Event()
        self._server = Server(self._host, self._port, self)
        self._port = self._server.port
        self._server.start()

    def stop(self) -> None:
        """Stop listening and end all connections, also those on which a fault is still running."""
        self.stopping.set()
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """The address with `{account}` in its path, for POSTER_API_URL."""
        return f"{self._origin}/{{account}}/api/"

    @property
    def bare_url(self) -> str:
        """The address without an account in its path, where the token alone names the account."""
        return f"{self._origin}/api/"

    @property
    def _origin(self) -> str:
        if not self._port:
            raise RuntimeError("The sandbox has no address before it was started.")
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    def account(self, name: str) -> Account:
        return self.accounts[name]

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts by name, `demo` first."""
        return self._state.accounts

    @property
    def unique_names(self) -> bool:
        """True if a second group of the same name is refused; may be changed at any time."""
        return all(account.unique_names for account in self.accounts.values())

    @unique_names.setter
    def unique_names(self, unique: bool) -> None:
        for account in self.accounts.values():
            account.unique_names = unique

    @property
    def notice(self) -> str:
        """A note about the state file for the operator, or an empty text."""
        return self._state.notice

    def console(self, account: str = "demo") -> Console:
        """Return a console, as Poster has one, for an account."""
        return Console(self.accounts[account])

    def calls(self, method: str | None = None) -> list[Call]:
        """Return the calls of a method, or all."""
        return self.log.of(method)

    def posts(self, method: str | None = None) -> list[Call]:
        """Return the POSTs among the calls."""
        return self.log.of(method, verb="POST")

    def script(
        self,
        method: str,
        fault: str,
        call: int = 1,
        times: int | None = 1,
        when: When = "after",
        account: str | None = None,
        **options: Any,
    ) -> None:
        """Let a fault hit the `call`-th matching call from now, and `times` calls in a row.

        `method` may be "*". With `when` "before" the write is not carried out, with "after" it is; some
        faults decide that themselves (`Fault.certain`).
        """
        self._check_account(account)
        self._script.add(FaultRule(find_fault(fault), method, account, call, times, when, options))

    def lag(self, lag: str, method: str = "*", account: str | None = None, **options: Any) -> None:
        """Let reads lag in this way until `catch_up`. Faults of single calls come on top of it.

        The first of several lags whose `chance` hits answers the read.
        """
        self._check_account(account)
        fault = find_fault(lag)
        if fault.lag is None:
            raise ValueError(f"{lag} is a fault of single calls, and no lag.")
        self._replica.add(FaultRule(fault, method, account, 1, None, "after", options))

    def catch_up(self) -> None:
        """End all lags: reads show the true state again."""
        self._replica.clear()

    def _check_account(self, account: str | None) -> None:
        if account is not None and account not in self.accounts:
            raise ValueError(f"There is no account {account!r}.")

    def clear_faults(self) -> None:
        """Remove every fault that has not hit yet."""
        self._script.clear()

    def reset(self) -> None:
        """Restore the groups of the seed, and remove faults, lags and the log.

        A call that is still on its way is dropped.
        """
        with self._state.lock:
            self._era = object()
            self._script.clear()
            self._replica.clear()
            self._state.reset()
            self.log.clear()

    def serve(self, request: SandboxRequest, connection: Connection) -> None:
        """Answer a call of the API, for the server."""
        began = time.perf_counter()
        if not request.method:
            connection.answer(not_found(), body=request.verb != "HEAD")
            return
        account = self._api.account(request)
        latency, connection.skew = self.latency, 0
        if account:
            latency += account.disputes.number("speed") / 1000
            connection.skew = account.disputes.number("clock.skew")
        if latency and not self._wait(latency):
            connection.reset()
            return
        name = account.name if account else request.account
        kind = kind_of(request.method)
        rule = self._script.take(request.method, name, kind)
        lag = self._replica.lag(request.method, name, kind)
        call = _call(request, name, rule)
        if rule is None:
            self._finish(call, self._api.answer(request, lag=lag), request, connection)
        else:
            later = self._later(request, call)
            self._spoil(call, rule, Exchange(request, kind, account, connection, later), lag)
        call.seconds = time.perf_counter() - began
        if self._on_call is not None:
            self._on_call(call)

    def control(
        self, verb: str, path: str, query: Mapping[str, str], body: bytes, connection: Connection
    ) -> None:
        """Answer a call to /_sandbox/…; other machines get a 404."""
        if ipaddress.ip_address(connection.socket.getpeername()[0].partition("%")[0]).is_loopback:
            answer = control.handle(self, verb, path, query, body)
        else:
            answer = not_found()
        connection.answer(answer, body=verb != "HEAD")

    def _wait(self, latency: float) -> bool:
        """Wait for the latency; return False after a reset: no fault of the new state may count the call."""
        era = self._era
        self.stopping.wait(latency)
        return self._era is era

    def _spoil(self, call: Call, rule: FaultRule, exchange: Exchange, lag: Lag | None) -> None:
        fault = rule.fault
        exchange.options = {**rule.fault.options, **rule.options}
        if fault.before is not None:
            fault.before(exchange)
        applies = rule.applies and not fault.applies_itself
        exchange.answer = self._api.answer(exchange.request, apply=applies, lag=rule.lag or lag)
        _note(call, exchange.answer)
        # Log the call first: a client that gives up waiting reads the log while the fault is still running.
        self.log.add(call)
        spoilt = fault.run(exchange)
        if spoilt is not None:
            _note(call, replace(spoilt, applied=exchange.answer.applied, behind=exchange.answer.behind))
            exchange.connection.answer(spoilt, body=exchange.request.verb != "HEAD")

    def _later(self, request: SandboxRequest, call: Call) -> Callable[[], None]:
        """Return a function that carries out the write, unless the sandbox was stopped or reset before."""
        era, stopping = self._era, self.stopping

        def apply() -> None:
            with self._state.lock:
                if self._era is era and not stopping.is_set():
                    call.applied = self._api.answer(request).applied

        return apply

    def _finish(
        self, call: Call, answer: SandboxAnswer, request: SandboxRequest, connection: Connection
    ) -> None:
        _note(call, answer)
        self.log.add(call)
        connection.answer(answer, body=request.verb != "HEAD")


def _call(request: SandboxRequest, account: str, rule: FaultRule | None) -> Call:
    known = request.method in METHODS
    return Call(
        account=redact(account),
        method=request.method if known else redact(request.method)[:_METHOD_LENGTH],
        verb=request.verb,
        query=_masked(request.query),
        form=_masked(request.form),
        body="" if "token" in request.form else request.body.decode("ascii", "backslashreplace"),
        at=time.time(),
        fault=rule.fault.name if rule else None,
    )


def _masked(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: MASK if name == "token" and value else value for name, value in fields.items()}


def _note(call: Call, answer: SandboxAnswer) -> None:
    call.status = answer.status
    call.code = answer.code
    call.applied = answer.applied
    call.behind = answer.behind
