"""Test the search over all clients of the account, and the choice that leads to a move."""

import re

import pytest

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


def test_the_chosen_ones_of_all_groups_come_to_one_move(staff, browse, people):
    client = browse(staff)
    there = f"/clients/move/?client={','.join(people)}"
    chosen = {"q": "", "move": "1", "client": people}
    assert client.post(URL, chosen)["Location"] == there
    assert client.post(URL, chosen, headers=fragment("rows", URL))["HX-Redirect"] == there
    page = client.get(there)
    assert "Move 2 clients" in text_of(page)
    assert f'<input type="hidden" name="clients" value="{",".join(people)}"' in page.content.decode()


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
