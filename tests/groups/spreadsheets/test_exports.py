"""Test exporting the list."""

import csv
import io
from datetime import datetime

import pytest
from openpyxl import load_workbook

from tests.support.pages import group_ids

# A list is not in the database.
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def rows_of(answer, delimiter):
    text = answer.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


@pytest.mark.parametrize("query", ["", "?sort=-percent", "?q=система&sort=-clients", "?type=2"])
@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_it_has_exactly_the_rows_and_the_order_of_the_list(manager, browse, query, extension):
    client = browse(manager)
    answer = client.get(f"/groups/export.{extension}{query}")
    assert answer.status_code == 200
    if extension == "csv":
        ids = [int(row[0]) for row in rows_of(answer, ",")[1:]]
    else:
        ids = [row[0].value for row in load_workbook(io.BytesIO(answer.content)).active.iter_rows(min_row=2)]
    assert ids == group_ids(client.get(f"/groups/{query}"))


@pytest.mark.parametrize(("language", "delimiter", "percent", "bonus"), [
    ("uk", ";", "12,5", "50,00"), ("ru", ";", "12,5", "50,00"), ("en", ",", "12.5", "50.00"),
])  # fmt: skip
def test_a_csv_is_written_as_the_spreadsheets_of_the_language_read_it(
    manager, browse, sandbox, language, delimiter, percent, bonus
):
    sandbox.console("demo").edit(1, client_groups_discount="12.5")
    answer = browse(manager, language=language).get("/groups/export.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="groups-demo-' in answer["Content-Disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    _, first, *_ = rows_of(answer, delimiter)
    assert first[:2] == ["1", "Постоянный посетитель"]
    assert first[3:7] == [percent, bonus, "125", "demo"]
    assert datetime.strptime(first[7], "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the local time, as people read it


def test_a_workbook_has_numbers_as_numbers_and_says_whose_and_when(manager, browse):
    answer = browse(manager).get("/groups/export.xlsx")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    first = [cell.value for cell in next(sheet.iter_rows(min_row=2))]
    assert first[:7] == [1, "Постоянный посетитель", "Bonus", 10, 50, 125, "demo"]
    assert isinstance(first[7], datetime)


def test_no_money_and_a_birthday_without_a_year_are_written_like_others(staff, browse, sandbox):
    sandbox.console("demo").put_client(1, bonus="0", total_payed_sum="0", birthday="0001-05-24")
    client = browse(staff)
    *_, newcomer = rows_of(client.get("/groups/1/clients/export.csv"), ",")
    assert newcomer[4:7] == ["0001-05-24", "0.00", "0.00"]
    sheet = load_workbook(io.BytesIO(client.get("/groups/1/clients/export.xlsx").content)).active
    assert [cell.number_format for cell in sheet[sheet.max_row][5:7]] == ["#,##0.00"] * 2


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_name_becomes_a_formula(manager, browse, sandbox, name):
    sandbox.console("demo").edit(1, client_groups_name=name)
    client = browse(manager)
    assert rows_of(client.get("/groups/export.csv"), ",")[1][1] == f"'{name}"
    cell = load_workbook(io.BytesIO(client.get("/groups/export.xlsx").content)).active.cell(2, 2)
    assert (cell.value, cell.data_type) == (name, "s")


@pytest.mark.parametrize("name", ["a\x0bb", "a\ufffeb"])
@pytest.mark.parametrize("path", ["/groups/export.xlsx", "/groups/1/clients/export.xlsx"])
def test_a_character_that_no_workbook_holds_is_written_as_spreadsheets_do(staff, browse, sandbox, path, name):
    console = sandbox.console("demo")
    console.edit(1, client_groups_name=name)
    console.put_client(1, lastname=name, firstname="")
    sheet = load_workbook(io.BytesIO(browse(staff).get(path).content)).active
    assert f"a_x{ord(name[1]):04X}_b" in [cell.value for cell in sheet["B"]]


@pytest.mark.parametrize("name", ["a;=cmd", "a,=cmd", 'a;"=1+1;b', "a;'=1", "a\n=1", "a;-1,+1;@x", 'a";"=1'])
@pytest.mark.parametrize("language", ["uk", "en"])
def test_nor_a_part_of_one_where_the_spreadsheet_takes_another_delimiter(
    manager, browse, sandbox, language, name
):
    sandbox.console("demo").edit(1, client_groups_name=name)
    content = browse(manager, language=language).get("/groups/export.csv").content.decode("utf-8-sig")
    assert all(line.startswith('"') and line.endswith('"') for line in content.split("\r\n") if line)
    for delimiter in ";,":
        for row in csv.reader(io.StringIO(content), delimiter=delimiter):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_all_pages_are_in_it(manager, browse, sandbox):
    for number in range(10, 200):
        row = sandbox.accounts["demo"].snapshot()[1] | {"client_groups_id": str(number)}
        sandbox.console("demo").put(row)
    assert len(rows_of(browse(manager).get("/groups/export.csv?page=2"), ",")) == 1 + 193


def test_the_list_offers_both_with_their_count(manager, browse):
    html = browse(manager).get("/groups/?type=2").content.decode()
    for extension in ("csv", "xlsx"):
        assert f'href="/groups/export.{extension}?type=2"' in html


def test_another_extension_is_not_found(manager, browse):
    assert browse(manager).get("/groups/export.pdf").status_code == 404


def test_while_poster_is_away_without_a_copy_there_is_no_file(manager, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    assert browse(manager).get("/groups/export.csv").status_code == 504
