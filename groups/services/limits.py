"""The way to Poster: no more than POSTER_MAX_CONCURRENCY calls of an account at once, and a bounded queue."""

import time
from collections.abc import Mapping

from django.conf import settings
from django.db import connection

from groups.poster import Timeouts, Transport, Unreachable
from groups.poster.transport import Answer, Failure
from poster_admin.common.limits.account_limiter import AccountLimiter
from poster_admin.common.limits.semaphore import NoSlot, slot

# So many threads of a process wait for Poster at most: `common.threaded` has 16 more for other pages.
IN_ALL = 48
# A person has as many places as a browser has connections, or a job calls. An account has six for each call
# that may be under way: with more of them all waited longer, and as many were turned away in the end.
limiter = AccountLimiter(
    in_all=IN_ALL,
    of_person=max(6, settings.POSTER_MAX_CONCURRENCY + 2),
    of_account=6 * settings.POSTER_MAX_CONCURRENCY,
)
# Of the time that a call has left, the part that it may wait for its turn.
SHARE_FOR_WAITING = 0.5
LEASE_MARGIN = 5.0


class LimitedTransport(Transport):
    """The transport of this process, with the account's turn to be waited for before each exchange."""

    def __init__(self, transport: Transport, account: str, person: int) -> None:
        self._transport = transport
        self._account = account
        self._person = person

    def close(self) -> None:
        """Leave the connections to the others: they are the process's."""

    def exchange(
        self,
        verb: str,
        url: str,
        *,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        timeouts: Timeouts,
        deadline: float,
    ) -> Answer | Failure:
        left = max(0.0, deadline - time.monotonic())
        release_database()
        try:
            with (
                limiter.entered(self._person, account=self._account),
                slot(
                    f"{settings.POSTER_API_URL} {self._account}",
                    settings.POSTER_MAX_CONCURRENCY,
                    wait=left * SHARE_FOR_WAITING,
                    lease=left + LEASE_MARGIN,
                ),
            ):
                return self._transport.exchange(
                    verb, url, params=params, form=form, timeouts=timeouts, deadline=deadline
                )
        except NoSlot:
            return Failure("busy", sent=False, retryable=False)


def release_database() -> None:
    """Give PostgreSQL's connection back to the pool: other threads need it while this one waits."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


def busy() -> Unreachable:
    """Return the error of a caller that did not get a turn."""
    return Unreachable("too many are asking", reason="busy", sent=False, retryable=False)
