"""Test the words: no removal "has new values", and no new token is "no longer" accepted."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from groups.features.approvals.presenters import points_words
from groups.features.snapshots.presenters import note_of_removal
from groups.models import Change, PosterCredentials
from tests.support.pages import HTMX, fragment, group_form, open_form, text_of

pytestmark = pytest.mark.django_db


def outcome_of(client, **which):
    return text_of(client.get(f"/history/{Change.objects.get(**which).pk}/"))


def test_the_record_of_a_removal_does_not_speak_of_new_values(owner, browse, empty_group):
    client = browse(owner)
    client.post("/groups/7/delete/", open_form(client, "/groups/7/delete/"))
    words = outcome_of(client, action="remove", state="applied")
    assert "Poster no longer has the group" in words
    assert "new values" not in words


def test_the_record_of_a_new_group_speaks_of_the_group(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/new/", group_form(client, "/groups/new/"))
    assert "Poster has the new group" in outcome_of(client, action="create", state="applied")


def test_the_record_of_an_edit_speaks_of_its_values(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", percent="11"))
    assert "Poster has the new values" in outcome_of(client, action="update", state="applied")


def test_nothing_is_put_into_poster_s_mouth(staff, browse, sandbox):
    sandbox.script("clients.getGroup", "response_false")
    client = browse(staff)
    gone = text_of(client.get("/groups/1/edit/"))
    assert "The group is no longer there" in gone
    PosterCredentials.objects.update(refused_at=timezone.now())
    refused = text_of(client.get("/history/"))
    assert "Poster no longer accepts your token" in refused
    assert "Poster says" not in gone + refused


def test_a_new_token_is_not_called_no_longer_accepted(newcomer, browse, sandbox):
    answer = browse(newcomer).post("/account/", {"account": "demo", "token": "0" * 32})
    words = text_of(answer)
    assert "Poster does not accept this token" in words
    assert "no longer" not in words


def test_a_form_that_saves_nothing_does_not_say_not_saved_yet(owner, newcomer, browse, sandbox):
    client = browse(owner)
    removal = client.post("/groups/1/delete/", open_form(client, "/groups/1/delete/", confirm_name="Not it"))
    assert "Not removed yet." in text_of(removal)
    connection = browse(newcomer).post("/account/", {"account": "", "token": ""})
    assert "Not connected yet." in text_of(connection)
    move = client.post("/groups/1/clients/move/", {"target": ""})
    assert "Nobody has been moved yet." in text_of(move)
    for page in (removal, connection, move):
        assert "Not saved yet" not in text_of(page)
    edit = client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", percent="101"))
    assert "Not saved yet." in text_of(edit)


def test_an_empty_group_does_not_offer_to_show_all_its_0_clients(staff, browse, empty_group):
    words = text_of(browse(staff).get("/groups/7/"))
    assert "Nobody is in this group yet." in words
    assert "Show all" not in words
    assert "Show all 125 clients" in text_of(browse(staff).get("/groups/1/"))


def test_an_undo_says_that_the_former_values_are_back(staff, browse, sandbox):
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", percent="11"))
    client.get("/groups/1/")
    answer = client.post(f"/history/{Change.objects.get().pk}/undo/", follow=True)
    assert "has its former values again:" in text_of(answer)


def test_an_empty_group_is_not_promised_a_trash(owner, browse, empty_group):
    for page in ("delete", "retire"):
        words = text_of(browse(owner).get(f"/groups/7/{page}/", headers=fragment("form")))
        assert "so nobody loses anything. What is removed cannot be brought back by Poster." in words
        assert "30 days" not in words
        assert "trash" not in words


def test_owners_find_the_security_log_in_the_menu(owner, staff, browse):
    assert 'href="/accounts/security-log/"' in browse(owner).get("/help/").content.decode()
    assert 'href="/accounts/security-log/"' not in browse(staff).get("/help/").content.decode()


WORDS = {
    "Snapshots": ("Резервні копії", "Резервные копии"),
    "Retire": ("Закрити групу", "Закрыть группу"),
    "Security": ("Безпека", "Безопасность"),
    "Keyboard shortcuts": ("Гарячі клавіші", "Горячие клавиши"),
}


@pytest.mark.parametrize("text", WORDS)
def test_things_are_called_as_people_call_them(text):
    for language, word in zip(("uk", "ru"), WORDS[text], strict=True):
        with translation.override(language):
            assert translation.gettext(text) == word


def test_a_connection_was_made_some_time_ago(staff, browse, sandbox):
    then = timezone.now() - timedelta(seconds=70)
    PosterCredentials.objects.filter(user=staff).update(connected_at=then)
    for language, words in (("uk", "хвилину тому)"), ("ru", "минуту назад)"), ("en", "a minute ago)")):
        client = browse(staff)
        client.post("/language/", {"language": language})
        text = text_of(client.get("/account/"))
        assert words in text
        assert "вік:" not in text
        assert "возраст:" not in text


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("uk", "25", "25 пунктів"),
        ("uk", "2", "2 пункти"),
        ("uk", "2.5", "2,5 пункту"),
        ("ru", "21", "21 пункт"),
        ("ru", "2.5", "2,5 пункта"),
        ("en", "1", "1 point"),
        ("en", "2.5", "2.5 points"),
    ],
)
def test_points_are_written_out(language, number, words):
    with translation.override(language):
        assert points_words(Decimal(number)) == words


def test_owners_are_told_that_they_can_restore_the_clients_themselves(staff, owner):
    change = Change(action=Change.Action.REMOVE, before={"clients": 5})
    assert "You can restore them" in note_of_removal(change, owner).sentence
    assert "An owner can restore them" in note_of_removal(change, staff).sentence


def test_where_counter_and_list_of_clients_disagree_both_are_told(staff, browse, sandbox):
    client = browse(staff)
    sandbox.console().edit(1, count_groups_clients="0")
    sandbox.lag("count_behind", seconds=60)
    first = client.get("/groups/1/clients/first/", headers={**HTMX, "HX-Target": "first-clients"})
    assert "the list or the counter is behind" in text_of(first)
    assert "Nobody is in this group" not in text_of(first)
    text = text_of(client.get("/groups/1/clients/"))
    assert "It counts 125 clients" in text
    assert "Nobody is in this group" not in text


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("uk", "Looks at the groups and at the history. Sees no names of clients.", "Переглядає групи"),
        ("uk", "Reason (optional)", "Причина (необов’язково)"),
        ("ru", "Cancel", "Отмена"),
    ],
)
def test_words_that_people_stumbled_over_stay_better(language, text, words):
    with translation.override(language):
        assert words in translation.gettext(text)
