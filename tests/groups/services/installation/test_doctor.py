"""Test `manage.py doctor`: each part of an installation that fails is named, and only that one."""

import datetime as dt
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from groups.models import WorkerHeartbeat
from groups.poster.client import DEFAULT_URL
from groups.services.groups import list_groups
from groups.services.installation import doctor
from groups.services.installation.doctor import parts_of_features
from tests.support.company import Authority, Proxy, running, tls_in_front
from tests.support.doctor import doctor_says

pytestmark = pytest.mark.django_db
POSTER = "demo.joinposter.com"
PARTS = ["database", "version", "migrations", "worker", "keys", "people", "cache", "mail", "backup"]
PARTS += ["Poster", "clock"]
WAY_OUT = "Look at the way out of this network: POSTER_PROXY, POSTER_CA_FILE, the firewall."
PARTS += [*(part for part, _examine in parts_of_features), "disk"]


def bad(parts):
    return {part for part, found in parts.items() if any(state == "FAILS" for state, _ in found)}


@pytest.fixture
def worker(db):
    WorkerHeartbeat.objects.all().delete()
    WorkerHeartbeat.objects.beat("a-worker")


@pytest.fixture
def administrator(db):
    return User.objects.create_superuser("admin")


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


def test_where_all_is_well_every_part_is_green(staff, worker, administrator):
    code, parts = doctor_says()
    assert list(parts) == PARTS
    assert (code, bad(parts)) == (0, set())
    assert parts["worker"] == [("ok", "1 seen in the last minute")]
    assert parts["keys"] == [("ok", "Stored secrets that POSTER_TOKEN_KEYS open: 1 of 1.")]


def test_the_certificate_of_poster_is_read_through_the_proxy_and_its_end_reported(staff, worker, certificate):
    end = in_days(40)
    with certificate(until=end):
        code, parts = doctor_says()
    (reached, until, clock) = parts["Poster"]
    assert code == 0
    assert re.fullmatch(rf"{POSTER} answers after \d+ ms, through the proxy 127.0.0.1", reached[1])
    assert until == ("ok", f"the certificate of {POSTER} ends on {end:%F}, in 40 days")
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
    refused = "unable to get local issuer certificate, through the proxy 127.0.0.1"
    assert words == f"{POSTER} is not reached: {refused}. {WAY_OUT}"


def test_a_missing_worker_is_red_and_reported_since_when(staff):
    WorkerHeartbeat.objects.all().delete()
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"worker"})
    seen = timezone.now() - dt.timedelta(minutes=5)
    WorkerHeartbeat.objects.create(worker_id="gone", seen_at=seen)
    _, parts = doctor_says()
    assert f"none was seen since {timezone.localtime(seen):%F %T}" in parts["worker"][0][1]


def test_a_field_of_groups_that_is_not_known_is_said_once_a_day_and_yellow(
    staff, worker, administrator, sandbox, caplog
):
    sandbox.console().edit(1, max_bonus="500")
    for _ in range(2):
        assert list_groups(staff.credentials, fresh=True).find(1)
    said = [record for record in caplog.records if "max_bonus" in record.getMessage()]
    assert [record.levelname for record in said] == ["WARNING"]
    _code, parts = doctor_says()
    words = "groups have fields that this version does not know, so lists are read slowly: max_bonus"
    assert ("warning", words) in parts["Poster"]


def test_keys_that_do_not_open_a_token_are_red(staff, worker, settings):
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"keys"})
    assert "open: 0 of 1; not: groups.postercredentials " in parts["keys"][0][1]


def test_missing_migrations_and_those_of_a_newer_version_are_red(staff, worker):
    last = MigrationRecorder.Migration.objects.filter(app="axes").last()
    last.delete()
    code, parts = doctor_says()
    assert (code, bad(parts)) == (1, {"migrations"})
    assert parts["migrations"][0][1].startswith("missing: 1;")
    MigrationRecorder.Migration.objects.create(app="axes", name=last.name)
    MigrationRecorder.Migration.objects.create(app="groups", name="9999_later")
    _, parts = doctor_says()
    assert "which has groups 9999_later: upgrade" in parts["migrations"][0][1]


# --- The company's sign-in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (20, "warning"), (-90, "FAILS")])
def test_a_clock_that_is_wrong_is_red(seconds, state):
    there = timezone.now() + dt.timedelta(seconds=seconds)
    ((found, _),) = doctor._drift("the clock", there)
    assert found == state
