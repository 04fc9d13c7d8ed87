"""Sales of the sandbox: the documentation's samples to the byte, rights, and sums that add up."""

import json
from datetime import date, timedelta

import pytest

from tests.support.wire import Wire

METHOD = "dash.getClientsSales"
# The two samples of the documentation differ in the name of the last but one field.
SAMPLE = (
    '{"response":[{"client_id":"%s","firstname":"","lastname":"Vladimir","sum":"1030000","profit":"825364",'
    '"profit_netto":"687803","revenue":"907000","clients":"3","middle_invoice":3433.3333333333}]}'
)
LONG_AGO = date(2017, 9, 20)
SUMS = ("sum", "profit", "revenue", "clients")


def sales(wire, first, last):
    answer = wire.call(METHOD, dateFrom=f"{first:%Y%m%d}", dateTo=f"{last:%Y%m%d}")["response"]
    return {int(row["client_id"]): row for row in answer}


def add(rows, more):
    """Add up the sums of two periods."""
    for client_id, row in more.items():
        kept = rows.setdefault(client_id, dict.fromkeys(SUMS, 0))
        for name in SUMS:
            kept[name] += int(row[name])
    return rows


def test_the_sample_of_the_documentation_to_the_byte(sandbox, wire):
    console = sandbox.console()
    group_id = console.put({"client_groups_name": "Test", "loyalty_type": "2", "client_groups_discount": "0"})
    client_id = console.put_client(group_id, firstname="", lastname="Vladimir")
    day = LONG_AGO + timedelta(days=1)
    console.sell(client_id, day, 330_000, 300_000, 275_000)
    console.sell(client_id, day, 300_000, 300_000, 275_000)
    console.sell(client_id, LONG_AGO + timedelta(days=2), 400_000, 307_000, 275_364)
    console.sell(client_id, LONG_AGO + timedelta(days=3), 100, 100, 100)
    body = wire.body(METHOD, dateFrom="20170920", dateTo="20170922").decode()
    own = next(row for row in json.loads(body)["response"] if row["client_id"] == str(client_id))
    assert json.dumps({"response": [own]}, separators=(",", ":")) == SAMPLE % client_id
    assert SAMPLE.partition('"client_id":"%s"')[2].removesuffix("]}") % () in body


def test_the_other_sample_has_a_typo_and_no_netto_profit(sandbox):
    row = Wire(sandbox, "kavarnia").call(METHOD)["response"][0]
    assert list(row) == [
        *("client_id", "firstname", "lastname", "sum", "profit", "revenue", "clienst", "middle_invoice")
    ]


def test_periods_add_up_also_over_the_change_of_a_month(wire):
    first, last = date(2026, 1, 20), date(2026, 2, 18)
    by_day = {}
    for day in range((last - first).days + 1):
        add(by_day, sales(wire, first + timedelta(days=day), first + timedelta(days=day)))
    halves = add(add({}, sales(wire, first, date(2026, 1, 31))), sales(wire, date(2026, 2, 1), last))
    assert add({}, sales(wire, first, last)) == by_day == halves
    assert len(by_day) > 150


def test_somebody_who_was_removed_has_bought_all_the_same(sandbox, wire):
    before = sales(wire, date(2026, 1, 1), date(2026, 1, 30))
    sandbox.console().edit_client(1, delete="1")
    sandbox.console().remove(4)
    assert sales(wire, date(2026, 1, 1), date(2026, 1, 30)) == before


def test_the_default_is_the_last_month_and_there_is_nothing_of_tomorrow(wire):
    answer = wire.call(METHOD)["response"]
    assert answer == wire.call(METHOD, dateTo="29991231")["response"]
    assert wire.call(METHOD, dateFrom="29980101")["response"] == []


@pytest.mark.parametrize(
    "query", [{"dateFrom": "2026-01-01"}, {"dateTo": "20260230"}, {"dateTo": "٢٠٢٦٠١٠١"}]
)
def test_a_period_that_makes_no_sense(wire, query):
    assert wire.code(METHOD, **query) == 42


def test_a_token_without_the_right_to_statistics(sandbox):
    wire = Wire(sandbox, "readonly")
    assert wire.code(METHOD) == 54
    assert len(wire.call("clients.getGroups")["response"]) == 3
