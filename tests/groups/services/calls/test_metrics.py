"""Test the metrics for Prometheus."""

import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.urls import resolve
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from poster_admin.common.management.commands.serve import counted_over_workers
from tests.support import outages
from tests.support.environment import ROOT
from tests.support.programs import NOT_RUN

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


def test_requests_are_counted_by_view_and_status_and_not_by_address(scrape, staff, browse):
    client = browse(staff)
    client.get("/groups/?q=a-name")
    for path in ("/nowhere/1/", "/nowhere/2/"):
        client.get(path)
    text = scrape().content.decode()
    assert 'http_requests_total{status="200",view="groups:list"}' in text
    assert 'http_request_seconds_bucket{le="5.0",view="groups:list"}' in text
    assert 'http_requests_total{status="404",view="-"}' in text
    assert "nowhere" not in text
    assert "a-name" not in text


def test_open_circuits_and_tokens_that_end_are_told(scrape, staff, owner, manager):
    PosterAccount.objects.update(open_until=timezone.now())
    old = timezone.now() - timedelta(days=2 * 365 - 59)
    PosterCredentials.objects.filter(user=staff).update(connected_at=old)
    PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now())
    text = scrape().content.decode()
    assert "poster_circuits_open 1.0" in text
    for state in ("ending", "refused", "good"):
        assert f'poster_tokens{{state="{state}"}} 1.0' in text


def test_each_alert_asks_for_metrics_and_labels_that_there_are(scrape, staff, browse):
    browse(staff).get("/groups/")
    text = scrape().content.decode()
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 8
    for rule in alerts:
        assert rule["annotations"]["summary"]
        names = re.findall(
            r"\b(?:\w+_)+(?:seconds|total|bucket|open|tokens|unsettled|unfinished)\b", rule["expr"]
        )
        assert names, rule["expr"]
        for name in names:
            assert re.search(rf"^{name}[{{ ]", text, flags=re.MULTILINE), name
        for label, value in re.findall(r'(\w+)="(\w+)"', rule["expr"]):
            assert label == "status" or f'{label}="{value}"' in text, rule["expr"]


def test_probes_are_left_out_of_the_slow_pages_by_their_names():
    rules = (ROOT / "deploy" / "prometheus-rules.yml").read_text(encoding="utf-8")
    (left_out,) = re.findall(r'view!~"(.+?)"', rules)
    for path in ("/healthz", "/healthz/", "/readyz", "/metrics"):
        assert resolve(path).view_name in left_out.split("|")


def test_prometheus_takes_the_alerts():
    rules = ROOT / "deploy" / "prometheus-rules.yml"
    promtool = shutil.which("promtool") or pytest.skip(f"{NOT_RUN}: there is no promtool")
    done = subprocess.run([promtool, "check", "rules", rules], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
