"""Test exporting the history."""

import csv
import io
import json
from datetime import datetime

import pytest
from openpyxl import load_workbook

from groups.models import Change, Job
from groups.services.journal import history
from tests.support.changes import SEED, edit

pytestmark = pytest.mark.django_db


def lines_of(answer):
    return [json.loads(line) for line in answer.content.decode().splitlines()]


def rows_of(answer, delimiter=","):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=delimiter))


@pytest.fixture
def _two_changes(staff, owner, browse):
    edit(browse(staff), percent="12,5", name="Гості")
    edit(browse(owner), name="Гості", percent="15")


@pytest.mark.usefixtures("_two_changes")
@pytest.mark.parametrize(
    ("query", "people"), [("", ["owner", "staff"]), ("?user=staff", ["staff"]), ("?state=refused", [])]
)
@pytest.mark.parametrize("extension", ["csv", "xlsx", "jsonl"])
def test_a_file_has_the_changes_that_the_page_shows_with_the_same_filters(
    manager, browse, query, people, extension
):
    answer = browse(manager).get(f"/history/export.{extension}{query}")
    assert answer.status_code == 200
    if extension == "jsonl":
        found = [line["user"] for line in lines_of(answer)]
    elif extension == "csv":
        found = [row[1] for row in rows_of(answer)[1:]]
    else:
        sheet = load_workbook(io.BytesIO(answer.content)).active
        found = [row[1].value for row in sheet.iter_rows(min_row=2)]
    assert found == people


@pytest.mark.usefixtures("_two_changes")
def test_a_row_of_a_spreadsheet_says_what_became_of_what(manager, browse):
    answer = browse(manager, language="uk").get("/history/export.csv?user=staff")
    header, row = rows_of(answer, ";")
    assert len(header) == len(row)
    assert row[1:6] == ["staff", "1", SEED["name"], "змінено", "застосовано"]
    assert row[7:13] == [SEED["name"], "Гості", "Бонусна", "Бонусна", "10", "12,5"]
    assert row[-1] == str(Change.objects.get(user_name="staff").pk)
    assert 'filename="history-demo-' in answer["Content-Disposition"]


@pytest.mark.usefixtures("_two_changes")
def test_a_workbook_has_numbers_and_times_as_such(manager, browse):
    answer = browse(manager).get("/history/export.xlsx?user=staff")
    sheet = load_workbook(io.BytesIO(answer.content)).active
    row = [cell.value for cell in next(sheet.iter_rows(min_row=2))]
    assert isinstance(row[0], datetime)
    assert row[11:15] == [10, 12.5, 50, 50]


@pytest.mark.parametrize("note", ["a\x0bb", "a\ufffeb"])
def test_a_workbook_opens_whatever_the_note_of_a_change_holds(staff, browse, note):
    client = browse(staff)
    edit(client, percent="12", note=note)
    sheet = load_workbook(io.BytesIO(client.get("/history/export.xlsx").content)).active
    assert f"a_x{ord(note[1]):04X}_b" in [cell.value for cell in sheet[2]]


@pytest.mark.usefixtures("_two_changes")
def test_a_line_of_json_is_the_same_in_every_language_and_has_plain_values(manager, browse):
    english, ukrainian = (
        browse(manager, language=language).get("/history/export.jsonl?user=staff")
        for language in ("en", "uk")
    )
    assert english.content == ukrainian.content
    (line,) = lines_of(english)
    assert (line["state"], line["action"], line["group_id"]) == ("applied", "update", 1)
    assert line["before"]["percent"] == "10"
    assert line["intended"]["name"] == "Гості"
    assert datetime.fromisoformat(line["created_at"]).tzinfo


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
def test_a_move_names_the_groups_that_its_client_left_and_entered(manager, browse, extension):
    account = manager.credentials.account
    names = {"group_id": 1, "group_name": "Гості тоді", "target_id": 77, "target_name": "Друзі"}
    job = Job.objects.create(account=account, kind="move", user_name="staff", **names)
    for number, (source, target) in enumerate([(1, 77), (4, 77), (88, 1)]):
        places = {"loaded": {"group_id": source}, "intended": {"group_id": target}}
        client = {"client_id": number + 1, "target": f"client:{number + 1}"}
        Change.objects.create(account=account, action="move", state="applied", job=job, **client, **places)
    client = browse(manager)
    client.get("/groups/")
    answer = client.get(f"/history/export.{extension}?job={job.pk}")
    if extension == "csv":
        header, *rows = rows_of(answer)
    else:
        sheet = load_workbook(io.BytesIO(answer.content)).active
        header, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert header[17:19] == ["Moved from", "Moved to"]
    # The names that the job was made with, those of now for other groups, and a number for one that is gone.
    present = ["Гості тоді", "Друзі"], ["Скидочная система 10%", "Друзі"], ["no. 88", "Гості тоді"]
    assert sorted(row[17:19] for row in rows) == sorted(present)


def test_hashes_of_a_client_stay_here(manager, browse):
    account = manager.credentials.account
    before = {"group_id": 1, "field_hmacs": {"phone": "secret"}}
    change = Change(account=account, action="move", client_id=7, target="client:7", before=before)
    change.save()
    for extension in ("jsonl", "csv"):
        answer = browse(manager).get(f"/history/export.{extension}?job=")
        assert "secret" not in answer.content.decode()


@pytest.mark.usefixtures("_two_changes")
def test_more_changes_than_a_file_holds_are_exported_in_parts(manager, browse, monkeypatch):
    monkeypatch.setattr(history, "COUNTED", 1)
    client = browse(manager)
    answer = client.get("/history/export.csv?action=update", follow=True)
    assert answer.redirect_chain == [("/history/?action=update", 302)]
    assert "Choose days in the filter" in answer.content.decode()
    assert len(rows_of(client.get("/history/export.csv?user=staff"))) == 2
