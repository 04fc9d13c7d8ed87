"""Test the clients of a group: pages, order, search, export, rights and failures."""

import csv
import io
import re

import pytest
from django.core.exceptions import PermissionDenied
from openpyxl import load_workbook

from groups.poster import PosterClient
from groups.services import clients
from groups.services.groups import read_group
from tests.support.pages import client_ids, fragment, text_of

# Clients are kept in no database: tests/groups/views/clients/test_nobody_is_kept.py
pytestmark = pytest.mark.django_db
URL = "/groups/1/clients/"


def search(client, q, **fields):
    return client.post(URL, {"q": q, **fields})


# --- The list ----------------------------------------------------------------------------------------------


def test_a_page_is_asked_for_and_no_more(staff, browse, sandbox):
    page = browse(staff).get(URL, {"page": "2"})
    assert page.status_code == 200
    query = sandbox.calls("clients.getClients")[0].query
    assert (query["group_id"], query["num"], query["offset"]) == ("1", "50", "50")
    assert len(sandbox.calls("clients.getClients")) == 1
    assert client_ids(page) == [number for number in range(51, 101) if number != 82]
    assert "125 clients, page 2 of 3" in text_of(page)
    assert "page 2 of 3" in page.content.decode().partition("</title>")[0]
    assert 'href="/groups/1/clients/"' in page.content.decode()
    assert 'href="/groups/1/clients/?page=3"' in page.content.decode()


def test_every_client_is_on_one_page_and_removed_ones_on_none(staff, browse):
    client = browse(staff)
    pages = [client.get(URL, {"page": str(number)}) for number in (1, 2, 3)]
    found = [each for page in pages for each in client_ids(page)]
    assert len(found) == len(set(found)) == 125
    assert {41, 82, 123}.isdisjoint(found)
    assert ["1 removed client of this page is left out" in text_of(page) for page in pages] == [True] * 3
    assert "Next page" not in text_of(pages[2])
    assert "There are no more clients" in text_of(client.get(URL, {"page": "4"}))


def test_what_a_row_says(staff, browse, somebody):
    html = browse(staff).get(URL).content.decode()
    row = re.search(r'(?s)<tr data-client="7">.*?</tr>', html)[0]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).replace("&nbsp;", " ").replace("&#x27;", "'")
    for part in (
        "Кам'янецька Ёлка",
        "card C-9001",
        "+380 44 555 66 77",
        "24 May 1990",
        "1,234.56 ₴",
        "99,999.99 ₴",
        "25% own, the group has 10%",
    ):
        assert part in words
    assert "ніколи" not in html


# --- Search ------------------------------------------------------------------------------------------------


# tests/groups/presenters has each sign in test_alphabet.py and test_phones.py.
@pytest.mark.parametrize(
    "q",
    [
        *("КАМʼЯНЕЦЬКА елка", "c\u20119001", "(044) 555/66"),
    ],
)
def test_a_name_a_card_and_a_part_of_a_number_are_found_by_reading(staff, browse, sandbox, somebody, q):
    page = search(browse(staff), q)
    assert client_ids(page) == [7]
    assert "1 client found, 125 searched" in text_of(page)
    assert [call.query["num"] for call in sandbox.calls("clients.getClients")] == ["500"]


def test_a_search_is_in_no_address(staff, browse):
    client = browse(staff)
    page = search(client, "кам'янецька")
    assert not re.search(r'href="[^"]*q=', page.content.decode())
    assert client_ids(client.get(URL, {"q": "nobody"})) == client_ids(client.get(URL))
    assert search(client, "  ", sort="-bonus", page="2")["Location"] == f"{URL}?sort=-bonus&page=2"


def test_a_search_says_how_far_it_came_and_goes_on(staff, browse, sandbox, monkeypatch, somebody):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 30)
    monkeypatch.setattr(clients, "SEARCHED_AT_MOST", 60)
    client = browse(staff)
    sandbox.console().edit_client(100, lastname="Кам'янецька")
    first = search(client, "кам'янецька")
    assert client_ids(first) == [7]
    assert "1 client found, 59 searched" in text_of(first)
    assert 'name="from" value="60"' in first.content.decode()
    second = search(client, "кам'янецька", **{"from": "60"})
    assert client_ids(second) == [100]
    assert "119 searched" in text_of(second)
    third = search(client, "кам'янецька", **{"from": "120"})
    assert "Nobody matches" in text_of(third)
    assert "127 searched" in text_of(third)
    assert 'name="from"' not in third.content.decode()


def test_somebody_who_goes_in_the_middle_is_noticed(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 30)
    fields = {"client_groups_id": "4"}
    get_clients, calls = PosterClient.get_clients, []

    def leave(*args, **options):
        calls.append(options)
        if len(calls) == 2:
            sandbox.console().edit_client(3, **fields)
        return get_clients(*args, **options)

    monkeypatch.setattr(PosterClient, "get_clients", leave)
    page = search(browse(staff), "кам'янецька")
    assert page.status_code == 502
    assert "changed while it was being read" in text_of(page)


# --- The file ----------------------------------------------------------------------------------------------


def test_a_file_has_everybody(staff, browse, sandbox, monkeypatch, somebody):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 30)
    client = browse(staff)
    answer = client.get(f"{URL}export.csv")
    assert 'filename="clients-demo-1-' in answer["Content-Disposition"]
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header[:3] == ["Id", "Name", "Phone"]
    assert [int(row[0]) for row in rows] == [n for n in range(1, 129) if n not in {41, 82, 123}]
    assert rows[6][:10] == [
        *("7", "Кам'янецька Ёлка", "'+380 44 555 66 77", "C-9001", "1990-05-24"),
        *("1234.56", "99999.99", "25", "25", "Постоянный посетитель"),
    ]
    sheet = load_workbook(io.BytesIO(client.get(f"{URL}export.xlsx").content)).active
    assert sheet.max_row == 126
    assert [cell.value for cell in sheet[8]][1:4] == ["Кам'янецька Ёлка", "+380 44 555 66 77", "C-9001"]
    assert sheet.cell(8, 6).value == 1234.56


def test_no_client_becomes_a_formula(staff, browse, sandbox):
    name = "=1+1"
    sandbox.console().edit_client(1, lastname=name, firstname="", patronymic="")
    client = browse(staff)
    assert f"'{name}" in client.get(f"{URL}export.csv").content.decode()
    cell = load_workbook(io.BytesIO(client.get(f"{URL}export.xlsx").content)).active.cell(2, 2)
    assert (cell.value, cell.data_type) == (name, "s")


def test_half_a_file_is_none(staff, browse, sandbox, monkeypatch):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 30)
    sandbox.script("clients.getClients", "empty", call=3, times=None)
    answer = browse(staff).get(f"{URL}export.csv")
    assert answer.status_code == 502
    assert "Content-Disposition" not in answer


# --- Rights ------------------------------------------------------------------------------------------------


def test_the_service_asks_for_the_right_too(manager, sandbox):
    group = read_group(manager.credentials, 1).group
    with pytest.raises(PermissionDenied):
        clients.list_members(manager.credentials, group)
    with pytest.raises(PermissionDenied):
        clients.search_clients(manager.credentials, group.id, matches=bool)
    with pytest.raises(PermissionDenied):
        clients.every_member(manager.credentials, group.id)
    assert not sandbox.calls("clients.getClients")


# --- Failures, and data left behind ------------------------------------------------------------------------


ASKS = {
    "page": lambda client: client.get(URL),
    "search": lambda client: search(client, "ко"),
    "file": lambda client: client.get(f"{URL}export.csv"),
}
# tests/groups/poster/test_faults.py has the error of each fault; the fault matrix opens the page.
FAILURES = [("page", "error_object", 424), ("search", "fin_before_headers", 504), ("file", "status_500", 502)]


@pytest.mark.parametrize(("ask", "fault", "status"), FAILURES)
def test_each_way_to_fail_has_its_status(staff, browse, sandbox, ask, fault, status):
    client = browse(staff)
    client.get("/groups/1/")
    sandbox.script("clients.getClients", fault, times=None)
    answer = ASKS[ask](client)
    assert answer.status_code == status
    assert 'data-notice="error"' in answer.content.decode()
    assert not client_ids(answer)
    assert not sandbox.posts()


def test_while_poster_is_away_there_is_no_copy_of_people(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    client.get(URL)
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get(URL)
    assert page.status_code == 504
    assert "Poster does not answer" in text_of(page)
    search = client.post("/clients/", {"q": "Іван"})
    assert "the clients could not be loaded" in text_of(search)
    part = client.get(URL, headers=fragment("rows", URL))
    assert (part.status_code, part["HX-Retarget"]) == (504, "#notice")
