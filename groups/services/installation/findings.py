"""Say in which state a part of an installation was found; features add the parts that they need."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Good, soon not good, or not good."""

    GOOD = "ok"
    WARNING = "warning"
    BAD = "FAILS"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of an installation, and what was found there."""

    part: str
    state: State
    words: str


type Found = Iterator[tuple[State, str]]
type Examine = Callable[[], Found]

parts_of_features: list[tuple[str, Examine]] = []
"""Names of parts, each with the function that yields what it finds there."""
