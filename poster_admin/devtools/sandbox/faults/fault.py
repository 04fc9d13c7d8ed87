"""What a fault is, and how one is declared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from poster_admin.devtools.sandbox.exchange import Answer, Exchange, Kind

if TYPE_CHECKING:
    from poster_admin.devtools.sandbox.replica import Lag

type Certain = Literal["applied", "not_applied", "by_when"]
type Run = Callable[[Exchange], Answer | None]

ANY: frozenset[Kind] = frozenset({"list", "get", "write", "settings"})
READS: frozenset[Kind] = frozenset({"list", "get", "settings"})
ROWS: frozenset[Kind] = frozenset({"list", "get"})
LIST: frozenset[Kind] = frozenset({"list"})
GET: frozenset[Kind] = frozenset({"get"})
WRITE: frozenset[Kind] = frozenset({"write"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong between Poster and its client.

    `row` is the number of its row in the catalogue of faults, 0 where it has none. `kinds` are the calls it
    is made for. `certain` says what becomes of a write: `applied` or `not_applied` whatever was scripted, or
    `by_when`. `readable` is true where the answer is odd but a careful client still reads the right thing
    from it.
    `options` are the names and defaults of what `script()` takes beside its own arguments.

    `run` gets the honest answer and returns the one to send, or says itself what is to be said on the
    wire and returns None. `applies_itself` leaves the write to `run`; `before` is done ahead of the call.
    `lag` makes the honest answer itself one of a replica, of the options that the fault was scripted with.
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
    """Declare a function as a fault: its name and the first line of its docstring are the fault's."""

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
