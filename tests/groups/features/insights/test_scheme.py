"""Test the page of the loyalty scheme: the ladder of the rules, the turnover, the audit of the percents."""

import json
import re
from datetime import timedelta
from math import floor

import pytest
from django.core.cache import cache
from django.utils import timezone

from tests.support.pages import fragment, text_of

# Nothing of groups and rules is in the database; tests/groups/features/insights/test_sweep.py has the sums.
pytestmark = pytest.mark.django_db
SCHEME = "/groups/ladder/"

RULES = (
    {"rule_id": 7, "loyalty_type": 2, "value": 20_000, "group_id": 5},
    {"rule_id": 6, "loyalty_type": 2, "value": 5000, "group_id": 4},
)


@pytest.fixture
def rules(sandbox):
    sandbox.console().set_rules(*RULES)


def attributes(response, *names):
    """Return the values of these attributes of each element that has the first of them, in order."""
    tags = re.findall(rf"<[^>]*\b{names[0]}=[^>]*>", response.content.decode())
    return [tuple(re.search(rf'\b{name}="([^"]*)"', tag)[1] for name in names) for tag in tags]


def section(response, name):
    return re.search(rf'(?s)<section[^>]*data-audit="{name}".*?</section>', response.content.decode())[0]


def put(sandbox, **fields):
    row = {"client_groups_name": "Нова", "loyalty_type": "2", "client_groups_discount": "3"}
    return sandbox.console().put(row | {"birthday_bonus": "0", "count_groups_clients": "0"} | fields)


# --- The ladder --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("rules")
def test_the_ladder_has_the_rules_in_the_order_of_their_sums(manager, browse):
    page = browse(manager).get(SCHEME)
    assert attributes(page, "data-rule", "data-group") == [("6", "4"), ("7", "5")]
    text = text_of(page)
    near = r"Near the next step: \d+ · paid 18,000 ₴ or more"
    assert re.search(rf"Скидочная система 10% Discount {near} from 5,000 ₴ 10% 43", text)
    assert "Скидочная система 20% Discount from 20,000 ₴ 20% 42" in text
    assert "Постоянный посетитель Bonus – 10% 125" in text
    assert "No rule leads here Постоянный посетитель 10% · 125 clients" in text
    assert attributes(page, "data-problem") == []


@pytest.mark.usefixtures("rules")
def test_those_near_the_next_step_are_counted(manager, staff, browse, sandbox):
    near = sum(
        1_800_000 <= int(row["total_payed_sum"]) < 2_000_000 and row["delete"] == "0"
        for row in sandbox.accounts["demo"].clients.rows(4)
    )
    sandbox.console().put_client(4, total_payed_sum="1800000")
    page = browse(manager).get(SCHEME)
    assert re.search(r'<span data-near="6">\s*(\d+)\s*</span>', page.content.decode())[1] == str(near + 1)
    link = f'<a href="/groups/4/clients/?sort=-paid">{near + 1}</a>'
    assert link in browse(staff).get(SCHEME).content.decode()


def test_contradictions_are_named_at_their_rules(manager, browse, sandbox):
    sandbox.console().set_rules(
        {"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": 5},
        {"rule_id": 2, "loyalty_type": 2, "value": 2000, "group_id": 4},
        {"rule_id": 3, "loyalty_type": 2, "value": 2000, "group_id": 5},
        {"rule_id": 4, "loyalty_type": 2, "value": 3000, "group_id": 77},
    )
    page = browse(manager).get(SCHEME)
    assert sorted(attributes(page, "data-problem")) == [("2",), ("2",), ("3",), ("4",)]
    assert "4 contradictions are in the rules" in text_of(page)


# test_dependents.py beside this has a fault of each kind in place of the rules.
def test_rules_that_cannot_be_read_are_said_and_the_rest_is_shown(manager, browse, sandbox):
    sandbox.script("clients.getLoyaltyRules", "error_object", code=20, times=None)
    page = browse(manager).get(SCHEME)
    assert page.status_code == 200
    assert attributes(page, "data-dependents") == [("unread",)]
    assert "The rules could not be read." in text_of(page)
    assert "No rules yet" not in text_of(page)
    assert "No rule leads here" not in text_of(page)
    assert "Скидочная система 20%" in text_of(page)


def test_groups_and_rules_of_which_some_could_not_be_read(manager, browse, sandbox):
    sandbox.console().set_rules(*RULES, {"rule_id": 8, "value": "?", "group_id": 1})
    sandbox.console().edit(5, client_groups_discount="150")
    page = browse(manager).get(SCHEME)
    text = text_of(page)
    assert "1 group could not be read" in text
    assert "1 rule could not be read" in text
    assert attributes(page, "data-problem") == attributes(page, "data-dependents") == []


def test_while_poster_is_away_the_last_copy_is_shown(manager, browse, sandbox):
    client = browse(manager)
    client.get("/groups/")
    cache.clear()
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get(SCHEME)
    assert page.status_code == 200
    assert 'data-notice="stale"' in page.content.decode()


# --- Counting in the background ----------------------------------------------------------------------------


def test_clients_that_cannot_be_counted_leave_the_page_standing(manager, browse, sandbox):
    sandbox.script("clients.getClients", "fin_before_headers", times=None)
    page = browse(manager).get(SCHEME)
    assert page.status_code == 200
    assert 'data-notice="error"' in page.content.decode()
    assert 'hx-trigger="load' not in page.content.decode()
    assert "None." not in text_of(page)


# --- The audit ---------------------------------------------------------------------------------------------


def test_own_percents_are_figures_for_all_and_lists_for_those_who_see_clients(
    manager, staff, browse, sandbox
):
    account = sandbox.accounts["demo"]
    rows = [row for row in account.clients.rows(1) if row["delete"] == "0"]
    above = sum(int(row["discount_per"]) > 10 for row in rows)
    below = sum(0 < int(row["discount_per"]) < 10 for row in rows)
    own = section(browse(manager).get(SCHEME), "own")
    assert re.findall(r'(?s)data-own="\w+"[^>]*>\s*([\d,]+)', own)[:2] == [str(above), str(below)]
    assert "/clients/" not in own
    client = browse(staff)
    own = section(client.get(SCHEME), "own")
    assert 'href="/groups/1/clients/?own=above"' in own
    for kind, count in (("above", above), ("below", below)):
        listed = client.get(f"/groups/1/clients/?own={kind}")
        assert f"{count} clients found, 125 searched" in text_of(listed)
        assert listed.content.decode().count("<tr data-client=") == count


def test_groups_that_are_alike_empty_or_give_nothing(staff, manager, browse, sandbox):
    first = put(sandbox, count_groups_clients="3")
    twin = put(sandbox, client_groups_name=" нова ")
    put(sandbox, client_groups_discount="4")
    put(sandbox, loyalty_type="1", client_groups_discount="3")
    nothing = put(sandbox, client_groups_name="Архів", client_groups_discount="0", count_groups_clients="2")
    page = browse(staff).get(SCHEME)
    expected = {"alike": [first, twin], "zero": [nothing], "empty": [twin, twin + 1, twin + 2]}
    for name, groups in expected.items():
        assert re.findall(r'data-group="(\d+)"', section(page, name)) == [str(each) for each in groups]
    assert f'href="/groups/{first}/retire/"' in section(page, "alike")
    looking = browse(manager).get(SCHEME).content.decode()
    assert not re.search(r'href="/groups/\d+/(edit|retire|delete|clients)/', looking)


@pytest.mark.usefixtures("rules")
def test_percents_that_no_rule_leads_to(manager, staff, browse, sandbox):
    same_percent = put(sandbox, client_groups_discount="20")
    other = put(sandbox, client_groups_discount="7")
    unled = section(browse(manager).get(SCHEME), "unled")
    assert re.findall(r'data-group="(\d+)"', unled) == ["1", str(other)]
    assert str(same_percent) not in re.findall(r'data-group="(\d+)"', unled)
    assert f'href="/groups/{other}/edit/"' in section(browse(staff).get(SCHEME), "unled")
    sandbox.console().set_rules()
    assert 'data-audit="unled"' not in browse(manager).get(f"{SCHEME}?refresh=1").content.decode()
    sandbox.script("clients.getLoyaltyRules", "status_500", times=None)
    assert 'data-audit="unled"' not in browse(manager).get(f"{SCHEME}?refresh=1").content.decode()


# --- The filter of the clients -----------------------------------------------------------------------------


def test_the_filter_of_own_percents_stays_with_a_search_and_an_order(staff, browse, sandbox):
    sandbox.console().edit_client(3, lastname="Кам&#39;янецька", discount_per="30")
    sandbox.console().edit_client(4, lastname="Кам&#39;янецька", discount_per="0")
    client = browse(staff)
    url = "/groups/1/clients/"
    found = client.post(url, {"q": "кам'янецька", "own": "above"})
    assert attributes(found, "data-client") == [("3",)]
    sorted_by = client.post(url, {"q": "", "own": "above", "sort": "-own"})
    assert sorted_by["Location"] == f"{url}?own=above&sort=-own"


# --- The chart ---------------------------------------------------------------------------------------------


def sold_to(sandbox, group_id):
    """Return what the clients of a group paid in 30 days, in kopecks, without the code under test."""
    account, today = sandbox.accounts["demo"], timezone.localdate()
    days = {"dateFrom": f"{today - timedelta(29):%Y%m%d}", "dateTo": f"{today:%Y%m%d}"}
    members = {row["client_id"] for row in account.clients.rows(group_id) if row["delete"] == "0"}
    sales = json.loads(account.clients_sales(days))
    return sum(int(sale["revenue"]) for sale in sales if str(sale["client_id"]) in members)


@pytest.mark.usefixtures("rules")
def test_the_turnover_is_for_those_who_may_see_sales(owner, manager, browse, sandbox):
    client = browse(owner)
    page = client.get(SCHEME)
    assert 'hx-get="?read=1" hx-trigger="load"' in page.content.decode()
    assert not sandbox.calls("dash.getClientsSales")
    filled = client.get(f"{SCHEME}?read=1", headers=fragment("figures", SCHEME))
    told = re.findall(r"data-turnover>([\d,]+)", filled.content.decode())
    expected = [floor(sold_to(sandbox, group_id) / 100 + 0.5) for group_id in (4, 5, 1)]
    assert [int(sum_.replace(",", "")) for sum_ in told] == expected
    assert min(expected) > 0
    assert f"10% · 43 clients · {told[0]} ₴" in text_of(filled)
    assert "data-turnover" in client.get(SCHEME).content.decode()
    html = browse(manager).get(f"{SCHEME}?read=1").content.decode()
    assert "urnover" not in html.replace("?read=1", "")
