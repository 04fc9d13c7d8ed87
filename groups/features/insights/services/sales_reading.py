"""Add up the sales of a large account in the background, once a day, and say how far that is.

A page reads the clients of a small account itself. For a large one it puts a task into the queue and shows
its progress; the sums are in the cache when the task is done.
"""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.tasks import task

from groups.features.insights.services import sales
from groups.features.insights.services.sales_sums import Sales
from groups.models import PosterCredentials
from groups.poster import ErrorReason, InvalidResponse, PosterError, Unreachable
from groups.services.calls.limits import busy
from groups.services.groups import list_groups
from groups.services.jobs.lease import stopping
from poster_admin.common.outages import ask_shared

log = logging.getLogger("groups.jobs")

QUEUE = "sales"
AT_ONCE, SECONDS_AT_ONCE = 10_000, 6.0
"""Clients, and seconds, up to which a page reads sales by itself."""
SHORTEST_TRY = 0.5
"""Seconds before the end from which on a failed call only says that the time was too short."""
QUICK_AT_ONCE, QUICK_SECONDS = 2_000, 3.0
"""Clients, and seconds, up to which a page reads sales that it only mentions."""
LONGEST_READING = 900.0
WAITS, IS_ALIVE, FAILED = 3600, 60, 60
"""Seconds that a task may wait for its turn, may read without a sign of life, and that a failure is told."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of an account's clients that have been read; `waiting` until a worker has begun."""

    read: int
    clients: int
    waiting: bool = True


def find_sales(credentials: PosterCredentials, days: int) -> Sales | Progress:
    """Return the sums of the last `days` days, or the progress of the task that adds them up.

    Raises `PosterError`.
    """
    found = sales.cached_sales(credentials, days)
    if found is not None:
        return found
    clients = _clients_of(credentials)
    if clients <= AT_ONCE and _noted(credentials, days) is None:
        until = time.monotonic() + SECONDS_AT_ONCE
        try:
            return sales.read_sales(credentials, days, within=SECONDS_AT_ONCE)
        except Unreachable as error:
            if error.reason == ErrorReason.BUSY or time.monotonic() < until - SHORTEST_TRY:
                raise
    return _in_background(credentials, days, clients)


def find_sales_later(credentials: PosterCredentials) -> Sales | Progress:
    """Return the sums of the last month if a page can have them in a moment, else the task's progress.

    Raises `PosterError`.
    """
    found = find_sales_quickly(credentials)
    if found is not None:
        return found
    return _in_background(credentials, sales.MONTH, _clients_of(credentials))


def find_sales_quickly(credentials: PosterCredentials) -> Sales | None:
    """Return the sums of the last month if they are known or read in a moment; else None."""
    found = sales.cached_sales(credentials, sales.MONTH)
    if found is not None:
        return found
    try:
        if _clients_of(credentials) > QUICK_AT_ONCE:
            return None
        return sales.read_sales(credentials, sales.MONTH, within=QUICK_SECONDS)
    except PosterError:
        return None  # the fragment that asks again says why


def _clients_of(credentials: PosterCredentials) -> int:
    return sum(group.clients for group in list_groups(credentials).groups)


def _in_background(credentials: PosterCredentials, days: int, clients: int) -> Progress:
    """Put the task into the queue unless it is there already. Raises the error that ended it a moment ago."""
    noted = _noted(credentials, days)
    if noted is None:
        sales.check_refusal(credentials)
        noted = Progress(0, clients)
        key = _key(credentials, days)
        # One process adds the note, and enqueues the task.
        added = ask_shared(lambda: cache.add(key, noted, timeout=WAITS), None)
        if added is None:
            raise busy()
        if added:
            try:
                add_up_sales.enqueue(credentials.pk, days, clients)
            except DatabaseError:
                ask_shared(lambda: cache.delete(key), None)
                raise
    if isinstance(noted, PosterError):
        raise noted
    return noted


@task(queue_name=QUEUE)
def add_up_sales(credentials_id: int, days: int, clients: int) -> None:
    """Add up the sales of an account, unless that was done today."""
    found = PosterCredentials.objects.select_related("account", "user").filter(pk=credentials_id).first()
    if found is None or not found.user.has_perm(sales.RIGHT) or sales.cached_sales(found, days):
        return
    try:
        with suppress(_Interrupted):
            _add_up(found, days, clients)
    except PosterError as error:
        log.warning("The sales of account %s were not added up: %s", found.account_id, error.reason)
        _note(found, days, error, FAILED)
    else:
        ask_shared(lambda: cache.delete(_key(found, days)), None)


class _Interrupted(Exception):
    """The worker is to stop; the next page that needs the sums enqueues the task again."""


def _add_up(credentials: PosterCredentials, days: int, clients: int) -> None:
    def note(read: int) -> None:
        if stopping.is_set():
            raise _Interrupted
        _note(credentials, days, Progress(read, max(read, clients), waiting=False), IS_ALIVE)

    until = time.monotonic() + LONGEST_READING
    note(0)
    for delay in (*settings.SALES_RETRY_PAUSES, None):
        try:
            sales.add_up(credentials, days, until=until, note=note)
        except (Unreachable, InvalidResponse):
            if delay is None or stopping.wait(delay):
                raise
        else:
            return


def _noted(credentials: PosterCredentials, days: int) -> Progress | PosterError | None:
    return ask_shared(lambda: cache.get(_key(credentials, days)), None)


def _note(credentials: PosterCredentials, days: int, value: Progress | PosterError, life: int) -> None:
    ask_shared(lambda: cache.set(_key(credentials, days), value, timeout=life), None)


def _key(credentials: PosterCredentials, days: int) -> str:
    return f"{sales.cache_key(credentials, days)}:reading"
