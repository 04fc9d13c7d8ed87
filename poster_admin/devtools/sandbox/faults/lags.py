"""Lags: well-formed answers that are untrue for a while, as from a lagging replica or counter."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from poster_admin.devtools.sandbox.accounts.replica import Lag, What
from poster_admin.devtools.sandbox.faults.fault import LIST, ROWS, Exchange, Fault
from poster_admin.devtools.sandbox.http.exchange import Kind, SandboxAnswer

LAGS: dict[str, Fault] = {}

_DRAW = {"chance": 1.0, "seed": 1}
_WHICH = {"ids": None, "share": 1.0, **_DRAW}
_SINCE = {"writes": None, "seconds": None, **_WHICH}


def _answer(exchange: Exchange) -> SandboxAnswer:
    return exchange.answer


def _declare(
    name: str, what: What, options: Mapping[str, Any], text: str, kinds: frozenset[Kind] = ROWS
) -> None:
    LAGS[name] = Fault(name, text, 0, _answer, kinds, options=options, lag=partial(Lag, what=what))


_declare("behind", "rows", _SINCE, "Answer as before the last write, or the writes of so many `seconds`.")
_declare(
    "members_behind",
    "members",
    _SINCE,
    "Answer a list of one group's clients as before the last write; other lists are true.",
    LIST,
)
_declare("newest_unseen", "new", _SINCE, "Answer without the rows that came with the last write.")
_declare("count_behind", "count", _SINCE, "Answer the count of clients of before their last write.")
_declare("count_zero", "zero", _WHICH, "Answer a count of no clients.")
_declare(
    "row_absent", "absent", _WHICH, "Leave out the newest row of a list, or say that the one is not there."
)
_declare("page_repeats", "repeated", _DRAW, "Begin a page of clients with the one before it again.", LIST)
_declare("page_skips", "skipped", _DRAW, "Leave out the first client of a page; the next ones move up.", LIST)
