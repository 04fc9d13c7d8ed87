"""The numbers for Prometheus."""

import pytest

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
