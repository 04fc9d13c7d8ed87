"""Test what the page of a move says before it starts: what changes for whom, and nothing is started."""

import uuid
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied

from groups.features.moves import services as moves
from groups.features.moves.services import MoveCount, count_moves
from groups.models import Job
from groups.services.credentials import credentials_of
from tests.support.pages import fragment, text_of

pytestmark = pytest.mark.django_db
URL = "/groups/1/clients/move/"


@pytest.fixture
def _own_percents(sandbox):
    """Give clients 1 to 3 a percent of their own, and nobody else; the target, group 4, gets 20 %."""
    console = sandbox.console()
    for number in range(1, 131):
        console.edit_client(number, discount_per={1: "25", 2: "21", 3: "20"}.get(number, "0"))
    console.edit(4, client_groups_discount="20", loyalty_type="2")


def form(clients="all", target="4"):
    named = {"clients": clients, "target": target, "version": "as shown", "operation": str(uuid.uuid4())}
    return {"preview": "1", **named}


def preview(client, url=URL, **values):
    return client.post(url, form(**values), headers=fragment("effect", url))


@pytest.mark.usefixtures("_own_percents")
def test_the_effect_of_a_move_has_the_terms_before_and_after_and_who_keeps_a_larger_percent(owner, browse):
    page = preview(browse(owner), "/groups/1/retire/")
    words = text_of(page)
    assert "10% · Bonus → 20% · Discount , 12" in words
    assert "2 have a larger percent of their own and keep it." in words
    assert "<html" not in page.content.decode()
    assert not Job.objects.exists()


@pytest.mark.usefixtures("_own_percents")
def test_of_chosen_clients_only_those_are_counted_and_where_one_cannot_be_read_none(staff, browse, sandbox):
    client = browse(staff)
    words = text_of(client.post(URL, form(clients="2,3,4")))  # by the button, without a script
    assert "3 clients" in words
    assert "1 has a larger percent" in words
    sandbox.console().edit_client(5, discount_per="a lot")
    words = text_of(preview(client))
    assert "10% · Bonus →" in words
    assert "could not be counted" in words
    assert not Job.objects.exists()


@pytest.mark.parametrize(("more", "counted"), [(0, MoveCount(125, 0)), (-1, None)])
def test_the_clients_of_a_large_group_are_not_counted(staff, sandbox, monkeypatch, more, counted):
    rows = len(list(sandbox.accounts["demo"].clients.rows(1)))
    monkeypatch.setattr(moves, "SEARCHED_AT_MOST", rows + more)
    monkeypatch.setattr("groups.services.clients.READ_AT_ONCE", 50)
    assert count_moves(staff.credentials, percent=Decimal(100), ids={1: None}) == {1: counted}


def test_nobody_counts_clients_without_the_right_to_see_them(staff, sandbox):
    staff.groups.clear()
    with pytest.raises(PermissionDenied):
        count_moves(credentials_of(staff), percent=Decimal(1), ids={1: None})
    assert not sandbox.calls("clients.getClients")


def test_the_same_terms_are_called_the_same(staff, browse, sandbox):
    sandbox.console().edit(4, client_groups_discount="10", loyalty_type="1")
    assert "The new group gives the same: 10% · Bonus" in text_of(preview(browse(staff)))
