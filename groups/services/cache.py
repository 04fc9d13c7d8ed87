"""Cache what was read from an account, for those who have the same token, until the next write in it.

The cache is Django's, by default one in files that all processes of the machine share. With a cache in each
process, each would ask Poster again, and a page could be older than the page before it. A cache in the
database would cost a commit for each entry.
"""

import math
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from groups.models import PosterCredentials
from poster_admin.common.outages import ask_shared


def cache_key(credentials: PosterCredentials, what: str, *, of_groups: bool = True) -> str:
    """Return a cache key that changes with the account, the token, and each write in the account.

    Without `of_groups` the value is nothing that a write changes, and outlives it.
    """
    writes = credentials.account.writes if of_groups else "any"
    return f"poster:{credentials.account_id}:{credentials.fingerprint}:{writes}:{what}"


def cached(key: str) -> tuple[Any, datetime] | None:
    """Return the cached value and the time it was read, if it is young enough.

    The age is checked here because caches expire entries by whole seconds only.
    """
    longest = timedelta(seconds=settings.POSTER_CACHE_SECONDS)
    found = ask_shared(lambda: cache.get(key), None) if longest else None
    return found if found and timezone.now() - found[1] < longest else None


def keep_cached(key: str, value: Any, as_of: datetime) -> None:
    life = math.ceil(settings.POSTER_CACHE_SECONDS)
    if life:
        ask_shared(lambda: cache.set(key, (value, as_of), timeout=life), None)
