"""Test the tables to begin with: their bounds follow the sales, and each of them can be saved."""

import re

import pytest
from django.contrib.auth.models import Permission

from groups.features.criteria.models import Criteria
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import STARTS
from tests.support.criteria import BRONZE, GOLD, SILVER, URL, fields, save, version_in
from tests.support.pages import text_of

# The database gets the same queries whatever the bounds.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
EXAMPLE = {"days": "90", "bought_min": "2000", "receipts_min": "12"}


@pytest.fixture
def begin(browse, owner):
    """Return a function that opens a table to begin with as an owner, and returns its last row."""
    client = browse(owner)

    def begin(name):
        begin.page = client.get(URL, {"start": name})
        rows = re.findall(r'name="rows-(\d+)-(\w+)" value="([^"]+)"', begin.page.content.decode())
        last = max(int(number) for number, _name, _value in rows)
        return {name: value for number, name, value in rows if int(number) == last and name != "ORDER"}

    begin.client = client
    return begin


@pytest.fixture
def guests(sandbox, client_of):
    """Make eleven guests, and no others: they come 2, 4, …, 22 times in 90 days, and pay 110 ₴ each time."""
    sandbox.accounts["demo"].clients.load({}, {})
    for times in range(1, 12):
        client_of(BRONZE, *[(40 * visit % 90, 110_00) for visit in range(2 * times)])


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("new", {"registered_max": "22"}),
        ("regular", {"days": "90", "bought_min": "1300", "receipts_min": "18"}),
        ("fading", {"days": "90", "receipts_min": "1", "receipts_max": "6", "registered_min": "90"}),
        ("lapsed", {"days": "60", "receipts_max": "0", "registered_min": "60"}),
        ("birthday", {"birthday_in": "7"}),
    ],
)
def test_bounds_are_those_of_the_sales_and_with_groups_the_table_is_saved(begin, guests, name, bounds):
    row = begin(name)
    assert row == bounds
    assert ("from your own sales" in text_of(begin.page)) == (name != "birthday")
    assert "Nothing is saved yet" in text_of(begin.page)
    assert not Criteria.objects.exists()
    form = fields(row | {"group": GOLD}, otherwise=BRONZE, version=version_in(begin.page))
    assert begin.client.post(URL, form).status_code == 302
    assert Table.from_json(Criteria.objects.get().table).groups == (GOLD, BRONZE)


def test_a_table_to_begin_with_is_added_to_the_one_that_is_saved(begin, owner, guests):
    save(owner, {"group_id": SILVER, "birthday_in": 3}, otherwise=BRONZE, max_moves=7)
    assert begin("regular")["receipts_min"] == "18"
    html = begin.page.content.decode()
    assert 'name="rows-0-birthday_in" value="3"' in html
    assert 'name="max_moves" value="7"' in html
    assert len(Table.from_json(Criteria.objects.get().table).rows) == 1


def test_where_sales_cannot_be_read_the_bounds_are_an_example_and_the_page_says_so(begin, guests, sandbox):
    sandbox.script("dash.getClientsSales", "error_object", times=None, code=54, message="No right")
    assert begin("regular") == EXAMPLE
    assert "the bounds are an example" in text_of(begin.page)
    assert begin.page.status_code == 200


def test_too_few_buyers_say_nothing_of_what_is_usual(begin, client_of, sandbox):
    client_of(BRONZE, (1, 110_00))
    assert begin("regular") == EXAMPLE


def test_without_the_right_to_sales_none_are_asked_for(begin, guests, owner, sandbox):
    role = owner.groups.get()
    role.permissions.remove(Permission.objects.get(codename="view_sales"))
    assert begin("regular") == EXAMPLE
    assert not sandbox.calls("dash.getClientsSales")


def test_others_are_offered_none_and_an_unknown_one_is_no_error(browse, owner, staff):
    assert 'href="?start=new"' not in browse(staff).get(URL, {"start": "new"}).content.decode()
    page = browse(owner).get(URL, {"start": "x"})
    assert [f'href="?start={name}"' in page.content.decode() for name in STARTS] == [True] * len(STARTS)
