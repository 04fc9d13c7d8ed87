"""Test `manage.py doctor`: each part of an installation that fails is named, and only that one."""

import datetime as dt
import io
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from groups.models import Delivery, Webhook, WorkerHeartbeat
from groups.poster.client import DEFAULT_URL
from groups.services.installation import doctor
from poster_admin.common.encryption import Secret
from tests.tools.company import Authority, Proxy, running, tls_in_front

pytestmark = pytest.mark.django_db
POSTER = "demo.joinposter.com"
PARTS = ["database", "migrations", "cache", "worker", "keys", "Poster", "clock", "notices", "disk"]


def doctor_says():
    """Run the command; return its code, and the lines of each part as pairs of state and words."""
    said, code = io.StringIO(), 0
    try:
        call_command("doctor", stdout=said, no_color=True)
    except SystemExit as end:
        code = end.code
    parts = {}
    for line in said.getvalue().splitlines():
        state, part, words = re.fullmatch(r"(\S+) +(\S+) +(.*)", line).groups()
        parts.setdefault(part, []).append((state, words))
    return code, parts


def bad(parts):
    return {part for part, found in parts.items() if any(state == "FAILS" for state, _ in found)}


@pytest.fixture
def worker(db):
    WorkerHeartbeat.objects.all().delete()
    WorkerHeartbeat.objects.beat("a-worker")


@pytest.fixture
def certificate(tmp_path, sandbox, settings):
    """Return a function that puts the sandbox behind TLS and a proxy, at the address of Poster."""

    @contextmanager
    def certificate(*, until, trusting=None):
        authority = Authority(tmp_path / "authority")
        address = urlsplit(sandbox.url)
        server = authority.server(POSTER, not_after=until)
        with (
            tls_in_front(server, (address.hostname, address.port)) as front,
            running(Proxy({f"{POSTER}:443": front}, credentials="us:a-password")) as proxy,
        ):
            settings.POSTER_API_URL = DEFAULT_URL
            settings.POSTER_PROXY = proxy.replace("http://", "http://us:a-password@")
            settings.POSTER_CA_FILE = (trusting or authority).file
            yield

    return certificate


def in_days(days):
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=days, hours=1)


def test_where_all_is_well_every_part_is_green(staff, worker):
    code, parts = doctor_says()
    assert list(parts) == PARTS
    assert (code, bad(parts)) == (0, set())
    assert parts["worker"] == [("ok", "1 seen in the last minute")]
    assert parts["keys"] == [("ok", "POSTER_TOKEN_KEYS open 1 of 1 stored secrets.")]


def test_the_certificate_of_poster_is_read_through_the_proxy_and_its_end_told(staff, worker, certificate):
    with certificate(until=in_days(40)):
        code, parts = doctor_says()
    (reached, until, clock) = parts["Poster"]
    assert code == 0
    assert re.fullmatch(rf"{POSTER} answers after \d+ ms, through the proxy 127.0.0.1", reached[1])
    assert until == ("ok", f"the certificate of {POSTER} ends on {in_days(40):%F}, in 40 days")
    assert clock[1] in {f"the clock of {POSTER} is {n} s from this machine's" for n in (0, 1, 2)}
    assert "a-password" not in str(parts)


def test_a_certificate_that_ends_soon_is_yellow_and_one_that_is_not_accepted_red(
    staff, worker, certificate, tmp_path
):
    with certificate(until=in_days(3)):
        code, parts = doctor_says()
    assert (code, parts["Poster"][1][0]) == (0, "warning")
    with certificate(until=in_days(40), trusting=Authority(tmp_path / "stranger")):
        code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"Poster"})
    ((_, words),) = parts["Poster"]
    assert (
        words
        == f"{POSTER} is not reached: unable to get local issuer certificate, through the proxy 127.0.0.1"
    )


def test_an_address_where_nobody_answers_is_red(staff, worker, settings):
    settings.POSTER_API_URL = "http://127.0.0.1:9/{account}/api/"
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"Poster"})
    assert parts["Poster"] == [("FAILS", "127.0.0.1:9 is not reached: refused")]


def test_no_token_is_sent(staff, worker, sandbox):
    doctor_says()
    assert sandbox.accounts["demo"].token not in str([call.target for call in sandbox.calls()])


def test_a_missing_worker_is_red_and_told_since_when(staff):
    WorkerHeartbeat.objects.all().delete()
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"worker"})
    seen = timezone.now() - dt.timedelta(minutes=5)
    WorkerHeartbeat.objects.create(worker_id="gone", seen_at=seen)
    _, parts = doctor_says()
    assert f"none was seen since {timezone.localtime(seen):%F %T}" in parts["worker"][0][1]


def test_keys_that_do_not_open_a_token_are_red(staff, worker, settings):
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"keys"})
    assert "open 0 of 1 stored secrets; not: groups.postercredentials " in parts["keys"][0][1]


def test_a_cache_that_keeps_nothing_is_red(staff, worker, monkeypatch):
    monkeypatch.setattr(type(cache._connections["default"]), "get", lambda *_: None)
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"cache"})


def test_missing_migrations_and_those_of_a_newer_version_are_red(staff, worker):
    last = MigrationRecorder.Migration.objects.filter(app="axes").last()
    last.delete()
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"migrations"})
    assert parts["migrations"][0][1].startswith("1 are missing")
    MigrationRecorder.Migration.objects.create(app="axes", name=last.name)
    MigrationRecorder.Migration.objects.create(app="groups", name="9999_later")
    _, parts = doctor_says()
    assert "which has groups 9999_later: upgrade" in parts["migrations"][0][1]


@pytest.mark.parametrize(("free", "state"), [(0.5, "ok"), (0.05, "warning"), (0.01, "FAILS")])
def test_a_full_disk_is_red(staff, worker, monkeypatch, free, state):
    usage = type("Usage", (), {"free": free * 1e12, "total": 1e12})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    _, parts = doctor_says()
    assert {found for found, _ in parts["disk"]} == {state}


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (20, "warning"), (-90, "FAILS")])
def test_a_clock_that_is_wrong_is_red(seconds, state):
    there = timezone.now() + dt.timedelta(seconds=seconds)
    ((found, _),) = doctor._drift("the clock", there)
    assert found == state


def test_a_webhook_that_fails_and_mail_that_is_not_taken_are_named(owner, worker, sandbox, settings):
    webhook = Webhook.objects.create(
        account=owner.credentials.account,
        credentials=owner.credentials,
        address=Secret("http://127.0.0.1:9000/"),
        secret=Secret("whsec_"),
    )
    failed = {"failure": Delivery.Failure.STATUS, "tried_at": timezone.now()}
    assert doctor_says()[1]["notices"] == [("ok", "no mail, 0 wait")]
    Delivery.objects.create(webhook=webhook, **failed)
    Delivery.objects.create(user=owner, **failed)
    assert doctor_says()[1]["notices"] == [
        ("warning", "the webhook of demo fails: /account/notices/ says why"),
        ("warning", "1 mails were not taken by the mail server"),
    ]
    old = timezone.now() - dt.timedelta(days=2)
    Delivery.objects.update(tried_at=old)
    assert doctor_says()[1]["notices"][0][0] == "ok"
