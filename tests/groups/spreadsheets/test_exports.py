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


@pytest.mark.parametrize(
    ("extension", "query"), [("csv", "?q=система&sort=-clients"), ("xlsx", "?sort=-percent")]
)
def test_a_file_has_exactly_the_rows_and_the_order_of_the_list(manager, browse, query, extension):
    client = browse(manager)
    answer = client.get(f"/groups/export.{extension}{query}")
    assert answer.status_code == 200
    if extension == "csv":
        ids = [int(row[0]) for row in rows_of(answer, ",")[1:]]
    else:
        ids = [row[0].value for row in load_workbook(io.BytesIO(answer.content)).active.iter_rows(min_row=2)]
    assert ids == group_ids(client.get(f"/groups/{query}"))


@pytest.mark.parametrize(("language", "delimiter", "percent", "bonus"), [
    ("uk", ";", "12,5", "50,00"), ("en", ",", "12.5", "50.00"),
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


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_name_becomes_a_formula(manager, browse, sandbox, name):
    sandbox.console("demo").edit(1, client_groups_name=name)
    client = browse(manager)
    assert rows_of(client.get("/groups/export.csv"), ",")[1][1] == f"'{name}"
    cell = load_workbook(io.BytesIO(client.get("/groups/export.xlsx").content)).active.cell(2, 2)
    assert (cell.value, cell.data_type) == (name, "s")


@pytest.mark.parametrize(
    ("path", "name"), [("/groups/export.xlsx", "a\x0bb"), ("/groups/1/clients/export.xlsx", "a\ufffeb")]
)
def test_a_character_that_no_workbook_holds_is_written_as_spreadsheets_do(staff, browse, sandbox, path, name):
    console = sandbox.console("demo")
    console.edit(1, client_groups_name=name)
    console.put_client(1, lastname=name, firstname="")
    sheet = load_workbook(io.BytesIO(browse(staff).get(path).content)).active
    assert f"a_x{ord(name[1]):04X}_b" in [cell.value for cell in sheet["B"]]


@pytest.mark.parametrize("name", ["a;=cmd", 'a;"=1+1;b', "a\n=1", "a;-1,+1;@x", 'a";"=1'])
def test_no_part_of_a_name_becomes_a_formula_with_another_delimiter(manager, browse, sandbox, name):
    sandbox.console("demo").edit(1, client_groups_name=name)
    content = browse(manager).get("/groups/export.csv").content.decode("utf-8-sig")
    assert all(line.startswith('"') and line.endswith('"') for line in content.split("\r\n") if line)
    for delimiter in ";,":
        for row in csv.reader(io.StringIO(content), delimiter=delimiter):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
