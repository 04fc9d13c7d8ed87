"""Test removing a group: confirmation, typed name, rights, and the request to Poster."""

import pytest

from groups.models import Change
from tests.support.pages import GROUP_4, REMOVAL, fragment, open_form, text_of

pytestmark = pytest.mark.django_db


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


def test_without_version_or_operation_nothing_is_removed(owner, browse, sandbox):
    for missing in ("version", "operation"):
        client = browse(owner)
        form = open_form(client, REMOVAL, confirm_name=GROUP_4)
        del form[missing]
        assert client.post(REMOVAL, form).status_code == 422
    assert not sandbox.posts()


def test_staff_may_see_the_question_but_not_answer_it(staff, browse, sandbox):
    client = browse(staff)
    page = client.get(REMOVAL)
    assert page.status_code == 200
    assert "owner" in text_of(page)
    form = open_form(browse(staff), "/groups/4/edit/", confirm_name=GROUP_4)
    assert client.post(REMOVAL, form).status_code == 403
    assert not sandbox.posts()
    assert not Change.objects.exists()


def test_the_same_removal_twice_is_one(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    for _ in range(2):
        answer = client.post(REMOVAL, form)
        assert (answer.status_code, answer["Location"]) == (302, "/groups/")
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
