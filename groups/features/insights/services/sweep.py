"""Read all clients of an account once, page by page, for everybody who counts them.

A page of the dashboard reads a small account itself, for the sums that it shows. For a large one it makes a
row that is due, one for each account and token, and shows its progress. A worker feeds the clients to all
listeners that are registered, so the sums of every page are in the cache when it is done. Sums are all that
is kept, and never anything of a client.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from groups.features.insights.models import Sweep
from groups.models import Job, PosterAccount, PosterCredentials
from groups.models.leases import Columns
from groups.poster import ClientList, ErrorReason, InvalidResponse, NotAllowed, PosterError, Unreachable
from groups.services.clients import pages_of
from groups.services.due import Later, Turn, run_due
from groups.services.gateway import busy, single_flight
from groups.services.groups import list_groups
from groups.services.installation.maintenance import routine
from poster_admin.common.outages import ask_shared

log = logging.getLogger("groups.jobs")

PAGE_SIZE = 1_999
"""Clients that one call reads; with the client by which pages overlap that is 2,000."""
AT_ONCE = 2_000
"""Clients up to which a page reads an account itself."""
SECONDS_AT_ONCE, QUICK_SECONDS = 6.0, 3.0
"""Seconds up to which it does so for sums that were requested, and for those that it only mentions."""
SHORTEST_TRY = 0.5
"""Seconds before the end from which on a failed call only says that the time was too short."""
LONGEST_SWEEP = 900.0
TRIES = 4
FAILED = 60
"""Seconds for which pages show a failure instead of asking for another sweep."""
DAY = 24 * 60 * 60
PROVISIONAL_LIFE = 90
"""Seconds for which a sum is kept that was read amid moves: so a long job does not cost a reading a move."""


def kept_sums[T](credentials: PosterCredentials, key: str, sums_type: type[T]) -> T | None:
    """Return what the cache keeps; nothing for a token that was refused."""
    kept = None if credentials.refused_at else ask_shared(lambda: cache.get(key), None)
    try:
        return msgspec.msgpack.decode(kept, type=sums_type) if kept else None
    except msgspec.DecodeError:
        return None  # an earlier version of this program has kept it


class Listener[T](ABC):
    """Adds up something of all clients of an account; the sums are kept until a move, or for the day.

    They are kept by account, token and day, by who is in which group, and by `about`, all else that they
    depend on. The key is that of the moment when the listener is made: a move that is made meanwhile leaves
    the sums unused. A listener serves one sweep.
    """

    name: ClassVar[str]
    sums_type: type[T]
    sums: T
    """The sums, once a sweep has gone through without a `failure`."""
    days = 0
    """The period of the sales; 0 leaves it to the listener of sales."""

    def __init__(self, credentials: PosterCredentials, about: object) -> None:
        self.credentials = credentials
        # Not settled while a job moves clients, and for POSTER_LAG_SECONDS after each move: until then a read
        # may show the groups of before. It is read from the database each time: otherwise a job or a long
        # reading would go on with an earlier one.
        kinds = [name for name, kind in Job.registered.items() if kind.moves_clients]
        at_work = Job.objects.filter(account=credentials.account_id, state=Job.State.RUNNING, kind__in=kinds)
        job_id = at_work.values_list("pk", flat=True).first()
        account = PosterAccount.objects.values_list("moves", "moved_at")
        moves, moved_at = account.get(pk=credentials.account_id)
        lag = timedelta(seconds=settings.POSTER_LAG_SECONDS)
        self.is_settled = not job_id and (moved_at is None or moved_at <= timezone.now() - lag)
        members = f"job-{job_id}" if job_id else f"moves-{moves}{'' if self.is_settled else '-lag'}"
        self.as_of = timezone.now()
        self.failure: PosterError | None = None
        token = f"{credentials.account_id}:{credentials.fingerprint}"
        self.key = f"sums:{self.name}:{token}:{timezone.localdate()}:{members}:{about}"
        self.failure_key = f"sums:{self.name}:{token}:failed"

    def begin(self, until: float, alive: Callable[[], object]) -> None:  # noqa: B027 - most have nothing to do
        """Make the calls that come before those for clients.

        All calls of the listener end before `until`; `alive` is called after each one.
        """

    @abstractmethod
    def add(self, page: ClientList) -> None:
        """Add one page of clients, removed ones too."""

    @abstractmethod
    def done(self) -> T:
        """Return the sums, without anything of one client."""

    def kept(self) -> T | None:
        return kept_sums(self.credentials, self.key, self.sums_type)

    def keep(self, sums: T) -> None:
        self.sums = sums
        encoded = msgspec.msgpack.encode(sums)
        life = DAY if self.is_settled else PROVISIONAL_LIFE
        ask_shared(lambda: cache.set(self.key, encoded, timeout=life), None)

    def forget(self) -> None:
        ask_shared(lambda: cache.delete_many([self.key, self.failure_key]), None)

    def note_failure(self) -> None:
        """Remember the failure for a minute, so that no page tries again; a later one adds no time."""
        ask_shared(lambda: cache.add(self.failure_key, self.failure, timeout=FAILED), None)

    def check_failure(self) -> None:
        if failure := ask_shared(lambda: cache.get(self.failure_key), None):
            raise failure


type MakeListener = Callable[[PosterCredentials, int], Listener[Any] | None]

_makers: list[MakeListener] = []


def add_listener[M: MakeListener](make: M) -> M:
    """Let a listener hear the sweeps of the workers; `make` returns None if the user may not see its sums.

    It takes credentials, and the period of sales that was requested: see `Listener.days`.
    """
    _makers.append(make)
    return make


# --- Asking ------------------------------------------------------------------------------------------------


def find_sums[T](listener: Listener[T], *, within: float = SECONDS_AT_ONCE) -> T | Sweep:
    """Return the sums, or the sweep that adds them up: one for the account and token, made by a worker.

    A small account is read now, in at most `within` seconds; a sweep is for what takes longer. Raises
    `PosterError`, also the one that has ended the sweep a moment ago.
    """
    if (found := listener.kept()) is not None:
        return found
    credentials = listener.credentials
    under_way = Sweep.objects.filter(
        credentials__account=credentials.account_id, credentials__fingerprint=credentials.fingerprint
    ).first()
    if under_way is None and is_small(credentials):
        until = time.monotonic() + within
        try:
            return read_sums(listener, within=within)
        except Unreachable as error:
            if error.reason == ErrorReason.BUSY or time.monotonic() < until - SHORTEST_TRY:
                raise
    listener.check_failure()
    if under_way is not None:
        return under_way
    probe = f"{listener.key}:probe"
    ask_shared(lambda: cache.set(probe, value=True, timeout=FAILED), None)
    if not ask_shared(lambda: cache.get(probe), None):
        raise busy()  # the cache keeps nothing: each request would ask for a sweep, and find no sums
    about = {"days": listener.days, "clients": list_groups(credentials).totals.clients}
    return Sweep.objects.get_or_create(credentials=credentials, defaults=about)[0]


def find_sums_quickly[T](listener: Listener[T]) -> T | None:
    if (found := listener.kept()) is not None:
        return found
    try:
        return read_sums(listener, within=QUICK_SECONDS) if is_small(listener.credentials) else None
    except PosterError:
        return None  # the fragment that asks again says why


def read_sums[T](listener: Listener[T], *, within: float = 0) -> T:
    """Return the sums; sweep for them now if none are kept.

    Threads that ask at the same time share one sweep. Raises `PosterError`, among them
    `Unreachable` with the reason "deadline" if it takes longer than `within` seconds.
    """
    if (found := listener.kept()) is not None:
        return found
    read = partial(read_now, listener, seconds=within or settings.POSTER_READ_DEADLINE)
    return single_flight(listener.key, listener.credentials.user_id, read)


def read_now[T](
    listener: Listener[T], *, seconds: float, note: Callable[[int], object] = lambda _read: None
) -> T:
    """Sweep for one listener, and return its sums; `note` is called after each call. Raises its failure."""
    sweep([listener], until=time.monotonic() + seconds, note=note)
    if listener.failure is not None:
        raise listener.failure
    return listener.sums


def is_small(credentials: PosterCredentials) -> bool:
    """Return True if a page can read the account in a moment. Raises `PosterError`."""
    return list_groups(credentials).totals.clients <= AT_ONCE


# --- Sweeping ----------------------------------------------------------------------------------------------


def sweep(
    listeners: Sequence[Listener[Any]], *, until: float, note: Callable[[int], object] = lambda _read: None
) -> None:
    """Read all clients, feed each page to all listeners, and let each keep its sums.

    A listener whose own calls fail leaves the sweep to the others; its error is its `failure`, as that of the
    clients is everybody's. `note` is called with the number of clients read, after each call.
    """
    read = 0

    def alive() -> None:
        note(read)

    for each in listeners:
        with _failing_alone(each):
            each.check_failure()
            each.begin(until, alive)
    listening = [each for each in listeners if each.failure is None]
    if not listening:
        return
    with _failing_alone(*listening):
        for page in pages_of(listening[0].credentials, None, size=PAGE_SIZE, until=until):
            for each in listening:
                each.add(page)
            read += page.size
            alive()
    for each in listening:
        with _failing_alone(each):
            if each.failure is None:
                each.keep(each.done())


@contextmanager
def _failing_alone(*listeners: Listener[Any]) -> Iterator[None]:
    """Make an error of Poster's the failure of these listeners, and remember that a token is not allowed."""
    try:
        yield
    except PosterError as error:
        for each in listeners:
            each.failure = error
            if isinstance(error, NotAllowed):
                each.note_failure()


# --- In the background -------------------------------------------------------------------------------------


def accounts_due() -> list[str]:
    return list(Sweep.objects.due().values_list("credentials__account", flat=True).distinct())


@routine("sweeps", pause=1.0, for_each=accounts_due)
def sweep_due(account: str) -> None:
    rows = Sweep.objects.filter(credentials__account=account)
    run_due(rows.select_related("credentials"), sweep_for_all)


def sweep_for_all(turn: Turn[Sweep]) -> Columns:
    """Let all listeners hear a sweep; what may pass is tried again, else pages show the failure."""
    row, credentials = turn.row, turn.credentials

    def note(read: int) -> None:
        turn.renew(read=read, clients=max(read, row.clients))

    note(0)
    made = [make(credentials, row.days) for make in _makers]
    listeners = [each for each in made if each is not None and each.kept() is None]
    sweep(listeners, until=time.monotonic() + LONGEST_SWEEP, note=note)
    failed = [(each, each.failure) for each in listeners if each.failure is not None]
    passing = any(isinstance(failure, Unreachable | InvalidResponse) for _each, failure in failed)
    if passing and row.tries < TRIES - 1:
        raise Later
    for each, failure in failed:
        words = "The %s of account %s were not added up: %s"
        log.warning(words, each.name, credentials.account_id, failure.reason)
        each.note_failure()
    return {"next_at": None}
