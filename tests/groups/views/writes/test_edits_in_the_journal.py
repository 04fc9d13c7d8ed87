"""Test what the journal makes of a form: one write, a conflict, a lock, a reason; and none without a row."""

import pytest

from groups.models import Change
from tests.support.pages import group_form, hidden, text_of

pytestmark = pytest.mark.django_db
EDIT = "/groups/1/edit/"
SEED = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50,00"}


def test_a_conflict_shows_three_versions_and_offers_two_ways(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    sandbox.console("demo").edit(1, client_groups_discount="12", client_groups_name="Гості")
    answer = client.post(EDIT, form)
    assert answer.status_code == 409
    html, text = answer.content.decode(), text_of(answer)
    assert 'data-notice="conflict"' in html
    assert 'data-outcome="failed"' in html
    assert all(value in text for value in ("10%", "12%", "15%", "Гості"))
    assert not sandbox.posts()
    mine = hidden(answer, *form)
    assert mine["operation"] != form["operation"]
    assert client.post(EDIT, mine).status_code == 302
    assert sandbox.posts()[-1].form["client_groups_discount"] == "15"


def test_the_same_form_twice_is_one_write_and_the_same_answer(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    first, second = client.post(EDIT, form), client.post(EDIT, form)
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
    assert len(sandbox.posts()) == 1


def test_an_open_change_locks_the_group_and_says_why(staff, owner, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    other = group_form(browse(owner), EDIT, **(SEED | {"percent": "16"}))
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    lost = client.post(EDIT, form)
    assert lost.status_code == 504
    assert 'data-outcome="unknown"' in lost.content.decode()
    busy = browse(owner).post(EDIT, other)
    assert busy.status_code == 409
    assert "staff" in text_of(busy)
    assert EDIT not in browse(owner).get("/groups/1/").content.decode()
    for url in (EDIT, "/groups/1/delete/"):
        opened = browse(owner).get(url)
        assert (opened.status_code, "staff" in text_of(opened)) == (409, True)
    assert len(sandbox.posts()) == 1


def test_the_reason_of_an_edit_stands_in_the_history_and_its_export(staff, browse):
    client = browse(staff)
    form = group_form(
        client, "/groups/1/edit/", name="Постоянный посетитель", percent="8", note=" До <свят> "
    )
    assert client.post("/groups/1/edit/", form).status_code == 302
    change = Change.objects.get()
    assert change.note == "До <свят>"
    for url in ("/history/", "/groups/1/", f"/history/{change.pk}/"):
        assert "<q>До &lt;свят&gt;</q>" in client.get(url).content.decode()
    assert "До <свят>" in client.get("/history/export.csv").content.decode("utf-8-sig")
    client.post(f"/history/{change.pk}/undo/")
    assert [change.note for change in Change.objects.order_by("created_at")] == ["До <свят>", ""]
