"""The log of the calls that reached the sandbox."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

KEPT = 20_000


@dataclass(slots=True)
class Call:
    """A call of the API. It is in the log before the client can have read its answer.

    `status` and `code` are those of the answer that was sent, or that would have been sent if a fault had not
    broken it. `applied` is true if a write is in force, and may become true later. `behind` is true if a
    lagging replica answered a read with old rows. The token is masked, and a body that holds one is left out;
    any other body is kept with bytes beyond ASCII escaped. `seconds` stays None until the answer is out.
    """

    account: str
    method: str
    verb: str
    query: dict[str, str]
    form: dict[str, str]
    body: str
    at: float
    status: int = 0
    code: int | None = None
    applied: bool = False
    behind: bool = False
    fault: str | None = None
    seconds: float | None = None


class Log(Sequence[Call]):
    """The last calls, oldest first; safe to read while calls come in."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Append a call, and drop the oldest one if there are too many."""
        with self._lock:
            self._calls.append(call)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._calls.clear()

    def of(self, method: str | None = None, *, verb: str | None = None) -> list[Call]:
        """Return the calls of a method and a verb; None stands for any."""
        return [c for c in self._copy() if method in {None, c.method} and verb in {None, c.verb}]

    def _copy(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._copy()[index]

    def __iter__(self) -> Iterator[Call]:
        return iter(self._copy())

    def __len__(self) -> int:
        return len(self._calls)

    def __repr__(self) -> str:
        return f"Log({self._copy()!r})"
