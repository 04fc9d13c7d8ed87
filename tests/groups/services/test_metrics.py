"""Test the metrics for Prometheus."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poster_admin.common.management.commands.serve import counted_over_workers
from tests.tools import outages

pytestmark = pytest.mark.django_db
TOKEN = "a-token-for-prometheus"


@pytest.fixture
def scrape(settings, browse):
    settings.METRICS_TOKEN = TOKEN
    return lambda token=TOKEN: browse().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_without_the_setting_there_is_no_such_page(browse, settings):
    settings.METRICS_TOKEN = ""
    assert browse().get("/metrics").status_code == 404


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_wrong_token_opens_nothing(scrape, token):
    answer = scrape(token)
    assert (answer.status_code, answer.content) == (401, b"")


def test_calls_and_outcomes_are_counted_and_no_token_is_shown(scrape, staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    client.get("/groups/")
    sandbox.script("clients.getGroup", "status_500", times=None)
    client.get("/groups/1/?refresh=1")
    text = scrape().content.decode()
    assert 'poster_calls_total{method="clients.getGroups",outcome="ok"}' in text
    assert 'poster_calls_total{method="clients.getGroup",outcome="http_500"}' in text
    assert 'poster_call_seconds_bucket{le="0.05",method="clients.getGroups"}' in text
    assert 'groups_lists_total{source="memory"}' in text
    assert 'changes_unsettled{state="unknown"} 0.0' in text
    assert sandbox.accounts["demo"].token not in text


COUNT = """
from prometheus_client import Counter
counter = Counter("calls", "Calls", ["method"])
for number in range(1000):
    counter.labels(f"method {number}").inc()
print("alive")
"""


@pytest.mark.skipif(not outages.can_mount(), reason="NOT RUN: a full disk needs root")
def test_a_full_disk_kills_no_worker_that_counts(tmp_path, settings):
    """The metrics are memory-mapped files: on a full disk there is no error to catch."""
    settings.VAR_DIR = tmp_path / "disk"
    disk = outages.Disk(tmp_path, megabytes=1)
    try:
        with counted_over_workers():
            directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
            disk.fill()
            counted = subprocess.run([sys.executable, "-c", COUNT], check=False, stdout=subprocess.PIPE)
            assert (counted.stdout, counted.returncode) == (b"alive\n", 0)
    finally:
        disk.close()
    assert not directory.exists()
