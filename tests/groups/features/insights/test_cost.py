"""Test the cost of a percent: to the kopeck, from one call for all groups, and only sums kept."""

import json
import logging
from datetime import timedelta
from decimal import Decimal
from itertools import product
from math import ceil

import pytest
from django.core.cache import cache
from django.utils import timezone

from groups.features.insights.services.sales import LARGEST_COST, PERIODS, SalesAdder
from groups.models import Change, PosterAccount
from tests.support.canary import whole_database
from tests.support.costs import ask, cost_of, expected, sold, url_of
from tests.support.pages import group_form, text_of
from tests.support.pairwise import covering, marked

# The figures are not in the database; tests/groups/features/insights/test_sweep.py has how sums are kept.
pytestmark = pytest.mark.django_db
METHOD, MEMBERS = "dash.getClientsSales", "clients.getClients"


# --- The figures -------------------------------------------------------------------------------------------


GROUPS = {"bonus": 1, "discount": 4, "larger discount": 5}
FIGURES = list(product(GROUPS, PERIODS))


# `make test` has each kind of group and each period once.
@pytest.mark.parametrize(("kind", "days"), marked(FIGURES, covering(FIGURES, set)))
def test_the_figures_are_those_of_another_computation_to_the_kopeck(owner, browse, sandbox, kind, days):
    client, group_id = browse(owner), GROUPS[kind]
    sandbox.console().edit_client(3, discount_per="12.5")
    sandbox.console().edit_client(130, discount_per="12.5")
    bought = sold(sandbox.accounts["demo"], days)
    for percent in ("0", "7", "10", "12.25", "15", "20", "100"):
        told_here = ask(client, group_id, percent, days)
        assert told_here == expected(sandbox, group_id, percent, bought=bought)
    calls = sandbox.calls(METHOD)
    first, last = (min(c.query["dateFrom"] for c in calls), max(c.query["dateTo"] for c in calls))
    today = timezone.localdate()
    assert (first, last) == (f"{today - timedelta(days=days - 1):%Y%m%d}", f"{today:%Y%m%d}")
    assert len(calls) == 1 if days == 30 else len(calls) <= 13


def test_who_left_the_group_or_was_removed_is_not_counted_and_who_came_is(owner, browse, sandbox):
    console, today = sandbox.console(), timezone.localdate()
    for client_id in (1, 126, 127):
        console.sell(client_id, today, 333_333, 300_001)
    console.edit_client(1, client_groups_id="4")
    console.edit_client(126, delete="1")
    console.edit_client(127, client_groups_id="5", discount_per="13")
    client = browse(owner)
    for group_id in (1, 4, 5):
        assert ask(client, group_id, "14") == expected(sandbox, group_id, "14")


def test_rows_that_cannot_be_read_are_said(owner, browse, sandbox):
    sandbox.script(METHOD, "row_null_field")
    assert "1 row of Poster's could not be read and is left out" in text_of(
        browse(owner).get(url_of(1, "15"))
    )


@pytest.mark.parametrize(("rows", "is_told"), [(999, False), (1000, True)])
def test_a_list_of_sales_that_may_have_been_cut_is_said(owner, browse, sandbox, monkeypatch, rows, is_told):
    sales = sandbox.accounts["demo"]._sales
    answer = sales.rows

    def padded(*query):
        found = answer(*query)
        strangers = range(100_000, 100_000 + rows - len(found))
        return [*found, *(found[0] | {"client_id": str(client_id)} for client_id in strangers)]

    monkeypatch.setattr(sales, "rows", padded)
    for url in (url_of(1, "15"), "/groups/?columns=sales"):
        text = text_of(browse(owner).get(url))
        assert ("Poster has listed exactly 1,000 buyers, so it may have left others out" in text) == is_told


def test_sales_of_which_no_row_can_be_read_are_no_figure(owner, browse, sandbox):
    console, today = sandbox.console(), timezone.localdate()
    for row in list(sandbox.accounts["demo"].clients.rows()):
        console.sell(int(row["client_id"]), today, 10**16, 10**16)
    page = browse(owner).get(url_of(1, "15"))
    assert page.status_code == 502
    assert cost_of(page) is None
    assert "Nobody whom this concerns" not in text_of(page)
    assert cache.get(SalesAdder(owner.credentials, 30).key) is None


def test_sales_to_clients_that_cannot_be_read_are_no_figure(owner, browse, sandbox):
    for row in list(sandbox.accounts["demo"].clients.rows()):
        sandbox.console().edit_client(int(row["client_id"]), discount_per="?")
    page = browse(owner).get(url_of(1, "15"))
    assert page.status_code == 502
    assert cost_of(page) is None
    assert cache.get(SalesAdder(owner.credentials, 30).key) is None


def test_a_list_of_sales_that_is_empty_once_costs_nothing_less(owner, browse, sandbox, monkeypatch):
    sales = sandbox.accounts["demo"]._sales
    answer, are_empty = sales.rows, iter((True, False))
    monkeypatch.setattr(sales, "rows", lambda *query: [] if next(are_empty) else answer(*query))
    figures = ask(browse(owner), 1, "15")
    monkeypatch.undo()
    assert figures == expected(sandbox, 1, "15")


def test_a_group_that_is_gone_and_one_of_an_unknown_type(owner, browse, sandbox):
    sandbox.console().edit(4, loyalty_type="3")
    client = browse(owner)
    assert client.get(url_of(77, "15")).status_code == 404
    page = client.get(url_of(4, "15"))
    assert page.status_code == 200
    assert cost_of(page) is None


# --- Calls -------------------------------------------------------------------------------------------------


def test_a_token_of_another_account_and_a_refused_one_get_nothing_of_it(owner, outsider, browse, sandbox):
    ask(browse(owner), 4, 15)
    assert browse(outsider).get(url_of(4, "15")).status_code == 404
    sandbox.script("*", "error_object", times=None, account="demo")
    browse(owner).get("/groups/?refresh=1")
    page = browse(owner).get(url_of(4, "15"))
    assert page.status_code == 424
    assert cost_of(page) is None


def test_without_the_right_to_statistics_the_page_says_who_can_give_it(owner, browse, sandbox, settings):
    credentials = owner.credentials
    account, _ = PosterAccount.objects.get_or_create(name="readonly")
    credentials.account = account
    credentials.set_token(sandbox.accounts["readonly"].token)
    credentials.save()
    page = browse(owner).get(url_of(4, "15"))
    assert page.status_code == 424
    assert cost_of(page) is None
    assert "Your token may not see sales. Poster knows" in text_of(page)
    assert not sandbox.calls(MEMBERS)


# --- Rights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manager", "staff"])
def test_only_who_may_see_sales_is_led_to_costs(request, browse, sandbox, owner, name):
    ask(browse(owner), 1, 15)
    sandbox.log.clear()
    client = browse(request.getfixturevalue(name))
    assert "/cost/" not in client.get("/groups/1/").content.decode()
    assert not sandbox.calls(METHOD)


def test_staff_save_without_a_cost_and_do_not_see_that_of_an_owner(owner, staff, browse, sandbox):
    ask(browse(owner), 1, 15)
    cost = expected(sandbox, 1, 12)[0]
    saved = save(browse(owner), percent="12")
    assert f"{saved.monthly_cost:.2f}" == cost
    assert save(browse(staff), percent="13").monthly_cost is None
    for url in ("/history/", f"/history/{saved.pk}/"):
        assert "will cost up to" in text_of(browse(owner).get(url))
        assert "will cost up to" not in text_of(browse(staff).get(url))


# --- Where changes are made --------------------------------------------------------------------------------


def save(client, **values):
    """Save the first group with these values and return the change."""
    form = group_form(client, "/groups/1/edit/", name="Постоянный посетитель", **values)
    assert client.post("/groups/1/edit/", form | {"confirmed": "1"}).status_code == 302
    return Change.objects.get(pk=form["operation"])


def test_the_check_page_shows_thirty_days(owner, browse, sandbox):
    client = browse(owner)
    form = group_form(client, "/groups/1/edit/", name="Постоянный посетитель", percent="25")
    page = client.post("/groups/1/edit/", form)
    assert page.status_code == 200
    assert 'name="confirmed" value="1"' in page.content.decode()
    assert cost_of(page) == expected(sandbox, 1, 25)
    assert page.content.decode().count('id="cost"') == 1


def test_the_check_page_of_a_changed_type_compares_what_is_given(owner, browse, sandbox):
    client = browse(owner)
    form = group_form(
        client,
        "/groups/4/edit/",
        name="Скидочная система 10%",
        loyalty_type="1",
        percent="10",
        birthday_bonus="0",
    )
    page = client.post("/groups/4/edit/", form)
    assert page.status_code == 200
    # Bonuses from what was paid cost less than discounts from the price before.
    assert Decimal(cost_of(page)[0]) < 0
    assert "The type changes: bonuses are counted from what was paid" in text_of(page)


def test_a_saved_change_says_its_cost_and_keeps_it(owner, browse, sandbox):
    client = browse(owner)
    ask(client, 1, 15)
    cost = expected(sandbox, 1, 15)[0]
    change = save(client, percent="15")
    assert f"{change.monthly_cost:.2f}" == cost
    words = f"will cost up to {ceil(Decimal(cost)):,} ₴ a month"
    page = client.get("/groups/1/")
    assert f"It {words}." in text_of(page)
    assert words in text_of(client.get("/history/"))
    assert words in text_of(client.get(f"/history/{change.pk}/"))


def test_a_change_is_saved_whatever_the_sums_are(owner, browse, sandbox):
    console, today = sandbox.console(), timezone.localdate()
    console.sell(1, today, 9 * 10**14, 9 * 10**14)
    for _ in range(200):
        console.sell(1, today, 9 * 10**12, 9 * 10**12)
    client = browse(owner)
    ask(client, 1, 15)
    change = save(client, percent="99")
    assert change.state == Change.State.APPLIED
    assert change.monthly_cost is None or change.monthly_cost < LARGEST_COST


# --- People ------------------------------------------------------------------------------------------------


def test_nothing_of_a_person_is_left_anywhere(owner, browse, sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    console = sandbox.console()
    console.edit_client(
        7, lastname="Кам&#39;янецька", firstname="Ёлка", phone_number="380445556677", discount_per="25"
    )
    console.sell(7, timezone.localdate(), 98_765_432, 87_654_321)
    state = sandbox.accounts["demo"]
    day = timezone.localdate()
    query = {"dateFrom": f"{day - timedelta(days=29):%Y%m%d}", "dateTo": f"{day:%Y%m%d}"}
    row = next(row for row in json.loads(state.clients_sales(query)) if row["client_id"] == "7")
    client = browse(owner)
    pages = [client.get(url_of(1, "15", days)) for days in PERIODS]
    save(client, percent="15")
    canaries = {"янецька", "Ёлка", "380445556677"}
    for name in ("sum", "revenue"):
        hryvnia = Decimal(row[name]) / 100
        canaries |= {row[name], f"{hryvnia:.2f}", f"{hryvnia:,.2f}", f"{hryvnia:f}"}
    kept = [cache.get(SalesAdder(owner.credentials, days).key) for days in PERIODS]
    assert all(kept)
    places = {
        "the cache": repr(getattr(cache, "_cache", "")) + repr(kept),
        "the database": whole_database(),
        "the log": caplog.text,
        "the pages": "".join(page.content.decode() for page in pages),
        "the addresses": repr([call.query for call in sandbox.calls()]),
    }
    for place, content in places.items():
        assert not [canary for canary in canaries if canary in content], place
