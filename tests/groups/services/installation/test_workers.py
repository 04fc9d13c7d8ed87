"""Test that everybody is told when no worker runs: users, monitors and Prometheus."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from groups.models import WorkerHeartbeat
from groups.services.installation import maintenance

pytestmark = pytest.mark.django_db
BANNER = 'data-worker="away"'


@pytest.fixture
def silent():
    """Return a function that lets all workers have been silent for this long."""

    def silent(**since):
        WorkerHeartbeat.objects.update(seen_at=timezone.now() - timedelta(**since))
        cache.delete(maintenance.WORKER_ALIVE)

    return silent


def test_pages_say_when_no_worker_was_seen_for_a_minute(owner, browse, sandbox, silent):
    assert BANNER not in browse(owner).get("/groups/").content.decode()
    silent(seconds=61)
    assert BANNER in browse(owner).get("/groups/").content.decode()


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
