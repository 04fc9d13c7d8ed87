"""Test the sweep of a large account: one for all pages, its progress, its failures and its end."""

import pytest
from django.utils import timezone

from groups.features.insights.models import Sweep
from groups.features.insights.services import sweep
from groups.features.insights.services.sales import SalesAdder
from tests.support.costs import cost_of, expected, url_of
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db
SALES, CLIENTS = "dash.getClientsSales", "clients.getClients"
COST = url_of(1, "15")
PAGES = (COST, "/groups/?columns=sales", "/groups/ladder/?read=1")


@pytest.fixture(autouse=True)
def _large(monkeypatch):
    """Take the account for one that no page reads."""
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    monkeypatch.setattr(sweep, "PAGE_SIZE", 99)


@pytest.fixture
def rules(sandbox):
    sandbox.console().set_rules({"rule_id": 1, "loyalty_type": 2, "value": 5000, "group_id": 4})


@pytest.fixture
def amid_the_clients(monkeypatch):
    """Return a function that has another one called when the first page of clients has been read."""
    pages_of = sweep.pages_of

    def interrupt(call):
        def interrupted(*args, **options):
            for number, page in enumerate(pages_of(*args, **options)):
                if number == 1:
                    call()
                yield page

        monkeypatch.setattr(sweep, "pages_of", interrupted)

    return interrupt


def is_under_way(page):
    return "<progress" in page.content.decode() and "hx-trigger" in page.content.decode()


@pytest.mark.usefixtures("rules")
def test_pages_that_ask_at_once_share_one_sweep_and_its_progress(
    owner, browse, sandbox, work_queue, amid_the_clients
):
    client = browse(owner)
    for url in PAGES * 2:
        page = client.get(url)
        assert is_under_way(page), url
        assert "It is waiting for its turn" in text_of(page)
    seen = []
    amid_the_clients(lambda: seen.extend(text_of(client.get(url)) for url in PAGES))
    work_queue()
    assert len(seen) == len(PAGES)
    assert all("99 of about 210 clients have been read" in text for text in seen)
    calls = len(sandbox.calls(SALES)), len(sandbox.calls(CLIENTS))
    assert calls == (1, 3)
    for url in PAGES:
        assert not is_under_way(client.get(url)), url
    assert cost_of(client.get(COST)) == expected(sandbox, 1, 15)
    assert "Clients counted on" in text_of(client.get("/groups/ladder/"))
    assert (len(sandbox.calls(SALES)), len(sandbox.calls(CLIENTS))) == calls


def test_a_sweep_for_a_user_who_may_not_see_sales_reads_none(manager, browse, sandbox, work_queue):
    client = browse(manager)
    client.get("/groups/ladder/?read=1")
    work_queue()
    assert "Clients counted on" in text_of(client.get("/groups/ladder/"))
    assert not sandbox.calls(SALES)


def test_who_may_see_nothing_any_more_gets_nothing(manager, browse, sandbox, work_queue):
    browse(manager).get("/groups/ladder/?read=1")
    manager.groups.clear()
    work_queue()
    assert not sandbox.calls(CLIENTS)


def test_sales_that_fail_leave_the_audit_its_numbers(owner, browse, sandbox, work_queue):
    sandbox.script(SALES, "status_403", times=None)
    client = browse(owner)
    client.get("/groups/ladder/?read=1")
    work_queue()
    assert "Clients counted on" in text_of(client.get("/groups/ladder/"))
    page = client.get(COST)
    assert page.status_code == 424
    assert cost_of(page) is None
    calls = len(sandbox.calls(SALES))
    work_queue()
    assert len(sandbox.calls(SALES)) == calls


def test_clients_that_fail_are_shown_to_all_for_a_minute(owner, browse, sandbox, work_queue):
    sandbox.script(CLIENTS, "status_400", times=None)
    client = browse(owner)
    client.get(COST)
    work_queue()
    assert client.get(COST).status_code == 502
    audit = client.get("/groups/ladder/?read=1")
    assert 'data-notice="error"' in audit.content.decode()
    assert not is_under_way(audit)
    sandbox.clear_faults()
    assert is_under_way(client.get("/groups/ladder/?refresh=1&read=1"))
    work_queue()
    assert "Clients counted on" in text_of(client.get("/groups/ladder/"))


@pytest.mark.parametrize("method", [SALES, CLIENTS])
def test_a_failure_that_passes_is_tried_again(owner, browse, sandbox, work_queue, method):
    sandbox.script(method, "status_500", times=2)
    client = browse(owner)
    client.get(COST)
    work_queue()
    assert cost_of(client.get(COST)) == expected(sandbox, 1, 15)
    assert "Clients counted on" in text_of(client.get("/groups/ladder/"))


def test_a_worker_that_is_killed_is_followed_by_another_one(
    owner, browse, sandbox, work_queue, amid_the_clients
):
    class Killed(BaseException):
        """The process ends between two calls."""

    def kill():
        raise Killed

    client = browse(owner)
    client.get(COST)
    amid_the_clients(kill)
    with pytest.raises(Killed):
        work_queue()
    assert SalesAdder(owner.credentials, 30).kept() is None
    calls = len(sandbox.calls(CLIENTS))
    work_queue()
    assert len(sandbox.calls(CLIENTS)) == calls, "its lease is not over"
    Sweep.objects.update(held_until=timezone.now())
    assert "waiting for its turn" in text_of(client.get(COST))
    amid_the_clients(lambda: None)
    work_queue()
    assert cost_of(client.get(COST)) == expected(sandbox, 1, 15)
    assert not Sweep.objects.exists()
