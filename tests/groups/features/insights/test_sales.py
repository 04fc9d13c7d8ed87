"""Test the sums of sales: any percent follows from them, periods, birthdays, one reading for all who ask."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from groups.features.insights.services import sales
from groups.features.insights.services.sales import (
    GroupSales,
    Period,
    PeriodSums,
    SalesAdder,
    SalesSums,
    months_of,
    rounded,
)
from groups.features.insights.services.sweep import read_sums
from groups.poster import GroupValues, NotAllowed, PosterError
from groups.services import credentials as credentials_service

METHOD = "dash.getClientsSales"
PERCENTS = st.decimals(0, 100, places=2)
AMOUNTS = st.decimals(-10_000, 10_000_000, places=2)
CLIENTS = st.lists(st.tuples(PERCENTS, AMOUNTS, AMOUNTS), max_size=30)


def values(loyalty_type, percent):
    return GroupValues(name="Гості", loyalty_type=loyalty_type, percent=Decimal(percent))


# --- The sums ----------------------------------------------------------------------------------------------


@given(clients=CLIENTS, old=PERCENTS, new=PERCENTS, loyalty_type=st.sampled_from([1, 2]))
def test_the_cost_of_any_percent_follows_from_the_steps(clients, old, new, loyalty_type):
    by_own = {}
    for own, total, revenue in clients:
        by_own.setdefault(own, SalesSums()).add(SalesSums(total, revenue, total * own, revenue * own))
    group = GroupSales(parts=(PeriodSums.by_own_percent(by_own),))
    expected = sum(
        (total, revenue)[loyalty_type == 1] * (max(own, new) - max(own, old)) / 100
        for own, total, revenue in clients
    )
    assert group.cost(values(loyalty_type, old), values(loyalty_type, new)) == expected


def test_no_step_is_of_one_client_where_others_have_a_lower_percent():
    by_own = {Decimal(0): SalesSums(Decimal(100)), Decimal(25): SalesSums(Decimal("12.34"))}
    steps = PeriodSums.by_own_percent(by_own).steps
    assert [sums.total for _percent, sums in steps] == [100, Decimal("112.34")]


@pytest.mark.parametrize(
    ("amount", "kopecks"), [("0.005", "0.01"), ("0.0049", "0.00"), ("-0.005", "-0.01"), ("-0.001", "0.00")]
)
def test_half_a_kopeck_is_rounded_up_and_zero_has_no_sign(amount, kopecks):
    assert str(rounded(Decimal(amount))) == kopecks


@given(last=st.dates(date(2020, 1, 1), date(2035, 12, 31)), days=st.sampled_from(sales.PERIODS))
def test_a_period_has_exactly_its_days_in_parts_of_one_month_each(last, days):
    parts = months_of(last, days)
    every = [
        first + timedelta(each) for first, end in map(ends, parts) for each in range((end - first).days + 1)
    ]
    assert every == [last - timedelta(back) for back in reversed(range(days))]
    if days == sales.MONTH:
        assert len(parts) == 1
    else:
        assert all((part.first.year, part.first.month) == (part.last.year, part.last.month) for part in parts)


def ends(part):
    return part.first, part.last


def test_a_birthday_of_29_february_is_on_the_28th_where_there_is_no_29th():
    assert (2, 29) in Period(date(2027, 2, 1), date(2027, 2, 28)).birthdays
    assert (2, 29) not in Period(date(2028, 2, 1), date(2028, 2, 28)).birthdays
    assert (2, 29) in Period(date(2028, 2, 29), date(2028, 2, 29)).birthdays
    assert Period(date(2026, 12, 31), date(2027, 1, 1)).birthdays == {(12, 31), (1, 1)}


# --- Reading -----------------------------------------------------------------------------------------------


@pytest.fixture
def credentials(owner):
    return credentials_service.credentials_of(owner)


@pytest.mark.django_db
def test_yesterdays_sums_are_not_todays(credentials, sandbox, monkeypatch):
    read_sums(SalesAdder(credentials, 30))
    assert SalesAdder(credentials, 30).kept()
    tomorrow = timezone.localdate() + timedelta(days=1)
    monkeypatch.setattr(sales.timezone, "localdate", lambda: tomorrow)
    assert SalesAdder(credentials, 30).kept() is None


@pytest.mark.django_db
def test_another_token_of_the_same_account_has_no_sums_yet(credentials, sandbox):
    read_sums(SalesAdder(credentials, 30))
    credentials.set_token("745d516e1b9320ed85b84d5bfda14148")
    assert SalesAdder(credentials, 30).kept() is None
    read_sums(SalesAdder(credentials, 30))
    assert len(sandbox.calls(METHOD)) == 2


@pytest.mark.django_db
def test_the_day_is_that_of_the_sites_clock(credentials, sandbox, monkeypatch, settings):
    evening = datetime(2026, 3, 31, 22, 30, tzinfo=timezone.get_fixed_timezone(0))
    monkeypatch.setattr(sales.timezone, "now", lambda: evening)
    read_sums(SalesAdder(credentials, 30))
    (call,) = sandbox.calls(METHOD)
    # In Kyiv it is the first of April already.
    assert (call.query["dateFrom"], call.query["dateTo"]) == ("20260303", "20260401")


@pytest.mark.django_db(transaction=True)
def test_all_who_ask_at_once_share_one_reading(credentials, sandbox):
    sandbox.latency = 0.1

    def read(_):
        try:
            return read_sums(SalesAdder(credentials, 30))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        found = list(pool.map(read, range(5)))
    assert all(each == found[0] for each in found)
    assert len(sandbox.calls(METHOD)) == 1


@pytest.mark.django_db
def test_a_refusal_is_remembered_for_a_minute_and_nothing_else_is(credentials, sandbox):
    sandbox.script(METHOD, "status_403", times=1)
    for _ in range(2):
        with pytest.raises(NotAllowed):
            read_sums(SalesAdder(credentials, 30))
    assert len(sandbox.calls(METHOD)) == 1
    cache.clear()
    sandbox.script(METHOD, "status_400", times=1)
    with pytest.raises(PosterError):
        read_sums(SalesAdder(credentials, 30))
    assert read_sums(SalesAdder(credentials, 30)).groups
