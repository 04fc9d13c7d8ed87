"""Receipts are read in the way of the facts, whole or not at all."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest

from groups.services.credentials import credentials_of
from groups.services.facts import Seen, store
from groups.services.receipts import NeverWhole, NotWhole, ReceiptReading
from tests.support.wire import Wire

DAY = timedelta(days=1)
FIRST, LAST = date(2026, 3, 4), date(2026, 3, 6)
ORDERS, CURSORS = ("ascending", "descending", "mixed"), ("after", "before", "ignored")
WAYS = [
    ("ascending", "after", "hold"),
    ("ascending", "after", "lost"),
    ("descending", "after", "hold"),
    ("descending", "before", "hold"),
    ("descending", "before", "lost"),
    ("mixed", "ignored", "hold"),
]


@pytest.fixture
def credentials(owner):
    return credentials_of(owner)


@pytest.fixture
def everything(sandbox):
    """Return number, sum and what was granted of each receipt of these days."""
    sandbox.console().dispute(**{"receipts.page": 9_999})
    period = {"dateFrom": f"{FIRST:%Y%m%d}", "dateTo": f"{LAST:%Y%m%d}", "status": "2"}
    rows = Wire(sandbox).call("dash.getTransactions", **period)["response"]
    paid = ("payed_cash", "payed_card")
    return {
        int(row["transaction_id"]): (
            Decimal(row["sum"]) / 100,
            Decimal(row["bonus"]) * sum(int(row[part]) for part in paid) / 10_000,
        )
        for row in rows
    }


def read(credentials, **more):
    reading = ReceiptReading(credentials, FIRST, LAST, longest=60, **more)
    assert reading.begin()
    found = list(reading.read())
    assert not reading.doubtful
    assert len({receipt.id for _day, receipt in found}) == len(found)
    return found


def numbers(found):
    return {receipt.id: receipt.total for _day, receipt in found}


def know(credentials, **facts):
    store(credentials, {name.replace("_", "."): Seen(str(value), 9) for name, value in facts.items()})


@pytest.mark.parametrize(
    ("order", "cursor", "days"),
    [
        each if each in WAYS else pytest.param(*each, marks=pytest.mark.thorough)
        for each in product(ORDERS, CURSORS, ("hold", "lost"))
    ],
)
@pytest.mark.parametrize("page", [60, 150])
def test_all_receipts_are_read_in_each_way(credentials, sandbox, everything, order, cursor, days, page):
    """A day has some fifty receipts: no page of a period has all, and one of a day or a place has."""
    facts = {"receipts_order": order, "receipts_cursor": cursor, "receipts_days": days, "receipts_page": page}
    know(credentials, **facts)
    sandbox.console().dispute(**{name.replace("_", "."): value for name, value in facts.items()})
    found = numbers(read(credentials))
    assert found == {number: total for number, (total, _granted) in everything.items()}


@pytest.mark.parametrize(("order", "cursor"), list(product(ORDERS, CURSORS)))
@pytest.mark.parametrize("page", [7, 60, 150])
@pytest.mark.thorough
def test_what_is_unknown_loses_no_receipt_silently(credentials, sandbox, everything, order, cursor, page):
    sandbox.console().dispute(**{"receipts.order": order, "receipts.cursor": cursor, "receipts.page": page})
    try:
        found = numbers(read(credentials))
    except NotWhole:
        return
    assert found == {number: total for number, (total, _granted) in everything.items()}


def test_a_cursor_that_is_ignored_is_seen_where_nothing_is_known(credentials, sandbox):
    sandbox.console().dispute(**{"receipts.cursor": "ignored", "receipts.page": 20})
    with pytest.raises(NotWhole):
        read(credentials)


IGNORED = {"receipts_order": "descending", "receipts_cursor": "ignored"}


def test_a_day_that_fills_a_page_is_read_by_places_and_waiters(credentials, sandbox, everything):
    busiest = max(count_by_day(sandbox).values())
    for page in (busiest, busiest * 3 // 5):
        know(credentials, **IGNORED, receipts_page=page)
        sandbox.console().dispute(
            **{"receipts.order": "descending", "receipts.cursor": "ignored", "receipts.page": page}
        )
        assert numbers(read(credentials)).keys() == everything.keys()


def count_by_day(sandbox):
    sandbox.console().dispute(**{"receipts.page": 9_999})
    counts = Counter()
    for number in range(5):
        day = FIRST + (number - 1) * DAY
        period = {"dateFrom": f"{day:%Y%m%d}", "dateTo": f"{day:%Y%m%d}", "status": "2"}
        counts[day] = len(Wire(sandbox).call("dash.getTransactions", **period)["response"])
    return counts


def test_a_day_of_which_each_part_fills_a_page_is_never_whole(credentials, sandbox):
    know(credentials, **IGNORED, receipts_page=5)
    sandbox.console().dispute(
        **{"receipts.order": "descending", "receipts.cursor": "ignored", "receipts.page": 5}
    )
    with pytest.raises(NeverWhole):
        read(credentials)


def test_a_place_of_which_no_receipt_was_seen_is_missed_by_the_sales(credentials, sandbox, everything):
    """Ten last receipts are of one place alone, so only the sales show that there is another one."""
    page = max(count_by_day(sandbox).values())
    members = [number for number in range(1, 200) if sandbox.account("demo").clients.row(number)]
    for number in range(page):
        sandbox.console().sell(members[0], FIRST, 100, 100, minute=1_300 + number // 60, waiter=1)
    know(credentials, **IGNORED, receipts_page=page)
    sandbox.console().dispute(
        **{"receipts.order": "descending", "receipts.cursor": "ignored", "receipts.page": page}
    )
    with pytest.raises(NeverWhole):
        read(credentials)


@pytest.mark.parametrize("value", ["percent", "money"])
def test_what_was_granted_is_a_percent_or_a_sum(credentials, sandbox, everything, value):
    know(credentials, receipts_bonus=value)
    sandbox.console().dispute(**{"receipts.bonus": value, "receipts.page": 100})
    for _day, receipt in read(credentials):
        _total, granted = everything[receipt.id]
        assert abs(receipt.granted - granted) < Decimal("0.01")  # a till cuts what is no whole kopeck


@pytest.mark.parametrize("points", [{"receipts.closing": "05:30"}, {"clock.zone": "other"}])
def test_days_of_business_that_are_not_the_sites(credentials, sandbox, everything, points):
    sandbox.console().dispute(**points, **{"receipts.page": 100})
    assert numbers(read(credentials)).keys() == everything.keys()
