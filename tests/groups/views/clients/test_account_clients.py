"""Test the search over all clients of the account, and the choice that leads to a move."""

import re

import pytest

from groups.presenters.clients.account_clients import MOST_CHOSEN
from tests.support.pages import client_ids, fragment, text_of

pytestmark = pytest.mark.django_db
URL = "/clients/"


@pytest.fixture
def people(sandbox):
    """Give two clients of two groups unique names and numbers; return their values in the form."""
    console = sandbox.console()
    console.edit_client(7, lastname="Кам'янецька", firstname="Олена", card_number="C-9001")
    console.edit_client(130, lastname="Кам'янецький", firstname="Олег", phone="+380 44 555 66 77",
                        phone_number="380445556677")  # fmt: skip
    clients = sandbox.accounts["demo"].clients
    groups = [clients.row(number)["client_groups_id"] for number in (7, 130)]
    assert groups[0] != groups[1]
    return [f"7-{groups[0]}", f"130-{groups[1]}"]


def carried(response):
    """Return the values of the form that a further search would send."""
    page = response.content.decode()
    boxes = re.findall(r'<input type="checkbox" name="client" value="([\d-]+)" form="filters" checked', page)
    hidden = re.findall(r'<input type="hidden" name="client" value="([\d,-]+)"', page)
    return sorted(boxes + ",".join(hidden).split(",") if hidden else boxes)


def test_one_search_finds_clients_of_every_group_with_their_group(staff, browse, people):
    client = browse(staff)
    page = client.post(URL, {"q": "кам'янец"})
    assert client_ids(page) == [7, 130]
    assert "Постоянный посетитель" in text_of(page)
    assert client_ids(client.post(URL, {"q": "C-9001"})) == [7]
    assert client_ids(client.post(URL, {"q": "555 66"})) == [130]
    assert client_ids(client.post(URL, {"q": "Камянец"})) == [7, 130]
    assert client_ids(client.post(URL, {"q": "tel:00380.44.555.66.77"})) == [130]
    assert "Nobody matches" in text_of(client.post(URL, {"q": "нікого такого"}))


def test_a_whole_phone_number_is_asked_of_poster_and_nobody_else_is_read(staff, browse, people, sandbox):
    page = browse(staff).post(URL, {"q": "044 555 66 77"})
    assert client_ids(page) == [130]
    (call,) = sandbox.calls("clients.getClients")
    assert call.query["phone"] == "380445556677"
    assert "by the whole phone number" in text_of(page)


def test_without_a_search_no_client_is_read(staff, browse, sandbox):
    client = browse(staff)
    assert client.get(URL, {"q": "Кам"}).status_code == client.post(URL, {"q": ""}).status_code == 200
    assert not sandbox.calls("clients.getClients")


def test_removed_clients_are_not_found(staff, browse, people, sandbox):
    sandbox.console().edit_client(7, delete="1")
    assert client_ids(browse(staff).post(URL, {"q": "кам'янец"})) == [130]


def test_the_choice_is_kept_over_searches(staff, browse, people):
    client = browse(staff)
    first = client.post(URL, {"q": "C-9001", "client": people[:1]})
    assert carried(first) == people[:1]
    second = client.post(URL, {"q": "044 555 66 77", "client": people})
    assert carried(second) == sorted(people)
    third = client.post(URL, {"q": "", "client": people}, headers=fragment("rows", URL))
    assert carried(third) == sorted(people)
    assert "Chosen: 2" in text_of(third)


def test_the_chosen_ones_of_all_groups_come_to_one_move(staff, browse, people):
    client = browse(staff)
    there = f"/clients/move/?client={','.join(people)}"
    chosen = {"q": "", "move": "1", "client": people}
    assert client.post(URL, chosen)["Location"] == there
    assert client.post(URL, chosen, headers=fragment("rows", URL))["HX-Redirect"] == there
    page = client.get(there)
    assert "Move 2 clients" in text_of(page)
    assert f'<input type="hidden" name="clients" value="{",".join(people)}"' in page.content.decode()


def test_a_choice_of_nobody_of_too_many_or_of_nonsense_moves_nobody(staff, browse):
    client = browse(staff)
    assert "Choose the clients first" in text_of(client.post(URL, {"move": "1"}))
    many = [f"{number}-1" for number in range(1, MOST_CHOSEN + 2)]
    assert "So many clients cannot be moved at once" in text_of(
        client.post(URL, {"move": "1", "client": ",".join(many)})
    )
    for bad in ("7", "7-", "0-1", "7-1-2", "x-1", "7-99999999999"):
        assert client.post(URL, {"move": "1", "client": bad}).status_code == 200


def test_names_and_numbers_get_into_no_address_and_are_for_nobody_without_the_right(
    manager, staff, browse, people, sandbox
):
    page = browse(staff).post(URL, {"q": "кам'янец"}).content.decode()
    assert not [url for url in re.findall(r'(?:href|action|hx-\w+)="([^"]*)"', page) if "q=" in url]
    assert 'hx-push-url="false"' in page
    sandbox.log.clear()
    client = browse(manager)
    assert client.post(URL, {"q": "кам'янец"}).status_code == 403
    assert URL not in re.findall(r'href="([^"]*)"', client.get("/groups/").content.decode())
    assert not sandbox.calls("clients.getClients")
