"""Test exporting the history."""

import csv
import io

import pytest
from openpyxl import load_workbook

from groups.models import Change
from tests.support.changes import edit

pytestmark = pytest.mark.django_db


def rows_of(answer, delimiter=","):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=delimiter))


@pytest.fixture
def _two_changes(staff, owner, browse):
    edit(browse(staff), percent="12,5", name="Гості")
    edit(browse(owner), name="Гості", percent="15")


@pytest.mark.usefixtures("_two_changes")
@pytest.mark.parametrize(
    ("extension", "query", "people"),
    [("csv", "", ["owner", "staff"]), ("xlsx", "?user=staff", ["staff"]), ("csv", "?state=refused", [])],
)
def test_a_file_has_the_changes_that_the_page_shows_with_the_same_filters(
    manager, browse, query, people, extension
):
    answer = browse(manager).get(f"/history/export.{extension}{query}")
    assert answer.status_code == 200
    if extension == "csv":
        found = [row[1] for row in rows_of(answer)[1:]]
    else:
        sheet = load_workbook(io.BytesIO(answer.content)).active
        found = [row[1].value for row in sheet.iter_rows(min_row=2)]
    assert found == people


def test_hashes_of_a_client_stay_here(manager, browse):
    account = manager.credentials.account
    before = {"group_id": 1, "field_hmacs": {"phone": "secret"}}
    change = Change(account=account, action="move", client_id=7, target="client:7", before=before)
    change.save()
    answer = browse(manager).get("/history/export.csv?job=")
    assert "secret" not in answer.content.decode()
