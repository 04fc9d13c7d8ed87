"""Rules that assign faults to calls."""

import difflib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from poster_admin.devtools.sandbox.accounts.replica import Lag
from poster_admin.devtools.sandbox.api import METHODS, kind_of
from poster_admin.devtools.sandbox.faults import FAULTS, LAGS, Fault
from poster_admin.devtools.sandbox.http.exchange import Kind

type When = Literal["before", "after"]


@dataclass(slots=True)
class FaultRule:
    """A fault that waits for its calls. With `times` None it never ends."""

    fault: Fault
    method: str
    account: str | None
    call: int
    times: int | None
    when: When
    options: Mapping[str, Any]
    seen: int = 0

    def matches(self, method: str, account: str, kind: Kind) -> bool:
        """Return True if the rule counts this call."""
        return self.method in {"*", method} and self.account in {None, account} and kind in self.fault.kinds

    @property
    def applies(self) -> bool:
        """True if a write is carried out before the fault runs."""
        return {"applied": True, "not_applied": False, "by_when": self.when == "after"}[self.fault.certain]

    @property
    def lag(self) -> Lag | None:
        """The lag of the rule if it hits the call that was counted last, else None."""
        if self.fault.lag is None:
            return None
        lag = self.fault.lag(**{**self.fault.options, **self.options})
        return lag if lag.hits(self.seen) else None


class Script:
    """The rules, in the order in which they were added.

    Every rule counts every call that matches it. If two are due at the same call, the later one waits for the
    next call.
    """

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._lock = threading.Lock()

    def add(self, rule: FaultRule) -> None:
        """Add a rule. Raises ValueError for an unknown method or option, or an impossible number."""
        fault = rule.fault
        if rule.method != "*" and rule.method not in METHODS:
            raise ValueError(f"There is no method {rule.method!r}. {_nearest(rule.method, METHODS)}")
        if rule.method != "*" and kind_of(rule.method) not in fault.kinds:
            raise ValueError(f"{fault.name} is for {sorted(fault.kinds)} calls, {rule.method} is none.")
        if rule.when not in {"before", "after"}:
            raise ValueError(f"when is 'before' or 'after', not {rule.when!r}.")
        if rule.call < 1 or (rule.times is not None and rule.times < 1):
            raise ValueError("call and times are counted from 1.")
        if unknown := rule.options.keys() - fault.options.keys():
            raise ValueError(f"{fault.name} has no option {sorted(unknown)}, but {sorted(fault.options)}.")
        with self._lock:
            self._rules.append(rule)

    def take(self, method: str, account: str, kind: Kind) -> FaultRule | None:
        """Count a call, and return the rule that applies to it."""
        with self._lock:
            taken = None
            for rule in self._rules:
                if not rule.matches(method, account, kind):
                    continue
                rule.seen += 1
                if taken is None and rule.seen >= rule.call:
                    taken = rule
            if taken is not None and taken.times is not None:
                taken.times -= 1
                if taken.times == 0:
                    self._rules.remove(taken)
            return taken

    def lag(self, method: str, account: str, kind: Kind) -> Lag | None:
        """Count a call, and return the first lag that hits it."""
        with self._lock:
            lags = []
            for rule in self._rules:
                if rule.matches(method, account, kind):
                    rule.seen += 1
                    lags.append(rule.lag)
            return next(filter(None, lags), None)

    def clear(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()


def find_fault(name: str) -> Fault:
    """Return the fault or lag of this name. Raises ValueError for an unknown one."""
    known = {**FAULTS, **LAGS}
    if name not in known:
        raise ValueError(f"There is no fault {name!r}. {_nearest(name, known)}")
    return known[name]


def _nearest(name: str, names: Mapping[str, object]) -> str:
    return f"Near it: {', '.join(difflib.get_close_matches(name, names)) or 'nothing'}."
