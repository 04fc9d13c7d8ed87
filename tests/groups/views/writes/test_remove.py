"""Test removing a group: confirmation, typed name, rights, and the request to Poster."""

import pytest

from groups.models import Change
from poster_admin.users.sign_in.reauthentication import CONFIRMED_AT
from tests.support.pages import GROUP_4, REMOVAL, fragment, open_form, text_of

pytestmark = pytest.mark.django_db


def test_the_page_says_what_goes_with_the_group_read_just_now(owner, browse, sandbox):
    client = browse(owner, language="uk")
    client.get("/groups/")
    sandbox.console("demo").edit(4, count_groups_clients="44")
    page = client.get(REMOVAL)
    text = text_of(page)
    assert GROUP_4 in text
    assert "44 клієнти" in text
    assert 'name="confirm_name"' in page.content.decode()


@pytest.mark.parametrize("headers", [{}, fragment("form", "/groups/4/")], ids=["page", "dialog"])
def test_the_page_names_the_promotions_that_depend_on_the_group(owner, staff, browse, sandbox, headers):
    for client in (browse(owner), browse(staff)):
        page = client.get(REMOVAL, headers=headers)
        assert 'data-promotion="2"' in page.content.decode()
        assert "1 promotion is for the clients of this group" in text_of(page)
        assert "Друга кава — подарунок" in text_of(page)
    wrong = browse(owner).post(REMOVAL, open_form(browse(owner), REMOVAL, confirm_name="x"), headers=headers)
    assert 'data-promotion="2"' in wrong.content.decode()
    assert "No promotion names this group" in text_of(browse(owner).get("/groups/5/delete/"))


@pytest.mark.parametrize("fault", ["status_500", "row_missing_field"])
def test_promotions_that_cannot_be_read_do_not_keep_a_group_from_being_removed(owner, browse, sandbox, fault):
    options = {"field": "params", "group": 2} if fault == "row_missing_field" else {}
    sandbox.script("clients.getPromotions", fault, times=None, **options)
    client = browse(owner)
    page = client.get(REMOVAL)
    assert 'data-dependents="unread"' in page.content.decode()
    assert "No promotion names this group" not in text_of(page)
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 302


def test_a_removal_asks_for_the_promotions_only_where_it_shows_them(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.removeGroup", "error_object", code=42, when="before")
    assert client.post(REMOVAL, form).status_code == 422
    assert len(sandbox.calls("clients.getPromotions")) == 1


def test_an_owner_removes_a_group_with_its_clients_by_typing_its_name(owner, browse, sandbox):
    client = browse(owner)
    answer = client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4))
    assert (answer.status_code, answer["Location"]) == (302, "/groups/")
    assert sandbox.posts()[-1].form == {"group_id": "4"}
    page = client.get("/groups/")
    assert 'data-outcome="applied"' in page.content.decode()
    assert "43 clients" in text_of(page)
    gone = client.get("/groups/4/")
    assert gone.status_code == 404
    assert "owner" in text_of(gone)


@pytest.mark.parametrize("typed", ["", "Скидочная", GROUP_4.upper(), GROUP_4 + "!"])
def test_another_name_removes_nothing(owner, browse, sandbox, typed):
    client = browse(owner)
    answer = client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=typed))
    assert answer.status_code == 422
    assert not sandbox.posts()


def test_staff_may_look_at_the_question_but_not_answer_it(staff, browse, sandbox):
    client = browse(staff)
    page = client.get(REMOVAL)
    assert page.status_code == 200
    assert "owner" in text_of(page)
    form = open_form(browse(staff), "/groups/4/edit/", confirm_name=GROUP_4)
    assert client.post(REMOVAL, form).status_code == 403
    assert not sandbox.posts()
    assert not Change.objects.exists()


def test_staff_remove_an_empty_group_without_typing(staff, browse, sandbox, empty_group):
    client = browse(staff)
    url = f"/groups/{empty_group}/delete/"
    page = client.get(url)
    assert 'name="confirm_name"' not in page.content.decode()
    assert client.post(url, open_form(client, url)).status_code == 302
    assert empty_group not in sandbox.accounts["demo"].groups


def test_a_client_who_came_meanwhile_stops_the_removal(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.console("demo").edit(4, count_groups_clients="44")
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 409
    assert {"43", "44"} <= set(text_of(answer).split())
    assert not sandbox.posts()


def test_a_group_that_is_gone_is_not_found(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.console("demo").remove(4)
    assert client.post(REMOVAL, form).status_code == 404
    assert not sandbox.posts()


def test_without_version_or_operation_nothing_is_removed(owner, browse, sandbox):
    for missing in ("version", "operation"):
        client = browse(owner)
        form = open_form(client, REMOVAL, confirm_name=GROUP_4)
        del form[missing]
        assert client.post(REMOVAL, form).status_code == 422
    assert not sandbox.posts()


def test_a_lost_answer_is_settled_by_absence(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="after")
    assert client.post(REMOVAL, form).status_code == 302
    assert len(sandbox.posts()) == 1


def test_an_answer_other_than_true_is_not_believed(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.removeGroup", "response_false", when="before")
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 504
    assert 'data-outcome="unknown"' in answer.content.decode()


def test_the_same_removal_twice_is_one(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    for _ in range(2):
        answer = client.post(REMOVAL, form)
        assert (answer.status_code, answer["Location"]) == (302, "/groups/")
    assert len(sandbox.posts()) == 1


def test_a_removal_that_is_still_open_says_so_when_its_form_comes_again(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="after")
    sandbox.script("clients.getGroup", "fin_before_headers", call=3, times=None)
    assert client.post(REMOVAL, form).status_code == 504
    sandbox.clear_faults()
    again = client.post(REMOVAL, form)
    assert again.status_code == 504
    assert 'data-outcome="unknown"' in again.content.decode()
    assert len(sandbox.posts()) == 1


def test_the_form_of_a_removal_removes_no_other_group(owner, staff, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    assert client.post(REMOVAL, form).status_code == 302
    other = form | {"confirm_name": "Скидочная система 20%"}
    assert client.post("/groups/5/delete/", other).status_code == 409
    # Somebody else's removal is not told as one made here.
    assert browse(staff).post(REMOVAL, form).status_code == 404
    assert len(sandbox.posts()) == 1


def test_a_fragment_is_the_form_alone(owner, browse):
    page = browse(owner).get(REMOVAL, headers=fragment("form", REMOVAL))
    assert "<html" not in page.content.decode()
    assert 'id="form"' in page.content.decode()


def test_an_open_change_is_told_before_a_password_is_asked_for(owner, browse):
    Change(account_id="demo", action="update", group_id=4, target="group:4", state="unknown").save()
    client = browse(owner)
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    assert client.get(REMOVAL).status_code == 409
