"""Collect the work that workers repeat, the queues they empty, and the rows that `manage.py prune` deletes.

The core and the features add theirs as the process starts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

type FindAccounts = Callable[[], Iterable[str]]
"""Returns the names of the accounts that have work now."""


@dataclass(frozen=True, slots=True)
class Routine:
    """A step that each worker repeats in a thread of its own, `pause` seconds after its end.

    With `accounts` it has a thread for each of the accounts that have work now, and `step` takes the name of
    one: so no account waits for the Poster of another one.
    """

    name: str
    step: Callable[..., Any]
    pause: float
    accounts: FindAccounts | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows whose time is over: their name in the output, and the function that deletes and counts them."""

    name: str
    forget: Callable[[], int]


routines: list[Routine] = []
pruned: list[Pruned] = []
queues: list[str] = []
"""Names of task queues beside that of the jobs, each emptied by threads of its own."""
