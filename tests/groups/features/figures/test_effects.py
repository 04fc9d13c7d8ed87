"""Test what the nights around a change are compared to, and when there is no verdict whatever they show."""

import math
import random
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.features.figures.effect import compare
from groups.features.figures.models import Figure
from groups.features.figures.services.changes import percent_change
from groups.features.figures.services.effects import effects_of
from groups.features.movements.models import Movement
from tests.support.figures import AGO, DAY, GOLD, GUESTS, changed, put_year

pytestmark = pytest.mark.django_db
OTHERS = 73
CHANGED = timezone.localdate() - AGO * DAY


def effects(change):
    """Return what is found in purchases and in what is kept."""
    return effects_of([percent_change(change)])


def doubts(change):
    return [each.doubt for each in effects(change)]


@pytest.fixture
def change(owner):
    """Return a change after a year of nights, after which the group buys half as much again."""
    put_year(owner, GOLD, by=1.5)
    put_year(owner, OTHERS, seed=2)
    return changed(owner)


def test_purchases_and_what_is_kept_are_distinguished(owner):
    put_year(owner, GOLD, by=1.5, granted=lambda number, total: total * Decimal("0.4" if number > 0 else "0"))
    put_year(owner, OTHERS, seed=2, granted=lambda _number, _total: 0)
    total, kept = effects(changed(owner))
    assert (total.of, total.verdict, total.doubt) == ("total", "more", "")
    assert total.comparison.ratio == pytest.approx(1.5, rel=0.1)
    assert kept.of == "kept"
    assert kept.comparison.ratio == pytest.approx(0.9, rel=0.1)
    assert (total.comparison.periods, kept.comparison.periods) == (45, 45)


def test_the_weeks_are_those_of_an_independent_count(owner):
    dice, rows = random.Random(1), {}
    for group_id in (GOLD, GUESTS, OTHERS):
        for number in range(-30 * 7, 29):
            rows[group_id, number] = dice.randrange(90_000, 110_000), dice.randrange(40, 60)
            total, clients = rows[group_id, number]
            Figure.objects.create(
                account=owner.credentials.account, group_id=group_id, day=CHANGED + number * DAY,
                total=total, clients=clients, receipts=50, revenue=total, granted=0,
            )  # fmt: skip

    def amount(group_id, first):
        totals, clients = zip(*(rows[group_id, number] for number in range(first, first + 7)), strict=True)
        return sum(totals) / sum(clients)

    firsts = [*range(-30 * 7, 0, 7), 1, 8, 15, 22]
    own = [amount(GOLD, first) for first in firsts]
    others = [math.sqrt(amount(GUESTS, first) * amount(OTHERS, first)) for first in firsts]
    found = effects(changed(owner))[0]
    assert found.own == pytest.approx(own[-8:])
    assert found.comparison[:3] == pytest.approx(compare(own, others, 30)[:3])
    assert found.comparison[3:] == compare(own, others, 30)[3:]
    assert found.doubt == "moved"


@pytest.mark.parametrize("group_id", [GOLD, OTHERS])
@pytest.mark.parametrize("lost", [{"clients": None}, {"total": None, "revenue": None}, None])
def test_one_missing_day_of_56_is_enough(change, group_id, lost):
    night = Figure.objects.filter(group_id=group_id, day=CHANGED + 3 * DAY)
    night.update(**lost) if lost else night.delete()
    assert doubts(change) == ["days", "days"]


def test_the_day_of_the_change_may_be_missing(change):
    Figure.objects.filter(day=CHANGED).delete()
    assert doubts(change) == ["", ""]


def test_an_unreadable_receipt_leaves_what_is_kept(change):
    Figure.objects.filter(group_id=GOLD, day=CHANGED + 3 * DAY).update(total=None)
    assert doubts(change) == ["days", ""]


@pytest.mark.parametrize(
    ("days_ago", "percents", "doubt"),
    [
        (AGO + 28, ("7", "5"), "changes"),
        (AGO - 28, ("10", "7"), "changes"),
        (AGO, ("10", "5"), "changes"),
        (AGO - 29, ("10", "7"), ""),
        (AGO + 29, ("7", "5"), "weeks"),  # the periods that it touches are none of the earlier ones
        (AGO - 5, ("5", "5"), ""),
    ],
)
def test_another_change_within_28_days(owner, change, days_ago, percents, doubt):
    changed(owner, days_ago=days_ago, percents=percents)
    assert doubts(change) == [doubt, doubt]


def test_a_change_of_the_type_is_one_too(owner, change):
    values = {"name": "Золото", "percent": "10", "birthday_bonus": "0", "loyalty_type": 1}
    other = changed(
        owner, days_ago=AGO - 5, percents=("10", "10"), before=values, after=values | {"loyalty_type": 2}
    )
    assert percent_change(other) is None
    assert doubts(change) == ["changes", "changes"]


def test_clients_who_come_and_leave_are_not_the_same_people(owner, change):
    nights = Figure.objects.filter(group_id=GOLD)
    nights.filter(day__gt=CHANGED).update(clients=55)
    assert doubts(change) == ["", ""]
    nights.filter(day__gt=CHANGED + 5 * DAY).update(clients=56)
    assert doubts(change) == ["moved", "moved"]


def test_movements_of_a_night_count_although_the_number_stays(owner, change):
    for client_id, groups in enumerate([{"to_id": GOLD}, {"from_id": GOLD}] * 3):
        Movement.objects.create(
            account=owner.credentials.account, client_id=client_id, day=CHANGED + DAY, reason="elsewhere",
            found_at=timezone.now(), **groups,
        )  # fmt: skip
    assert doubts(change) == ["moved", "moved"]


@pytest.mark.parametrize(
    ("sums", "doubt"),
    [({"clients": 29}, "members"), ({"clients": 30, "receipts": 3}, "receipts"), ({"receipts": 4}, "")],
)
@pytest.mark.parametrize("group_id", [GOLD, OTHERS])
def test_few_members_or_receipts_prove_nothing(change, group_id, sums, doubt):
    Figure.objects.filter(group_id=group_id).update(**sums)
    assert doubts(change) == [doubt, doubt]
    if doubt:
        assert {each.verdict for each in effects(change)} == {"cannot-tell"}
        assert effects(change)[0].comparison.low is not None


def test_without_a_year_or_beside_a_period_as_large_there_is_no_verdict(owner, change):
    Figure.objects.filter(day__lt=CHANGED - 300 * DAY).delete()
    assert doubts(change) == ["weeks", "weeks"]
    assert effects(change)[0].comparison.low > 1


def test_the_usual_course_is_no_verdict(owner):
    for seed, group_id in enumerate((GOLD, OTHERS)):
        put_year(owner, group_id, seed=seed)
    total, _kept = effects(changed(owner))
    assert (total.doubt, total.verdict) == ("usual", "cannot-tell")


def test_a_week_without_purchases_can_be_compared_with_nothing(change):
    Figure.objects.filter(group_id=GOLD, day__range=(CHANGED + DAY, CHANGED + 7 * DAY)).update(total=0)
    total, kept = effects(change)
    assert (total.doubt, total.comparison.ratio) == ("nothing", None)
    assert kept.doubt == ""


def test_without_another_group_there_is_nothing_beside_it(owner, change):
    Figure.objects.filter(group_id=OTHERS).update(group_id=0)
    assert [each.comparison.ratio for each in effects(change)] == [None, None]
    assert {each.verdict for each in effects(change)} == {"cannot-tell"}


def test_a_group_whose_percent_changed_too_and_clients_in_no_group_are_none_of_the_others(owner, change):
    before = effects(change)
    put_year(owner, GUESTS, by=9)
    put_year(owner, 0, by=9, seed=5)
    assert effects(change) != before
    changed(owner, GUESTS, AGO - 20)
    assert effects(change) == before


def test_a_group_that_comes_is_no_step_of_the_others(owner, change):
    before = effects(change)[0].comparison
    put_year(owner, GUESTS, seed=2, scale=50)
    Figure.objects.filter(group_id=GUESTS, day__lt=CHANGED - 2 * DAY).delete()
    assert effects(change)[0].comparison[:3] == pytest.approx(before[:3], rel=1e-3)


def test_all_changes_of_a_page_are_read_at_once(owner, change, django_assert_max_num_queries):
    again = changed(owner, days_ago=AGO + 100)
    with django_assert_max_num_queries(5):
        found = effects_of([percent_change(change), percent_change(again)])
    assert [each.made.change.pk for each in found] == [change.pk] * 2 + [again.pk] * 2


def test_of_many_groups_those_with_the_most_clients_are_the_others(owner, change, monkeypatch):
    before = effects(change)
    put_year(owner, GUESTS, seed=7)
    Figure.objects.filter(group_id=GUESTS).update(clients=49)
    monkeypatch.setattr("groups.features.figures.services.effects.MOST_GROUPS", 2)
    assert effects(change) == before
