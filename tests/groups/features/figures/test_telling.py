"""Test what the figures tell: the effect of a change, the bonus book, and the share that is spent."""

import math
import random
from datetime import date
from decimal import Decimal
from statistics import stdev

import pytest
from django.utils import timezone

from groups.features.figures.models import Figure, yesterday
from groups.features.figures.services import book
from groups.features.figures.services.changes import percent_change
from groups.features.figures.services.effects import effect_of
from groups.poster import Group, LoyaltyType
from tests.support.figures import (
    AGO,
    DAY,
    GOLD,
    GUESTS,
    changed,
    clock_at,
    nights_around,
    put_figure,
    put_nights,
)

pytestmark = pytest.mark.django_db
OTHERS = 73


def effect(change):
    return effect_of(percent_change(change))


@pytest.mark.parametrize(
    ("after", "swing", "verdict", "doubt"),
    [
        (1300, 0.01, "more", ""),
        (700, 0.01, "less", ""),
        (1300, 0.2, "cannot-tell", "noise"),
        (1000, 0.0, "cannot-tell", "noise"),
    ],
)
def test_more_less_and_cannot_tell(owner, after, swing, verdict, doubt):
    change = changed(owner)
    nights_around(owner, GOLD, 1000, after, swing=swing)
    nights_around(owner, OTHERS, 2000, 2000)
    found = effect(change)
    assert (found.verdict, found.doubt) == (verdict, doubt)


def test_the_arithmetic_is_that_of_an_independent_count(owner):
    change, dice = changed(owner), random.Random(1)
    day = timezone.localdate() - AGO * DAY
    rows = {}
    for group_id in (GOLD, GUESTS, OTHERS):
        for number in range(-28, 29):
            sums = {"revenue": dice.randrange(90_000, 110_000), "clients": dice.randrange(40, 60)}
            put_figure(owner, group_id, day + number * DAY, **sums)
            rows[group_id, number] = sums["revenue"], sums["clients"]

    def pace(groups, numbers):
        revenue, members = zip(*(rows[group, number] for group in groups for number in numbers), strict=True)
        return sum(revenue) / sum(members)

    others, before, after = (GUESTS, OTHERS), range(-28, 0), range(1, 29)
    ratio = pace([GOLD], after) / pace([GOLD], before) / (pace(others, after) / pace(others, before))
    weeks = [range(start, start + 7) for start in (-28, -21, -14, -7)]
    paces = [pace([GOLD], week) / pace(others, week) for week in weeks]
    noise = stdev(math.log(paces[n + 1] / paces[n]) for n in range(3))
    found = effect(change)
    assert float(found.before) == pytest.approx(pace([GOLD], before))
    assert float(found.others_after) == pytest.approx(pace(others, after))
    assert found.ratio == pytest.approx(ratio)
    assert found.noise == pytest.approx(noise)


def test_a_group_whose_percent_changed_too_is_none_of_the_others(owner):
    change = changed(owner)
    changed(owner, GUESTS, AGO - 20)
    nights_around(owner, GOLD, 1000, 1300)
    nights_around(owner, GUESTS, 1000, 9000)
    nights_around(owner, OTHERS, 2000, 2000)
    assert effect(change).others_after == Decimal(40)


@pytest.mark.parametrize(
    ("sums", "doubt"),
    [({"clients": 29}, "members"), ({"clients": 30, "receipts": 3}, "receipts"), ({"receipts": 4}, "")],
)
def test_few_members_or_receipts_prove_nothing(owner, sums, doubt):
    change = changed(owner)
    nights_around(owner, GOLD, 1000, 1300, swing=0.01, **sums)
    nights_around(owner, OTHERS, 2000, 2000)
    assert effect(change).doubt == doubt


@pytest.mark.parametrize("group_id", [GOLD, OTHERS])
@pytest.mark.parametrize("lost", [{"clients": None}, {"revenue": None}, None])
def test_one_missing_day_of_56_is_enough(owner, group_id, lost):
    change = changed(owner)
    nights_around(owner, GOLD, 1000, 1300)
    nights_around(owner, OTHERS, 2000, 2000)
    night = Figure.objects.filter(group_id=group_id, day=timezone.localdate() - (AGO + 3) * DAY)
    night.update(**lost) if lost else night.delete()
    assert effect(change).doubt == "days"


def test_a_change_of_28_days_ago_is_told_and_a_younger_one_is_not(owner):
    old, young = (percent_change(changed(owner, days_ago=days)) for days in (28, 27))
    assert old.is_old_enough
    assert not young.is_old_enough


def test_what_is_no_change_of_a_percent(owner):
    assert percent_change(changed(owner, percents=("5", "5"))) is None
    assert percent_change(changed(owner, state="refused")) is None
    assert percent_change(changed(owner, state="elsewhere", intended=None)).new == 10


# --- The bonus book ----------------------------------------------------------------------------------------

MONTH = date(2026, 10, 1)


def test_a_month_of_the_book_by_hand(owner):
    account = owner.credentials.account_id
    put_figure(owner, GOLD, date(2026, 9, 29), owed="999")
    put_figure(owner, GOLD, date(2026, 9, 30), owed="1000.50", granted="77", spent="77")
    put_figure(owner, GOLD, date(2026, 10, 1), owed="1100", granted="120.25", spent="30.10")
    put_figure(owner, GOLD, date(2026, 10, 2), owed=None, clients=None, granted="9.75", spent="0")
    put_figure(owner, GOLD, date(2026, 10, 31), owed="1150", granted="20", spent="10")
    put_figure(owner, GOLD, date(2026, 11, 1), owed="5", granted="88", spent="88")
    found = book.add_up(account, MONTH)
    (row,) = found.rows
    assert row[1:] == (Decimal("1000.50"), Decimal(150), Decimal("40.10"), Decimal(1150))
    assert row.rest == Decimal("39.60")
    assert (found.opened, found.closed) == (date(2026, 9, 30), date(2026, 10, 31))
    assert found.missing == tuple(date(2026, 10, day) for day in range(2, 31))
    assert found.total[1:] == row[1:]


def test_the_first_month_opens_with_its_first_night(owner):
    put_figure(owner, GOLD, date(2026, 10, 20), owed="500", granted="77", spent="77")
    put_figure(owner, GOLD, date(2026, 10, 21), owed="530", granted="40", spent="10")
    (row,) = book.add_up(owner.credentials.account_id, MONTH).rows
    assert (row.opening, row.granted, row.spent, row.closing, row.rest) == (500, 40, 10, 530, 0)


def test_a_month_with_a_day_without_receipts_knows_no_sums(owner):
    put_figure(owner, GOLD, date(2026, 9, 30), owed="500")
    put_figure(owner, GOLD, date(2026, 10, 1), owed="530", granted=None, spent=None)
    put_figure(owner, GOLD, date(2026, 10, 2), owed="540")
    (row,) = book.add_up(owner.credentials.account_id, MONTH).rows
    assert (row.granted, row.spent, row.rest) == (None, None, None)


def test_groups_that_came_and_went_and_an_empty_month(owner):
    put_figure(owner, GOLD, date(2026, 9, 30), owed="500")
    put_figure(owner, GUESTS, date(2026, 10, 31), owed="20", granted="20", spent="0")
    rows = {row.group_id: row for row in book.add_up(owner.credentials.account_id, MONTH).rows}
    assert (rows[GOLD].opening, rows[GOLD].closing, rows[GOLD].rest) == (500, 0, -500)
    assert (rows[GUESTS].opening, rows[GUESTS].closing, rows[GUESTS].rest) == (0, 20, 0)
    assert book.add_up(owner.credentials.account_id, date(2025, 1, 1)).rows == ()


# --- Shares and amounts ------------------------------------------------------------------------------------


def gold(kind=LoyaltyType.BONUS):
    return Group(
        id=GOLD, name="Золото", loyalty_type=kind, percent=Decimal(10), birthday_bonus=Decimal(0), clients=1
    )


def test_the_share_of_spent_bonuses_once_three_months_are_known(owner):
    account = owner.credentials.account_id
    put_nights(owner, GOLD, book.SHARE_NIGHTS - 1, granted="100", spent="62.4", until=yesterday() - DAY)
    assert book.share_spent(account, gold()) is None
    put_figure(owner, GOLD, yesterday(), granted="100", spent="62.4")
    assert book.share_spent(account, gold()) == 62
    assert book.share_spent(account, gold(LoyaltyType.DISCOUNT)) is None
    with clock_at(timezone.now() + 30 * DAY):
        assert book.share_spent(account, gold()) is None


def test_what_is_owed_is_that_of_the_last_night(owner):
    put_nights(owner, GOLD, 3, owed="10", granted="2", spent="1")
    put_figure(owner, GUESTS, yesterday() - 5 * DAY, owed="99")
    put_figure(owner, GUESTS, yesterday(), owed=None, clients=None)
    night, amounts = book.amounts_of_groups(owner.credentials.account_id)
    assert night == yesterday()
    assert amounts == {GOLD: (Decimal(10), Decimal(6), Decimal(3))}
