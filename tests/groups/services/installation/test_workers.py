"""Test that everybody is told when no worker runs: users, monitors and Prometheus."""

import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError, models
from django.utils import timezone

from groups.models import WorkerHeartbeat
from groups.services.installation import workers
from tests.support.pages import fragment, text_of

pytestmark = pytest.mark.django_db
BANNER = 'data-worker="away"'
SIGNED_IN = ("/groups/", "/groups/1/", "/groups/new/", "/history/", "/jobs/", "/account/", "/help/")
WORDS = {
    "en": "No worker has been seen for a minute",
    "uk": "Уже хвилину не видно жодного фонового процесу",
    "ru": "Уже минуту не видно ни одного фонового процесса",
}


@pytest.fixture
def silent():
    """Return a function that lets all workers have been silent for this long."""

    def silent(**since):
        WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(**since))
        cache.delete(workers.CACHE_KEY)

    return silent


@pytest.mark.parametrize("url", SIGNED_IN)
def test_every_page_says_when_no_worker_was_seen_for_a_minute(owner, browse, sandbox, silent, url):
    assert BANNER not in browse(owner).get(url).content.decode()
    silent(seconds=61)
    assert BANNER in browse(owner).get(url).content.decode()


@pytest.mark.parametrize("language", WORDS)
def test_it_is_said_in_the_language_of_the_user(manager, browse, silent, language):
    silent(hours=3)
    assert WORDS[language] in text_of(browse(manager, language=language).get("/groups/"))


def test_strangers_and_fragments_are_not_told(staff, browse, silent):
    silent(seconds=61)
    assert BANNER not in browse().get("/accounts/login/").content.decode()
    assert BANNER not in browse(staff).get("/groups/", headers=fragment("rows")).content.decode()


def test_one_of_several_workers_is_enough(manager, browse, silent):
    silent(hours=1)
    assert BANNER in browse(manager).get("/history/").content.decode()
    WorkerHeartbeat.objects.beat("another one")
    assert BANNER not in browse(manager).get("/history/").content.decode()


def test_it_is_known_without_a_query_for_ten_seconds(manager, browse, silent, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert workers.is_any_alive()
    with django_assert_num_queries(0):
        assert workers.is_any_alive()
    silent(seconds=61)
    for _ in range(2):
        with django_assert_num_queries(1):
            assert not workers.is_any_alive()


def test_readyz_warns_and_stays_ready(browse, silent):
    assert browse().get("/readyz").content == b"ok\n"
    silent(seconds=59)
    assert browse().get("/readyz").content == b"ok\n"
    silent(seconds=61)
    answer = browse().get("/readyz")
    warned = b"ok\nwarning: no worker has been seen for a minute\n"
    assert (answer.status_code, answer.content) == (200, warned)
    WorkerHeartbeat.objects.all().delete()
    assert browse().get("/readyz").content == warned


def test_a_warning_that_cannot_be_read_makes_nothing_unready(browse, monkeypatch):
    def no_such_table(_):
        raise DatabaseError("no such table")

    monkeypatch.setattr(models.QuerySet, "exists", no_such_table)
    answer = browse().get("/readyz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_prometheus_is_told_when_a_worker_was_last_seen(browse, settings, silent):
    settings.METRICS_TOKEN = "a-token-for-prometheus"

    def last_seen():
        text = browse().get("/metrics", headers={"Authorization": "Bearer a-token-for-prometheus"}).content
        (line,) = (each for each in text.decode().splitlines() if each.startswith("worker_last_seen"))
        return float(line.split()[1])

    silent(minutes=30)
    assert last_seen() == pytest.approx(time.time() - 30 * 60, abs=5)
    WorkerHeartbeat.objects.beat("another one")
    assert last_seen() == pytest.approx(time.time(), abs=5)
    WorkerHeartbeat.objects.all().delete()
    assert last_seen() == 0
