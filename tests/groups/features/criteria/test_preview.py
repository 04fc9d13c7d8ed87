"""Test the preview: who would move and why, what that costs, what is not proven, and who may see it."""

import re
import time
from datetime import timedelta

import pytest

from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.reading import kept_spread, new_reading
from groups.features.insights.services import sweep
from groups.features.insights.services.sweep import read_now
from groups.models import Job
from groups.services.credentials import credentials_of
from groups.services.gateway import call_poster
from tests.support.criteria import BRONZE, GOLD, SILVER, save, today
from tests.support.pages import text_of

# Runs of the same tables ask another database for the same.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
URL = "/criteria/preview/"
THREE = ((1, 10_00), (2, 10_00), (3, 10_00))


@pytest.fixture
def look(browse, owner):
    """Return a function that asks for the preview as an owner."""
    client = browse(owner)

    def look(**fields):
        return client.post(URL, fields)

    look.client = client
    return look


def pairs(page):
    found = re.findall(r'data-from="(\d+)" data-to="(\d+)" data-clients="(\d+)"', page.content.decode())
    return {(int(before), int(after)): int(clients) for before, after, clients in found}


def number(page, name):
    found = re.search(rf'data-{name}="([^"]*)"', page.content.decode())
    return found and float(found[1])


def named(page):
    return [int(each) for each in re.findall(r'data-client="(\d+)"', page.content.decode())]


# --- Who would move ----------------------------------------------------------------------------------------


def test_each_pair_is_counted_and_said_to_get_more_or_less_and_a_get_shows_nothing(
    look, client_of, table, sandbox
):
    client_of(BRONZE, (364, 6_000_00))
    client_of(BRONZE, (365, 6_000_00))
    client_of(BRONZE, *THREE)
    client_of(GOLD, (10, 5_999_99))
    client_of(GOLD, (10, 3_000_00), (20, 3_000_00))
    client_of(SILVER)
    page = look()
    assert page.status_code == 200
    assert pairs(page) == {(BRONZE, GOLD): 1, (BRONZE, SILVER): 1, (GOLD, BRONZE): 1, (SILVER, BRONZE): 1}
    assert (number(page, "moves"), number(page, "unread")) == (4, 0)
    assert not named(page)
    assert "4 clients would move. To better terms: 2, to less favourable ones: 2." in text_of(page)
    # Not the order of the table counts, but what people get.
    sandbox.console().edit(GOLD, client_groups_discount="1")
    assert "To better terms: 1, to less favourable ones: 1." in text_of(look())
    assert look.client.get(URL).status_code == 302
    assert not Job.objects.exists()


def test_the_clients_of_a_pair_are_named_with_the_reason_when_asked_for(look, client_of, table):
    mover = client_of(BRONZE, (3, 6_420_00), firstname="Оля")
    client_of(SILVER)
    page = look(**{"from": BRONZE, "to": GOLD})
    assert named(page) == [mover]
    assert "Видима Оля" in text_of(page)
    assert "bought 6,420 ₴ in 365 days, receipts: 1" in text_of(page)
    assert pairs(page)[SILVER, BRONZE] == 1
    # No page that is got has a name.
    assert "Видима" not in look.client.get("/criteria/").content.decode()


def test_clients_of_other_groups_and_removed_ones_are_never_judged(look, client_of, table, sandbox):
    client_of(4, (1, 9_000_00))
    client_of(BRONZE, (1, 9_000_00), delete="1")
    page = look()
    assert (number(page, "moves"), number(page, "unread")) == (0, 0)


def test_birthdays_and_days_since_registration_decide(look, client_of, owner):
    rows = (
        {"group_id": GOLD, "birthday_in": 7},
        {"group_id": SILVER, "registered_min": 10, "registered_max": 20},
    )
    save(owner, *rows, otherwise=BRONZE)
    client_of(BRONZE, born=f"1990-{today() + timedelta(days=7):%m-%d}")
    client_of(BRONZE, born=f"0000-{today() - timedelta(days=8):%m-%d}")
    client_of(BRONZE, registered=f"{today() - timedelta(days=20)} 23:59:59")
    client_of(BRONZE, registered=f"{today() - timedelta(days=21)} 10:00:00")
    client_of(SILVER)
    assert pairs(look()) == {(BRONZE, GOLD): 1, (BRONZE, SILVER): 1, (SILVER, BRONZE): 1}


def test_a_pinned_client_stays(look, client_of, table, browse, staff):
    client_id = client_of(BRONZE, (3, 6_420_00))
    browse(staff).post("/criteria/pins/", {"client": client_id, "reason": "a friend"})
    page = look()
    assert number(page, "moves") == 0
    assert "1 pinned client stays" in text_of(page)


def test_the_cost_is_that_of_thirty_days_with_own_percents_and_each_side_with_its_base(
    look, client_of, table, sandbox
):
    sandbox.console().edit(GOLD, loyalty_type="1")
    up = client_of(BRONZE, (40, 9_000_00))
    sandbox.console().sell(up, today(), 1_000_00, 900_00)
    own = client_of(BRONZE, (40, 9_000_00), discount_per="20")
    sandbox.console().sell(own, today(), 100_00, 80_00)
    # 900 ₴ × 10 % − 1,000 ₴ × 1 %; and with the own percent 80 ₴ × 20 % − 100 ₴ × 20 %.
    assert number(look(), "cost") == 80.00 - 4.00


def test_a_rule_of_poster_that_leads_elsewhere_is_named(look, client_of, table, sandbox):
    sandbox.console().set_rules({"rule_id": 77, "loyalty_type": 2, "value": 1000, "group_id": GOLD})
    client_of(GOLD, total_payed_sum="100000")
    client_of(GOLD, total_payed_sum="99999")
    page = look()
    assert 'data-against="77"' in page.content.decode()
    words = text_of(page).replace("\u00a0", " ")
    assert "Poster moves 1 of 2 elsewhere again at their next purchase." in words
    assert "from 1,000 ₴ to “Gold”: 1 client" in words


def test_promotions_that_clients_would_lose_or_get_are_named(look, client_of, table, sandbox):
    def promotion(number, name, *groups):
        params = {"clients_type": 4, "clients_groups": list(groups)}
        return {"promotion_id": str(number), "name": name, "params": params}

    sandbox.console().set_promotions(
        promotion(71, "Happy hours", GOLD),
        promotion(72, "Second cup", BRONZE, SILVER),
        promotion(73, "All alike", GOLD, BRONZE),
    )
    client_of(GOLD)
    page = look()
    assert re.findall(r'data-promotion="(\d+)"', page.content.decode()) == ["71", "72"]
    assert "They lose the promotion “Happy hours”, which is for “Gold”." in text_of(page)
    assert "They get the promotion “Second cup”, which is for “Bronze”." in text_of(page)


def test_a_large_account_is_read_by_a_worker_and_the_page_fills_in(
    look, client_of, table, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    client_of(BRONZE, (3, 6_000_00))
    page = look()
    assert "<progress" in page.content.decode()
    assert not pairs(page)
    work_queue()
    assert pairs(look(waiting="1")) == {(BRONZE, GOLD): 1}


# --- What is not proven ------------------------------------------------------------------------------------


def sabotage(sandbox, monkeypatch, change):
    """Let a list of sales of the sandbox be changed before it is answered."""
    account = sandbox.accounts["demo"]
    answer = account._sales.rows

    def rows(*about):
        return change(answer(*about))

    monkeypatch.setattr(account._sales, "rows", rows)


def cut(rows, buyer):
    """Return as many rows as Poster's list has at most."""
    others = [rows[0] | {"client_id": str(100_000 + number)} for number in range(999)]
    return [*(row for row in rows if row["client_id"] == buyer), *others]


def with_a_row_of_nobody(rows, _buyer):
    return [*rows, rows[0] | {"client_id": "0"}]


def with_a_broken_row(rows, buyer):
    return [row | {"revenue": "?"} if row["client_id"] == buyer else row for row in rows]


@pytest.mark.parametrize(
    ("spoil", "leaves"), [(cut, "buyer"), (with_a_row_of_nobody, "buyer"), (with_a_broken_row, "other")]
)
def test_a_list_proves_nothing_for_who_may_be_missing_in_it_or_has_a_broken_row(
    look, client_of, table, sandbox, monkeypatch, spoil, leaves
):
    ids = {"buyer": client_of(GOLD, (1, 10_00)), "other": client_of(GOLD)}
    buyer = str(ids["buyer"])

    def spoilt(rows):
        return spoil(rows, buyer) if buyer in {row["client_id"] for row in rows} else rows

    sabotage(sandbox, monkeypatch, spoilt)
    page = look(**{"from": GOLD, "to": BRONZE})
    assert named(page) == [ids[leaves]]
    assert number(page, "unread") == 1


def test_nobody_moves_down_by_a_list_of_sales_that_is_empty_once(
    look, client_of, table, sandbox, monkeypatch
):
    gold, is_empty = str(client_of(GOLD, (100, 6_000_00))), iter((True,))

    def answer(rows):
        return [] if gold in {row["client_id"] for row in rows} and next(is_empty, False) else rows

    sabotage(sandbox, monkeypatch, answer)
    assert pairs(look()) == {}
    assert not list(is_empty)


@pytest.mark.parametrize("days", [1, 30])
def test_nobody_moves_down_where_the_lists_of_the_last_month_are_empty(
    look, client_of, owner, sandbox, monkeypatch, days
):
    save(owner, {"group_id": SILVER, "days": days, "receipts_min": 1}, otherwise=BRONZE)
    client_of(SILVER, (1, 10_00))
    sabotage(sandbox, monkeypatch, lambda _rows: [])
    page = look()
    assert pairs(page) == {}
    assert "Poster lists no sales at all of the last month" in text_of(page)
    assert "could not be read" not in text_of(page)


def test_a_day_without_sales_proves_that_nobody_has_bought_on_it(look, client_of, owner, sandbox):
    save(owner, {"group_id": SILVER, "days": 1, "receipts_min": 1}, otherwise=BRONZE)
    client_of(SILVER)
    client_of(GOLD, (10, 5_00))
    assert pairs(look()) == {(SILVER, BRONZE): 1}


def test_the_cost_is_that_of_thirty_days_also_where_a_shorter_row_splits_them(look, client_of, owner):
    rows = (
        {"group_id": GOLD, "days": 365, "bought_min": 6_000_00},
        {"group_id": SILVER, "days": 7, "bought_min": 900_000_00},
    )
    save(owner, *rows, otherwise=BRONZE)
    client_of(BRONZE, (1, 5_000_00), (20, 1_000_00))
    page = look()
    assert pairs(page) == {(BRONZE, GOLD): 1}
    assert number(page, "cost") == 540.00


def test_no_cost_is_reported_where_the_sales_of_somebody_who_moves_are_not_known(
    look, client_of, owner, sandbox, monkeypatch
):
    save(owner, {"group_id": GOLD, "birthday_in": 0}, otherwise=BRONZE)
    client_of(GOLD, (1, 100_00))
    assert number(look(), "cost") == -9.0
    sabotage(sandbox, monkeypatch, lambda _rows: [{"client_id": "x", "sum": "1"}])
    page = look()
    assert pairs(page) == {(GOLD, BRONZE): 1}
    assert number(page, "cost") is None


def test_a_client_whose_own_row_cannot_be_read_stays(look, client_of, table, sandbox):
    client_of(GOLD, bonus="many")
    client_of(GOLD, bonus="many", delete="1")
    other = client_of(GOLD)
    page = look(**{"from": GOLD, "to": BRONZE})
    assert named(page) == [other]
    assert number(page, "unread") == 1


def test_nobody_leaves_a_birthday_group_for_a_birthday_that_cannot_be_read(look, client_of, owner):
    save(owner, {"group_id": GOLD, "birthday_in": 7}, otherwise=BRONZE)
    client_of(GOLD, born="soon")
    gone = client_of(GOLD)
    page = look(**{"from": GOLD, "to": BRONZE})
    assert named(page) == [gone]
    assert number(page, "unread") == 1


def test_a_token_without_the_right_to_statistics_moves_nobody_by_sales(look, client_of, owner, sandbox):
    rows = ({"group_id": GOLD, "birthday_in": 7}, {"group_id": SILVER, "days": 30, "bought_min": 1})
    save(owner, *rows, otherwise=BRONZE)
    client_of(BRONZE, (1, 10_00))
    client_of(SILVER)
    client_of(BRONZE, born=f"1990-{today():%m-%d}")
    sandbox.script("dash.getClientsSales", "error_object", times=None, code=54, message="No right")
    page = look()
    assert page.status_code == 200
    assert pairs(page) == {(BRONZE, GOLD): 1}
    assert "data-cost" not in page.content.decode()
    assert "Your token may not see sales" in text_of(page)
    # The form says it too.
    assert "nobody is moved by a row with sales" in text_of(look.client.get("/criteria/"))


def test_a_list_of_sales_that_fails_moves_nobody_by_absence(look, client_of, table, sandbox):
    client_of(GOLD)
    client_of(GOLD, (100, 1_00))
    client_of(BRONZE, (1, 7_000_00))
    sandbox.script("dash.getClientsSales", "status_500", call=1, times=2)
    page = look()
    assert page.status_code == 200
    assert number(page, "unread") >= 1
    assert pairs(page) == {}


def test_a_client_on_two_pages_is_judged_once(owner, client_of, table):
    client_of(GOLD)
    credentials = credentials_of(owner)
    judging = new_reading(credentials, Table.from_json(table.table))
    judging.begin(time.monotonic() + 60, lambda: None)
    page = call_poster(credentials, lambda poster: poster.get_clients())
    judging.add(page)
    judging.add(page)
    assert judging.done().moves == len(judging.moves) == 1


# --- Who may see it ----------------------------------------------------------------------------------------


def test_who_may_not_see_clients_and_sales_sees_the_table_alone(browse, manager, staff, table):
    for user in (manager, staff):
        client = browse(user)
        assert client.post(URL).status_code == 403
        assert client.get("/criteria/").status_code == 200
        assert client.get("/criteria/spread/").status_code == 403


# --- Where clients lie -------------------------------------------------------------------------------------


def test_the_sums_of_the_day_serve_every_threshold(look, client_of, table, sandbox):
    for paid in (1_000, 2_000, 3_000, 7_000):
        client_of(BRONZE, (1, paid * 100))
    typed = {"rows-3-group": GOLD, "rows-3-days": "365", "rows-3-bought_min": "2 000"}
    assert "Look at the preview first" in text_of(look.client.get("/criteria/spread/", typed))
    look()
    sandbox.log.clear()
    page = look.client.get("/criteria/spread/", typed)
    assert "Gold 3 all others 1 " in text_of(page)
    # A row above it counts first.
    above = {"rows-1-group": SILVER, "rows-1-days": "365", "rows-1-bought_min": "7 000"}
    assert "Silver 1 Gold 2 all others 1 " in text_of(look.client.get("/criteria/spread/", above | typed))
    assert not sandbox.calls()


def test_a_reading_that_lasts_past_midnight_is_none_of_the_new_day(owner, client_of, table, monkeypatch):
    client_of(GOLD, (1, 1_00))
    credentials = credentials_of(owner)
    begun = new_reading(credentials, Table.from_json(table.table))
    begun.today -= timedelta(days=1)  # it has begun before midnight
    read_now(begun, seconds=60)
    assert kept_spread(credentials, "bought", 365) is None
