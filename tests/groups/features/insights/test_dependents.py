"""Test what is said of the promotions and rules that name a group, wherever the group can be changed."""

import itertools
import re

import pytest
from django.core.cache import cache

from poster_admin.devtools.sandbox import FAULTS
from tests.support.pages import fragment, group_form, text_of
from tests.support.pairwise import covering
from tests.support.snapshots import remove_by_page

# Nothing of offers and rules is kept in the database.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
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
def test_the_rules_of_a_group_are_told_in_words(owner, browse, url):
    page = browse(owner).get(url)
    assert named(page, "rule") == ["4", "5"]
    assert named(page, "promotion") == ["2"]
    assert named(page, "dependents") == []
    assert "who has paid 1,000 ₴ moves here" in text_of(page)
    assert "from here they move on to VIP & друзі from 2,000.50 ₴ on" in text_of(page)


@pytest.mark.usefixtures("rules")
def test_they_are_told_in_ukrainian(manager, browse):
    text = text_of(browse(manager, language="uk").get("/groups/4/dependents/"))
    assert "хто сплатив 1 000 ₴, переходить сюди" in text
    assert "звідси переходять до VIP & друзі від 2 000,50 ₴" in text


def test_a_group_that_nothing_names(owner, browse):
    page = browse(owner).get("/groups/1/dependents/")
    assert named(page, "rule") == named(page, "dependents") == []
    assert "No rule moves clients into this group" in text_of(page)
    other = browse(owner).get("/groups/5/dependents/")
    assert "No promotion names this group" in text_of(other)
    assert named(other, "rule") == ["4"]


@pytest.mark.parametrize("url", ["/groups/4/retire/", "/groups/4/delete/"])
def test_before_a_group_goes_the_page_says_what_no_api_shows(owner, browse, url):
    text = text_of(browse(owner).get(url))
    assert "Programs of others may have the number of this group, 4, written into them" in text
    assert "cannot be read" not in text


def test_the_page_of_a_group_has_them_while_poster_is_quick(manager, browse, sandbox):
    page = browse(manager).get("/groups/4/")
    assert named(page, "promotion") == ["2"]
    assert named(page, "rule")
    assert 'hx-get="/groups/4/dependents/"' not in page.content.decode()


def test_the_page_of_a_group_does_not_wait_for_them_while_poster_is_slow(manager, browse, sandbox):
    sandbox.script(LISTS[0], "timeout", times=None, seconds=1.5)
    page = browse(manager).get("/groups/4/")
    assert 'hx-get="/groups/4/dependents/" hx-trigger="load"' in page.content.decode()
    assert 'href="/groups/4/dependents/"' in page.content.decode()


@pytest.mark.parametrize(
    ("url", "seconds"),
    # The page of a group does not wait longer for them.
    [("/groups/4/", 0.5), ("/groups/4/retire/", 1.0), ("/groups/4/delete/", 1.0)],
)
def test_a_page_takes_as_long_as_one_of_its_calls(owner, browse, sandbox, monkeypatch, url, seconds):
    client = browse(owner)
    client.get("/groups/")
    monkeypatch.setattr(sandbox, "latency", seconds)
    page = client.get(url)
    assert named(page, "promotion") == ["2"]
    assert named(page, "rule")
    waited, own = re.findall(r"dur=([\d.]+)", page["Server-Timing"])
    assert 1000 * seconds <= float(waited) < 2000 * seconds  # two calls one after the other take as long
    assert float(own) > 0
    assert len(sandbox.log) - 1 == (4 if "retire" in url else 3)


def test_with_a_slow_poster_an_empty_list_of_rules_is_no_unread_one(
    owner, browse, sandbox, monkeypatch, settings
):
    sandbox.console().set_rules()
    client = browse(owner)
    client.get("/groups/")
    # Each of the two looks at an empty list may take half of this.
    settings.POSTER_READ_DEADLINE = 4
    monkeypatch.setattr(sandbox, "latency", 1.2)
    assert "could not be read" not in text_of(client.get("/groups/1/delete/"))
    assert len(sandbox.calls(LISTS[1])) == 2


@pytest.mark.parametrize("values", [{}, {"percent": "45"}], ids=["form", "check"])
def test_the_form_and_the_check_of_an_edit_load_them(staff, browse, values):
    client = browse(staff)
    page = client.get("/groups/4/edit/")
    if values:
        page = client.post("/groups/4/edit/", group_form(client, "/groups/4/edit/", **values))
    assert page.status_code == 200
    assert 'hx-get="/groups/4/dependents/"' in page.content.decode()
    assert "dependents" not in client.get("/groups/new/").content.decode()


def test_as_a_fragment_they_come_alone_and_without_asking_for_the_group(manager, browse, sandbox):
    answer = browse(manager).get("/groups/4/dependents/", headers=fragment("dependents", "/groups/4/"))
    html = answer.content.decode()
    assert html.lstrip().startswith('<section id="dependents"')
    assert named(answer, "promotion") == ["2"]
    assert "<html" not in html
    assert {call.method for call in sandbox.log} == {*LISTS, "clients.getGroups"}


@pytest.mark.usefixtures("rules")
def test_the_list_of_groups_is_not_asked_for_by_a_group_that_no_rule_leads_to(manager, browse, sandbox):
    answer = browse(manager).get("/groups/1/dependents/", headers=fragment("dependents", "/groups/1/"))
    assert answer.status_code == 200
    assert {call.method for call in sandbox.log} == {*LISTS}


def test_a_second_look_asks_poster_nothing_but_a_removal_does(owner, browse, sandbox):
    client = browse(owner)
    for url in ("/groups/4/dependents/", "/groups/5/dependents/"):
        client.get(url)
    assert len(sandbox.calls(LISTS[0])) == len(sandbox.calls(LISTS[1])) == 1
    client.get("/groups/4/delete/")
    assert len(sandbox.calls(LISTS[0])) == len(sandbox.calls(LISTS[1])) == 2


def test_the_page_after_a_form_has_the_dependents_without_asking_again(staff, browse, sandbox, settings):
    settings.POSTER_CACHE_SECONDS = 60
    client = browse(staff)
    before = named(client.get("/groups/4/"), "promotion")
    values = {"loyalty_type": "2", "percent": "11", "birthday_bonus": "0"}
    assert client.post("/groups/4/edit/", group_form(client, "/groups/4/edit/", **values)).status_code == 302
    sandbox.log.clear()
    page = client.get("/groups/4/")
    assert 'data-outcome="applied"' in page.content.decode()
    assert named(page, "promotion") == before != []
    assert not sandbox.calls(LISTS[0])
    assert not sandbox.calls(LISTS[1])


# The kind of the fault makes no difference, as the last test but one shows on a page.
@pytest.mark.parametrize("url", PAGES)
def test_one_list_that_cannot_be_read_is_said_and_the_other_is_shown(owner, browse, sandbox, rules, url):
    for unread, shown, kind in ((LISTS[0], ["4", "5"], "rule"), (LISTS[1], ["2"], "promotion")):
        sandbox.script(unread, "error_object", code=20, times=None)
        page = browse(owner).get(url)
        assert page.status_code == 200
        assert named(page, "dependents") == ["unread"]
        assert named(page, kind) == shown
        assert "could not be read" in text_of(page)
        sandbox.clear_faults()
        cache.clear()  # the other list was kept meanwhile


@pytest.mark.parametrize("url", ["/groups/4/delete/", "/groups/4/retire/"])
@pytest.mark.usefixtures("rules")
def test_rules_that_are_missing_at_one_look_are_told_before_a_group_goes(owner, browse, sandbox, url):
    sandbox.script(LISTS[1], "response_false", times=1)
    assert named(browse(owner).get(url), "rule") == ["4", "5"]


@pytest.mark.parametrize(("url", "calls"), [("/groups/1/", 1), ("/groups/1/delete/", 2)])
def test_a_list_that_is_empty_is_asked_for_again_only_before_a_group_goes(owner, browse, sandbox, url, calls):
    sandbox.console().set_rules()
    browse(owner).get(url)
    assert len(sandbox.calls(LISTS[1])) == calls


def test_without_the_right_to_any_of_them_one_element_says_so(owner, browse, sandbox):
    for method in LISTS:
        sandbox.script(method, "error_object", code=20, times=None)
    page = browse(owner).get("/groups/4/retire/")
    assert named(page, "dependents") == ["unread"]
    assert text_of(page).count("Your token may not do this.") == 2
    assert 'name="target"' in page.content.decode()


def test_rules_of_which_none_could_be_read_are_unread(owner, browse, sandbox):
    sandbox.console().set_rules({"rule_id": 4, "value": "?", "group_id": 4}, "rule")
    page = browse(owner).get("/groups/4/delete/")
    assert named(page, "dependents") == ["unread"]
    assert "2 rules could not be read" in text_of(page)
    assert named(page, "promotion") == ["2"]


def test_a_rule_that_is_shown_beside_one_that_is_not(owner, browse, sandbox):
    sandbox.console().set_rules(*RULES, {"rule_id": 9, "value": None, "group_id": 4})
    page = browse(owner).get("/groups/4/delete/")
    assert named(page, "rule") == ["4", "5"]
    assert named(page, "dependents") == []
    assert "1 rule could not be read" in text_of(page)


@pytest.mark.usefixtures("rules")
def test_the_groups_that_rules_lead_to_are_numbers_while_the_list_cannot_be_read(manager, browse, sandbox):
    sandbox.script("clients.getGroups", "error_object", code=20, times=None)
    answer = browse(manager).get("/groups/4/dependents/", headers=fragment("dependents", "/groups/4/"))
    assert answer.status_code == 200
    assert "from here they move on to a group that is not in the list, no. 5" in text_of(answer)


def test_the_page_of_the_dependents_of_an_unknown_group(manager, browse):
    assert browse(manager).get("/groups/77/dependents/").status_code == 404


def test_a_dead_poster_costs_the_fragment_one_deadline_and_the_page_nothing(
    manager, browse, sandbox, settings
):
    settings.POSTER_READ_DEADLINE, settings.POSTER_READ_TIMEOUT = 0.6, 0.3
    for method in LISTS:
        sandbox.script(method, "timeout", times=None, seconds=5)
    answer = browse(manager).get("/groups/4/dependents/", headers=fragment("dependents", "/groups/4/"))
    assert named(answer, "dependents") == ["unread"]
    assert browse(manager).get("/groups/4/").status_code == 200


def test_a_restore_says_what_names_the_old_group(owner, browse):
    client = browse(owner)
    snapshot = remove_by_page(client)
    words = text_of(client.get(f"/history/snapshots/{snapshot.pk}/restore/"))
    assert "Now these do: «Друга кава — подарунок»" in words
    assert "1 rule leads to the old group." in words


# --- Every kind of fault of the two lists ------------------------------------------------------------------

# These only last, or are only large: they end like a timeout, which has a test above.
LASTING = {
    *("timeout", "hang_mid_body", "drip_body", "drip_headers", "endless_continue"),
    *("huge_body", "gzip_bomb"),
}
# A fault of each row of the catalogue, in one list and the next one in the other: which error each of its
# faults is in both lists, tests/groups/poster/test_faults.py tells.
ROWS = covering(
    [name for name, fault in FAULTS.items() if "list" in fault.kinds and name not in LASTING],
    lambda name: {FAULTS[name].row},
)


@pytest.mark.parametrize(("fault", "method"), list(zip(ROWS, itertools.cycle(LISTS))))
def test_whatever_comes_instead_of_a_list_the_other_one_is_shown(
    manager, browse, sandbox, rules, fault, method
):
    sandbox.script(method, fault, times=None)
    client = browse(manager)
    page, ladder = client.get("/groups/4/dependents/"), client.get("/groups/ladder/")
    for answer in (page, ladder):
        assert answer.status_code == 200
        assert sandbox.accounts["demo"].token not in answer.content.decode()
    spoilt, whole, shown = (
        ("rule", "promotion", ["2"]) if method == LISTS[1] else ("promotion", "rule", ["4", "5"])
    )
    assert named(page, whole) == shown
    says_none = fault == "response_false" and spoilt == "rule"
    if not named(page, spoilt) and not says_none:
        assert named(page, "dependents") == ["unread"] or FAULTS[fault].row in {44, 45, 46, 47}
    if FAULTS[fault].readable:
        assert named(page, spoilt)
        assert named(ladder, "dependents") == []


def test_a_group_that_nothing_names_has_one_line(staff, browse, sandbox):
    sandbox.console().set_rules()
    text = text_of(browse(staff).get("/groups/5/"))
    assert "No promotion and no rule names this group." in text
    assert "What depends on this group" not in text
