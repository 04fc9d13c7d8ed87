"""Count how long this request has waited for Poster, for the Server-Timing header."""

import time
from contextvars import ContextVar


class PosterTime:
    """The seconds in which at least one call to Poster was under way."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0
        self._counted_until = 0.0

    def add(self, seconds: float) -> None:
        """Count a call that has just ended; calls may run side by side."""
        now = time.monotonic()
        self.seconds += min(seconds, now - self._counted_until)
        self.calls += 1
        self._counted_until = now


poster_time: ContextVar[PosterTime | None] = ContextVar("poster_time", default=None)
