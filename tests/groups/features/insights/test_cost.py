"""Test the cost of a percent: to the kopeck, from one call for all groups, and only sums kept."""

import json
import logging
import re
from datetime import timedelta
from decimal import Decimal
from itertools import product
from math import ceil
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from groups.features.insights.services import sweep
from groups.features.insights.services.sales import LARGEST_COST, PERIODS, SalesAdder
from groups.models import Change, PosterAccount
from tests.support.canary import whole_database
from tests.support.costs import HOOKS, ask, expected, sold, told, url_of
from tests.support.pages import fragment, group_form, text_of
from tests.support.pairwise import covering, marked

# The figures are not in the database; tests/groups/features/insights/test_sweep.py has how sums are kept.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
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
    asked = sandbox.calls(METHOD)
    first, last = (min(c.query["dateFrom"] for c in asked), max(c.query["dateTo"] for c in asked))
    today = timezone.localdate()
    assert (first, last) == (f"{today - timedelta(days=days - 1):%Y%m%d}", f"{today:%Y%m%d}")
    assert len(asked) == 1 if days == 30 else len(asked) <= 13


def test_other_accounts_with_other_oddities(outsider, browse, sandbox):
    client = browse(outsider)
    for group_id, percent in ((7, "9.5"), (3, "10"), (12, "20")):
        assert ask(client, group_id, percent) == expected(sandbox, group_id, percent, account="kavarnia")
    # A removed group is in the list of this account, and nowhere here.
    assert client.get(url_of(11, "20")).status_code == 404


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


def test_half_a_kopeck_is_rounded_up_and_once(owner, browse, sandbox):
    console, today = sandbox.console(), timezone.localdate()
    group_id = console.put(
        {
            "client_groups_name": "Двоє",
            "loyalty_type": "2",
            "client_groups_discount": "0",
            "birthday_bonus": "0",
            "count_groups_clients": "0",
        }
    )
    first, second = console.put_client(group_id), console.put_client(group_id, discount_per="1")
    console.sell(first, today, 50, 50)
    assert told(browse(owner).get(url_of(group_id, "1")))[0] == "0.01"
    cache.clear()
    # 0.5 and 0.5 kopecks are one kopeck, and not two.
    console.sell(second, today, 50, 50)
    assert told(browse(owner).get(url_of(group_id, "2")))[0] == "0.02"
    assert expected(sandbox, group_id, "2")[0] == "0.02"


def test_an_own_percent_between_the_old_and_the_new_one_costs_the_rest(owner, browse, sandbox):
    console, row = sandbox.console(), sandbox.accounts["demo"].groups[4]
    console.put(row | {"client_groups_id": "9", "client_groups_discount": "5", "count_groups_clients": "0"})
    console.sell(console.put_client(9, discount_per="7"), timezone.localdate(), 100_00, 93_00)
    client = browse(owner)
    assert [ask(client, 9, percent)[0] for percent in ("6", "7", "10")] == ["0.00", "0.00", "3.00"]
    text = text_of(client.get(url_of(9, "10")))
    assert "A client whose own percent is higher than the new one costs nothing more." in text


def test_a_lower_percent_saves_and_the_same_costs_nothing(owner, browse):
    client = browse(owner)
    page = client.get(url_of(1, "5"))
    assert told(page)[0].startswith("-")
    assert "Will save up to" in text_of(page)
    page = client.get("/groups/1/cost/")
    assert told(page)[0] == "0.00"
    assert "Will cost nothing more" in text_of(page)


def test_the_page_is_honest(owner, browse, sandbox):
    text = text_of(browse(owner).get(url_of(1, "15")))
    assert "At most: products without a discount" in text
    granted = "Bonuses count when they are granted, also those that nobody spends."
    assert granted in text
    assert granted not in text_of(browse(owner).get(url_of(4, "15")))  # it gives discounts
    assert "go on buying as they did" in text
    assert "As Poster had it on" in text
    born = sandbox.accounts["demo"].clients.rows(1)
    days = {f"{timezone.localdate() - timedelta(days=back):%m-%d}" for back in range(30)}
    count = sum(row["delete"] == "0" and row["birthday"][5:] in days for row in born)
    assert f"50.00 ₴ × {count} clients with a birthday in these days = {50 * count}.00 ₴" in text


def test_a_changed_birthday_bonus_is_said_apart(owner, browse):
    client = browse(owner)
    page = client.get(url_of(1, "10") + "&birthday_bonus=80,50")
    assert told(page)[0] == "0.00"
    assert "80.50 ₴ instead of 50.00 ₴" in text_of(page)
    assert "Will cost nothing more, apart from birthday bonuses" in text_of(page)
    assert "irthday" not in text_of(client.get(url_of(4, "15")))


def test_a_bar_for_each_month_where_there_are_several(owner, browse):
    client = browse(owner)
    assert "cost-months" not in client.get(url_of(1, "15")).content.decode()
    html = client.get(url_of(1, "15", 365)).content.decode()
    assert html.count("<rect") in {12, 13}
    sums = [Decimal(found.replace(",", "")) for found in re.findall(r'data-label="Costs">([0-9,.]+)', html)]
    assert abs(sum(sums) - Decimal(told_html(html)[0])) <= Decimal("0.07")


def told_html(html):
    return HOOKS.search(html).groups()


@pytest.mark.parametrize(
    "query",
    [
        *("", "?days=31", "?days=x&percent=", "?percent=%20", "?percent=%25"),
        *("?loyalty_type=9&days=-1", "?birthday_bonus=x"),
    ],
)
def test_unknown_values_are_ignored(owner, browse, query):
    assert told(browse(owner).get(f"/groups/1/cost/{query}")) is not None


def test_the_periods_are_said_in_the_language_of_each_user(owner, browse):
    for language, words in (("en", "the last 365 days"), ("uk", "останні 365 днів")):
        assert words in text_of(browse(owner, language=language).get("/groups/1/cost/"))


@pytest.mark.parametrize("percent", ["101", "-1", "x", "1e1", "٥"])
def test_a_percent_that_is_none_is_said_once(owner, browse, percent):
    client, url = browse(owner), f"/groups/1/cost/?{urlencode({'percent': percent})}"
    for page in (client.get(url), client.get(url, headers=fragment("cost", url))):
        assert page.status_code == 422
        assert told(page) is None
        said = re.findall("The percent must be|Enter a number, for", text_of(page))
        assert len(said) == 1


def test_a_comma_and_a_sign_are_understood(owner, browse):
    client = browse(owner)
    assert told(client.get("/groups/1/cost/", {"percent": "12,5 %"})) == told(client.get(url_of(1, "12.5")))


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
    assert told(page) is None
    assert "Nobody whom this concerns" not in text_of(page)
    assert cache.get(SalesAdder(owner.credentials, 30).key) is None


def test_sales_to_clients_of_whom_none_can_be_read_are_no_figure(owner, browse, sandbox):
    for row in list(sandbox.accounts["demo"].clients.rows()):
        sandbox.console().edit_client(int(row["client_id"]), discount_per="?")
    page = browse(owner).get(url_of(1, "15"))
    assert page.status_code == 502
    assert told(page) is None
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
    assert told(page) is None


# --- Calls -------------------------------------------------------------------------------------------------


def test_one_reading_serves_all_groups_and_percents_and_users_of_the_token(owner, browse, sandbox):
    client = browse(owner)
    for group_id in (1, 4, 5):
        for percent in (5, 15):
            assert ask(client, group_id, percent)
    assert len(sandbox.calls(METHOD)) == 1
    (page,) = sandbox.calls(MEMBERS)
    assert int(page.query["num"]) <= 2000
    assert "group_id" not in page.query


def test_a_token_of_another_account_and_a_refused_one_get_nothing_of_it(owner, outsider, browse, sandbox):
    ask(browse(owner), 4, 15)
    assert browse(outsider).get(url_of(4, "15")).status_code == 404
    sandbox.script("*", "error_object", times=None, account="demo")
    browse(owner).get("/groups/?refresh=1")
    page = browse(owner).get(url_of(4, "15"))
    assert page.status_code == 424
    assert told(page) is None


def test_without_the_right_to_statistics_the_page_says_who_can_give_it(owner, browse, sandbox, settings):
    credentials = owner.credentials
    account, _ = PosterAccount.objects.get_or_create(name="readonly")
    credentials.account = account
    credentials.set_token(sandbox.accounts["readonly"].token)
    credentials.save()
    client = browse(owner)
    for _ in range(3):
        page = client.get(url_of(4, "15"))
        assert page.status_code == 424
        assert told(page) is None
        assert "Your token may not see sales. Poster knows" in text_of(page)
        assert "The owner of the Poster account can give it" in text_of(page)
    assert len(sandbox.calls(METHOD)) == 1
    assert not sandbox.calls(MEMBERS)
    form = group_form(client, "/groups/4/edit/", name="Скидочная система 10%", loyalty_type="2", percent="30")
    check = client.post("/groups/4/edit/", form)
    assert check.status_code == 200
    assert told(check) is None
    assert 'hx-trigger="load"' in check.content.decode()


@pytest.mark.parametrize("fault", ["timeout", "status_500", "empty", "error_object"])
def test_a_failure_of_poster_is_told_and_not_remembered(owner, browse, sandbox, fault):
    client = browse(owner)
    client.get("/groups/")
    sandbox.script(METHOD, fault, times=2)
    with override_settings(POSTER_READ_TIMEOUT=0.2, POSTER_READ_DEADLINE=0.5):
        page = client.get(url_of(1, "15"))
    assert page.status_code in {424, 502, 504}
    assert told(page) is None
    sandbox.clear_faults()
    client.get("/groups/?refresh=1")
    assert ask(client, 1, 15)


def test_poster_goes_away_amid_the_clients_and_comes_back(owner, browse, sandbox, monkeypatch):
    monkeypatch.setattr(sweep, "PAGE_SIZE", 100)
    sandbox.script(MEMBERS, "fin_before_headers", call=2, times=None)
    client = browse(owner)
    page = client.get(url_of(1, "15"))
    assert page.status_code == 504
    assert told(page) is None
    assert cache.get(SalesAdder(owner.credentials, 30).key) is None
    sandbox.clear_faults()
    client.get("/groups/?refresh=1")
    assert ask(client, 1, 15) == expected(sandbox, 1, 15)


def test_the_fragment_alone(owner, browse):
    page = browse(owner).get(url_of(1, "15"), headers=fragment("cost", "/groups/1/edit/"))
    assert page.status_code == 200
    assert page.content.decode().strip().startswith('<div id="cost"')
    assert told(page)


# --- A large account ---------------------------------------------------------------------------------------


def test_a_large_account_is_added_up_in_the_background_once(owner, browse, sandbox, monkeypatch, work_queue):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    client = browse(owner)
    for _ in range(2):
        page = client.get(url_of(1, "15"))
        assert page.status_code == 200
        assert told(page) is None
        assert "waiting for its turn" in text_of(page)
        assert 'hx-trigger="load delay:2s"' in page.content.decode()
    assert not sandbox.calls(METHOD)
    work_queue()
    assert ask(client, 1, 15) == expected(sandbox, 1, 15)
    work_queue()
    assert len(sandbox.calls(METHOD)) == 1


def test_a_task_that_the_database_does_not_take_is_put_into_the_queue_by_the_next_page(
    owner, browse, sandbox, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    client = browse(owner)
    client.raise_request_exception = False
    with monkeypatch.context() as outage:
        outage.setattr(type(sweep.sweep_account), "enqueue", Mock(side_effect=OperationalError))
        assert client.get(url_of(1, "15")).status_code == 503
    assert "waiting for its turn" in text_of(client.get(url_of(1, "15")))
    work_queue()
    assert ask(client, 1, 15) == expected(sandbox, 1, 15)


def test_a_failure_in_the_background_is_told_and_tried_again_later(
    owner, browse, sandbox, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    client = browse(owner)
    client.get(url_of(1, "15"))
    sandbox.script(METHOD, "error_unknown_code", times=None)
    work_queue()
    page = client.get(url_of(1, "15"))
    assert page.status_code == 502
    assert told(page) is None
    sandbox.clear_faults()
    cache.delete(SalesAdder(owner.credentials, 30).failure_key)  # as after a minute
    client.get(url_of(1, "15"))
    work_queue()
    assert ask(client, 1, 15)


def test_who_loses_the_right_before_its_turn_gets_nothing(owner, browse, sandbox, monkeypatch, work_queue):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    browse(owner).get(url_of(1, "15"))
    owner.groups.clear()
    work_queue()
    assert not sandbox.calls(METHOD)


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
    for url in ("/history/", "/groups/1/", f"/history/{saved.pk}/"):
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
    assert told(page) == expected(sandbox, 1, 25)
    assert page.content.decode().count('id="cost"') == 1


def test_the_check_page_of_a_large_account_waits_for_no_sales(
    owner, browse, sandbox, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    client = browse(owner)
    form = group_form(client, "/groups/1/edit/", name="Постоянный посетитель", percent="25")
    page = client.post("/groups/1/edit/", form)
    assert told(page) is None
    assert not sandbox.calls(METHOD)
    assert 'hx-trigger="load"' in page.content.decode()
    link = re.search(r'<a href="(/groups/1/cost/[^"]+)"', page.content.decode())[1].replace("&amp;", "&")
    assert "waiting for its turn" in text_of(client.get(link))
    work_queue()
    assert told(client.get(link)) == expected(sandbox, 1, 25)


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
    assert Decimal(told(page)[0]) < 0
    assert "The type changes: bonuses are counted from what was paid" in text_of(page)


def test_the_edit_form_asks_as_one_types_and_has_a_link_without_scripts(owner, staff, browse):
    html = browse(owner).get("/groups/1/edit/").content.decode()
    assert 'hx-get="/groups/1/cost/"' in html
    assert '<a href="/groups/1/cost/">' in html
    assert 'hx-get="/groups/1/cost/"' in browse(owner).get("/groups/1/schedule/").content.decode()
    for url in ("/groups/1/edit/", "/groups/1/schedule/"):
        assert "/cost/" not in browse(staff).get(url).content.decode()
    assert "/cost/" not in browse(owner).get("/groups/new/").content.decode()


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


def test_an_undo_says_its_cost_too(owner, browse, sandbox):
    client = browse(owner)
    ask(client, 1, 15)
    change = save(client, percent="15")
    assert client.post(f"/history/{change.pk}/undo/").status_code == 302
    undo = Change.objects.get(undo_of=change)
    assert undo.monthly_cost == -change.monthly_cost


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
