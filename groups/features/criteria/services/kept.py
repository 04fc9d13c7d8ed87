"""Keep for the day what a reading has shown beside its sums, and that somebody waits for one.

The spreads of a day serve every threshold that is typed, so that Poster is not asked again. No client is
named.
"""

from datetime import date

import msgspec
from django.core.cache import cache
from django.utils import timezone

from groups.features.criteria.services.previews import Spread
from groups.features.insights.services.sweep import DAY, kept_sums
from groups.models import PosterCredentials
from poster_admin.common.outages import ask_shared

ASKED = 60 * 60
"""Seconds for which a sweep of the workers judges an account whose preview somebody has asked for."""


def keep_spread(credentials: PosterCredentials, day: date, field: str, days: int, spread: Spread) -> None:
    """Keep where clients lie, as it was on the day of a reading."""
    key, encoded = _spread_key(credentials, day, field, days), msgspec.msgpack.encode(spread)
    ask_shared(lambda: cache.set(key, encoded, timeout=DAY), None)


def kept_spread(credentials: PosterCredentials, field: str, days: int) -> Spread | None:
    """Return where the clients of the table's groups lie, as it was read today; None if it was not."""
    return kept_sums(credentials, _spread_key(credentials, timezone.localdate(), field, days), Spread)


def _spread_key(credentials: PosterCredentials, day: date, field: str, days: int) -> str:
    return f"{_key(credentials, 'spread')}:{day}:{field}:{days}"


def keep_whether_sales(credentials: PosterCredentials, *, lack: bool) -> None:
    """Keep whether the token lacks the right to see sales."""
    ask_shared(lambda: cache.set(_key(credentials, "lacks-sales"), lack, timeout=DAY), None)


def lacks_sales(credentials: PosterCredentials) -> bool:
    """Return True if the last reading of the day has shown that the token may not see sales."""
    return bool(ask_shared(lambda: cache.get(_key(credentials, "lacks-sales")), False))


def ask_sweeps(credentials: PosterCredentials) -> None:
    """Let the next sweep of a worker judge the clients too."""
    ask_shared(lambda: cache.set(_key(credentials, "asked"), True, timeout=ASKED), None)


def are_sweeps_asked(credentials: PosterCredentials) -> bool:
    """Return True if somebody waits for a preview."""
    return bool(ask_shared(lambda: cache.get(_key(credentials, "asked")), False))


def _key(credentials: PosterCredentials, name: str) -> str:
    return f"criteria-{name}:{credentials.account_id}:{credentials.fingerprint}"
