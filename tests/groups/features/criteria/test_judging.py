"""Hold the judging of clients against an oracle that is written another way: by calendars and by worlds.

The oracle judges one world, in which everything is known. Where something is not, it makes every world that
could be: the judge may tell a place only where all of these agree on it.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from groups.features.criteria.services.judging import (
    LONGEST_CALL,
    UNREAD,
    Criterion,
    Judge,
    SalesBook,
    Table,
    spans_of,
)
from tests.support.pairwise import examples

OTHERWISE = 99
PERIODS = (1, 2, 30, 31, 90, 365)
AMOUNTS = (0, 1, 99, 100, 6_000_00)
NUMBERS = (0, 1, 2, 3)
AGES = (0, 1, 10, 364, 365, 366)


# --- The oracle --------------------------------------------------------------------------------------------


@dataclass
class Known:
    """All about a client in one world: a birthday and a day of registration, and receipts by their days."""

    born: tuple[int, int] | None
    registered: date | None
    receipts: list[tuple[date, int]] = field(default_factory=list)


def birthday_in_year(born, year):
    try:
        return date(year, *born)
    except ValueError:
        return date(year, 2, 28)


def days_to_birthday(born, today):
    return min(abs(birthday_in_year(born, today.year + turn) - today).days for turn in (-1, 0, 1))


def oracle_of(rows, known, today):
    """Return the group of a client of whom everything is known."""
    for row in rows:
        holds = []
        if row.birthday_in is not None:
            holds.append(known.born is not None and days_to_birthday(known.born, today) <= row.birthday_in)
        ago = None if known.registered is None else (today - known.registered).days
        if row.registered_min is not None:
            holds.append(ago is not None and ago >= row.registered_min)
        if row.registered_max is not None:
            holds.append(ago is not None and ago <= row.registered_max)
        if row.days is not None:
            first = today - timedelta(days=row.days - 1)
            bought = [kopecks for day, kopecks in known.receipts if first <= day <= today]
            holds.append(row.bought_min is None or sum(bought) >= row.bought_min)
            holds.append(row.bought_max is None or sum(bought) <= row.bought_max)
            holds.append(row.receipts_min is None or len(bought) >= row.receipts_min)
            holds.append(row.receipts_max is None or len(bought) <= row.receipts_max)
        if all(holds):
            return row.group_id
    return OTHERWISE


# --- What is drawn -----------------------------------------------------------------------------------------

todays = st.one_of(
    st.sampled_from([date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 28), date(2024, 2, 29)]),
    st.sampled_from([date(2024, 3, 1), date(2025, 2, 28), date(2025, 3, 1), date(2025, 6, 30)]),
    st.dates(date(2020, 1, 1), date(2031, 12, 31)),
)


@st.composite
def criteria(draw, group_id):
    values = {"group_id": group_id}
    if draw(st.booleans()):
        bounds = {
            "bought_min": draw(st.none() | st.sampled_from(AMOUNTS)),
            "bought_max": draw(st.none() | st.sampled_from(AMOUNTS)),
            "receipts_min": draw(st.none() | st.sampled_from(NUMBERS)),
            "receipts_max": draw(st.none() | st.sampled_from(NUMBERS)),
        }
        if any(bound is not None for bound in bounds.values()):
            values |= bounds | {"days": draw(st.sampled_from(PERIODS))}
    if draw(st.booleans()):
        values["registered_min"] = draw(st.none() | st.sampled_from(AGES))
        values["registered_max"] = draw(st.none() | st.sampled_from(AGES))
    if "days" not in values or draw(st.booleans()):
        values["birthday_in"] = draw(st.sampled_from((0, 1, 7, 90, 180)))
    return Criterion(**values)


@st.composite
def clients(draw, today):
    near = st.integers(-200, 200).map(lambda away: today + timedelta(days=away))
    born = draw(st.none() | st.just((2, 29)) | near.map(lambda day: (day.month, day.day)))
    registered = draw(st.none() | st.sampled_from(AGES).map(lambda ago: today - timedelta(days=ago)))
    ago = st.one_of(st.sampled_from([0, 1, 29, 30, 31, 89, 90, 364, 365]), st.integers(0, 400))
    amounts = st.sampled_from((1, 99, 100, 3_000_00, 5_999_99, 6_000_00, -100))
    receipts = draw(st.lists(st.tuples(ago, amounts), max_size=4))
    return Known(born, registered, [(today - timedelta(days=days), kopecks) for days, kopecks in receipts])


@st.composite
def accounts(draw):
    today = draw(todays)
    rows = tuple(draw(criteria(group_id)) for group_id in range(1, draw(st.integers(0, 4)) + 1))
    return today, rows, draw(clients(today))


# --- What is held against it -------------------------------------------------------------------------------


def book_of(periods, known, today, *, lacking=()):
    """Return the sales as Poster lists them; a list in `lacking` has no row of the client."""
    book = SalesBook(periods)
    for span in spans_of(book.periods):
        bought = [kopecks for day, kopecks in known.receipts if span[0] <= (today - day).days < span[1]]
        whole = span not in lacking
        sales = {1: (sum(bought), len(bought))} if bought and whole else {}
        book.add(span, sales, broken=(), is_whole=whole)
    return book


def judged(rows, today, born, registered, book):
    table = Table(rows=rows, otherwise=OTHERWISE, max_moves=0)
    place = Judge(table, today).place_of(born, registered, book.bought(1))
    return None if place is None else table.groups[place]


# Four receipts in one period are rarely drawn.
FOUR = Known(None, None, [(date(2025, 6, 30), 100)] * 4)


@settings(max_examples=examples(100, 600))
@example((date(2025, 6, 30), (Criterion(group_id=1, days=30, receipts_min=3),), FOUR))
@given(accounts())
def test_where_all_is_read_the_judge_agrees_with_the_oracle(account):
    today, rows, known = account
    table = Table(rows=rows, otherwise=OTHERWISE, max_moves=0)
    book = book_of((30, *table.periods), known, today)
    assert judged(rows, today, known.born, known.registered, book) == oracle_of(rows, known, today)


@settings(max_examples=examples(100, 600))
@given(accounts(), st.data())
def test_a_place_is_judged_only_where_every_possible_world_agrees(account, data):
    today, rows, known = account
    table = Table(rows=rows, otherwise=OTHERWISE, max_moves=0)
    spans = spans_of((30, *table.periods))
    lacking = data.draw(st.sets(st.sampled_from(spans), max_size=3))
    born = UNREAD if data.draw(st.booleans()) else known.born
    registered = UNREAD if data.draw(st.booleans()) else known.registered
    book = book_of((30, *table.periods), known, today, lacking=lacking)
    told = judged(rows, today, born, registered, book)
    births = {known.born} if born is not UNREAD else {None, (today.month, today.day), (1, 1), (7, 2)}
    days = {known.registered}
    if registered is UNREAD:
        days = {None, *(today - timedelta(days=ago) for ago in AGES)}
    hidden = [
        [(today - timedelta(days=span[0]), kopecks)] * count
        for span in lacking
        for kopecks, count in ((1, 1), (6_000_00, 1), (-6_000_00, 1), (50, 4))
    ]
    seen = [
        receipt
        for receipt in known.receipts
        if not any(span[0] <= (today - receipt[0]).days < span[1] for span in lacking)
    ]
    worlds = {
        oracle_of(rows, Known(birth, day, seen + more), today)
        for birth, day, more in product(births, days, [[], *hidden])
    }
    assert told is None or worlds == {told}
    if not lacking and UNREAD not in (born, registered):
        assert told is not None


@pytest.mark.parametrize(
    ("today", "days", "born", "is_near"),
    [
        (date(2025, 1, 2), 2, (12, 31), True),
        (date(2025, 1, 2), 1, (12, 31), False),
        (date(2025, 2, 28), 0, (2, 29), True),
        (date(2024, 2, 28), 0, (2, 29), False),
        (date(2024, 2, 29), 0, (2, 29), True),
        (date(2025, 3, 1), 1, (2, 29), True),
        (date(2025, 3, 1), 0, (2, 29), False),
        (date(2024, 3, 1), 1, (2, 29), True),
        (date(2025, 12, 31), 180, (6, 29), True),
        (date(2025, 12, 31), 180, (7, 2), False),
    ],
)
def test_a_year_turns_and_29_february_is_the_28th_in_other_years(today, days, born, is_near):
    table = Table(rows=(Criterion(group_id=1, birthday_in=days),), otherwise=OTHERWISE, max_moves=0)
    assert Judge(table, today).place_of(born, None, {}) == (0 if is_near else 1)


def test_calls_for_sales_are_a_month_at_most_and_cover_each_day_once():
    for periods in ((30,), (30, 365), (1, 7, 90, 91), (365, 364)):
        spans = spans_of(periods)
        days = [day for first, end in spans for day in range(first, end)]
        assert days == list(range(max(periods)))
        assert all(end - first <= LONGEST_CALL for first, end in spans)
        assert len(spans_of((30, 365))) == 12


def test_a_table_has_a_fingerprint_of_all_that_it_says():
    rows = (Criterion(group_id=1, birthday_in=1), Criterion(group_id=2, birthday_in=1))
    tables = [
        Table(rows=rows, otherwise=3, max_moves=1),
        Table(rows=rows[::-1], otherwise=3, max_moves=1),
        Table(rows=rows, otherwise=4, max_moves=1),
        Table(rows=rows, otherwise=3, max_moves=2),
        Table(rows=rows[:1], otherwise=3, max_moves=1),
    ]
    assert len({table.fingerprint for table in tables}) == len(tables)
    assert all(Table.from_json(table.to_json()) == table for table in tables)
