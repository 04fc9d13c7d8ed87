"""Show each value of each disputed point at the wire."""

import json
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

import pytest

from groups.services.facts import KINDS
from poster_admin.devtools.sandbox.accounts.disputes import OWN, POINTS, points_of
from tests.support.wire import GROUP, Wire

RECEIPTS, SALES, CLIENTS = "dash.getTransactions", "dash.getClientsSales", "clients.getClients"
DAY = date(2026, 3, 4)


@pytest.fixture
def dispute(sandbox):
    return sandbox.console().dispute


@pytest.fixture
def own_group(sandbox):
    """Make a group of ten clients, of whom two were removed."""
    console = sandbox.console()
    group_id = console.put({**GROUP, "count_groups_clients": "0"})
    for number in range(10):
        console.put_client(group_id, delete=str(int(number < 2)), total_payed_sum="12345")
    return group_id


def ids(rows, field="transaction_id"):
    return [int(row[field]) for row in rows]


def receipts(wire, first=DAY, last=DAY, **more):
    period = {"dateFrom": f"{first:%Y%m%d}", "dateTo": f"{last:%Y%m%d}"}
    return wire.call(RECEIPTS, **period, **more)["response"]


def counter(wire, group_id):
    row = wire.call("clients.getGroup", group_id=group_id)["response"]
    assert row in wire.call("clients.getGroups")["response"]
    return row["count_groups_clients"]


def test_each_fact_can_be_disputed_by_each_of_its_values():
    assert {name: set(KINDS[name].values) for name in KINDS} == {
        name: set(known) if isinstance(known, tuple) else set() for name, known in POINTS.items()
    }
    assert OWN.keys() == POINTS.keys()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("receipts.order=upwards", "receipts.order is ascending or descending or mixed, not upwards"),
        ("receipts.page=0", "receipts.page is like 100, not 0"),
        ("receipts.sort=mixed", "receipts.sort is no point"),
        ("mixed", "mixed is not NAME=VALUE"),
    ],
)
def test_what_is_no_point_is_one_line(text, line):
    with pytest.raises(ValueError, match=line) as raised:
        points_of(["speed=3", text])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("right", "methods"),
    [
        ("groups", ("clients.getGroups", "clients.getGroup")),
        ("clients", (CLIENTS, "clients.getClient")),
        ("statistics", (SALES, RECEIPTS)),
        ("promotions", ("clients.getPromotions", "clients.getLoyaltyRules")),
        ("settings", ("settings.getAllSettings",)),
    ],
)
def test_a_refused_right_refuses_its_methods_alone(wire, dispute, right, methods):
    everything = ("clients.getGroups", CLIENTS, SALES, "clients.getPromotions", "settings.getAllSettings")
    dispute(**{f"right.{right}": "refused"})
    for method in methods:
        assert wire.code(method, group_id=1, client_id=1) == 54
    assert sum("error" in wire.call(method) for method in everything) == 1


@pytest.mark.parametrize(("value", "told"), [("present", "8"), ("all", "10"), ("other", "4")])
def test_a_counter_counts(wire, dispute, own_group, value, told):
    dispute(**{"groups.count": value})
    assert counter(wire, own_group) == told


@pytest.mark.parametrize(("value", "told"), [("listed", ["1"]), ("absent", [])])
def test_a_group_removed_long_ago(wire, dispute, value, told):
    dispute(**{"groups.removed": value})
    rows = wire.call("clients.getGroups")["response"]
    assert [row["delete"] for row in rows if "delete" in row] == told
    assert len(set(ids(rows, "client_groups_id"))) == 3 + len(told)


@pytest.mark.parametrize(
    ("value", "page", "second", "everybody"),
    [("hold", 3, [4, 5, 6], 10), ("ignored", 10, None, 10), ("cut", 3, [4, 5], 5)],
)
def test_pages_of_clients(wire, dispute, own_group, value, page, second, everybody):
    dispute(**{"clients.pages": value})
    whole = ids(wire.call(CLIENTS, group_id=own_group)["response"], "client_id")
    for order in ({}, {"order_by": "client_id", "sort": "asc"}, {"order_by": "bonus"}):
        rows = ids(wire.call(CLIENTS, group_id=own_group, num=3, offset=0, **order)["response"], "client_id")
        after = ids(wire.call(CLIENTS, group_id=own_group, num=3, offset=3, **order)["response"], "client_id")
        assert len(whole) == everybody
        assert rows == whole[:page]
        assert after == (rows if second is None else [whole[0] + each - 1 for each in second])


@pytest.mark.parametrize(("value", "found"), [("holds", 10), ("ignored", None)])
def test_a_filter_of_clients(wire, dispute, own_group, value, found):
    everybody = len(wire.call(CLIENTS)["response"])
    dispute(**{"clients.filter": value})
    assert len(wire.call(CLIENTS, group_id=own_group)["response"]) == (found or everybody)


@pytest.mark.parametrize("value", ["ascending", "descending", "mixed"])
def test_the_order_of_receipts(wire, dispute, value):
    all_of_them = sorted(ids(receipts(wire)))
    dispute(**{"receipts.order": value, "receipts.page": len(all_of_them) + 1})
    found = ids(receipts(wire))
    assert sorted(found) == all_of_them
    if value == "mixed":
        assert found not in (all_of_them, all_of_them[::-1])
    else:
        assert found == (all_of_them if value == "ascending" else all_of_them[::-1])


def test_a_page_of_receipts(wire, dispute):
    dispute(**{"receipts.page": 7})
    assert len(receipts(wire)) == 7


@pytest.mark.parametrize("days", ["hold", "lost"])
@pytest.mark.parametrize("value", ["after", "before", "ignored"])
def test_a_cursor_of_receipts(wire, dispute, value, days):
    all_of_them = ids(receipts(wire))
    middle = all_of_them[len(all_of_them) // 2]
    dispute(**{"receipts.cursor": value, "receipts.days": days, "receipts.page": 90})
    rows = receipts(wire, next_tr=middle)
    match value:
        case "after":
            expected = [each for each in all_of_them if each > middle]
        case "before":
            expected = [each for each in reversed(all_of_them) if each < middle]
        case _:
            expected = all_of_them[:90]
    found = ids(rows)
    assert found[: len(expected)] == expected
    of_other_days = [row for row in rows if abs(int(row["date_close"]) / 1000 - noon(DAY)) > 50_000]
    assert bool(of_other_days) == (days == "lost" and value != "ignored")


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("points", "day"),
    [
        ({}, DAY),
        ({"receipts.closing": "03:30"}, DAY - timedelta(days=1)),
        ({"receipts.closing": "02:30"}, DAY),
        ({"receipts.closing": "03:30", "clock.zone": "other"}, DAY),
    ],
)
def test_the_business_day_of_a_receipt_of_the_night(sandbox, wire, dispute, points, day):
    """A receipt that was closed at three in the morning, which is five elsewhere."""
    sandbox.console().sell(9, DAY, 100, 100, minute=3 * 60)
    dispute(**points, **{"receipts.page": 900})
    settings = wire.call("settings.getAllSettings")["response"]
    assert settings["analytics_plus_time"] == points.get("receipts.closing", "00:00")
    assert settings["timezones"] == ("Asia/Tbilisi" if "clock.zone" in points else "Europe/Kiev")
    shift = timedelta(days=1)
    found = [each for each in (DAY - shift, DAY, DAY + shift) if "100" in sums(receipts(wire, each, each))]
    assert found == [day]


def sums(rows):
    return {row["sum"] for row in rows}


@pytest.mark.parametrize(("value", "told"), [("parts", "9000"), ("with-bonuses", "10000")])
def test_the_paid_sum_of_a_receipt(sandbox, wire, dispute, value, told):
    sandbox.console().sell(9, DAY, 10_000, 9_000, bonuses=1_000)
    dispute(**{"receipts.paid": value, "receipts.page": 900})
    assert next(row for row in receipts(wire) if row["payed_bonus"] == "1000")["payed_sum"] == told


@pytest.mark.parametrize(("value", "told"), [("percent", "7.5"), ("money", "660")])
def test_the_bonus_of_a_receipt(sandbox, wire, dispute, value, told):
    """Granted is the percent of what was paid in cash and by card."""
    sandbox.console().sell(9, DAY, 9_999, 9_000, card=4_000, certificate=200, percent="7.5")
    dispute(**{"receipts.bonus": value, "receipts.page": 900})
    assert next(row for row in receipts(wire) if row["sum"] == "9999")["bonus"] == told


def test_the_history_of_a_receipt(wire, dispute):
    dispute(**{"receipts.history": "open,setclient"})
    kinds = {
        event["type_history"] for row in receipts(wire, include_history="true") for event in row["history"]
    }
    assert kinds == {"open", "setclient", "close"}


@pytest.mark.parametrize(("value", "share"), [("whole", 1), ("cut", 2)])
def test_the_size_of_sales(wire, dispute, value, share):
    day = f"{DAY:%Y%m%d}"
    whole = wire.call(SALES, dateFrom=day, dateTo=day)["response"]
    dispute(**{"sales.size": value})
    assert (
        wire.call(SALES, dateFrom=day, dateTo=day)["response"] == whole[: (len(whole) + share - 1) // share]
    )


@pytest.mark.parametrize(
    ("value", "told"), [("kopecks", ("10001", "9001")), ("hryvnia", ("100.01", "90.01"))]
)
def test_the_unit_of_sales(sandbox, wire, dispute, own_group, value, told):
    client = ids(wire.call(CLIENTS, group_id=own_group)["response"], "client_id")[5]
    sandbox.console().sell(client, DAY, 10_001, 9_001)
    dispute(**{"sales.paid_unit": value})
    rows = wire.call(SALES, dateFrom=f"{DAY:%Y%m%d}", dateTo=f"{DAY:%Y%m%d}")["response"]
    row = next(row for row in rows if row["client_id"] == str(client))
    assert (row["sum"], row["revenue"]) == told


@pytest.mark.parametrize(("value", "told"), [("kopecks", "12345"), ("hryvnia", "123.45")])
def test_the_unit_of_what_a_client_has_paid(wire, dispute, own_group, value, told):
    dispute(**{"clients.paid_unit": value})
    row = wire.call(CLIENTS, group_id=own_group)["response"][0]
    assert row["total_payed_sum"] == told
    assert (
        wire.call("clients.getClient", client_id=row["client_id"])["response"][0]["total_payed_sum"] == told
    )


@pytest.mark.parametrize(("value", "told"), [("hryvnia", 1_000), ("kopecks", 100_000)])
def test_the_unit_of_a_rule(wire, dispute, value, told):
    dispute(**{"rules.unit": value})
    assert wire.call("clients.getLoyaltyRules")["response"][0]["value"] == told


@pytest.mark.parametrize("value", ["0", "3600", "-90"])
def test_the_clock_of_answers(wire, dispute, value):
    dispute(**{"clock.skew": value})
    head = wire.raw("clients.getGroups").partition(b"\r\n\r\n")[0].decode()
    told = next(line.removeprefix("Date: ") for line in head.splitlines() if line.startswith("Date: "))
    assert parsedate_to_datetime(told).timestamp() - time.time() == pytest.approx(int(value), abs=5)


def test_the_speed_of_answers(wire, dispute):
    dispute(speed=80)
    began = time.monotonic()
    wire.call("clients.getGroups")
    assert time.monotonic() - began >= 0.08


def create(wire, **fields):
    """Create a group; return its id, or the code of the refusal."""
    answer = wire.call("clients.createGroup", GROUP | fields)
    return answer["response"] if "response" in answer else answer["error"]["code"]


def group(wire, group_id):
    return wire.call("clients.getGroup", group_id=group_id)["response"]


@pytest.mark.parametrize(("value", "told"), [("hryvnia", "1234"), ("kopecks", "12")])
def test_the_unit_of_a_written_birthday_bonus(wire, dispute, value, told):
    dispute(**{"birthday_bonus.unit": value})
    assert group(wire, create(wire, birthday_bonus="12.34"))["birthday_bonus"] == told


@pytest.mark.parametrize(("value", "told"), [("kept", "1.5"), ("rounded", "2"), ("refused", None)])
def test_the_fraction_of_a_percent(wire, dispute, value, told):
    dispute(**{"percent.fraction": value})
    made = create(wire, client_groups_discount="1.5")
    assert (made == 42) if told is None else group(wire, made)["client_groups_discount"] == told
    assert Decimal(group(wire, create(wire, client_groups_discount="20.00"))["client_groups_discount"]) == 20


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("encoded", "Кав&#39;ярня &amp; &lt;бар&gt;"),
        ("kept", "Кав'ярня & <бар>"),
        ("changed", "Кав&#39;ярня &amp;"),
    ],
)
def test_the_text_of_a_name(wire, dispute, value, told):
    dispute(**{"names.text": value})
    assert group(wire, create(wire, client_groups_name="Кав'ярня & <бар>"))["client_groups_name"] == told


@pytest.mark.parametrize("value", ["allowed", "refused"])
def test_a_name_twice(wire, dispute, value):
    dispute(**{"names.twice": value})
    create(wire)
    assert (create(wire) == 38) == (value == "refused")


@pytest.mark.parametrize(("value", "told"), [("gone", []), ("listed", ["1"])])
def test_a_removed_group(wire, dispute, own_group, value, told):
    dispute(**{"groups.removal": value})
    wire.call("clients.removeGroup", {"group_id": str(own_group)})
    rows = wire.call("clients.getGroups")["response"]
    assert [row["delete"] for row in rows if row["client_groups_id"] == str(own_group)] == told


def test_reads_that_lag(wire, dispute):
    dispute(**{"write.lag": 300})
    made = create(wire)
    assert made not in ids(wire.call("clients.getGroups")["response"], "client_groups_id")
    time.sleep(0.35)
    assert made in ids(wire.call("clients.getGroups")["response"], "client_groups_id")


def test_a_reset_ends_all_disputes(sandbox, wire, dispute):
    dispute(**{"rules.unit": "kopecks"})
    sandbox.reset()
    assert wire.call("clients.getLoyaltyRules")["response"][0]["value"] == 1_000


def test_an_account_is_disputed_alone(sandbox, dispute):
    dispute(**{"right.groups": "refused"})
    assert Wire(sandbox, "kopecks").call("clients.getGroups")["response"]
    assert json.dumps(sandbox.account("kopecks").disputes["birthday_bonus.unit"]) == '"kopecks"'
