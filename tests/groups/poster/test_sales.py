"""Test the records of sales: units, the documented typo, numbers as strings or not, unreadable rows."""

import json
import tracemalloc
from datetime import date
from decimal import Decimal

import pytest

from groups.poster import ClientSales, SalesList, Timeouts
from groups.poster.parsing import interpret_sales, parse_response
from groups.poster.transport import Answer

ROW = {
    "client_id": "4",
    "firstname": "",
    "lastname": "Vladimir",
    "sum": "1030000",
    "profit": "825364",
    "profit_netto": "687803",
    "revenue": "907000",
    "clients": "3",
    "middle_invoice": 3433.3333333333,
}
READ = ClientSales(4, Decimal(10_300), Decimal(9_070), 3)


def test_kopecks_become_hryvnia():
    assert SalesList.from_wire([ROW]) == SalesList((READ,))


def test_the_typo_counts_as_well():
    row = {**ROW, "clienst": "3"}
    del row["clients"]
    assert SalesList.from_wire([row]).sales == (READ,)
    assert SalesList.from_wire([row | {"clients": "5"}]).sales[0].receipts == 5


@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": 4, "sum": 1030000, "revenue": 907000, "clients": 3},
        {"sum": 1030000.0, "revenue": "907000.00"},
        {"profit": None, "middle_invoice": "?", "lastname": None},
    ],
)
def test_other_spellings_of_the_same(fields):
    assert SalesList.from_wire([ROW | fields]).sales == (READ,)


def test_more_came_back_than_was_bought():
    assert SalesList.from_wire([ROW | {"sum": "-50", "revenue": "-45"}]).sales[0].total == Decimal("-0.5")


@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": None},
        {"sum": "10.50"},
        {"revenue": "1e3"},
        {"clients": "-1"},
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_not_guessed(fields):
    found = SalesList.from_wire([ROW | fields, "row", {**ROW, "client_id": "5"}])
    assert [sales.id for sales in found.sales] == [5]
    assert len(found.unreadable) == 2


@pytest.mark.parametrize("nobody", ["0", 0], ids=["text", "number"])
def test_sales_to_nobody_are_left_out(nobody):
    assert SalesList.from_wire([ROW | {"client_id": nobody}]) == SalesList()


def test_a_period_is_asked_for_with_both_of_its_days(poster, sandbox):
    assert len(poster.get_clients_sales(date(2026, 1, 31), date(2026, 2, 1)).sales) > 50
    (call,) = sandbox.calls("dash.getClientsSales")
    assert (call.query["dateFrom"], call.query["dateTo"]) == ("20260131", "20260201")


def test_a_call_that_nobody_waits_for_is_more_patient(connect, sandbox):
    sandbox.latency = 0.5
    hasty = connect(timeouts=Timeouts(read=0.2, read_deadline=0.4))
    assert hasty.get_clients_sales(date(2026, 1, 31), date(2026, 2, 1), within=10).sales
    assert len(sandbox.log) == 1


# --- A long list is read row by row ------------------------------------------------------------------------

METHOD = "dash.getClientsSales"
LIST = json.dumps([ROW, ROW | {"client_id": "5"}, ROW | {"client_id": "0", "lastname": ""}]).encode()


def both(body):
    """Return what is read row by row, and what the whole answer means."""
    whole = parse_response(Answer(200, body), METHOD)
    found = interpret_sales(Answer(200, body), METHOD)
    return found, SalesList.from_wire(whole) if isinstance(whole, list) else whole


@pytest.mark.parametrize(
    "body", [b'{"response":%b}', b'\xef\xbb\xbf{"response":%b}', b'{"error":0,"response":%b}']
)
def test_row_by_row_it_is_the_same_list(body):
    found, whole = both(body % LIST)
    assert found == whole
    assert (len(found.sales), found.size) == (2, 3)


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":[],"response":%b}' % LIST,
        b'{"response":%b,"error":{"code":54}}' % LIST,
        b'{"response":%b' % LIST,
        b'{"response":[{"client_id":"4","client_id":"5"}]}',
        b'{"response":[{"client_id":"\xff"}]}',
        b'{"response":[NaN]}',
        b'{"response":%b%b}' % (b"[" * 100_000, b"]" * 100_000),
        b"",
    ],
    ids=["twice", "error", "cut", "key twice", "no UTF-8", "NaN", "nested", "empty"],
)
def test_row_by_row_an_odd_answer_is_the_same_error(body):
    found, whole = both(body)
    assert (type(found), str(found)) == (type(whole), str(whole))
    assert not isinstance(found, SalesList)


def test_row_by_row_a_list_takes_half_the_memory():
    rows = [ROW | {"client_id": str(number), "lastname": "Петренко"} for number in range(1, 2_001)]
    answer = Answer(200, json.dumps({"response": rows}, ensure_ascii=False).encode())

    def memory(read):
        tracemalloc.start()
        read()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    together = memory(lambda: SalesList.from_wire(parse_response(answer, METHOD)))
    assert memory(lambda: interpret_sales(answer, METHOD)) < together / 2
