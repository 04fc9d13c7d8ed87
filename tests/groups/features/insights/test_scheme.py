"""Test the ladder of the rules, the audit of the percents, and the chart of the scheme."""

import json
import re
from datetime import timedelta
from math import floor

import pytest
from django.core.cache import cache
from django.utils import timezone

from groups.features.insights.services import sweep
from groups.services import clients
from tests.support.pages import fragment, text_of

# Nothing of groups and rules is in the database; tests/groups/features/insights/test_sweep.py has the sums.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGES = ("/groups/ladder/", "/groups/audit/", "/groups/scheme/")
COUNTED = PAGES[:2]
RULES = (
    {"rule_id": 7, "loyalty_type": 2, "value": 20_000, "group_id": 5},
    {"rule_id": 6, "loyalty_type": 2, "value": 5000, "group_id": 4},
)


@pytest.fixture
def rules(sandbox):
    sandbox.console().set_rules(*RULES)


@pytest.fixture
def large(monkeypatch):
    """Take the account for one that does not fit into one request."""
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    monkeypatch.setattr(sweep, "PAGE_SIZE", 99)


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
    page = browse(manager).get("/groups/ladder/")
    assert attributes(page, "data-rule", "data-group") == [("6", "4"), ("7", "5")]
    text = text_of(page)
    assert re.search(r"Скидочная система 10% Discount from 5,000 ₴ 10% 43 \d+ paid 18,000 ₴ or more", text)
    assert "Скидочная система 20% Discount from 20,000 ₴ 20% 42 –" in text
    assert "No rule leads here Постоянный посетитель no. 1 10% · clients: 125" in text
    assert attributes(page, "data-problem") == []


@pytest.mark.usefixtures("rules")
def test_those_near_the_next_step_are_counted(manager, staff, browse, sandbox):
    near = sum(
        1_800_000 <= int(row["total_payed_sum"]) < 2_000_000 and row["delete"] == "0"
        for row in sandbox.accounts["demo"].clients.rows(4)
    )
    sandbox.console().put_client(4, total_payed_sum="1800000")
    page = browse(manager).get("/groups/ladder/")
    assert re.search(r'<span data-near="6">\s*(\d+)\s*</span>', page.content.decode())[1] == str(near + 1)
    link = f'<a href="/groups/4/clients/?sort=-paid">{near + 1}</a>'
    assert link in browse(staff).get("/groups/ladder/").content.decode()


def test_contradictions_are_named_at_their_rules(manager, browse, sandbox):
    sandbox.console().set_rules(
        {"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": 5},
        {"rule_id": 2, "loyalty_type": 2, "value": 2000, "group_id": 4},
        {"rule_id": 3, "loyalty_type": 2, "value": 2000, "group_id": 5},
        {"rule_id": 4, "loyalty_type": 2, "value": 3000, "group_id": 77},
    )
    page = browse(manager).get("/groups/ladder/")
    assert sorted(attributes(page, "data-problem")) == [("2",), ("2",), ("3",), ("4",)]
    text = text_of(page)
    assert "It gives less than “Скидочная система 20%”, for which 1,000 ₴ are enough." in text
    assert "“Скидочная система 10%” has the same sum: nothing says which of them counts." in text
    assert "no. 77 is not in the list This group is not there any more." in text
    assert "4 contradictions are in the rules" in text


def test_a_removed_group_is_a_contradiction(outsider, browse):
    page = browse(outsider).get("/groups/ladder/")
    assert attributes(page, "data-rule", "data-group")[-1] == ("5", "11")
    assert attributes(page, "data-problem") == [("5",)]


def test_without_rules_the_ladder_says_so(manager, browse, sandbox):
    sandbox.console().set_rules()
    assert "No rules yet" in text_of(browse(manager).get("/groups/ladder/"))


# test_dependents.py beside this has a fault of each kind in place of the rules.
@pytest.mark.parametrize("url", PAGES)
def test_rules_that_cannot_be_read_are_said_and_the_rest_is_shown(manager, browse, sandbox, url):
    sandbox.script("clients.getLoyaltyRules", "error_object", code=20, times=None)
    page = browse(manager).get(url)
    assert page.status_code == 200
    assert attributes(page, "data-dependents") == [("unread",)]
    assert "The rules could not be read." in text_of(page)
    assert "No rules yet" not in text_of(page)
    assert "No rule leads here" not in text_of(page)
    if url != "/groups/ladder/":
        assert "Скидочная система 20%" in text_of(page)


@pytest.mark.parametrize("url", PAGES)
def test_groups_and_rules_of_which_some_could_not_be_read(manager, browse, sandbox, url):
    sandbox.console().set_rules(*RULES, {"rule_id": 8, "value": "?", "group_id": 1})
    sandbox.console().edit(5, client_groups_discount="150")
    page = browse(manager).get(url)
    text = text_of(page)
    assert "1 group could not be read" in text
    assert "1 rule could not be read" in text
    assert attributes(page, "data-problem") == attributes(page, "data-dependents") == []


@pytest.mark.parametrize("url", PAGES)
def test_while_poster_is_away_the_last_copy_is_shown(manager, browse, sandbox, url):
    client = browse(manager)
    client.get("/groups/")
    cache.clear()
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get(url)
    assert page.status_code == 200
    assert 'data-notice="stale"' in page.content.decode()
    assert "This is the list as of" in text_of(page)
    assert "Clients are being counted" not in text_of(page)


def test_a_group_that_came_after_the_last_copy_is_not_called_gone(manager, browse, sandbox):
    client = browse(manager)
    client.get("/groups/")
    cache.clear()
    sandbox.console().set_rules({"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": put(sandbox)})
    sandbox.script("clients.getGroups", "status_500", times=None)
    page = client.get("/groups/ladder/")
    assert 'data-notice="stale"' in page.content.decode()
    assert len(attributes(page, "data-rule")) == 1
    assert attributes(page, "data-problem") == []


# --- Counting in the background ----------------------------------------------------------------------------


@pytest.mark.usefixtures("rules", "large")
@pytest.mark.parametrize("url", COUNTED)
def test_a_large_account_is_shown_at_once_and_counted_in_the_background(
    manager, browse, sandbox, url, work_queue
):
    client = browse(manager)
    polls, page = [], client.get(url)
    assert "Count the clients" in text_of(page)
    for _ in range(2):
        path, trigger = re.search(r'hx-get="([^"]*)" hx-trigger="([^"]*)"', page.content.decode()).groups()
        polls.append(trigger)
        page = client.get(path, headers=fragment("figures", url))
        assert "<html" not in page.content.decode()
        assert "waiting for its turn" in text_of(page)
    assert polls == ["load", "load delay:2s"]
    assert not sandbox.calls("clients.getClients")
    work_queue()
    page = client.get(path, headers=fragment("figures", url))
    assert "Clients counted on" in text_of(page)
    assert "hx-trigger" not in page.content.decode()
    assert len(sandbox.calls("clients.getClients")) == 3
    assert "Clients counted on" in text_of(client.get(url))
    work_queue()
    assert len(sandbox.calls("clients.getClients")) == 3


@pytest.mark.usefixtures("rules", "large")
def test_without_a_script_links_lead_to_the_count(manager, browse, work_queue):
    client = browse(manager)
    page = client.get("/groups/audit/")
    for words in ("waiting for its turn", "Clients counted on"):
        page = client.get(re.search(r'href="([^"]*\?read=\d+)"', page.content.decode())[1])
        assert words in text_of(page)
        work_queue()


@pytest.mark.usefixtures("rules", "large")
def test_a_cache_that_keeps_nothing_does_not_let_the_page_ask_for_ever(
    manager, browse, sandbox, settings, work_queue
):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    page = browse(manager).get("/groups/audit/?read=1", headers=fragment("figures", "/groups/audit/"))
    assert page.status_code == 200
    assert 'hx-trigger="load' not in page.content.decode()
    assert "Try again" in text_of(page)
    work_queue()
    assert not sandbox.calls("clients.getClients")


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("url", "fault"), list(zip(COUNTED, ("fin_before_headers", "error_number_text"), strict=True))
)
def test_clients_that_cannot_be_counted_leave_the_page_standing(manager, browse, sandbox, url, fault):
    sandbox.script("clients.getClients", fault, times=None)
    page = browse(manager).get(url)
    assert page.status_code == 200
    assert 'data-notice="error"' in page.content.decode()
    assert 'hx-trigger="load' not in page.content.decode()
    assert ("Скидочная система 10%" if "ladder" in url else "Empty groups") in text_of(page)
    assert "None. " not in section(page, "own") if "audit" in url else True


@pytest.mark.parametrize("read", ["", "x", "-1", "٣", "9" * 30])
def test_odd_numbers_in_the_address_are_ignored(manager, browse, read):
    assert browse(manager).get("/groups/audit/", {"read": read}).status_code == 200


# --- The audit ---------------------------------------------------------------------------------------------


def test_own_percents_are_figures_for_all_and_lists_for_those_who_see_clients(
    manager, staff, browse, sandbox
):
    account = sandbox.accounts["demo"]
    rows = [row for row in account.clients.rows(1) if row["delete"] == "0"]
    above = sum(int(row["discount_per"]) > 10 for row in rows)
    below = sum(0 < int(row["discount_per"]) < 10 for row in rows)
    own = section(browse(manager).get("/groups/audit/"), "own")
    assert re.findall(r'(?s)data-own="\w+"[^>]*>\s*([\d,]+)', own)[:2] == [str(above), str(below)]
    assert "/clients/" not in own
    client = browse(staff)
    own = section(client.get("/groups/audit/"), "own")
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
    page = browse(staff).get("/groups/audit/")
    alike = section(page, "alike")
    assert re.findall(r'data-group="(\d+)"', alike) == [str(first), str(twin)]
    assert f'href="/groups/{first}/retire/"' in alike
    zero = section(page, "zero")
    assert re.findall(r'data-group="(\d+)"', zero) == [str(nothing)]
    assert f'href="/groups/{nothing}/edit/"' in zero
    empty = section(page, "empty")
    assert re.findall(r'data-group="(\d+)"', empty) == [str(twin), str(twin + 1), str(twin + 2)]
    assert f'href="/groups/{twin}/retire/"' in empty
    looking = browse(manager).get("/groups/audit/").content.decode()
    assert not re.search(r'href="/groups/\d+/(edit|retire|delete|clients)/', looking)


@pytest.mark.usefixtures("rules")
def test_percents_that_no_rule_leads_to(manager, staff, browse, sandbox):
    same_percent = put(sandbox, client_groups_discount="20")
    other = put(sandbox, client_groups_discount="7")
    unled = section(browse(manager).get("/groups/audit/"), "unled")
    assert re.findall(r'data-group="(\d+)"', unled) == ["1", str(other)]
    assert str(same_percent) not in re.findall(r'data-group="(\d+)"', unled)
    assert f'href="/groups/{other}/edit/"' in section(browse(staff).get("/groups/audit/"), "unled")
    sandbox.script("clients.getLoyaltyRules", "status_500", times=None)
    page = browse(manager).get("/groups/audit/?refresh=1")
    assert 'data-audit="unled"' not in page.content.decode()


def test_the_audit_tells_groups_of_one_name_apart_by_their_numbers(manager, browse, sandbox):
    twins = [put(sandbox, client_groups_discount="7", count_groups_clients="3") for _twin in range(2)]
    for number, twin in enumerate(twins):
        sandbox.console().edit_client(number + 1, client_groups_id=str(twin), discount_per="50")
    page = browse(manager).get("/groups/audit/")
    for name in ("own", "alike", "unled"):
        shown = section(page, name)
        assert all(f"no. {twin}" in shown for twin in twins), name


# --- The filter of the clients -----------------------------------------------------------------------------


def test_the_filter_of_own_percents_stays_with_a_search_and_an_order(staff, browse, sandbox):
    sandbox.console().edit_client(3, lastname="Кам&#39;янецька", discount_per="30")
    sandbox.console().edit_client(4, lastname="Кам&#39;янецька", discount_per="0")
    client = browse(staff)
    url = "/groups/1/clients/"
    found = client.post(url, {"q": "кам'янецька", "own": "above"})
    assert attributes(found, "data-client") == [("3",)]
    assert 'name="own" value="above" form="filters"' in found.content.decode()
    sorted_by = client.post(url, {"q": "", "own": "above", "sort": "-own"})
    assert sorted_by["Location"] == f"{url}?own=above&sort=-own"
    assert attributes(client.get(sorted_by["Location"]), "data-client")[0] == ("3",)
    assert 'data-client="5"' in client.get(f"{url}?own=nonsense").content.decode()


def test_a_filtered_search_goes_on(staff, browse, monkeypatch):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 60)
    monkeypatch.setattr(clients, "SEARCHED_AT_MOST", 60)
    client = browse(staff)
    first = client.get("/groups/1/clients/?own=above")
    assert "Search further" in text_of(first)
    further = client.post("/groups/1/clients/", {"q": "", "own": "above", "from": "60"})
    assert further.status_code == 200
    ids = [int(client_id) for (client_id,) in attributes(further, "data-client")]
    assert ids
    assert min(ids) > 60


def test_nobody_has_such_a_percent(staff, browse, sandbox):
    sandbox.console().edit(4, client_groups_discount="99")
    page = browse(staff).get("/groups/4/clients/?own=above")
    assert "No client of this group has such a percent of their own" in text_of(page)
    assert 'href="/groups/4/clients/"' in page.content.decode()


# --- The chart ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("rules")
def test_the_chart_has_each_group_as_a_step_and_its_numbers_in_the_table(manager, browse):
    page = browse(manager).get("/groups/scheme/")
    html = page.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert attributes(page, "data-rule", "data-group") == [("6", "4"), ("7", "5")]
    assert attributes(page, "data-group") == [("4",), ("5",), ("1",)]
    desk = re.search(r'(?s)<svg class="stairs desk".*?</svg>', html)[0]
    assert re.findall(r"<text[^>]*>([^<]*)</text>", desk) == [
        *("from 5,000 ₴", "Скидочная система 10%", "10% · 43 clients"),
        *("from 20,000 ₴", "Скидочная система 20%", "20% · 42 clients"),
    ]
    assert re.findall(r'class="stairs-bar[^"]*"[^>]*width="([\d.]+)"', desk) == ["230.0", "460.0"]
    assert html.count('class="stairs desk"') == html.count('class="stairs phone"') == 2
    assert "Poster account demo" in html


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
    page = client.get("/groups/scheme/")
    assert 'hx-get="?turnover=1" hx-trigger="load"' in page.content.decode()
    assert not sandbox.calls("dash.getClientsSales")
    filled = client.get("/groups/scheme/?turnover=1", headers=fragment("figures", "/groups/scheme/"))
    told = re.findall(r"data-turnover>([\d,]+)", filled.content.decode())
    expected = [floor(sold_to(sandbox, group_id) / 100 + 0.5) for group_id in (4, 5, 1)]
    assert [int(sum_.replace(",", "")) for sum_ in told] == expected
    assert min(expected) > 0
    assert f"10% · 43 clients · {told[0]} ₴" in text_of(filled)
    assert "data-turnover" in client.get("/groups/scheme/").content.decode()
    html = browse(manager).get("/groups/scheme/?turnover=1").content.decode()
    assert "urnover" not in html.replace("?turnover=1", "")


def test_a_token_without_the_right_to_statistics_costs_the_chart_its_turnover_alone(owner, browse, sandbox):
    sandbox.script("dash.getClientsSales", "error_object", code=20, times=None)
    page = browse(owner).get("/groups/scheme/?turnover=1")
    assert page.status_code == 200
    assert "Your token may not see sales" in text_of(page)
    assert "Постоянный посетитель" in text_of(page)
    assert "hx-trigger" not in page.content.decode()


def test_rows_that_are_in_no_turnover_are_said(owner, browse, sandbox):
    sandbox.script("dash.getClientsSales", "row_null_field")
    page = browse(owner).get("/groups/scheme/?turnover=1")
    assert "data-turnover" in page.content.decode()
    assert "1 row of Poster's could not be read and is left out" in text_of(page)


def test_the_turnover_of_a_large_account_comes_from_the_background(owner, browse, monkeypatch):
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    page = browse(owner).get("/groups/scheme/?turnover=1")
    assert "It is waiting for its turn" in text_of(page)
    assert 'hx-trigger="load delay:2s"' in page.content.decode()


def test_a_long_name_is_cut_in_the_picture_alone(manager, browse, sandbox):
    name = "Дуже довга назва групи клієнтів, яку ніхто не скоротив, бо нащо"
    sandbox.console().edit(5, client_groups_name=name)
    html = browse(manager).get("/groups/scheme/").content.decode()
    narrow = re.findall(r'(?s)<svg class="stairs phone".*?</svg>', html)[0]
    assert name not in narrow
    assert re.search(r">Дуже [^<]*…<", narrow)
    assert f"<bdi>{name}</bdi>" in html


def test_a_step_to_a_group_that_is_gone_has_no_bar(manager, browse, sandbox):
    sandbox.console().set_rules({"rule_id": 4, "loyalty_type": 1, "value": 1000, "group_id": 77})
    html = browse(manager).get("/groups/scheme/").content.decode()
    assert "no. 77 is not in the list" in html
    assert html.count('class="stairs-bar') == 2 * 3


def test_an_account_without_groups_has_no_scheme(manager, browse, sandbox):
    for group_id in list(sandbox.accounts["demo"].groups):
        sandbox.console().remove(group_id)
    assert "No loyalty groups yet" in text_of(browse(manager).get("/groups/scheme/"))
    for url in COUNTED:
        assert browse(manager).get(url).status_code == 200
