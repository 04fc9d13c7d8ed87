"""Use a feature that is plugged in from outside the tree; `tests/test_features.py` runs this."""

import pytest

pytestmark = pytest.mark.django_db


def test_a_note_is_written_on_the_page_of_a_group_and_read_by_the_whole_account(staff, manager, browse):
    written = browse(staff).post("/groups/1/note/", {"text": "Ask Olha first"})
    assert written["Location"] == "/groups/1/"
    page = browse(manager).get("/groups/1/").content.decode()
    assert "Ask Olha first" in page
    assert "Keep the note" not in page
    assert "Ask Olha first" not in browse(staff).get("/groups/4/").content.decode()


def test_it_has_the_rights_and_the_account_that_the_core_has(manager, outsider, staff, browse):
    assert browse(manager).post("/groups/1/note/", {"text": "x"}).status_code == 403
    browse(staff).post("/groups/1/note/", {"text": "Ask Olha first"})
    assert "Ask Olha first" not in browse(outsider).get("/groups/1/").content.decode()


def test_it_has_a_tab_of_the_history_a_page_of_the_settings_and_an_action_on_a_group(staff, browse):
    client = browse(staff)
    assert 'href="/groups/#notes"' in client.get("/history/").content.decode()
    assert 'href="/groups/#mine"' in client.get("/settings/?q=ink").content.decode()
    assert 'href="/groups/#mine"' in client.get("/account/").content.decode()
    assert 'href="/groups/#mine"' in client.post("/go/", {"q": "paper"}).content.decode()
    assert (
        "Note something: Постоянный посетитель" in client.post("/go/", {"q": "note постоян"}).content.decode()
    )
