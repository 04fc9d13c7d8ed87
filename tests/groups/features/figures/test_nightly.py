"""Test the nightly run: sums to the kopeck against an independent count, and nothing that is not whole."""

import json
import random
from collections import defaultdict
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from groups.features.elsewhere.services import switch_off, switch_on
from groups.features.figures.models import Figure, Tally
from groups.features.figures.services import nightly
from groups.features.figures.services.book import add_up
from groups.features.movements.models import unpack
from tests.support.figures import DAY, GOLD, GUESTS, clock_at, run_nightly

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "small_account"),
]
KYIV = ZoneInfo("Europe/Kyiv")
RECEIPTS = "dash.getTransactions"


def at(day, hour, minute=0):
    return datetime.combine(day, time(hour, minute), KYIV)


def nights():
    return {(row.group_id, row.day): row for row in Figure.objects.all()}


def sums(row):
    return row.buyers, row.receipts, row.total, row.revenue, row.granted, row.spent


def count(receipts, group_of):
    """Count what the figures have to be, from receipts as a test has sold them."""
    found = defaultdict(lambda: [set(), 0, 0, 0, Decimal(0), 0])
    for client_id, closed_at, fields in receipts:
        group_id = group_of.get(client_id)
        if group_id is None or fields["status"] != 2:
            continue
        cell = found[group_id, closed_at.astimezone(KYIV).date()]
        cash = fields["revenue"] - fields["card"] - fields["certificate"] - fields["third_party"]
        cell[0].add(client_id)
        cell[1] += 1
        cell[2] += fields["total"]
        cell[3] += fields["revenue"]
        cell[4] += Decimal(fields["percent"]) * (cash + fields["card"]) / 100
        cell[5] += fields["bonuses"]
    return {
        place: (
            len(cell[0]),
            cell[1],
            Decimal(cell[2]) / 100,
            Decimal(cell[3]) / 100,
            (cell[4] / 100).quantize(Decimal("0.01"), ROUND_HALF_UP),
            Decimal(cell[5]) / 100,
        )
        for place, cell in found.items()
    }


def sell_at_random(console, people, first, last, dice):
    """Sell to clients and to nobody around the ends of days, in all ways of paying; return what was sold."""
    sold = []
    for _ in range(120):
        day = first + dice.randrange((last - first).days + 1) * DAY
        hour = dice.choice((0, 0, 1, 2, 3, 12, 20, 23, 23))
        closed_at = at(day, hour, dice.randrange(60))
        total = dice.randrange(1, 200_000)
        parts = [dice.choice((0, total // 3)) for _ in range(3)]
        fields = {
            "revenue": total,
            "card": parts[0],
            "certificate": parts[1],
            "third_party": parts[2] if sum(parts) <= total else 0,
            "bonuses": dice.choice((0, 1_001)),
            "percent": dice.choice(("0", "5", "7.5", "10")),
            "status": dice.choice((2, 2, 2, 2, 1, 3)),
        }
        client_id = dice.choice([*people, 0])
        # Its business day may be the one before.
        console.sell(client_id, day, total, closed_at=closed_at, **fields)
        sold.append((client_id, closed_at, fields | {"total": total}))
    return sold


DISPUTED = [
    {},
    {"receipts.page": 7},
    {"receipts.days": "lost", "receipts.page": 30},
    {"receipts.paid": "with-bonuses"},
    {"receipts.closing": "04:00"},
    {"receipts.order": "descending", "receipts.page": 900},
]


@pytest.mark.parametrize("points", DISPUTED, ids=lambda points: ",".join(points) or "usual")
def test_the_sums_of_random_receipts_are_those_of_an_independent_count(
    console, people, watch, day, points, monkeypatch
):
    monkeypatch.setattr("groups.services.receipts.FULL", 1_000)
    sold = sell_at_random(console, people, day - 2 * DAY, day + DAY, random.Random(len(str(points))))
    console.dispute(**points)
    run_nightly()
    expected = count(sold, {people[0]: GUESTS, people[1]: GUESTS, people[2]: GUESTS, people[3]: GOLD})
    found = nights()
    assert set(found) == {(group_id, day) for group_id in (0, GUESTS, GOLD)}
    for place, row in found.items():
        assert sums(row) == expected.get(place, (0,) * 6)
    assert [(row.clients, row.owed) for row in found.values()] == [
        (0, Decimal(0)),
        (3, Decimal("370.35")),
        (1, Decimal("123.45")),
    ]


def test_days_without_a_run_have_the_sums_of_their_receipts_and_no_members(console, people, watch, day):
    sold = sell_at_random(console, people, day - 4 * DAY, day, random.Random(3))
    with clock_at(timezone.now() - 3 * DAY):
        run_nightly()
    run_nightly()
    expected = count(sold, {people[0]: GUESTS, people[1]: GUESTS, people[2]: GUESTS, people[3]: GOLD})
    found = nights()
    assert {place[1] for place in found} == {day - number * DAY for number in range(4)}
    for place, row in found.items():
        assert sums(row) == expected.get(place, (0,) * 6)
        assert (row.owed is None) == (row.clients is None) == (place[1] in (day - DAY, day - 2 * DAY))


@pytest.mark.parametrize("changed_on", [date(2026, 3, 29), date(2026, 10, 25)], ids=["spring", "autumn"])
def test_a_night_on_which_the_clock_is_changed(console, people, watch, owner, changed_on):
    day = changed_on
    with clock_at(at(day + DAY, 6)):
        for closed_at in (at(day, 0, 0), at(day, 23, 59), at(day - DAY, 23, 59), at(day + DAY, 0, 0)):
            console.sell(people[0], closed_at.date(), 1_000, 1_000, closed_at=closed_at)
        run_nightly()
        assert sums(nights()[GUESTS, day])[:3] == (1, 2, Decimal(20))


def test_a_day_is_stored_once_whatever_number_of_runs(people, watch, console, day, sandbox):
    console.sell(people[0], day, 1_000, 1_000)
    run_nightly()
    console.sell(people[0], day, 5_000, 5_000)
    before = len(sandbox.calls(RECEIPTS))
    run_nightly()
    assert len(sandbox.calls(RECEIPTS)) == before
    assert nights()[GUESTS, day].revenue == Decimal(10)


@pytest.mark.parametrize("status", [None, 3])
def test_a_day_without_receipts_or_with_removed_ones_alone_is_known_and_zero(
    people, watch, console, day, status
):
    for client_id in people if status else ():
        console.sell(client_id, day, 1_000, 1_000, status=status)
    run_nightly()
    assert {sums(row) for row in nights().values()} == {(0,) * 6}


def test_half_a_kopeck_is_rounded_up_once_a_group_and_day(people, watch, console, day):
    for client_id in people[:3]:
        console.sell(client_id, day, 5, 5, percent="10")  # 0.005 hryvnia each
    run_nightly()
    assert nights()[GUESTS, day].granted == Decimal("0.02")


@pytest.mark.parametrize("sold", ["", None, "much"])
def test_a_receipt_whose_sum_cannot_be_read_empties_the_total_of_its_day(
    people, watch, sandbox, console, day, sold, monkeypatch
):
    console.sell(people[0], day, 1_000, 900)
    console.sell(people[3], day, 2_000, 900)
    right = sandbox.accounts["demo"].receipts
    spoiled = f'"sum":{json.dumps(sold)}'.encode()
    monkeypatch.setattr(
        sandbox.accounts["demo"], "receipts", lambda query: right(query).replace(b'"sum":"1000"', spoiled)
    )
    run_nightly()
    assert sums(nights()[GUESTS, day]) == (1, 1, None, Decimal(9), Decimal(0), Decimal(0))
    assert nights()[GOLD, day].total == Decimal(20)


# --- Clients in no group, and those who changed theirs -----------------------------------------------------


def test_clients_in_no_group_are_the_group_0(people, watch, console, day):
    console.edit_client(people[0], client_groups_id="0")
    console.sell(people[0], day, 1_000, 1_000, percent="10")
    console.sell(0, day, 5_000, 5_000)  # of nobody
    run_nightly()
    row = nights()[0, day]
    assert (row.clients, row.owed, *sums(row)[:2], row.granted) == (1, Decimal("123.45"), 1, 1, 1)


def test_who_changed_groups_has_brought_the_bonuses_of_the_night(people, watch, console, day):
    with clock_at(timezone.now() - DAY):
        run_nightly()
    assert {row.moved for row in nights().values()} == {None}
    console.edit_client(people[0], client_groups_id=str(GOLD), bonus="10000")
    console.edit_client(people[1], client_groups_id="0")
    console.edit_client(people[2], delete="1")
    console.put_client(GOLD, bonus="77700")
    run_nightly()
    found = {group_id: row.moved for (group_id, on), row in nights().items() if on == day}
    assert found == {GUESTS: Decimal("-223.45"), GOLD: Decimal(100), 0: Decimal("123.45")}


def test_the_book_of_some_nights_leaves_what_was_given_by_hand_and_nothing_else(
    people, watch, console, owner, day
):
    """Play what Poster does: grant, spend, move between groups, and one gift on the last day."""
    dice = random.Random(11)
    group_of = dict(zip(people[:4], (GUESTS, GUESTS, GUESTS, GOLD), strict=True))
    owed = dict.fromkeys(people[:4], 12_345)
    first = day - 5 * DAY
    for number in range(6):
        on = first + number * DAY
        moved = dice.choice(list(group_of))
        # Receipts of a day count for the group of its night, so who moves buys nothing on that day.
        for client_id in group_of.keys() - {moved}:
            spent = dice.choice((0, 500))
            console.sell(client_id, on, 3_000, 3_000 - spent, bonuses=spent, percent="10")
            owed[client_id] += (3_000 - spent) // 10 - spent
        group_of[moved] = dice.choice((0, GUESTS, GOLD))
        if on == day:
            gifted = next(each for each, group_id in group_of.items() if group_id == GUESTS)
            owed[gifted] += 1_234
        for client_id, group_id in group_of.items():
            console.edit_client(client_id, client_groups_id=str(group_id), bonus=str(owed[client_id]))
        with clock_at(timezone.now() - (5 - number) * DAY):
            run_nightly()
    book = add_up(owner.credentials.account_id, day.replace(day=1))
    rest = {row.group_id: row.rest for row in book.rows}
    assert rest == {0: 0, GUESTS: Decimal("12.34"), GOLD: 0}
    assert (book.total.moved, book.total.rest, book.missing) == (0, Decimal("12.34"), [])
    assert any(row.moved for row in book.rows)


def test_a_group_that_was_removed_has_a_last_row_of_what_its_clients_took_along(people, watch, console, day):
    with clock_at(timezone.now() - DAY):
        run_nightly()
    for client_id in people[:3]:
        console.edit_client(client_id, client_groups_id="0")
    console.remove(GUESTS)
    run_nightly()
    row = nights()[GUESTS, day]
    assert (row.clients, row.owed, row.moved) == (0, 0, Decimal("-370.35"))


def test_what_was_moved_is_not_known_after_a_night_that_was_missed(people, watch, console, day):
    with clock_at(timezone.now() - 2 * DAY):
        run_nightly()
    run_nightly()
    assert {row.moved for (_group, on), row in nights().items() if on == day} == {None}


def test_ids_of_members_are_forgotten_where_no_night_comes(people, watch, day):
    run_nightly()
    tally = Tally.objects.get()
    assert (sorted(unpack(tally.members)), tally.members_on) == (sorted(people[:4]), day)
    nightly.forget_old()
    assert Tally.objects.get().members
    with clock_at(timezone.now() + 2 * DAY):
        nightly.forget_old()
    assert not Tally.objects.get().members


def test_without_the_right_to_receipts_there_are_members_and_what_is_owed_alone(people, watch, console, day):
    console.dispute(refusal=54)
    run_nightly()
    row = nights()[GUESTS, day]
    assert (row.clients, row.owed) == (3, Decimal("370.35"))
    assert sums(row) == (None,) * 6
    assert Tally.objects.get().lacks_receipts


def test_a_single_refusal_of_receipts_may_be_a_mistake(people, watch, sandbox, console, day):
    console.sell(people[0], day, 1_000, 1_000)
    sandbox.script(RECEIPTS, "error_object", code=54)
    run_nightly()
    assert nights()[GUESTS, day].revenue == Decimal(10)


# --- Answers that are late, cut, false or fail -------------------------------------------------------------

SPOILED_RECEIPTS = (
    *("response_false", "status_500", "fin_mid_body", "empty"),
    *("row_not_object", "row_null_field", "row_id_zero"),
)
SPOILED = [
    *[("clients.getClients", fault) for fault in ("response_false", "status_500", "row_not_object")],
    *[("clients.getGroups", fault) for fault in ("response_false", "status_500")],
]


@pytest.mark.parametrize(("method", "fault"), SPOILED)
def test_clients_that_are_not_whole_store_nothing_and_the_next_run_all(
    people, watch, sandbox, console, day, method, fault
):
    for number in range(30):
        console.sell(people[number % 3], day, 1_000, 1_000)
    console.dispute(**{"receipts.page": 10})
    sandbox.script(method, fault, times=None)
    run_nightly()
    assert not Figure.objects.exists()
    assert Tally.objects.get().tries == 1
    sandbox.clear_faults()
    run_nightly()
    assert nights()[GUESTS, day].revenue == Decimal(300)


@pytest.mark.parametrize("fault", SPOILED_RECEIPTS)
def test_receipts_that_are_not_whole_store_the_members_alone_and_are_read_again(
    people, watch, sandbox, console, day, fault
):
    for number in range(30):
        console.sell(people[number % 3], day, 1_000, 1_000)
    console.dispute(**{"receipts.page": 10})
    options = {"field": "status"} if fault == "row_null_field" else {}
    sandbox.script(RECEIPTS, fault, times=None, **options)
    run_nightly()
    row = nights()[GUESTS, day]
    assert (row.clients, row.owed, *sums(row)) == (3, Decimal("370.35"), *(None,) * 6)
    assert Tally.objects.get().tries == 1
    swept = len(sandbox.calls("clients.getClients"))
    run_nightly()
    # Receipts that fail at once cost no sweep.
    assert len(sandbox.calls("clients.getClients")) == swept + (fault == "row_null_field")
    sandbox.clear_faults()
    console.edit_client(people[0], bonus="1")
    run_nightly()
    row = nights()[GUESTS, day]
    assert (row.clients, row.owed, row.revenue) == (3, Decimal("370.35"), Decimal(300))


@pytest.mark.parametrize("method", ["clients.getClients", "clients.getGroups"])
def test_a_run_whose_answers_come_too_late_stores_nothing(
    people, watch, sandbox, console, day, settings, method
):
    settings.POSTER_READ_TIMEOUT, settings.POSTER_READ_DEADLINE = 0.2, 0.4
    console.sell(people[0], day, 1_000, 1_000)
    sandbox.script(method, "timeout", times=None)
    run_nightly()
    assert not Figure.objects.exists()
    sandbox.clear_faults()
    run_nightly()
    assert nights()[GUESTS, day].revenue == Decimal(10)


def test_an_empty_page_seen_once_is_no_end(people, watch, sandbox, console, day, monkeypatch):
    for _ in range(30):
        console.sell(people[0], day, 1_000, 1_000)
    console.dispute(**{"receipts.page": 10})
    account, answers = sandbox.accounts["demo"], iter([b"[]", None, b"[]", None, None, b"[]", None])
    right = account.receipts
    monkeypatch.setattr(account, "receipts", lambda query: next(answers, None) or right(query))
    run_nightly()
    assert nights()[GUESTS, day].revenue == Decimal(300)


def test_a_first_page_that_is_full_and_descends_is_not_whole(people, watch, console, day):
    for _ in range(101):
        console.sell(people[0], day, 1_000, 1_000)
    console.dispute(**{"receipts.order": "descending"})
    run_nightly()
    assert (nights()[GUESTS, day].clients, nights()[GUESTS, day].receipts) == (3, None)


def test_a_short_page_that_descends_and_lacks_earlier_receipts_is_not_whole(people, watch, console, day):
    for _ in range(30):
        console.sell(people[0], day, 1_000, 1_000)
    console.dispute(**{"receipts.order": "descending", "receipts.page": 20})
    run_nightly()
    assert (nights()[GUESTS, day].clients, nights()[GUESTS, day].receipts) == (3, None)


def test_a_list_of_clients_that_is_cut_is_not_whole(people, watch, sandbox, console, day, monkeypatch):
    account = sandbox.accounts["demo"]
    right = account.find_clients
    with monkeypatch.context() as patch:
        patch.setattr(account, "find_clients", lambda query: right(query).partition(b"},{")[0] + b"}]")
        run_nightly()
    assert not Figure.objects.exists()
    run_nightly()
    assert nights()[GUESTS, day].clients == 3


def test_a_missed_day_with_a_receipt_that_cannot_be_read_has_no_row(people, watch, sandbox, console, day):
    with clock_at(timezone.now() - 2 * DAY):
        run_nightly()
    console.sell(people[0], day - DAY, 1_000, 1_000, percent="150")
    console.sell(people[0], day, 1_000, 1_000)
    run_nightly()
    assert (GUESTS, day - DAY) not in nights()
    assert nights()[GUESTS, day].revenue == Decimal(10)


# --- The watch, and what is kept ---------------------------------------------------------------------------


def test_figures_outlive_the_watch_and_go_on_where_they_ended(people, watch, owner, day):
    with clock_at(timezone.now() - DAY):
        run_nightly()
    switch_off(owner.credentials)
    run_nightly()
    assert {place[1] for place in nights()} == {day - DAY}
    switch_on(owner.credentials)
    run_nightly()
    assert {place[1] for place in nights()} == {day - DAY, day}


def test_nothing_is_read_without_seconds(people, watch, settings, sandbox):
    settings.FIGURES_SECONDS = 0
    run_nightly()
    assert not sandbox.calls(RECEIPTS)


def test_old_figures_are_forgotten(people, watch, day):
    run_nightly()
    Figure.objects.filter(group_id=GUESTS).update(day=day - nightly.KEPT - 2 * DAY)
    assert nightly.forget_old()
    assert set(Figure.objects.values_list("group_id", flat=True)) == {0, GOLD}


def test_no_trace_of_a_client_is_left(people, watch, console, day, caplog):
    console.edit_client(people[0], lastname="Видима", phone_number="380501234567")
    console.sell(people[0], day, 1_000, 1_000)
    with caplog.at_level("DEBUG"):
        run_nightly()
    assert "Видима" not in caplog.text
    assert {field.name for field in Figure._meta.fields} == {
        *("id", "account", "group_id", "day", "clients", "owed", "moved", "buyers", "receipts", "total"),
        *("revenue", "granted", "spent"),
    }
