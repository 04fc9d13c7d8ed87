"""Examine an installation: each part that it needs, in one line with its state."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.utils import timezone

from groups.models import PosterAccount, WorkerHeartbeat
from groups.poster import Failure, Timeouts, api_url
from groups.services.gateway import new_transport
from groups.services.installation.findings import Examine, Finding, Found, State, parts_of_features
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.common.encryption import examine_keys
from poster_admin.common.outages import first_line
from poster_admin.common.serving.server import own_session, sqlite_file
from poster_admin.users import sso
from poster_admin.users.sign_in.errors import CompanyServiceUnusable

# A second factor shows a new code every 30 seconds, and accepts the codes of one step around.
CLOCK_WARNING = timedelta(seconds=10)
CLOCK_WRONG = timedelta(seconds=30)
CERTIFICATE_WARNING = timedelta(days=14)
DISK_WARNING, DISK_FULL = 0.1, 0.02
ACCOUNTS_ASKED = 5
# Poster's own page stands for an account while none is connected.
NO_ACCOUNT = "www"


_parts: list[tuple[str, Examine]] = []


def _part(name: str) -> Callable[[Examine], Examine]:
    """Examine a part of this name too, behind those before it."""

    def add(look: Examine) -> Examine:
        _parts.append((name, look))
        return look

    return add


def examine() -> Iterator[Finding]:
    """Look at one part after another; one that fails does not keep the others from being looked at."""
    *parts, disk = _parts
    for part, look in (*parts, *parts_of_features, disk):
        try:
            for state, words in look():
                yield Finding(part, state, words)
        except Exception as error:  # noqa: BLE001 - each part has errors of its own, and one may not hide the others
            yield Finding(part, State.BAD, first_line(error))


@_part("database")
def _database() -> Found:
    path = sqlite_file(DEFAULT_DB_ALIAS)
    if path and not path.exists():
        yield State.BAD, f"there is no file {path}: a start makes one, or manage.py migrate"
        return
    with own_session(DEFAULT_DB_ALIAS) as cursor:
        cursor.execute("SELECT 1")
    version = ".".join(map(str, connection.get_database_version()))
    yield State.GOOD, f"{connection.display_name} {version} answers"


@_part("migrations")
def _migrations() -> Found:
    if unknown := unknown_migrations():
        yield State.BAD, f"this version is older than the database, which has {', '.join(unknown)}: upgrade"
    elif missing := missing_migrations("default"):
        yield State.BAD, f"{missing} are missing: a start makes them, or manage.py migrate"
    else:
        yield State.GOOD, "none is missing"


@_part("cache")
def _cache() -> Found:
    mark = str(time.monotonic())
    cache.set("doctor", mark, timeout=10)
    if cache.get("doctor") != mark:
        yield State.BAD, "a value that was just stored is not there"
    else:
        yield State.GOOD, f"{settings.CACHES['default']['BACKEND'].rpartition('.')[2]} answers"


@_part("worker")
def _worker() -> Found:
    alive = WorkerHeartbeat.objects.alive().count()
    if alive:
        yield State.GOOD, f"{alive} seen in the last minute"
        return
    last = WorkerHeartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
    seen = f"since {timezone.localtime(last):%F %T}" if last else "in the last hour"
    yield State.BAD, f"none was seen {seen}: jobs and changes without an answer wait"


@_part("keys")
def _keys() -> Found:
    report = examine_keys()
    if report is None:
        raise DatabaseError("the stored secrets cannot be read")
    yield State.BAD if report.lost else State.GOOD, str(report)


@_part("people")
def _people() -> Found:
    """Look for an Administrator: owners manage the people of their own account alone."""
    administrators = User.objects.filter(is_superuser=True, is_active=True).count()
    if administrators:
        yield State.GOOD, f"{administrators} may manage everybody"
    elif User.objects.exists():
        yield State.WARNING, "nobody is an Administrator: manage.py createsuperuser makes one"


@_part("Poster")
def _poster() -> Found:
    """Connect to the address of each account, and hold its clock against this machine's."""
    transport = new_transport()
    names = list(PosterAccount.objects.order_by("pk").values_list("pk", flat=True)[:ACCOUNTS_ASKED])
    addresses = {api_url(settings.POSTER_API_URL, name) for name in names or [NO_ACCOUNT]}
    limits = Timeouts(settings.POSTER_CONNECT_TIMEOUT, settings.POSTER_READ_TIMEOUT)
    # The host alone: the address of the proxy may hold a password.
    proxy = urlsplit(settings.POSTER_PROXY).hostname if settings.POSTER_PROXY else ""
    way = f", through the proxy {proxy}" if proxy else ""
    for address in sorted(addresses):
        host, started = urlsplit(address).netloc, time.monotonic()
        probe = transport.probe(address, limits)
        if isinstance(probe, Failure):
            yield State.BAD, f"{host} is not reached: {probe.detail or probe.reason.replace('_', ' ')}{way}"
            continue
        yield State.GOOD, f"{host} answers after {_since(started)}{way}"
        yield from _certificate(host, probe.certificate_until)
        if probe.date:
            yield from _drift(f"the clock of {host}", parsedate_to_datetime(probe.date))
    transport.close()


def _certificate(host: str, until: datetime | None) -> Found:
    if until is None:
        yield State.WARNING, f"{host} has no TLS: it is on this machine"
        return
    left = until - timezone.now()
    state = State.WARNING if left < CERTIFICATE_WARNING else State.GOOD
    yield state, f"the certificate of {host} ends on {until:%F}, in {left.days} days"


def _since(started: float) -> str:
    return f"{(time.monotonic() - started) * 1000:.0f} ms"


@_part("directory")
def _directory() -> Found:
    """Sign in to the company's directory as each sign-in of a person does."""
    if not settings.LDAP_URL:
        return
    from poster_admin.users.sign_in import directory  # noqa: PLC0415 - its packages are an extra

    host, started = urlsplit(settings.LDAP_URL).netloc, time.monotonic()
    try:
        until = directory.examine()
    except CompanyServiceUnusable as error:
        yield State.BAD, f"{host} does not help: {error}"
        return
    yield State.GOOD, f"{host} answers after {_since(started)}, and the branches are there"
    yield from _certificate(host, until)


@_part("OpenID")
def _company() -> Found:
    """Find the provider of OpenID Connect, and its keys, as each sign-in does."""
    if not settings.OIDC_ENABLED:
        return
    host, started = urlsplit(settings.OIDC_ISSUER).netloc, time.monotonic()
    try:
        keys = sso.examine()
    except CompanyServiceUnusable as error:
        yield State.BAD, f"{host} does not help: {error}"
        return
    yield State.GOOD, f"{host} answers after {_since(started)}, and has {keys} keys"


@_part("clock")
def _clock() -> Found:
    yield State.GOOD, f"{timezone.localtime():%F %T} {settings.TIME_ZONE}"
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP")  # the ORM asks for it only beside a row
            yield from _drift("the clock of the database", cursor.fetchone()[0])


def _drift(name: str, there: datetime) -> Found:
    apart = abs(timezone.now() - there)
    state = State.BAD if apart > CLOCK_WRONG else State.WARNING if apart > CLOCK_WARNING else State.GOOD
    yield state, f"{name} is {apart.total_seconds():.0f} s from this machine's"


@_part("disk")
def _disk() -> Found:
    folders = {settings.VAR_DIR}
    if connection.vendor == "sqlite":
        folders.add(Path(connection.settings_dict["NAME"]).parent)
    for folder in sorted(folders):
        usage = shutil.disk_usage(folder)
        share = usage.free / usage.total
        state = State.BAD if share < DISK_FULL else State.WARNING if share < DISK_WARNING else State.GOOD
        yield state, f"{usage.free / 1024**3:.1f} GB of {folder} are free, {share:.0%}"
