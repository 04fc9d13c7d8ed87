"""Lock the sign-in after failures: of a name at an address, of a name everywhere, and of an address.

The rows and their counts are those of django-axes, whose attempts know no window per bound: the bounds of
a name and of an address count the rows of its failure log. A lock is of passwords alone.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac

from poster_admin.common.client_ip import client_network

MOST_OF_NAME, NAME_TIME = 100, timedelta(hours=24)
"""Failures of one name from all addresses together: NIST SP 800-63B, 5.2.2."""
MOST_OF_ADDRESS, ADDRESS_TIME = 30, timedelta(minutes=15)
"""Failures from one address, whatever the names."""
PAIR_TIME = timedelta(hours=settings.AXES_COOLOFF_TIME)


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """Return the name that counts: of one that nobody has only a mark, since it may be a password."""
    name = (credentials or {}).get("username") or request.POST.get("username")
    if not name or ("\0" not in name and User.objects.filter(username=name).exists()):
        return name or None
    return "?" + salted_hmac("users.lockout", name, algorithm="sha256").hexdigest()[:32]


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of the pair, or as many as lock it where another bound is met."""
        if _ends(request, counted_name(request, credentials)):
            return int(settings.AXES_FAILURE_LIMIT)
        return int(super().get_failures(request, credentials))

    def clean_expired_user_attempts(self, *args: Any, **kwargs: Any) -> int:
        AccessFailureLog.objects.filter(attempt_time__lte=timezone.now() - NAME_TIME).delete()
        return int(super().clean_expired_user_attempts(*args, **kwargs))

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        name, address = counted_name(request, credentials), client_network(request)
        AccessFailureLog.objects.filter(username=name, ip_address=address).delete()
        return int(super().reset_user_attempts(request, credentials))

    def reset_attempts(
        self, *, ip_address: str | None = None, username: str | None = None, ip_or_username: bool = False
    ) -> int:
        """Lift locks, by a link to a new password, an owner, or the commands of axes."""
        which = Q(ip_address=ip_address) if ip_address else Q()
        of_name = Q(username=username) if username else Q()
        AccessFailureLog.objects.filter(which | of_name if ip_or_username else which & of_name).delete()
        count = super().reset_attempts(
            ip_address=ip_address, username=username, ip_or_username=ip_or_username
        )
        return int(count)


def _ends(request: HttpRequest, name: str | None) -> list[datetime]:
    """Return when the locks of this name, and of this address, end."""
    now, bounds = timezone.now(), []
    if not name:
        return []
    user = getattr(request, "user", None)
    # Strangers who guess at a name hinder nobody who is signed in by it: the address and the pair bind there.
    if user is None or user.get_username() != name:
        bounds.append((AccessFailureLog.objects.filter(username=name), MOST_OF_NAME, NAME_TIME))
    of_address = AccessFailureLog.objects.filter(ip_address=client_network(request) or None)
    bounds.append((of_address, MOST_OF_ADDRESS, ADDRESS_TIME))
    found = []
    for rows, most, span in bounds:
        times = rows.filter(attempt_time__gt=now - span).order_by("-attempt_time")
        found += [time + span for time in times.values_list("attempt_time", flat=True)[most - 1 : most]]
    return found


def answer(request: HttpRequest, _response: HttpResponse, credentials: dict[str, Any] | None) -> HttpResponse:
    """Answer under a lock: the same for a name that nobody has."""
    name = counted_name(request, credentials)
    pairs = AccessAttempt.objects.filter(username=name, ip_address=client_network(request) or None)
    times = pairs.order_by("-attempt_time").values_list("attempt_time", flat=True)[:1]
    now = timezone.now()
    # The rows may have gone meanwhile.
    until = max(_ends(request, name), default=None) or max(times, default=now) + PAIR_TIME
    response = render(request, "registration/locked.html", {"until": until}, status=429)
    response["Retry-After"] = str(max(1, round((until - now).total_seconds())))
    return response


def locked_names(names: Collection[str]) -> set[str]:
    """Return those of the names that are locked, everywhere or at one address."""
    now = timezone.now()
    everywhere: QuerySet[Any] = AccessFailureLog.objects.filter(attempt_time__gt=now - NAME_TIME)
    at_one: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gte=now - PAIR_TIME)
    everywhere = everywhere.order_by().values("username").annotate(failures=Count("pk"))
    at_one = at_one.order_by().values("username", "ip_address").annotate(failures=Sum("failures_since_start"))
    return {
        row["username"]
        for rows, most in ((everywhere, MOST_OF_NAME), (at_one, settings.AXES_FAILURE_LIMIT))
        for row in rows.filter(username__in=names, failures__gte=most)
    }
