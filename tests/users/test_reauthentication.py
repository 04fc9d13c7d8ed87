"""Test asking for the password again before irreversible steps."""

from urllib.parse import quote

import pytest
from axes.models import AccessAttempt

from groups.models import Change
from poster_admin.users.models import EventKind, SecurityEvent, UserSession
from tests.support.pages import GROUP_4, REMOVAL, fragment, open_form
from tests.support.people import PASSWORD
from tests.support.sign_in import after_a_while

pytestmark = pytest.mark.django_db


def test_a_removal_with_clients_asks_first_and_goes_on_then(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    after_a_while(client)
    confirmation = "/accounts/confirm/?next=%2Fgroups%2F4%2Fdelete%2F"
    assert client.get(REMOVAL)["Location"] == confirmation
    assert client.post(REMOVAL, form)["Location"] == confirmation
    assert client.post(REMOVAL, form, headers=fragment("form", REMOVAL))["HX-Redirect"] == confirmation
    assert not sandbox.posts()
    assert '<a class="button plain wide" href="/">Back</a>' in client.get(confirmation).content.decode()
    key = client.session.session_key
    answer = client.post("/accounts/confirm/", {"password": PASSWORD, "next": REMOVAL})
    assert (answer.status_code, answer["Location"]) == (302, REMOVAL)
    assert client.session.session_key != key
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 302
    assert SecurityEvent.objects.get(kind=EventKind.CONFIRMED, user=owner).detail == "password"


def test_a_lost_removal_is_sent_again_only_after_it(owner, browse, sandbox):
    client = browse(owner)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 504
    url = f"/history/{Change.objects.get().pk}/"
    after_a_while(client)
    assert (
        client.post(url, {"decision": "again"})["Location"]
        == f"/accounts/confirm/?next={quote(url, safe='')}"
    )
    assert len(sandbox.posts()) == 1
    client.post("/accounts/confirm/", {"password": PASSWORD})
    assert client.post(url, {"decision": "again"}).status_code == 302
    assert len(sandbox.posts()) == 2


def test_a_form_that_was_sent_too_late_is_answered_that_nothing_was_done(owner, browse):
    client, words = after_a_while(browse(owner)), "Nothing has been done yet."
    assert words not in client.get("/people/new/", follow=True).content.decode()
    assert words in client.post("/people/new/", {"full_name": "Olena"}, follow=True).content.decode()
    wrong = client.post("/accounts/confirm/", {"password": "wrong", "next": "/people/new/"})
    assert words in wrong.content.decode()
    client.post("/accounts/confirm/", {"password": PASSWORD, "next": "/people/new/"})
    assert words not in client.get("/accounts/confirm/?next=/people/new/").content.decode()
    after_a_while(client)
    assert words not in client.get("/people/new/", follow=True).content.decode()


def test_who_may_not_remove_it_is_not_asked(staff, browse):
    assert after_a_while(browse(staff)).get(REMOVAL).status_code == 200


def test_the_page_of_a_token_has_no_field_before_it(staff, browse):
    page = after_a_while(browse(staff)).get("/account/")
    assert 'name="token"' not in page.content.decode()
    assert "/accounts/confirm/?next=/account/" in page.content.decode()


def test_the_first_token_is_not_held_up(newcomer, browse, sandbox):
    client = after_a_while(browse(newcomer))
    token = sandbox.accounts["demo"].token
    assert client.post("/account/", {"account": "demo", "token": token})["Location"] == "/account/check/"


def test_a_wrong_password_confirms_nothing_and_locks_in_the_end(owner, browse):
    client = after_a_while(browse(owner))
    for _ in range(4):
        answer = client.post("/accounts/confirm/", {"password": "of-somebody", "next": REMOVAL})
        assert 'href="#id_password">This is not your password.' in answer.content.decode()
        assert answer.status_code == 422
        assert "of-somebody" not in answer.content.decode()
    assert client.post("/accounts/confirm/", {"password": "of-somebody", "next": REMOVAL}).status_code == 429
    assert client.post("/accounts/confirm/", {"password": PASSWORD, "next": REMOVAL}).status_code == 429
    assert client.get(REMOVAL).status_code == 302
    assert AccessAttempt.objects.get().username == "owner"


def test_the_absolute_limit_is_not_moved_by_it(owner, browse):
    client = browse(owner)
    started = UserSession.objects.get(user=owner).started_at
    client.post("/accounts/confirm/", {"password": PASSWORD})
    assert UserSession.objects.get(user=owner).started_at == started
