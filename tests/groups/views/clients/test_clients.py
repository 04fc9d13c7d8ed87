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
pytestmark = [pytest.mark.django_db, pytest.mark.once]
URL = "/groups/1/clients/"


def search(client, q, **fields):
    return client.post(URL, {"q": q, **fields})


# --- The list ----------------------------------------------------------------------------------------------


def test_a_page_is_asked_for_and_no_more(staff, browse, sandbox):
    page = browse(staff).get(URL, {"page": "2"})
    assert page.status_code == 200
    asked = sandbox.calls("clients.getClients")[0].query
    assert (asked["group_id"], asked["num"], asked["offset"]) == ("1", "50", "50")
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


def test_a_count_that_is_late_hides_no_page(staff, browse, sandbox):
    sandbox.lag("count_zero")
    assert "Next page" in text_of(browse(staff).get(URL))


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


def test_an_overdrawn_account_of_bonuses_has_a_minus(staff, browse, somebody, sandbox):
    sandbox.console().edit_client(7, bonus="-123456")
    assert "−1,234.56 ₴" in text_of(search(browse(staff), "C-9001"))


def test_an_own_percent_that_is_not_larger_does_not_count(staff, browse, sandbox):
    sandbox.console().edit_client(7, discount_per="10")
    html = browse(staff).get(URL).content.decode()
    row = re.search(r'(?s)<tr data-client="7">.*?</tr>', html)[0]
    assert "own, the group" not in row
    assert row.count("10%") == 2


@pytest.mark.parametrize(
    ("sort", "field", "direction"),
    [("name", "lastname", "asc"), ("-bonus", "bonus", "desc"), ("paid", "total_payed_sum", "asc"),
     ("-own", "discount_per", "desc"), ("birthday", "birthday", "asc"), ("--bonus", "client_id", "asc"),
     ("x", "client_id", "asc")],
)  # fmt: skip
def test_poster_sorts(staff, browse, sandbox, sort, field, direction):
    page = browse(staff).get(URL, {"sort": sort})
    asked = sandbox.calls("clients.getClients")[0].query
    assert (asked["order_by"], asked["sort"]) == (field, direction)
    sorted_by = re.findall(r'aria-sort="(\w+)"', page.content.decode())
    assert sorted_by.count("none") == len(sorted_by) - (field != "client_id")


def test_an_order_that_poster_did_not_keep_is_said(staff, browse, sandbox):
    client = browse(staff)
    sandbox.console().edit(1, count_groups_clients="30")
    sandbox.console().edit_client(1, bonus="99999999")
    assert "did not keep the order" not in text_of(client.get(URL, {"sort": "-bonus"}))
    # This fault repeats the first row at the end.
    sandbox.script("clients.getClients", "row_duplicate_name")
    assert "did not keep the order" in text_of(client.get(URL, {"sort": "-bonus"}))


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999", "٣"])
def test_an_odd_page_is_the_first(staff, browse, page):
    assert 1 in client_ids(browse(staff).get(URL, {"page": page}))


def test_an_empty_group(staff, browse, sandbox):
    sandbox.console().edit(1, count_groups_clients="0")
    assert "Nobody is in this group" in text_of(browse(staff).get(URL))


def test_a_group_that_is_not_there(staff, browse):
    assert browse(staff).get("/groups/77/clients/").status_code == 404
    assert browse(staff).post("/groups/77/clients/", {"q": "а"}).status_code == 404
    assert browse(staff).get("/groups/77/clients/export.csv").status_code == 404


def test_a_fragment_and_a_page_say_the_same(staff, browse):
    client = browse(staff)
    part = client.get(URL, {"page": "2"}, headers=fragment("rows", URL))
    assert client_ids(part) == client_ids(client.get(URL, {"page": "2"}))
    assert "<html" not in part.content.decode()


# --- Search ------------------------------------------------------------------------------------------------


# tests/groups/presenters has each sign in test_alphabet.py and test_phones.py.
@pytest.mark.parametrize(
    "q",
    [
        *("кам'янецька", "КАМʼЯНЕЦЬКА елка", "\u2066Кам\u2019янецька\u2069", "Kamyanetska"),
        *("c-9001", "c\u20119001", "90 01", "555 66", "(044) 555/66", "тел. 044 555"),
    ],
)
def test_a_name_a_card_and_a_part_of_a_number_are_found_by_reading(staff, browse, sandbox, somebody, q):
    page = search(browse(staff), q)
    assert client_ids(page) == [7]
    assert "1 client found, 125 searched" in text_of(page)
    assert [call.query["num"] for call in sandbox.calls("clients.getClients")] == ["500"]


@pytest.mark.parametrize(
    "q",
    [
        "+380 44 555-66-77",
        "044 555 66 77",
        "00380 44 5556677",
        "Тел.: 044 555-66-77",
        "＋３８０４４５５５６６７７",
    ],
)
def test_a_whole_number_is_found_by_poster(staff, browse, sandbox, somebody, q):
    page = search(browse(staff), q)
    assert client_ids(page) == [7]
    assert "by the whole phone number" in text_of(page)
    (call,) = sandbox.calls("clients.getClients")
    assert call.query["phone"] == "380445556677"


def test_a_number_that_poster_has_without_the_code_of_the_country_is_found_by_reading(
    staff, browse, sandbox, somebody
):
    sandbox.console().edit_client(7, phone="044 555-66-77", phone_number="0445556677")
    assert client_ids(search(browse(staff), "+380 44 555 66 77")) == [7]


@pytest.mark.parametrize("q", ["+", "тел.", "()/", "-–-", "'", '"’'])
def test_a_search_of_signs_alone_finds_nobody(staff, browse, sandbox, q):
    page = search(browse(staff), q)
    assert (page.status_code, client_ids(page)) == (200, [])


def test_a_number_of_another_group_is_not_in_this_one(staff, browse, sandbox, somebody):
    sandbox.console().edit_client(7, client_groups_id="4")
    assert "Nobody matches" in text_of(search(browse(staff), "380445556677"))


def test_a_search_is_in_no_address(staff, browse):
    client = browse(staff)
    page = search(client, "кам'янецька")
    assert not re.search(r'href="[^"]*q=', page.content.decode())
    assert client_ids(client.get(URL, {"q": "nobody"})) == client_ids(client.get(URL))
    assert search(client, "  ", sort="-bonus", page="2")["Location"] == f"{URL}?sort=-bonus&page=2"


def test_what_was_found_is_sorted_here(staff, browse, sandbox):
    client, row = browse(staff), sandbox.accounts["demo"].clients.row
    for sort, backwards in (("paid", False), ("-paid", True)):
        found = client_ids(search(client, "ко", sort=sort))
        paid = [int(row(client_id)["total_payed_sum"]) for client_id in found]
        assert len(paid) > 3
        assert paid == sorted(paid, reverse=backwards)


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


def test_no_more_than_some_are_shown(staff, browse, sandbox):
    sandbox.console().edit(1, count_groups_clients="900")
    page = search(browse(staff), "а")
    assert len(client_ids(page)) == 200
    assert "The first 200 of" in text_of(page)


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


def test_a_csv_of_clients_is_as_the_spreadsheets_of_the_language_want_it(staff, browse, somebody):
    answer = browse(staff, language="uk").get(f"{URL}export.csv")
    row = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))[7]
    assert row[5:8] == ["1234,56", "99999,99", "25"]


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)"])
def test_no_client_becomes_a_formula(staff, browse, sandbox, name):
    sandbox.console().edit_client(1, lastname=name, firstname="", patronymic="")
    client = browse(staff)
    assert f"'{name}" in client.get(f"{URL}export.csv").content.decode()
    cell = load_workbook(io.BytesIO(client.get(f"{URL}export.xlsx").content)).active.cell(2, 2)
    assert (cell.value, cell.data_type) == (name, "s")


def test_a_group_of_which_no_client_can_be_read_is_not_said_to_be_empty(staff, browse, sandbox):
    sandbox.console().edit(4, count_groups_clients="1")
    sandbox.console().edit_client(129, discount_per="150")
    text = text_of(browse(staff).get("/groups/4/clients/"))
    assert "None of these clients could be read" in text
    assert "Nobody is in this group" not in text


def test_a_client_who_cannot_be_read_is_in_the_file_too(staff, browse, sandbox):
    sandbox.script("clients.getClients", "row_percent_150", group=3)
    rows = list(csv.reader(io.StringIO(browse(staff).get(f"{URL}export.csv").content.decode("utf-8-sig"))))
    assert len(rows) == 126
    assert [row[1] for row in rows if row[0] == "3"] == ["could not be read: discount_per is above 100"]


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_half_a_file_is_none(staff, browse, sandbox, monkeypatch, extension):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 30)
    sandbox.script("clients.getClients", "empty", call=3, times=None)
    answer = browse(staff).get(f"{URL}export.{extension}")
    assert answer.status_code == 502
    assert "Content-Disposition" not in answer


# --- Rights ------------------------------------------------------------------------------------------------


def test_the_service_asks_for_the_right_too(manager, sandbox):
    group = read_group(manager.credentials, 1).group
    with pytest.raises(PermissionDenied):
        clients.list_members(manager.credentials, group)
    with pytest.raises(PermissionDenied):
        clients.first_members(manager.credentials, group.id)
    with pytest.raises(PermissionDenied):
        clients.search_clients(manager.credentials, group.id, matches=bool)
    with pytest.raises(PermissionDenied):
        clients.every_member(manager.credentials, group.id)
    assert not sandbox.calls("clients.getClients")


def test_staff_and_owners_come_from_the_group_and_managers_do_not(staff, owner, manager, browse):
    for user in (staff, owner):
        page = browse(user).get("/groups/1/")
        assert f'href="{URL}"' in page.content.decode()
        assert "Show all 125 clients" in text_of(page)
        assert browse(user).get(URL).status_code == 200
    assert URL not in browse(manager).get("/groups/1/").content.decode()


def test_another_account_sees_its_own(outsider, browse, sandbox, somebody):
    page = browse(outsider).get("/groups/2/clients/")
    assert page.status_code == 200
    assert "Кам'янецька" not in page.content.decode()


# --- Failures, and data left behind ------------------------------------------------------------------------


ASKS = {
    "page": lambda client: client.get(URL),
    "search": lambda client: search(client, "ко"),
    "file": lambda client: client.get(f"{URL}export.csv"),
}
# tests/groups/poster/test_faults.py has the error of each fault; the fault matrix opens the page.
FAILURES = {"fin_before_headers": 504, "status_500": 502, "error_object": 424, "error_number_field": 422}


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("fault", FAILURES)
def test_each_way_to_fail_has_its_status(staff, browse, sandbox, fault, ask):
    client = browse(staff)
    client.get("/groups/1/")
    sandbox.script("clients.getClients", fault, times=None)
    answer = ASKS[ask](client)
    assert answer.status_code == FAILURES[fault]
    assert 'data-notice="error"' in answer.content.decode()
    assert not client_ids(answer)
    assert not sandbox.posts()


def test_a_page_with_more_clients_than_were_asked_for_is_no_answer(staff, browse, sandbox):
    sandbox.script("clients.getClients", "row_duplicate_id", times=None)
    assert browse(staff).get(URL).status_code == 502


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


# --- The first clients, on the page of a group -------------------------------------------------------------

FIRST = "/groups/1/clients/first/"


def test_the_page_of_a_group_loads_its_first_five_clients(staff, browse, sandbox):
    client = browse(staff)
    assert f'hx-get="{FIRST}"' in client.get("/groups/1/").content.decode()
    sandbox.console().edit_client(2, delete="1")
    shown = client.get(FIRST, headers=fragment("first-clients", "/groups/1/")).content.decode()
    assert re.findall(r'<li data-client="(\d+)"', shown) == ["1", "3", "4", "5", "6"]
    assert "<html" not in shown
    assert client.get(FIRST)["Location"] == URL


def test_the_first_clients_are_for_nobody_without_the_right(manager, browse, sandbox):
    client = browse(manager)
    assert FIRST not in client.get("/groups/1/").content.decode()
    assert client.get(FIRST, headers=fragment("first-clients", "/groups/1/")).status_code == 403
    assert not sandbox.calls("clients.getClients")


def test_while_poster_is_away_the_first_clients_say_so_in_their_place(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/1/")
    sandbox.script("clients.getClients", "fin_before_headers", times=None)
    shown = client.get(FIRST, headers=fragment("first-clients", "/groups/1/"))
    assert shown.status_code == 200
    assert "The clients cannot be shown now." in text_of(shown)
