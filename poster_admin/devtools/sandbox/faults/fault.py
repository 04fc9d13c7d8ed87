"""The class `Fault` with its input, and the decorator that declares one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from poster_admin.devtools.sandbox.http.exchange import Connection, Kind, SandboxAnswer, SandboxRequest

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.accounts.replica import Lag
    from poster_admin.devtools.sandbox.accounts.state import Account

type Certain = Literal["applied", "not_applied", "by_when"]

ANY: frozenset[Kind] = frozenset({"list", "get", "write", "settings"})
READS: frozenset[Kind] = frozenset({"list", "get", "settings"})
ROWS: frozenset[Kind] = frozenset({"list", "get"})
LIST: frozenset[Kind] = frozenset({"list"})
GET: frozenset[Kind] = frozenset({"get"})
WRITE: frozenset[Kind] = frozenset({"write"})


@dataclass(slots=True)
class Exchange:
    """The input of a fault: the call, its honest answer, and the options of the script.

    `account` is None if the call names none. `apply_now` carries out a write that was only rehearsed.
    """

    request: SandboxRequest
    kind: Kind
    account: "Account | None"
    connection: Connection
    apply_now: Callable[[], None]
    answer: SandboxAnswer = field(default_factory=SandboxAnswer)
    options: Mapping[str, Any] = field(default_factory=dict)


type Run = Callable[[Exchange], SandboxAnswer | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way in which a call between Poster and its client can go wrong.

    `row` is a number that faults of one kind share, 0 without one: tests take one fault of each row. `kinds`
    are the kinds of calls that the fault can hit. `certain` is the fate of a write: always `applied`,
    always `not_applied`, or decided `by_when` of the script. `readable` is true if a careful client still
    reads the right values from the odd answer. `options` are the names and defaults of the options that
    `script()` takes for this fault.

    `run` gets the honest answer and returns the one to send; if it returns None, it has sent everything
    itself. With `applies_itself` the write is left to `run`. `before` runs ahead of the call. `lag` builds,
    from the options of the script, the lag with which the honest answer is made.
    """

    name: str
    description: str
    row: int
    run: Run
    kinds: frozenset[Kind] = ANY
    certain: Certain = "by_when"
    readable: bool = False
    applies_itself: bool = False
    before: Callable[[Exchange], None] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    lag: "Callable[..., Lag] | None" = None


def fault(
    registry: dict[str, Fault],
    row: int,
    kinds: frozenset[Kind] = ANY,
    *,
    certain: Certain = "by_when",
    readable: bool = False,
    applies_itself: bool = False,
    **options: Any,
) -> Callable[[Run], Run]:
    """Declare a function as a fault, with its name and the first line of its docstring as description."""

    def declare(run: Run) -> Run:
        name = run.__name__
        registry[name] = Fault(
            name,
            (run.__doc__ or "").partition("\n")[0],
            row,
            run,
            kinds,
            certain=certain,
            readable=readable,
            applies_itself=applies_itself,
            options=options,
        )
        return run

    return declare
