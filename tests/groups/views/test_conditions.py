"""Test the conditions and the columns of the list, and the form that asks for them."""

import re

import pytest

from tests.support.pages import group_ids, text_of

# Lists that need the journal are tested in tests/groups/views/test_kept_lists.py.
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("clients_from=43&clients_to=100", [4]),
        # Group 1 has 59.5 % of the 210 clients, group 4 has 20.5 %, and group 5 has 20 %.
        ("share_to=20,5", [4, 5]),
        ("bonus=yes", [1]),
        ("percent_from=10&clients_to=100&bonus=no", [4, 5]),
        ("bonus=perhaps&clients_from=many&share_to=101&clients_to=1e3&changed=2", [1, 4, 5]),
        ("id=5,1,77,x", [1, 5]),
        ("id=5&percent_to=10", []),
    ],
)
def test_conditions_narrow_the_list(staff, browse, sandbox, query, expected):
    assert group_ids(browse(staff).get(f"/groups/?{query}")) == expected


def test_a_number_that_cannot_be_read_comes_back_with_its_error(staff, browse):
    numbers = "percent_from=abc&percent_to=7,5&share_to=101&clients_to=2e3"
    sent = f"/groups/?columns=name&q=x&type=2&{numbers}&bonus=yes"
    page = browse(staff).get(sent)
    assert page.status_code == 422
    html = page.content.decode()
    assert "<title>Error:" in html
    for name, typed in (("percent_from", "abc"), ("percent_to", "7,5"), ("share_to", "101")):
        assert f'name="{name}" value="{typed}"' in html
    assert re.search(r'<option value="yes" selected>', html)
    assert '<input type="hidden" name="q" value="x">' in html
    errors = dict(re.findall(r'(?s)id="f-(\w+)_error">.*?</svg>([^<]+)</p>', html))
    assert errors == {
        "percent_from": "Enter a number from 0 to 100.",
        "share_to": "Enter a number from 0 to 100.",
        "clients_to": "Enter a number from 0 to 10,000,000.",
    }
    assert all(f'href="#f-{name}"' in html for name in errors)


def test_of_what_the_form_sends_only_a_number_can_be_an_error(staff, browse):
    sent = "/groups/?columns=name&columns=percent&type=3&bonus=perhaps&id=x&sort=--name&page=0&changed=7&q=+"
    assert browse(staff).get(sent)["Location"] == "/groups/?changed=7&columns=percent"


def test_the_form_opens_with_what_counts_of_its_address(staff, browse):
    page = browse(staff).get(
        "/groups/filters/?percent_from=abc&percent_to=7,50&type=2&q=x&page=2&columns=type"
    )
    html = page.content.decode()
    assert 'name="percent_from" value=""' in html
    assert 'name="percent_to" value="7.5"' in html
    assert '<option value="2" selected>' in html
    assert '<input type="hidden" name="q" value="x">' in html
    assert 'name="page"' not in html
    assert re.findall(r'name="columns" value="(\w+)" checked', html) == ["type"]


def test_sales_narrow_the_list_for_those_who_may_see_them(staff, owner, browse, sandbox):
    found = {
        query: group_ids(browse(owner).get(f"/groups/?{query}"))
        for query in ("turnover_from=1", "turnover_to=0")
    }
    assert sorted(found["turnover_from=1"] + found["turnover_to=0"]) == [1, 4, 5]
    calls = len(sandbox.calls())
    page = browse(staff).get("/groups/?turnover_from=1")
    assert group_ids(page) == [1, 4, 5]
    assert 'class="chip"' not in page.content.decode()
    assert "Turnover" not in text_of(browse(staff).get("/groups/filters/"))
    assert not [call for call in sandbox.calls()[calls:] if "Sales" in call.method]
