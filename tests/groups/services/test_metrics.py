"""Test the metrics for Prometheus."""

import re

import pytest
import yaml

from tests.support.environment import ROOT

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
