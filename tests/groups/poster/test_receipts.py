"""Test the records of receipts: what each counts for, which are no sales, and a list that may be cut."""

from datetime import date
from decimal import Decimal

import pytest

from groups.poster import InvalidResponse, NotAllowed, Receipt, ReceiptList

ROW = {
    "transaction_id": "384960",
    "date_close": "1504641603008",
    "status": "2",
    "pay_type": "3",
    "payed_bonus": "0",
    "payed_card": "100000",
    "payed_cash": "99140",
    "payed_sum": "199140",
    "payed_cert": "0",
    "tip_sum": "0",
    "sum": "210600",
    "client_id": "4",
    "client_lastname": "Vladimir",
}
READ = Receipt(384960, 4, Decimal("2106.00"), Decimal("1991.40"))
JANUARY = (date(2026, 1, 1), date(2026, 1, 30))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"transaction_id": 384960, "payed_sum": 199140, "sum": 210600.0, "client_id": 4, "status": 2},
        {"payed_bonus": None, "payed_cert": "", "tip_sum": 0, "pay_type": None},
    ],
)
def test_kopecks_become_hryvnia(fields):
    found = ReceiptList.from_wire([ROW | fields])
    assert (found.receipts, found.is_whole) == ((READ,), True)


@pytest.mark.parametrize(
    "fields",
    [
        {"payed_bonus": "1"},
        {"payed_cert": "500"},
        {"payed_third_party": "500"},
        {"tip_sum": "500"},
        {"pay_type": "0", "payed_sum": "0"},
        {"payed_sum": "210601"},
    ],
)
def test_what_was_not_paid_with_money_alone_counts_for_an_unknown_sum(fields):
    (receipt,) = ReceiptList.from_wire([ROW | fields]).receipts
    assert receipt.revenue is None


@pytest.mark.parametrize("status", ["0", "1", 3, "4"])
def test_a_receipt_that_is_not_closed_is_no_sale(status):
    found = ReceiptList.from_wire([ROW | {"status": status}])
    assert (found.receipts, found.is_whole) == ((), True)


@pytest.mark.parametrize(
    "row",
    [
        "row",
        ROW | {"payed_sum": None},
        ROW | {"sum": "10.5"},
        ROW | {"client_id": "x"},
        ROW | {"payed_bonus": "?"},
        ROW | {"transaction_id": ""},
    ],
)
def test_a_row_that_cannot_be_read_is_counted_and_the_list_is_not_whole(row):
    found = ReceiptList.from_wire([row, ROW])
    assert (found.receipts, len(found.unreadable), found.is_whole) == ((READ,), 1, False)


def test_a_receipt_that_is_there_twice_and_a_full_page_prove_nothing():
    assert not ReceiptList.from_wire([ROW, ROW]).is_whole
    rows = [ROW | {"transaction_id": number} for number in range(100)]
    assert ReceiptList.from_wire(rows[:99]).is_whole
    assert not ReceiptList.from_wire(rows).is_whole


def test_the_receipts_of_one_client_add_up_to_their_sales(poster, sandbox):
    sold = {each.id: each for each in poster.get_clients_sales(*JANUARY).sales}
    for client_id in list(sold)[:5]:
        receipts = poster.get_receipts(client_id, *JANUARY).receipts
        assert len(receipts) == sold[client_id].receipts
        assert sum(receipt.revenue for receipt in receipts) == sold[client_id].revenue
    query = sandbox.calls("dash.getTransactions")[-1].query
    assert {name: query[name] for name in ("type", "status", "dateFrom", "dateTo")} == {
        "type": "clients", "status": "2", "dateFrom": "20260101", "dateTo": "20260130",
    }  # fmt: skip


def test_an_answer_about_somebody_else_is_no_answer(poster, sandbox, monkeypatch):
    assert poster.get_receipts(175, *JANUARY).receipts
    account = sandbox.accounts["demo"]
    theirs = account.receipts({"type": "clients", "id": "175"})
    monkeypatch.setattr(account, "receipts", lambda _query: theirs)
    with pytest.raises(InvalidResponse):
        poster.get_receipts(176, *JANUARY)


def test_a_token_without_the_right_to_statistics(connect):
    with pytest.raises(NotAllowed):
        connect("readonly").get_receipts(1, *JANUARY)


def test_the_repr_has_no_sums_of_a_client():
    assert "1991" not in repr(ReceiptList.from_wire([ROW]))
