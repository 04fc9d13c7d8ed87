"""Work for the time in which an answer is awaited: it costs the one who waits nothing."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self


class _Here(threading.local):
    def __init__(self) -> None:
        self.works: list[Meanwhile[Any]] = []


_here = _Here()


class Meanwhile[T]:
    """Something to be done in this thread while the next answer is awaited, as long as the block lasts.

    Call it for the result: where no answer had to be awaited, it is done then.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._results: list[T] = []

    def __enter__(self) -> Self:
        _here.works.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def __call__(self) -> T:
        self._leave()
        if not self._results:
            self._results.append(self._work())
        return self._results[0]

    def _leave(self) -> None:
        if self in _here.works:
            _here.works.remove(self)


def while_waiting() -> None:
    """Do what is there to be done: a request was sent, and its answer is not there yet."""
    for work in list(_here.works):
        # The exchange goes on, whatever is wrong here: who wants the result does it again, and hears of it.
        with suppress(Exception):
            work()
