"""Test the records of sales: units, the documented typo, numbers as strings or not, unreadable rows."""

from datetime import date
from decimal import Decimal

import pytest

from groups.poster import ClientSales, SalesList

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
