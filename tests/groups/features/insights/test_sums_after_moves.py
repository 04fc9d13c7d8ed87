"""Test that sums over clients do not outlive a move made here, and that a long job costs few readings."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.features.insights.services import sales, sweep
from groups.features.insights.services.sales import SalesAdder
from groups.features.insights.services.sweep import read_sums
from groups.models import Change, Job, PosterAccount
from groups.poster import GroupValues
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import queue
from groups.services.writes.commands import RemoveGroup
from groups.services.writes.execute import execute
from tests.support.jobs import plan, run, start
from tests.support.pages import text_of

METHOD, MEMBERS = "dash.getClientsSales", "clients.getClients"
COST = "/groups/4/cost/?percent=15"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "few_clients"),
]


@pytest.fixture
def credentials(owner):
    return credentials_service.credentials_of(owner)


@pytest.fixture
def long_ago(settings):
    """Return a function that lets POSTER_LAG_SECONDS pass since the last move."""

    def pass_by():
        moved_at = timezone.now() - timedelta(seconds=settings.POSTER_LAG_SECONDS + 1)
        PosterAccount.objects.update(moved_at=moved_at)

    return pass_by


def revenues(credentials):
    found = read_sums(SalesAdder(credentials, sales.MONTH))
    return found.of_group(4).revenue, found.of_group(1).revenue


def test_after_a_move_the_sums_are_those_of_the_new_groups(owner, credentials, sandbox):
    left, there = revenues(credentials)
    assert left > 0
    run(start(owner))
    assert SalesAdder(credentials, sales.MONTH).kept() is None
    assert revenues(credentials) == (0, there + left)
    assert revenues(credentials) == (0, there + left)
    assert len(sandbox.calls(METHOD)) == 2


def test_a_removal_takes_the_clients_of_its_group_out_of_the_sums(owner, credentials, sandbox):
    revenues(credentials)
    group = read_now(credentials, 4).group
    form = {"loaded": group.values, "loaded_clients": group.clients, "operation": uuid.uuid4()}
    change = execute(RemoveGroup(credentials=credentials, group_id=4, **form))
    assert change.state == Change.State.APPLIED
    assert SalesAdder(credentials, sales.MONTH).kept() is None


@pytest.mark.parametrize("url", [COST, "/groups/ladder/"])
def test_each_page_with_sums_says_as_of_when_and_that_clients_were_being_moved(
    owner, browse, sandbox, url, long_ago
):
    client = browse(owner)
    run(start(owner))
    assert "were being moved" in text_of(client.get(url))
    long_ago()
    text = text_of(client.get(url))
    assert "were being moved" not in text
    assert re.search(rf"(had it|counted) on {timezone.localtime().day}\b", text)


def test_a_reading_that_a_move_overtakes_is_not_kept(owner, credentials, sandbox, monkeypatch):
    job, pages_of = plan(owner), sweep.pages_of

    def move_after_the_first_page(*args, **options):
        for number, page in enumerate(pages_of(*args, **options)):
            yield page
            if not number:
                run(queue.start(job))

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "pages_of", move_after_the_first_page)
        left, there = revenues(credentials)
    assert left > 0
    assert SalesAdder(credentials, sales.MONTH).kept() is None
    assert revenues(credentials) == (0, there + left)


def test_sums_that_a_late_read_may_have_made_wrong_are_read_again(owner, credentials, sandbox, long_ago):
    left, there = revenues(credentials)
    sandbox.lag("behind", MEMBERS, seconds=60)
    job = run(start(owner))
    found = read_sums(SalesAdder(credentials, sales.MONTH))
    assert found.of_group(4).revenue > 0  # as the list has it, from before the move
    assert found.provisional
    assert job.state == Job.State.DONE
    sandbox.catch_up()
    long_ago()
    assert revenues(credentials) == (0, there + left)
    assert not SalesAdder(credentials, sales.MONTH).kept().provisional


def test_the_history_keeps_no_cost_of_sums_that_are_provisional(owner, credentials, sandbox, long_ago):
    run(start(owner))
    revenues(credentials)
    old, new = (GroupValues(name="Гості", loyalty_type=1, percent=Decimal(each)) for each in (5, 7))
    assert sales.monthly_cost(credentials, (1, old, new)) is None
    long_ago()
    revenues(credentials)
    assert sales.monthly_cost(credentials, (1, old, new)) > 0
