"""Test the message about a change: what it says, and that it can be taken back by one click."""

import pytest

from groups.features.snapshots.models import Snapshot
from groups.models import Change
from tests.support.changes import EDIT, SEED
from tests.support.pages import fragment, group_form, open_form, text_of

pytestmark = pytest.mark.django_db


def edit(client, **changes):
    client.post(EDIT, group_form(client, EDIT, **(SEED | changes)))
    return Change.objects.first()


def test_a_percent_is_shown_as_it_was_and_as_it_is(staff, browse, sandbox):
    client = browse(staff, language="uk")
    edit(client, percent="12,5")
    assert "Постоянный посетитель: 10 % → 12,5 %" in text_of(client.get("/groups/1/"))


def test_other_values_are_named(staff, browse, sandbox):
    client = browse(staff)
    edit(client, percent="11", birthday_bonus="60")
    assert "Percent 10% → 11%, Birthday bonus 50.00 ₴ → 60.00 ₴" in text_of(client.get("/groups/1/"))


def test_the_message_takes_the_change_back_as_the_history_does(staff, browse, sandbox):
    client = browse(staff)
    change = edit(client, percent="11")
    page = client.get("/groups/1/").content.decode()
    assert f'action="/history/{change.pk}/undo/" data-undo="1"' in page
    assert client.post(f"/history/{change.pk}/undo/")["Location"] == "/groups/1/"
    assert sandbox.posts()[-1].form["client_groups_discount"] == "10"
    assert "has its former values again: 11% → 10%" in text_of(client.get("/groups/1/"))


def test_taken_back_in_the_list_it_leads_to_the_list_as_it_was(staff, browse, sandbox):
    client = browse(staff)
    change = edit(client, percent="11")
    behind = {"Referer": "http://testserver/groups/?sort=name"}
    assert client.post(f"/history/{change.pk}/undo/", headers=behind)["Location"] == "/groups/?sort=name"


def test_taken_back_in_a_row_it_comes_as_the_row(staff, browse, sandbox):
    client = browse(staff)
    change = edit(client, percent="11")
    answer = client.post(f"/history/{change.pk}/undo/", headers=fragment("row-1", "/groups/?sort=name"))
    assert '"path": "/groups/?sort=name", "target": "#row-1"' in answer["HX-Location"]


def test_a_new_group_is_not_taken_back_by_one_click(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/new/", group_form(client, "/groups/new/"))
    page = client.get("/groups/").content.decode()
    assert "was created" in page
    assert "data-undo" not in page


# --- A removed group ---------------------------------------------------------------------------------------


def remove(client):
    form = open_form(client, "/groups/1/delete/", confirm_name=SEED["name"])
    assert client.post("/groups/1/delete/", form).status_code == 302
    return Change.objects.get(action="remove")


def test_after_a_removal_an_owner_is_led_to_the_restore_of_its_clients(owner, browse, sandbox):
    client = browse(owner)
    change = remove(client)
    restore = f"/history/snapshots/{change.pk}/restore/"
    assert f'href="{restore}"' in client.get("/groups/").content.decode()
    page = client.get("/history/")
    assert f'href="{restore}"' in page.content.decode()
    assert "Restore with 125 clients" in text_of(page)
    assert client.get(restore).status_code == 200


def test_nobody_else_is_led_to_it_nor_is_an_owner_without_a_snapshot(owner, staff, browse, sandbox):
    change = remove(browse(owner))
    assert "Restore with" not in text_of(browse(staff).get("/history/"))
    Snapshot.objects.filter(pk=change.pk).delete()
    assert "Restore with" not in text_of(browse(owner).get("/history/"))
