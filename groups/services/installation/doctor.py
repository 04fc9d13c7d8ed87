"""Examine an installation: each part that it needs, in one line with its state and what to do about it.

In `manage.py doctor` the lines are English. Features add the parts that they need.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.core.mail import mailers
from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from groups.models import PosterAccount, WorkerHeartbeat
from groups.poster import Probe, Timeouts, TransportFailure, api_url
from groups.services.gateway import new_transport
from groups.services.groups import unknown_fields_key
from groups.services.values import percent_words
from poster_admin import VERSION
from poster_admin.common import backups
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.common.encryption import examine_keys
from poster_admin.common.locks import own_session, sqlite_file
from poster_admin.common.logs import mask
from poster_admin.common.outages import first_line


class Level(StrEnum):
    GOOD = "ok"
    WARNING = "warning"
    BAD = "FAILS"


@dataclass(frozen=True, slots=True)
class CheckResult:
    part: str
    state: Level
    words: str


type Found = Iterable[tuple[Level, str]]
type Examine = Callable[[], Found]

parts_of_features: list[tuple[str, Examine]] = []
"""Names of parts, each with the function that yields what it finds there."""


# A second factor shows a new code every 30 seconds, and accepts the codes of one step around.
CLOCK_WARNING = timedelta(seconds=10)
CLOCK_WRONG = timedelta(seconds=30)
CERTIFICATE_WARNING = timedelta(days=14)
BACKUP_WARNING = timedelta(hours=36)
DISK_WARNING, DISK_FULL = 0.1, 0.02
ACCOUNTS_ASKED = 5
# Poster's own page stands for an account while none is connected.
NO_ACCOUNT = "www"


def examine(account: str = "") -> Iterator[CheckResult]:
    """Check one part after another; one that fails does not keep the others from being checked.

    With an account nothing is said about any other one.
    """
    try:
        for found in _database():
            yield CheckResult(found.part, found.state, mask(found.words))
    except Error as error:
        advice = _("Look at DATABASE_URL, and whether its server runs.")
        yield CheckResult(
            gettext_noop("database"), Level.BAD, mask(f"{first_line(error).rstrip('.')}. {advice}")
        )
    for_all = [] if account and PosterAccount.objects.exclude(pk=account).exists() else parts_of_features
    parts: list[tuple[str, Examine, str]] = [
        (gettext_noop("cache"), _cache, _("Look at CACHE_URL, and whether its server runs.")),
        (gettext_noop("mail"), _mail, _("Look at EMAIL_URL, and whether its server runs.")),
        (gettext_noop("backup"), _backup, _("Run manage.py backup, and look why no newer one was made.")),
        ("Poster", partial(_poster, account), ""),
        ("OpenID", _company, _("Look at OIDC_ISSUER and the settings beside it.")),
        (gettext_noop("clock"), _clock, ""),
        *((name, examine, "") for name, examine in for_all),
        (gettext_noop("disk"), _disk, _("Make room: old backups and logs are the first to look at.")),
    ]
    for name, examine_part, advice in parts:
        try:
            for state, words in examine_part():
                yield CheckResult(
                    name, state, mask(words if state == Level.GOOD else _advised(words, advice))
                )
        except Exception as error:  # noqa: BLE001 - each part has errors of its own, and one may not hide the others
            yield CheckResult(name, Level.BAD, mask(_advised(first_line(error), advice)))


def _advised(words: str, advice: str) -> str:
    return f"{words.rstrip('.')}. {advice}" if advice else words


def _database() -> Iterator[CheckResult]:
    """Check what the database answers: without it nothing is known of the other parts of these."""
    name = gettext_noop("database")
    path = sqlite_file(DEFAULT_DB_ALIAS)
    if path and not path.exists():
        words = _("there is no file %(path)s: a start makes one, or manage.py migrate")
        yield CheckResult(name, Level.BAD, words % {"path": path})
        return
    with own_session(DEFAULT_DB_ALIAS) as cursor:
        cursor.execute("SELECT 1")
    version = ".".join(map(str, connection.get_database_version()))
    words = _("%(name)s answers") % {"name": f"{connection.display_name} {version}"}
    yield CheckResult(name, Level.GOOD, words)

    yield CheckResult(gettext_noop("version"), Level.GOOD, VERSION)
    state, words = Level.GOOD, _("none is missing")
    if unknown := unknown_migrations():
        words = _("this version is older than the database, which has %(names)s: upgrade")
        state, words = Level.BAD, words % {"names": ", ".join(unknown)}
    elif missing := missing_migrations(DEFAULT_DB_ALIAS):
        words = _("missing: %(count)s; a start makes them, or manage.py migrate")
        state, words = Level.BAD, words % {"count": missing}
    yield CheckResult(gettext_noop("migrations"), state, words)

    name = gettext_noop("worker")
    if alive := WorkerHeartbeat.objects.alive().count():
        yield CheckResult(name, Level.GOOD, _("%(count)s seen in the last minute") % {"count": alive})
    else:
        words = _("none was seen in the last hour: bulk changes wait, and changes without an answer")
        if last := WorkerHeartbeat.objects.order_by("-seen_at").first():
            words = _("none was seen since %(time)s: bulk changes wait, and changes without an answer")
            words %= {"time": f"{timezone.localtime(last.seen_at):%F %T}"}
        yield CheckResult(
            name, Level.BAD, _advised(words, _("Set JOB_WORKERS=1, or start manage.py worker."))
        )

    name, advice = gettext_noop("keys"), _("Put the old key behind the new ones, or connect again.")
    report = examine_keys()
    if report is None:
        yield CheckResult(name, Level.BAD, _advised(_("the stored secrets cannot be read"), advice))
    elif report.lost:
        yield CheckResult(name, Level.BAD, _advised(report.words(_), advice))
    else:
        yield CheckResult(name, Level.GOOD, report.words(_))

    # Owners manage the people of their own account alone.
    state, words = Level.WARNING, _("nobody is an Administrator: manage.py createsuperuser makes one")
    if administrators := User.objects.filter(is_superuser=True, is_active=True).count():
        state, words = Level.GOOD, _("%(count)s may manage everybody") % {"count": administrators}
    elif not User.objects.exists():
        words = _("nobody is here yet: a start of the server prints the link to set it up")
    yield CheckResult(gettext_noop("people"), state, words)


def _cache() -> Found:
    mark = str(time.monotonic())
    cache.set("doctor", mark, timeout=10)
    if cache.get("doctor") != mark:
        yield Level.BAD, _("a value that was just stored is not there")
    else:
        name = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
        yield Level.GOOD, _("%(name)s answers") % {"name": name}


def _mail() -> Found:
    """Connect to the mail server, and send nothing."""
    if not settings.EMAIL_ENABLED:
        words = _("none is sent: EMAIL_URL names a server for invitations, new passwords and notices")
        yield Level.GOOD, words
        return
    mailer, started = mailers.default, time.monotonic()
    mailer.open()
    mailer.close()
    host = settings.MAILERS["default"].get("OPTIONS", {}).get("host", "")
    yield Level.GOOD, _answers(host, time.monotonic() - started)


def _backup() -> Found:
    folder = (settings.DATA_DIR or settings.VAR_DIR) / "backups"
    newest = backups.newest(folder)
    if newest is None:
        state = Level.WARNING if User.objects.exists() else Level.GOOD
        yield state, _("there is none in %(folder)s") % {"folder": folder}
        return
    age = timezone.now() - newest
    hours = round(age.total_seconds() / 3600)
    words = ngettext(
        "the newest is of %(time)s, %(hours)s hour old, in %(folder)s",
        "the newest is of %(time)s, %(hours)s hours old, in %(folder)s",
        hours,
    )
    values = {"time": f"{timezone.localtime(newest):%F %T}", "hours": hours, "folder": folder}
    yield Level.WARNING if age > BACKUP_WARNING else Level.GOOD, words % values


def _poster(account: str) -> Found:
    """Connect to the address of each account, and hold its clock against this machine's."""
    transport = new_transport()
    known = [account] if account else PosterAccount.objects.order_by("pk").values_list("pk", flat=True)
    names = list(known[:ACCOUNTS_ASKED]) or [NO_ACCOUNT]
    addresses = sorted({api_url(settings.POSTER_API_URL, name) for name in names})
    limits = Timeouts(settings.POSTER_CONNECT_TIMEOUT, settings.POSTER_READ_TIMEOUT)
    # The host alone: the address of the proxy may hold a password.
    proxy = urlsplit(settings.POSTER_PROXY).hostname if settings.POSTER_PROXY else ""
    way = _(", through the proxy %(proxy)s") % {"proxy": proxy} if proxy else ""

    def ask(address: str) -> tuple[Probe | TransportFailure, float]:
        started = time.monotonic()
        return transport.probe(address, limits), time.monotonic() - started

    # Side by side: a page waits for all of them.
    with ThreadPoolExecutor(ACCOUNTS_ASKED) as threads:
        probes = list(threads.map(ask, addresses))
    for address, (probe, seconds) in zip(addresses, probes, strict=True):
        host = urlsplit(address).netloc
        if isinstance(probe, TransportFailure):
            reason = probe.detail or probe.reason.replace("_", " ")
            words = _("%(host)s is not reached: %(reason)s") % {"host": host, "reason": reason}
            advice = _("Look at the way out of this network: POSTER_PROXY, POSTER_CA_FILE, the firewall.")
            yield Level.BAD, f"{words}{way}. {advice}"
            continue
        yield Level.GOOD, f"{_answers(host, seconds)}{way}"
        if probe.certificate_until is None:
            yield Level.WARNING, _("%(host)s has no TLS: it is on this machine") % {"host": host}
        else:
            left = probe.certificate_until - timezone.now()
            words = ngettext(
                "the certificate of %(host)s ends on %(date)s, in %(days)s day",
                "the certificate of %(host)s ends on %(date)s, in %(days)s days",
                left.days,
            )
            values = {"host": host, "date": f"{probe.certificate_until:%F}", "days": left.days}
            yield Level.WARNING if left < CERTIFICATE_WARNING else Level.GOOD, words % values
        if probe.date:
            name = _("the clock of %(host)s") % {"host": host}
            yield from _drift(name, parsedate_to_datetime(probe.date))
    unknown = {field for name in names for field in cache.get(unknown_fields_key(name)) or ()}
    if unknown:
        words = _("groups have fields that this version does not know, so lists are read slowly: %(fields)s")
        yield Level.WARNING, words % {"fields": ", ".join(sorted(unknown))}
    transport.close()


def _answers(host: str, seconds: float) -> str:
    values = {"name": host, "count": round(seconds * 1000)}
    return _("%(name)s answers after %(count)s ms") % values


def _company() -> Found:
    if not settings.OIDC_ENABLED:
        return
    from poster_admin.users import sso  # noqa: PLC0415 - Authlib is a twentieth of a start; few installations use it

    host, started = urlsplit(settings.OIDC_ISSUER).netloc, time.monotonic()
    try:
        keys = sso.examine()
    except SuspiciousOperation as error:
        yield Level.BAD, _("%(host)s does not help: %(reason)s") % {"host": host, "reason": error}
        return
    words = _("%(answers)s, keys: %(count)s")
    yield Level.GOOD, words % {"answers": _answers(host, time.monotonic() - started), "count": keys}


def _clock() -> Found:
    yield Level.GOOD, f"{timezone.localtime():%F %T} {settings.TIME_ZONE}"
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_TIMESTAMP")  # the ORM asks for it only with a row
            yield from _drift(_("the clock of the database"), cursor.fetchone()[0])


def _drift(name: str, there: datetime) -> Found:
    apart = abs(timezone.now() - there)
    state = Level.BAD if apart > CLOCK_WRONG else Level.WARNING if apart > CLOCK_WARNING else Level.GOOD
    values = {"name": name, "count": f"{apart.total_seconds():.0f}"}
    words = _("%(name)s is %(count)s s from this machine's") % values
    yield state, words if state == Level.GOOD else f"{words}. {_('Let the machines ask a time server.')}"


def _disk() -> Found:
    folders = {settings.VAR_DIR.resolve()}
    if connection.vendor == "sqlite":
        folders.add(Path(connection.settings_dict["NAME"]).parent.resolve())
    for folder in sorted(folders):
        usage = shutil.disk_usage(folder)
        share = usage.free / usage.total
        state = Level.BAD if share < DISK_FULL else Level.WARNING if share < DISK_WARNING else Level.GOOD
        gigabytes = number_format(round(usage.free / 1024**3, 1), 1)
        values = {"size": gigabytes, "folder": folder, "share": percent_words(Decimal(round(share * 100)))}
        yield state, _("%(size)s GB of %(folder)s are free, %(share)s") % values
