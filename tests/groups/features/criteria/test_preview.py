"""Test the preview: who would move and why, what that costs, what is not proven, and who may see it."""

import re
import time
from datetime import timedelta

import pytest
from django.core.cache import cache

from groups.features.criteria.presenters.page import too_many_words
from groups.features.criteria.presenters.preview_page import reason_words
from groups.features.criteria.services import reading
from groups.features.criteria.services.judging import Table
from groups.features.criteria.services.kept import kept_spread
from groups.features.criteria.services.previews import unproven_words
from groups.features.criteria.services.reading import Named, new_reading, read_now
from groups.features.insights.services import sweep
from groups.models import Job
from groups.services.credentials import credentials_of
from groups.services.gateway import call_poster
from tests.support.criteria import BRONZE, GOLD, SILVER, save, today
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db(transaction=True)
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
    words = text_of(page := look())
    assert "To better terms: 1, to less favourable ones: 1." in words
    assert "terms as good as before" in words
    assert "Bought at least 6,000 ₴ in 365 days" in text_of(page)
    assert look.client.get(URL).status_code == 302
    assert not Job.objects.exists()


def test_where_nobody_moves_that_is_said(look, client_of, table):
    client_of(GOLD, (0, 6_000_00))
    client_of(BRONZE)
    page = look()
    assert (number(page, "moves"), pairs(page), number(page, "cost")) == (0, {}, 0)
    assert "Nobody would move" in text_of(page)


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
    assert "rule from 1,000 ₴ moves 1 client to “Gold” again" in text_of(page).replace("\u00a0", " ")


def test_promotions_that_clients_would_lose_or_get_are_named(look, client_of, table, sandbox):
    def promotion(number, name, *groups):
        params = {"clients_type": 4, "clients_groups": list(groups)}
        return {"promotion_id": str(number), "name": name, "params": params}

    sandbox.console().set_promotions(
        promotion(71, "Happy hours", GOLD),
        promotion(72, "Second cup", BRONZE, SILVER),
        promotion(73, "All alike", GOLD, BRONZE),
        {"promotion_id": "74", "name": "Everybody", "params": {}},
    )
    client_of(GOLD)
    page = look()
    assert re.findall(r'data-promotion="(\d+)"', page.content.decode()) == ["71", "72"]
    assert "They lose the promotion “Happy hours”, which is for “Gold”." in text_of(page)
    assert "They get the promotion “Second cup”, which is for “Bronze”." in text_of(page)
    cache.clear()
    sandbox.script("clients.getPromotions", "status_500", times=None)
    page = look()
    assert pairs(page) == {(GOLD, BRONZE): 1}
    assert "The promotions of Poster could not be read in full" in text_of(page)


def test_the_preview_is_of_now(look, client_of, table, sandbox):
    client_id = client_of(BRONZE)
    assert number(look(), "moves") == 0
    sandbox.console().sell(client_id, today(), 6_000_00, 6_000_00)
    assert number(look(), "moves") == 1


def test_sales_of_a_year_are_a_call_a_month_at_most(look, client_of, table, sandbox):
    client_of(BRONZE)
    sandbox.log.clear()
    look()
    sales = sandbox.calls("dash.getClientsSales")
    assert len(sales) <= 14
    assert len(sandbox.calls("clients.getClients")) == 1


def test_a_large_account_is_read_by_a_worker_and_the_page_fills_in(
    look, client_of, table, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    client_of(BRONZE, (3, 6_000_00))
    for down in (0, 1):
        page = look()
        assert "<progress" in page.content.decode()
        assert not pairs(page)
        work_queue()
        page = look(waiting="1")
        assert pairs(page) == {(BRONZE, GOLD): 1} | ({(GOLD, BRONZE): 1} if down else {})
        client_of(GOLD)


def test_what_a_slow_poster_does_not_tell_in_time_is_read_by_a_worker(
    look, client_of, table, monkeypatch, work_queue
):
    client_of(BRONZE, (3, 6_000_00))
    with monkeypatch.context() as patch:
        patch.setattr(reading, "SECONDS_FOR_ALL", 0.01)
        assert "<progress" in look().content.decode()
    work_queue()
    assert pairs(look(waiting="1")) == {(BRONZE, GOLD): 1}


# --- What is not proven ------------------------------------------------------------------------------------


def sabotage(sandbox, monkeypatch, change):
    """Let a list of sales of the sandbox be changed before it is answered."""
    account = sandbox.accounts["demo"]
    answer = account._sales.rows

    def rows(query, clients):
        return change(answer(query, clients))

    monkeypatch.setattr(account._sales, "rows", rows)


def test_a_list_of_exactly_a_thousand_rows_proves_nothing_by_absence(
    look, client_of, table, sandbox, monkeypatch
):
    client_of(GOLD)
    proven = client_of(GOLD, (1, 10_00))

    def cut(rows):
        mine = [row for row in rows if row["client_id"] == str(proven)]
        others = [row for row in rows if row not in mine]
        while len(others) < 999:
            others.append(others[0] | {"client_id": str(100_000 + len(others))})
        return others[:999] + mine

    sabotage(
        sandbox,
        monkeypatch,
        lambda rows: cut(rows) if any(r["client_id"] == str(proven) for r in rows) else rows,
    )
    page = look()
    assert pairs(page) == {(GOLD, BRONZE): 1}
    assert number(page, "unread") == 1
    assert "1 client of whom nothing is proven" in text_of(page)
    assert named(look(**{"from": GOLD, "to": BRONZE})) == [proven]


def test_nobody_moves_down_by_a_list_of_sales_that_is_empty_once(
    look, client_of, table, sandbox, monkeypatch
):
    gold, is_empty = str(client_of(GOLD, (100, 6_000_00))), iter((True,))

    def answer(rows):
        return [] if gold in {row["client_id"] for row in rows} and next(is_empty, False) else rows

    sabotage(sandbox, monkeypatch, answer)
    assert pairs(look()) == {}
    assert not list(is_empty)


def test_nobody_moves_down_by_an_empty_list_of_the_last_month(look, client_of, table, sandbox, monkeypatch):
    silver = str(client_of(SILVER, *THREE))
    client_of(GOLD, (1, 6_000_00))
    sabotage(sandbox, monkeypatch, lambda rows: [] if silver in {row["client_id"] for row in rows} else rows)
    page = look()
    assert pairs(page) == {}
    assert "2 clients of whom nothing is proven" in text_of(page)


@pytest.mark.parametrize("days", [1, 14, 30])
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


def test_no_cost_is_told_where_the_sales_of_somebody_who_moves_are_not_known(
    look, client_of, owner, sandbox, monkeypatch
):
    save(owner, {"group_id": GOLD, "birthday_in": 0}, otherwise=BRONZE)
    client_of(GOLD, (1, 100_00))
    assert number(look(), "cost") == -9.0
    sabotage(sandbox, monkeypatch, lambda _rows: [{"client_id": "x", "sum": "1"}])
    page = look()
    assert pairs(page) == {(GOLD, BRONZE): 1}
    assert number(page, "cost") is None


def test_a_row_that_names_nobody_proves_nothing_by_absence(look, client_of, table, sandbox, monkeypatch):
    client_of(GOLD)
    mover = str(client_of(BRONZE, (1, 7_000_00)))

    def with_nobody(rows):
        return (
            [*rows, {"client_id": "x", "sum": "1"}] if mover in {row["client_id"] for row in rows} else rows
        )

    sabotage(sandbox, monkeypatch, with_nobody)
    page = look()
    assert pairs(page) == {(BRONZE, GOLD): 1}
    assert number(page, "unread") >= 1


def test_a_row_of_nobody_proves_nothing_where_it_has_a_name(look, client_of, table, sandbox):
    rich, poor = client_of(GOLD, (1, 7_000_00)), client_of(GOLD)
    assert named(look(**{"from": GOLD, "to": BRONZE})) == [poor]
    sandbox.script("dash.getClientsSales", "row_id_zero", group=str(rich))
    page = look(**{"from": GOLD, "to": BRONZE})
    assert named(page) == []
    assert number(page, "unread") == 1


def test_a_client_with_an_unreadable_row_of_sales_stays(look, client_of, table, sandbox, monkeypatch):
    broken, other = client_of(GOLD, (1, 1_00)), client_of(GOLD, (1, 1_00))

    def breaking(rows):
        return [row | {"revenue": "?"} if row["client_id"] == str(broken) else row for row in rows]

    sabotage(sandbox, monkeypatch, breaking)
    page = look(**{"from": GOLD, "to": BRONZE})
    assert named(page) == [other]
    assert number(page, "unread") == 1


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
    assert len(sandbox.calls("dash.getClientsSales")) == 1
    # The form says it too, from then on until the token may.
    words = "nobody is moved by a row with sales"
    assert words in text_of(look.client.get("/criteria/"))
    sandbox.clear_faults()
    look()
    assert words not in text_of(look.client.get("/criteria/"))


def test_a_list_of_sales_that_fails_moves_nobody_by_absence(look, client_of, table, sandbox):
    client_of(GOLD)
    client_of(GOLD, (100, 1_00))
    client_of(BRONZE, (1, 7_000_00))
    sandbox.script("dash.getClientsSales", "status_500", call=1, times=2)
    page = look()
    assert page.status_code == 200
    assert number(page, "unread") >= 1
    assert pairs(page) == {}


def test_a_list_of_sales_that_times_out_is_the_last_one_and_the_rest_is_judged(
    look, client_of, owner, sandbox, settings
):
    rows = ({"group_id": GOLD, "birthday_in": 7}, {"group_id": SILVER, "days": 365, "bought_min": 1})
    save(owner, *rows, otherwise=BRONZE)
    client_of(SILVER)
    client_of(BRONZE, born=f"1990-{today():%m-%d}")
    settings.POSTER_READ_TIMEOUT = settings.POSTER_READ_DEADLINE = 0.3
    sandbox.script("dash.getClientsSales", "timeout", times=None, seconds=5)
    page = look()
    assert pairs(page) == {(BRONZE, GOLD): 1}
    assert number(page, "unread") == 12
    assert len(sandbox.calls("dash.getClientsSales")) == 1


def test_a_client_whom_two_pages_show_is_judged_once(owner, client_of, table):
    client_of(GOLD)
    credentials = credentials_of(owner)
    judging = new_reading(credentials, Table.from_json(table.table))
    judging.begin(time.monotonic() + 60, lambda: None)
    page = call_poster(credentials, lambda poster: poster.get_clients())
    judging.add(page)
    judging.add(page)
    assert judging.done().moves == len(judging.moves) == 1


@pytest.mark.parametrize("method", ["clients.getClients", "clients.getGroups"])
def test_where_poster_fails_nobody_is_shown(look, client_of, table, sandbox, method):
    client_of(GOLD)
    sandbox.script(method, "status_500", times=None)
    page = look()
    assert page.status_code in {424, 502, 504}
    assert not pairs(page)


def test_without_a_table_there_is_nothing_to_look_at(look):
    assert look().status_code == 409


def test_a_group_that_is_gone_lets_nobody_move(look, client_of, table, sandbox):
    client_of(GOLD)
    sandbox.console().remove(SILVER)
    page = look()
    assert page.status_code == 409
    assert not pairs(page)


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
    typed = {"rows-3-days": "365", "rows-3-bought_min": "2 000"}
    assert "The preview shows here" in text_of(look.client.get("/criteria/spread/", typed))
    look()
    sandbox.log.clear()
    page = look.client.get("/criteria/spread/", typed)
    assert "Clients within the bounds: 3 of 4." in text_of(page)
    assert page.content.decode().count("<rect") > 10
    page = look.client.get("/criteria/spread/", typed | {"rows-3-bought_max": "5 999,99"})
    assert "Clients within the bounds: 2 of 4." in text_of(page)
    assert not sandbox.calls()


def test_a_reading_that_lasts_past_midnight_is_none_of_the_new_day(owner, client_of, table, monkeypatch):
    client_of(GOLD, (1, 1_00))
    credentials = credentials_of(owner)
    begun = new_reading(credentials, Table.from_json(table.table))
    begun.today -= timedelta(days=1)  # it has begun before midnight
    read_now(begun, seconds=60)
    assert kept_spread(credentials, "bought", 365) is None


def test_one_client_is_one_in_every_sentence():
    assert too_many_words(1, 0).text.startswith("1 client would move")
    assert unproven_words(1) == "1 client of whom nothing is proven stays where they are."
    assert unproven_words(2) == "2 clients of whom nothing is proven stay where they are."


@pytest.mark.parametrize(("days", "words"), [(1, "in 1 day"), (30, "in 30 days")])
def test_a_reason_counts_its_days(days, words):
    named = Named(7, "Оля", days, (45_56, 1), None, None)
    assert reason_words(named, None).endswith(f" {words}, receipts: 1")
