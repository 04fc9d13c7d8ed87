"""Slow down password guessing from any source, without locking colleagues out.

django-axes locks a name from a network after five failures, which a change of the address circumvents. So
failures are also counted for the name alone, and for the network over all names: once one of the counts has
reached its limit, each further failure begins a pause, twice as long as the one before. During the pause
every attempt is answered with the seconds that are left; no thread waits. A browser that has signed in as
that user has a count of its own: OWASP's device cookies.

A failure is counted under the lock of its rows, and the answer is given only if there is no pause then. So
many guesses at once, over any number of processes, get no more answers than guesses one after another.

Source: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from poster_admin.common.client_ip import client_network
from poster_admin.common.deadlines import is_past
from poster_admin.users import security_log
from poster_admin.users.models import Event, FailureCount
from poster_admin.users.sign_in import browsers
from poster_admin.users.sign_in.errors import DirectoryAway, SlowedDown

LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Limit:
    """Failures allowed at once, and as many again over the time; beyond them a pause that grows."""

    failures: int
    over: timedelta
    first_pause: timedelta = timedelta(seconds=1)

    def count(self, row: FailureCount, now: datetime) -> timedelta | None:
        """Count one more failure; return the pause that it begins, or None."""
        each = self.over / self.failures
        row.forgotten_at = max(row.forgotten_at, now) + each
        beyond = math.ceil((row.forgotten_at - now) / each) - self.failures
        if beyond < 0:
            return None
        # No first pause doubles more than ten times before it is the longest one; far more would overflow.
        pause: timedelta = min(self.first_pause * 2 ** min(beyond, 10), LONGEST_PAUSE)
        row.opens_at = now + pause
        return pause


HOUR = timedelta(hours=1)
# Pause for guesses that come at once: axes lets all of them pass before it counts the first one. The pause
# lets the first five get their answers.
NAME_AND_NETWORK = Limit(
    settings.AXES_FAILURE_LIMIT,
    timedelta(hours=settings.AXES_COOLOFF_TIME),
    first_pause=timedelta(seconds=30),
)
# Links to a new password: more than a person needs, and fewer than would annoy its owner.
RESETS_OF_ADDRESS = Limit(3, HOUR, first_pause=timedelta(minutes=5))
RESETS_OF_NETWORK = Limit(20, HOUR)
# Links that set the dashboard up: nobody mistypes as many.
SETUPS_OF_NETWORK = Limit(20, HOUR, first_pause=timedelta(minutes=5))
LIMITS = {"name": Limit(20, HOUR), "browser": Limit(20, HOUR), "network": Limit(60, HOUR)}


class Attempt:
    """A password that is about to be checked, and the counts to which its failure would be added."""

    def __init__(self, request: HttpRequest, name: str) -> None:
        self._request, self._name = request, name
        network = client_network(request)
        browser = browsers.known(request, name)
        # A directory knows a person under any case of the name.
        name = name.casefold()
        falls_under = {"browser": (browser, name)} if browser else {"name": (name,), "network": (network,)}
        self._both = _key("both", name, network)
        self._kinds = {self._both: ""} | {_key(kind, *of): kind for kind, of in falls_under.items()}

    def check(self) -> None:
        """Raise `SlowedDown` during a pause."""
        _raise_for(FailureCount.objects.filter(key__in=self._kinds), timezone.now())

    def succeeded(self) -> None:
        """Accept a right password, unless a pause began meanwhile; reset the counts that axes resets."""
        self.check()
        FailureCount.objects.filter(key=self._both).delete()

    def failed(self) -> None:
        """Count a wrong password. Raises `SlowedDown` if other failures began a pause meanwhile."""
        limits = {key: LIMITS.get(kind, NAME_AND_NETWORK) for key, kind in self._kinds.items()}
        for key, pause in _count(limits).items():
            kind = self._kinds[key]
            if kind and pause:
                user = User.objects.filter(username=self._name).first()
                detail = f"{kind} {pause.seconds} s"
                security_log.record(Event.SLOWED, request=self._request, user=user, name="?", detail=detail)


class PasskeyAttempt(Attempt):
    """A passkey that is about to be checked: it names nobody yet, so its failure counts for the network."""

    def __init__(self, request: HttpRequest) -> None:
        self._request, self._name = request, ""
        self._kinds = {_key("network", client_network(request)): "network"}


class PasswordBackend(ModelBackend):
    """Check a password, here and then with the company's directory, and count failures."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if request is None or username is None or password is None:
            return None
        attempt = Attempt(request, username)
        attempt.check()
        user: User | None = super().authenticate(request, username, password)
        if user is None and settings.LDAP_URL:
            from poster_admin.users.sign_in import directory  # noqa: PLC0415 - its packages are an extra

            # Ask for each name that did not sign in here, so that nobody learns which names are known here.
            try:
                user = directory.authenticate(request, username, password)
            except DirectoryAway:
                # It was a guess of a password that is kept here nevertheless.
                attempt.failed()
                raise
        if user is None:
            attempt.failed()
            # The next backends would hash the password again.
            raise PermissionDenied
        attempt.succeeded()
        return user


def count_reset(request: HttpRequest, address: str) -> None:
    """Count a request for a link to a new password. Raises `SlowedDown` if there were too many."""
    network = client_network(request)
    _count(
        {
            _key("reset by network", network): RESETS_OF_NETWORK,
            _key("reset for address", address.casefold()): RESETS_OF_ADDRESS,
        }
    )


def count_setup(request: HttpRequest) -> None:
    """Count a wrong link to set the dashboard up. Raises `SlowedDown` if there were too many."""
    _count({_key("setup by network", client_network(request)): SETUPS_OF_NETWORK})


def forgive(request: HttpRequest, name: str) -> None:
    """Delete the counts of a name whose user has just chosen a new password: old guesses are worth nothing.

    The count of a browser ends with the password on its own; that of the network may be about other names.
    """
    name = name.casefold()
    keys = _key("both", name, client_network(request)), _key("name", name)
    FailureCount.objects.filter(key__in=keys).delete()


def _count(limits: Mapping[str, Limit]) -> dict[str, timedelta | None]:
    """Count one more for each key; return the pauses that begin. Raises `SlowedDown` during a pause."""
    with transaction.atomic():
        now = timezone.now()
        new = [FailureCount(key=key, forgotten_at=now, opens_at=now) for key in sorted(limits)]
        # Only an existing row can be locked; all are locked in one order, so that no deadlock can occur.
        FailureCount.objects.bulk_create(new, ignore_conflicts=True)
        rows = list(FailureCount.objects.select_for_update().filter(key__in=limits).order_by("key"))
        now = timezone.now()
        _raise_for(rows, now)
        pauses = {row.key: limits[row.key].count(row, now) for row in rows}
        FailureCount.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["forgotten_at", "opens_at"],
        )
        # Delete expired counts, except those that another process holds locked.
        over = FailureCount.objects.filter(forgotten_at__lt=now).select_for_update(skip_locked=True)
        FailureCount.objects.filter(key__in=list(over.values_list("key", flat=True))).delete()
    return pauses


def _key(*parts: str) -> str:
    """Return the key of a count, as a digest: an unknown name may be a mistyped password."""
    return salted_hmac("users.failures", "\0".join(parts), algorithm="sha256").hexdigest()


def _raise_for(rows: Iterable[FailureCount], now: datetime) -> None:
    closed = [row.opens_at for row in rows if not is_past(row.opens_at, ahead=LONGEST_PAUSE)]
    if closed:
        raise SlowedDown(math.ceil((max(closed) - now).total_seconds()))
