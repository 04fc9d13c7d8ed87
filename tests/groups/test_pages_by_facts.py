"""Pages show the same under each value of a fact as under the documented one, once the fact is known."""

import re

import pytest

from groups.services.clients import pages_of
from groups.services.credentials import credentials_of
from groups.services.facts import Seen, store
from tests.support.costs import ask, expected

GROUP = 5
SAME = [
    {"clients.pages": "ignored"},
    {"clients.filter": "ignored"},
    {"clients.pages": "ignored", "clients.filter": "ignored"},
    {"sales.paid_unit": "hryvnia"},
    {"clients.paid_unit": "hryvnia"},
    {"rules.unit": "kopecks"},
]


@pytest.fixture
def differ(owner, sandbox):
    """Let Poster differ in some facts, which are known."""

    def let(points):
        sandbox.console().dispute(**points)
        store(credentials_of(owner), {name: Seen(value, 9) for name, value in points.items()})

    return let


def texts(page):
    """Return the hooks and the numbers of a page."""
    assert page.status_code == 200
    return re.findall(
        r'data-(?:client|rule|group|cost|clients)="[^"]*"|\d[\d\s.,]*\s*₴', page.content.decode()
    )


@pytest.mark.parametrize("points", SAME)
def test_the_cost_of_a_percent_is_that_of_another_computation(owner, browse, sandbox, differ, points):
    figures = expected(sandbox, GROUP, 25)
    differ(points)
    assert ask(browse(owner), GROUP, 25) == figures


@pytest.mark.parametrize(
    "url", ["/groups/ladder/", f"/groups/{GROUP}/clients/", f"/groups/{GROUP}/clients/?page=2"]
)
@pytest.mark.parametrize("points", SAME)
def test_pages_of_clients_and_rules_show_the_same(owner, browse, differ, url, points):
    client = browse(owner)
    before = texts(client.get(url))
    differ(points)
    assert texts(client.get(url)) == before


@pytest.mark.parametrize("points", SAME[:3])
def test_a_list_that_is_not_picked_out_by_poster_has_everybody(owner, sandbox, differ, points):
    credentials = credentials_of(owner)
    differ(points)
    account = sandbox.account("demo")
    for group_id in (None, GROUP):
        found = [client.id for page in pages_of(credentials, group_id, size=7) for client in page.clients]
        assert found == list(account.clients.ids(group_id))
