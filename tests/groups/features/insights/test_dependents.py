"""Test what is said of the promotions and rules that name a group, wherever the group can be changed."""

import re

import pytest
from django.core.cache import cache

from tests.support.pages import group_form, text_of

# Nothing of offers and rules is kept in the database.
pytestmark = pytest.mark.django_db
LISTS = ("clients.getPromotions", "clients.getLoyaltyRules")
PAGES = ("/groups/4/dependents/", "/groups/4/retire/", "/groups/4/delete/")
RULES = (
    {"rule_id": 4, "loyalty_type": 2, "value": 1000, "group_id": 4},
    {"rule_id": 5, "loyalty_type": 2, "value": 2000.5, "group_id": 5},
)


@pytest.fixture
def rules(sandbox):
    sandbox.console().set_rules(*RULES)
    sandbox.console().edit(5, client_groups_name="VIP &amp; друзі")


def named(response, kind):
    return re.findall(rf'data-{kind}="(\w+)"', response.content.decode())


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.usefixtures("rules")
def test_the_rules_of_a_group_are_reported_in_words(owner, browse, url):
    page = browse(owner).get(url)
    assert named(page, "rule") == ["4", "5"]
    assert named(page, "promotion") == ["2"]
    assert named(page, "dependents") == []
    assert "who has paid 1,000 ₴ moves here" in text_of(page)
    assert "from here they move on to VIP & друзі from 2,000.50 ₴ on" in text_of(page)


def test_a_group_that_nothing_names(owner, browse):
    page = browse(owner).get("/groups/1/dependents/")
    assert named(page, "rule") == named(page, "dependents") == []
    other = browse(owner).get("/groups/5/dependents/")
    assert named(other, "promotion") == []
    assert named(other, "rule") == ["4"]


def test_the_form_and_the_check_of_an_edit_load_them(staff, browse):
    client = browse(staff)
    check = client.post("/groups/4/edit/", group_form(client, "/groups/4/edit/", percent="45"))
    for page in (client.get("/groups/4/edit/"), check):
        assert 'hx-get="/groups/4/dependents/"' in page.content.decode()


def test_a_second_read_calls_poster_only_for_a_removal(owner, browse, sandbox):
    client = browse(owner)
    for url in ("/groups/4/dependents/", "/groups/5/dependents/"):
        client.get(url)
    assert len(sandbox.calls(LISTS[0])) == len(sandbox.calls(LISTS[1])) == 1
    client.get("/groups/4/delete/")
    assert len(sandbox.calls(LISTS[0])) == len(sandbox.calls(LISTS[1])) == 2


def test_one_list_that_cannot_be_read_is_said_and_the_other_is_shown(owner, browse, sandbox, rules):
    for unread, shown, kind in ((LISTS[0], ["4", "5"], "rule"), (LISTS[1], ["2"], "promotion")):
        sandbox.script(unread, "error_object", code=20, times=None)
        page = browse(owner).get("/groups/4/delete/")
        assert page.status_code == 200
        assert named(page, "dependents") == ["unread"]
        assert named(page, kind) == shown
        assert "could not be read" in text_of(page)
        sandbox.clear_faults()
        cache.clear()  # the other list was kept meanwhile


@pytest.mark.parametrize("url", ["/groups/4/delete/", "/groups/4/retire/"])
@pytest.mark.usefixtures("rules")
def test_rules_that_are_missing_at_one_read_are_reported_before_a_group_goes(owner, browse, sandbox, url):
    sandbox.script(LISTS[1], "response_false", times=1)
    assert named(browse(owner).get(url), "rule") == ["4", "5"]


@pytest.mark.parametrize(("url", "calls"), [("/groups/1/", 1), ("/groups/1/delete/", 2)])
def test_a_list_that_is_empty_is_asked_for_again_only_before_a_group_goes(owner, browse, sandbox, url, calls):
    sandbox.console().set_rules()
    browse(owner).get(url)
    assert len(sandbox.calls(LISTS[1])) == calls


def test_rules_that_could_not_be_read_are_reported_and_are_unread_where_none_could(owner, browse, sandbox):
    broken = {"rule_id": 9, "value": None, "group_id": 4}
    for rules, shown, unread in (((broken, "rule"), [], ["unread"]), ((*RULES, broken), ["4", "5"], [])):
        sandbox.console().set_rules(*rules)
        page = browse(owner).get("/groups/4/delete/")
        assert (named(page, "rule"), named(page, "dependents")) == (shown, unread)
        assert "could not be read" in text_of(page)
