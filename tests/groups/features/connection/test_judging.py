"""Test what answers prove: what proves a value of a fact, what contradicts it, and what proves nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from groups.features.connection.services import judging
from groups.services.facts import Seen

KYIV = ZoneInfo("Europe/Kyiv")
DAY = date(2026, 10, 20)
UNKNOWN = Seen()


def clients(*ids, group=1, removed=()):
    return [
        {"client_id": str(each), "client_groups_id": str(group), "delete": str(int(each in removed))}
        for each in ids
    ]


def receipts(*ids, **fields):
    return [{"transaction_id": str(each), **fields} for each in ids]


def closed(day, hour=12):
    at = datetime(2026, 10, day, hour, tzinfo=KYIV)
    return {"date_close": str(int(at.timestamp() * 1000))}


def payment(**parts):
    return dict.fromkeys((*judging.PARTS, "payed_bonus"), "0") | parts


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        ([{"client_groups_id": "1", "delete": "1"}], Seen("listed", 1)),
        ([{"client_groups_id": "1"}, {"client_groups_id": "4"}], Seen("absent", 2)),
        ([{"client_groups_id": "1"}, {"client_groups_id": "2"}], UNKNOWN),
        ([], UNKNOWN),
        (["nonsense"], UNKNOWN),
    ],
)
def test_removed_groups(rows, seen):
    assert judging.removed_groups(rows) == seen


@pytest.mark.parametrize(
    ("members", "counters", "seen"),
    [
        ({1: clients(1, 2, 3, removed=[3])}, {1: 2}, Seen("present", 3)),
        ({1: clients(1, 2, 3, removed=[3])}, {1: 3}, Seen("all", 3)),
        ({1: clients(1, 2)}, {1: 2}, UNKNOWN),
        ({1: clients(1, 2)}, {1: 9}, UNKNOWN),  # somebody may have come between two calls
        ({1: clients(1, 2), 2: clients(3, group=2)}, {1: 9, 2: 8}, Seen("other", 3)),
        ({1: clients(1, 2, removed=[2]), 2: clients(3, 4, group=2, removed=[4])}, {1: 1, 2: 2}, UNKNOWN),
        ({}, {}, UNKNOWN),
    ],
)
def test_counters(members, counters, seen):
    assert judging.counts(members, counters) == seen


@pytest.mark.parametrize(
    ("members", "seen"),
    [
        ({1: clients(1, 2)}, Seen("holds", 2)),
        ({1: [*clients(1), *clients(2, group=4)]}, Seen("ignored", 2)),
        ({1: []}, UNKNOWN),
    ],
)
def test_the_filter_of_clients(members, seen):
    assert judging.filtered(members) == seen


@pytest.mark.parametrize(
    ("first", "again", "second", "size", "expected", "seen"),
    [
        ((1, 2, 3), (1, 2, 3), (3, 4, 5), 3, 9, Seen("hold", 6)),
        ((1, 2, 3), (1, 2, 3), (1, 2, 3), 3, 9, Seen("ignored", 6)),
        ((1, 2, 3), (1, 2, 4), (3, 4, 5), 3, 9, UNKNOWN),  # another answer to the same question
        ((1, 2, 3), (1, 2, 3), (7, 8, 9), 3, 9, UNKNOWN),
        ((1, 2), (1, 2), (), 2, 2, UNKNOWN),
        ((1, 2, 3), (), (), 900, 850, Seen("ignored", 900)),
        ((1, 2, 3), (), (), 500, 850, Seen("cut", 500)),
        ((1, 2, 3), (), (), 500, None, Seen("ignored", 500)),
        ((), (), (), 0, 0, UNKNOWN),
    ],
)
def test_pages_of_clients(first, again, second, size, expected, seen):
    lists = (clients(*ids) for ids in (first, again, second))
    assert judging.pages(*lists, num=3, size=size, expected=expected) == seen


@pytest.mark.parametrize(
    ("page", "last", "value"),
    [(50, 2, "hold"), (49, 2, "cut"), (50, 0, "cut"), (None, 2, "unknown"), (50, None, "unknown")],
)
def test_a_list_that_ends_too_soon_is_cut(page, last, value):
    rows = [None if size is None else [{}] * size for size in (page, last)]
    assert judging.whole(Seen("hold", 6), *rows, num=50, total=400).value == value


@pytest.mark.parametrize(
    ("ids", "value"),
    [
        ((1, 2, 3, 4, 5), "ascending"),
        ((5, 4, 3, 2, 1), "descending"),
        ((5, 1, 3, 2, 4), "mixed"),
        ((1, 2, 3), "unknown"),
        ((1, 1, 1, 1, 1), "unknown"),
    ],
)
def test_the_order_of_receipts(ids, value):
    assert judging.order(receipts(*ids)).value == value


@pytest.mark.parametrize(
    ("others", "seen"),
    [([(1, 2), (8, 9)], Seen("3", 5)), ([(1, 2), (3,)], UNKNOWN)],
)
def test_a_page_is_full_where_other_receipts_of_its_days_are_known(others, seen):
    assert judging.page_size(receipts(1, 2, 3), [receipts(*ids) for ids in others]) == seen


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        ({3: (4, 5), 5: ()}, Seen("after", 2)),
        ({3: (2, 1), 5: (4, 3)}, Seen("before", 4)),
        ({3: (1, 2, 3, 4, 5), 5: (1, 2, 3, 4, 5)}, Seen("ignored", 10)),
        ({3: (4, 5), 5: (1, 2, 3, 4, 5)}, UNKNOWN),  # it contradicts itself
        ({3: (2, 9)}, UNKNOWN),
        ({3: ()}, UNKNOWN),
    ],
)
def test_the_cursor_of_receipts(answers, seen):
    found = {after: receipts(*ids) for after, ids in answers.items()}
    assert judging.cursor(receipts(1, 2, 3, 4, 5), found) == seen


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([closed(20), closed(21, 2)], "hold"),
        ([], "hold"),
        ([closed(20), closed(24)], "lost"),
        ([closed(20), {"date_close": "soon"}], "unknown"),
    ],
)
def test_the_days_after_a_cursor(rows, value):
    assert judging.days_hold(rows, DAY, KYIV).value == value


@pytest.mark.parametrize(
    ("told", "rows", "value"),
    [
        ("04:00", [closed(20, 5), closed(21, 3)], "04:00"),
        (4, [closed(20, 5)], "04:00"),
        ("14400", [], "04:00"),
        ("04:00", [closed(20, 2)], "unknown"),
        (None, [closed(20)], "unknown"),
        ("99", [closed(20)], "unknown"),
        ("<b>", [], "unknown"),
    ],
)
def test_the_end_of_the_business_day(told, rows, value):
    assert judging.closing(told, rows, DAY, KYIV).value == value


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([payment(payed_cash="900", payed_bonus="100", payed_sum="900")], "parts"),
        ([payment(payed_cash="900", payed_bonus="100", payed_sum="1000")], "with-bonuses"),
        ([payment(payed_cash="900", payed_bonus="100", payed_sum="777")], "unknown"),
        ([payment(payed_cash="900", payed_sum="900")], "unknown"),
    ],
)
def test_what_is_in_the_sum_that_was_paid(rows, value):
    assert judging.paid(rows).value == value


@pytest.mark.parametrize(("told", "value"), [("5", "percent"), ("4500", "money"), ("33", "unknown")])
def test_the_bonus_of_a_receipt(told, value):
    rows = [payment(client_id="7", payed_cash="90000", bonus=told)] * judging.FEW
    percents = [Decimal(5), Decimal(10)]
    assert judging.bonus(rows, {7: Decimal(5)}, percents).value == value
    assert judging.bonus(rows, {}, percents).value == value  # whatever the client's group
    assert judging.bonus(rows[1:], {7: Decimal(5)}, percents) == UNKNOWN  # too few
    assert judging.bonus(rows, {}, []) == UNKNOWN


def test_the_events_before_the_closing_are_counted():
    events = [("open", 1), ("setclient", 2), ("close", 3), ("print", 4), ("<script>", 1)]
    history = [{"type_history": kind, "time": str(at)} for kind, at in events]
    assert judging.history([{"history": history}, {"history": "none"}, {}]) == Seen("open,setclient", 2)
    assert judging.history([{}]) == UNKNOWN


@pytest.mark.parametrize(
    ("size", "buyers", "found", "value"),
    [
        (300, range(9), range(9), "whole"),
        (300, range(9), range(8), "cut"),
        (judging.CUT, range(9), range(9), "cut"),
        (300, range(2), range(2), "unknown"),
    ],
)
def test_the_size_of_sales(size, buyers, found, value):
    assert judging.sales_size(size, set(buyers), set(found)).value == value


@pytest.mark.parametrize(
    ("factor", "count", "value"),
    [(1, 9, "kopecks"), ("0.01", 9, "hryvnia"), ("0.00001", 9, "unknown"), (1, 2, "unknown")],
)
def test_the_unit_of_sales(factor, count, value):
    paid = {each: 10_000 * (each + 1) for each in range(count)}
    revenue = {each: Decimal(factor) * paid[each] for each in paid}
    assert judging.sales_unit(revenue, paid).value == value


@pytest.mark.parametrize(("total", "value"), [(900_000, "kopecks"), (9_000, "hryvnia"), (0, "unknown")])
def test_the_unit_of_what_clients_have_paid(total, value):
    ids = range(9)
    assert judging.clients_unit(dict.fromkeys(ids, total), dict.fromkeys(ids, Decimal(50_000))).value == value


@pytest.mark.parametrize(
    ("threshold", "value"), [(1_000, "hryvnia"), (100_000, "kopecks"), (10_000_000, "unknown")]
)
def test_the_unit_of_rules(threshold, value):
    people = [{**row, "total_payed_sum": "500000"} for row in clients(*range(1, 9), group=5)]
    rules = [{"group_id": 5, "value": threshold}]
    assert judging.rules_unit(rules, people, per_hryvnia=100).value == value
    assert judging.rules_unit([], people, per_hryvnia=100) == UNKNOWN


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("Europe/Kiev", "same"),
        ("Europe/Berlin", "other"),
        ("Atlantis", "unknown"),
        (None, "unknown"),
        ("../x", "unknown"),
    ],
)
def test_the_zone_of_the_clock(told, value):
    assert judging.zone(told, KYIV, datetime(2026, 10, 20, tzinfo=UTC)).value == value
