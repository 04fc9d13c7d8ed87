"""Test the list of groups."""

import re

import pytest

from tests.support.pages import fragment, group_ids, text_of

# Lists kept in the database and the cache are tested in tests/groups/views/test_kept_lists.py.
pytestmark = pytest.mark.django_db


def test_the_list_shows_the_groups_of_the_seed_in_posters_order(manager, browse):
    page = browse(manager, language="uk").get("/groups/")
    assert page.status_code == 200
    assert group_ids(page) == [1, 4, 5]
    text = text_of(page)
    assert "Постоянный посетитель" in text
    assert "50 ₴" in text
    assert "125" in text


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("q=система+20", [5]),
        ("q=нема", []),
        ("type=2&q=10", [4]),
        ("sort=-name", [5, 4, 1]),
        ("sort=-percent", [5, 1, 4]),
        ("sort=clients", [5, 4, 1]),
        ("sort=-birthday_bonus", [1, 4, 5]),
        ("sort=-type", [4, 5, 1]),
    ],
)
def test_the_address_says_what_is_shown(manager, browse, query, ids):
    assert group_ids(browse(manager).get(f"/groups/?{query}")) == ids


@pytest.mark.parametrize(
    "query",
    ["type=3", "sort=--name", "page=0", "page=99", "page=٣", "q=%00"],
)
def test_unknown_values_are_ignored(manager, browse, query):
    page = browse(manager).get(f"/groups/?{query}")
    assert page.status_code == 200
    assert group_ids(page) == [1, 4, 5]


def test_removed_groups_are_hidden(manager, browse, sandbox):
    sandbox.console("demo").edit(4, delete="1")
    assert group_ids(browse(manager).get("/groups/")) == [1, 5]


def test_entities_are_decoded_once_and_escaped_on_the_page(manager, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="кав&#39;ярні")
    sandbox.console("demo").edit(4, client_groups_name="&lt;script&gt;alert(1)&lt;/script&gt;")
    html = browse(manager).get("/groups/").content.decode()
    assert "кав&#39;ярні" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_a_list_of_which_nothing_can_be_read_is_not_said_to_be_empty(staff, browse, sandbox):
    for group_id in (1, 4, 5):
        sandbox.console("demo").edit(group_id, client_groups_discount="150")
    for headers in ({}, fragment("rows")):
        page = browse(staff).get("/groups/?q=a", headers=headers)
        assert page.status_code == 200
        text = text_of(page)
        assert "3 groups of Poster's answer could not be read" in text
        assert "None of the groups could be read" in text
        assert "Try again" in text
        assert "No loyalty groups" not in text
        assert "Create the first group" not in text
        assert "Nothing matches" not in text


def nav_of(response):
    return re.search(r'<nav class="pages".*?</nav>', response.content.decode(), re.DOTALL)[0]


def pages_of(response):
    return " ".join(re.sub(r"<[^>]*>", " ", nav_of(response)).split())


def test_many_groups_come_in_pages_of_fifty(manager, browse, sandbox):
    for number in range(10, 400):
        row = sandbox.accounts["demo"].snapshot()[1] | {"client_groups_id": str(number)}
        sandbox.console("demo").put(row | {"client_groups_name": f"Група {number:03}"})
    client = browse(manager)
    first, last = client.get("/groups/"), client.get("/groups/?page=8")
    assert len(group_ids(first)) == 50
    assert group_ids(last)[-1] == 399
    assert "page 8 of 8" in last.content.decode().split("</title>")[0]
    assert group_ids(client.get("/groups/?page=99")) == group_ids(last)
    assert pages_of(first) == "Page 1 Page 2 Page 3 … Page 8 Next page"
    # A gap of one page has its link instead of the dots.
    assert pages_of(client.get("/groups/?page=5")) == (
        "Previous page Page 1 Page 2 Page 3 Page 4 Page 5 Page 6 Page 7 Page 8 Next page"
    )
    assert re.findall(r'<a href="([^"]*)"', nav_of(last)) == [
        "/groups/?page=7", "/groups/", "/groups/?page=6", "/groups/?page=7"]  # fmt: skip
    assert len(group_ids(client.get("/groups/?q=Група+39"))) == 14


# --- While Poster fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "status"),
    [
        ("fin_before_headers", {}, 504),
        ("error_object", {"code": 11}, 424),
    ],
)
def test_a_failure_is_reported_with_its_status_and_never_as_no_groups(
    manager, browse, sandbox, fault, options, status
):
    sandbox.script("clients.getGroups", fault, times=None, **options)
    for headers in ({}, fragment("rows")):
        page = browse(manager).get("/groups/", headers=headers)
        assert page.status_code == status
        assert 'data-notice="error"' in page.content.decode()
        assert "No loyalty groups" not in text_of(page)
