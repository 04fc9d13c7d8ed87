"""Count how long this request has waited for Poster, for the Server-Timing header."""

from contextvars import ContextVar


class PosterTime:
    """The seconds of all calls to Poster so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.calls += 1


poster_time: ContextVar[PosterTime | None] = ContextVar("poster_time", default=None)
