"""Bound how often within an hour something that sends a mail, or tries a token, is done for one origin."""

import time

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from poster_admin.common.client_ip import client_network
from poster_admin.users.sign_in.errors import SlowedDown

HOUR = 3600
# Links to a new password: more than a person needs, and fewer than would annoy the owner of the address.
RESETS_OF_ADDRESS = 3
RESETS_OF_NETWORK = 20
# Wrong links that set the dashboard up: nobody mistypes as many.
SETUPS_OF_NETWORK = 20


def count_reset(request: HttpRequest, address: str) -> None:
    """Count a request for a link to a new password. Raises `SlowedDown` if there were too many."""
    _count("reset by network", client_network(request), RESETS_OF_NETWORK)
    _count("reset for address", address.casefold(), RESETS_OF_ADDRESS)


def count_setup(request: HttpRequest) -> None:
    """Count a wrong link to set the dashboard up. Raises `SlowedDown` if there were too many."""
    _count("setup by network", client_network(request), SETUPS_OF_NETWORK)


def _count(kind: str, origin: str, most: int) -> None:
    now, key = time.time(), salted_hmac("users.rates", f"{kind} {origin}", algorithm="sha256").hexdigest()
    times = [each for each in cache.get(key, ()) if each > now - HOUR]
    if len(times) >= most:
        raise SlowedDown(round(times[0] + HOUR - now))
    cache.set(key, [*times, now], HOUR)
