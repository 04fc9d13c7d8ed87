"""Test what the figures tell: the effect of a change, the bonus book, and the share that is spent."""

from datetime import date
from decimal import Decimal

import pytest

from groups.features.figures.models import Figure, yesterday
from groups.features.figures.services import book
from groups.features.figures.services.changes import percent_change
from tests.support.figures import (
    DAY,
    GOLD,
    GUESTS,
    changed,
    put_figure,
    put_nights,
)

pytestmark = pytest.mark.django_db
OTHERS = 73


def test_a_change_of_28_days_ago_is_reported_and_a_younger_one_is_not(owner):
    old, young = (percent_change(changed(owner, days_ago=days)) for days in (28, 27))
    assert old.is_old_enough
    assert not young.is_old_enough


def test_what_is_no_change_of_a_percent(owner):
    assert percent_change(changed(owner, percents=("5", "5"))) is None
    assert percent_change(changed(owner, state="refused")) is None
    assert percent_change(changed(owner, state="elsewhere", intended=None)).new == 10


# --- The bonus book ----------------------------------------------------------------------------------------

MONTH = date(2026, 10, 1)


def fill(owner, first, last, *, but=(), group_ids=(0, GOLD), **sums):
    """Save a figure of each day and group, with nothing in it but what is given."""
    nothing = dict.fromkeys(("owed", "granted", "spent", "moved"), "0")
    day = first
    while day <= last:
        for group_id in group_ids if day not in but else ():
            put_figure(owner, group_id, day, **nothing | sums)
        day += DAY


def put(owner, group_id, day, **sums):
    Figure.objects.filter(group_id=group_id, day=day).update(**sums)


def of_october(owner):
    return book.add_up(owner.credentials.account_id, MONTH)


FIRST, LAST = date(2026, 9, 30), date(2026, 10, 31)


def test_a_month_of_the_book_by_hand(owner):
    fill(owner, date(2026, 9, 29), date(2026, 11, 1))
    put(owner, GOLD, date(2026, 9, 29), owed="999")
    put(owner, GOLD, FIRST, owed="1000.50", granted="77", spent="77", moved="77")
    put(owner, 0, FIRST, owed="50")
    put(owner, GOLD, date(2026, 10, 1), owed="1100", granted="120.25", spent="30.10")
    put(owner, GOLD, date(2026, 10, 2), granted="9.75", moved="-40.50")
    put(owner, 0, date(2026, 10, 2), moved="40.50")
    put(owner, GOLD, LAST, owed="1150", granted="20", spent="10")
    put(owner, 0, LAST, owed="90.50")
    put(owner, GOLD, date(2026, 11, 1), owed="5", granted="88", spent="88", moved="88")
    found = of_october(owner)
    of_nobody, gold = found.rows
    assert gold[1:] == tuple(map(Decimal, ("1000.50", "150", "40.10", "-40.50", "1150")))
    assert gold.rest == Decimal("80.10")  # 1150 - 1000.50 - 150 + 40.10 + 40.50
    assert of_nobody[1:] == tuple(map(Decimal, ("50", "0", "0", "40.50", "90.50")))
    assert of_nobody.rest == 0
    assert (found.opened, found.closed) == (FIRST, LAST)
    assert (found.missing, found.without_moves) == ([], ())
    assert found.total[1:] == tuple(map(Decimal, ("1050.50", "150", "40.10", "0", "1240.50")))
    assert found.total.rest == Decimal("80.10")


@pytest.mark.parametrize("lost", [None, {"granted": None, "spent": None}], ids=["no row", "empty fields"])
def test_a_month_with_a_day_without_receipts_knows_no_sums(owner, lost):
    day = date(2026, 10, 7)
    fill(owner, FIRST, LAST, but=() if lost else (day,), owed="10", granted="1")
    if lost:
        put(owner, GOLD, day, **lost)
    found = of_october(owner)
    assert (found.without_receipts, found.without_night, found.missing) == ((day,), (), [day])
    for row in (*found.rows, found.total):
        assert (row.granted, row.spent, row.rest) == (None, None, None)
    assert found.total.closing == 20


def test_a_night_that_is_missing_alone_leaves_the_sums_and_not_the_rest(owner):
    fill(owner, FIRST, LAST, granted="1")
    night = date(2026, 10, 7)
    Figure.objects.filter(day=night).update(owed=None, clients=None, moved=None)
    Figure.objects.filter(day=night + DAY).update(moved=None)
    found = of_october(owner)
    assert (found.without_receipts, found.without_night) == ((), (night,))
    assert (found.missing, found.without_moves) == ([night], (night, night + DAY))
    assert [(row.granted, row.moved, row.rest) for row in found.rows] == [(31, None, None)] * 2


def test_the_first_month_opens_with_its_first_night(owner):
    fill(
        owner, date(2026, 10, 20), date(2026, 10, 21), group_ids=(GOLD,), owed="500", granted="40", spent="10"
    )
    Figure.objects.filter(day=date(2026, 10, 20)).update(moved=None)
    (row,) = of_october(owner).rows
    assert (row.opening, row.granted, row.spent, row.closing, row.rest) == (500, 40, 10, 500, -30)


def test_days_between_a_night_long_before_the_month_and_the_month_are_of_the_book_too(owner):
    fill(owner, date(2026, 9, 1), LAST, but=(date(2026, 9, 5),), granted="1")
    Figure.objects.filter(day__range=(date(2026, 9, 3), FIRST)).update(owed=None, clients=None)
    found = of_october(owner)
    assert found.opened == date(2026, 9, 2)
    assert found.without_receipts == (date(2026, 9, 5),)
    Figure.objects.filter(day=date(2026, 9, 5)).delete()
    fill(owner, date(2026, 9, 5), date(2026, 9, 5), granted="1", owed=None)
    assert of_october(owner).rows[0].granted == 28 + 31


def test_what_a_group_owes_is_not_known_where_its_own_is_not(owner):
    fill(owner, FIRST, LAST)
    put(owner, GOLD, LAST, owed=None)
    of_nobody, gold = of_october(owner).rows
    assert (gold.closing, gold.rest, of_nobody.rest) == (None, None, 0)
    assert of_october(owner).total.closing is None


def test_groups_that_came_and_went_and_an_empty_month(owner):
    fill(owner, FIRST, FIRST, group_ids=(GOLD,), owed="500")
    fill(owner, FIRST + DAY, LAST - DAY, group_ids=(0,))
    fill(owner, LAST, LAST, group_ids=(GUESTS,), owed="20", granted="20")
    rows = {row.group_id: row for row in of_october(owner).rows}
    assert (rows[GOLD].opening, rows[GOLD].closing, rows[GOLD].rest) == (500, 0, -500)
    assert (rows[GUESTS].opening, rows[GUESTS].closing, rows[GUESTS].rest) == (0, 20, 0)
    assert book.add_up(owner.credentials.account_id, date(2025, 1, 1)).rows == ()


def test_a_book_over_the_end_of_a_year(owner):
    fill(owner, date(2026, 12, 31), date(2027, 1, 31), granted="1")
    account_id = owner.credentials.account_id
    january = book.add_up(account_id, date(2027, 1, 1))
    assert (january.opened, january.closed, january.rows[0].granted) == (
        date(2026, 12, 31),
        date(2027, 1, 31),
        31,
    )
    assert book.add_up(account_id, date(2026, 12, 1)).rows[0].granted == 0


# --- Amounts ------------------------------------------------------------------------------------


def test_what_is_owed_is_that_of_the_last_night(owner):
    put_nights(owner, GOLD, 3, owed="10", granted="2", spent="1")
    put_figure(owner, GUESTS, yesterday() - 5 * DAY, owed="99")
    put_figure(owner, GUESTS, yesterday(), owed=None, clients=None)
    night, amounts = book.amounts_of_groups(owner.credentials.account_id)
    assert night == yesterday()
    assert amounts == {GOLD: (Decimal(10), Decimal(6), Decimal(3))}
