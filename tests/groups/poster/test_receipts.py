"""Test what is read of a receipt next to its sums: the waiter, and cash alone."""

import pytest

from groups.poster import ReceiptPage

ROW = {
    "transaction_id": "48211",
    "date_close": "1764230400000",
    "status": "2",
    "client_id": "5",
    "user_id": "4",
    "name": "Денис &amp; Ко",
    "payed_cash": "18500",
    "pay_type": "3",
}


def read(**fields):
    (receipt,) = ReceiptPage.from_wire([ROW | fields]).receipts
    assert not receipt.problem
    return receipt


@pytest.mark.parametrize("user_id", ["0", "", None, "?", "-1"])
def test_a_waiter_who_cannot_be_read_is_not_known(user_id):
    assert read(user_id=user_id).waiter_id == 0


def test_the_name_of_a_waiter_is_in_no_repr():
    receipt = read()
    assert (receipt.waiter_id, receipt.waiter_name) == (4, "Денис & Ко")
    assert "Денис" not in repr(receipt)


@pytest.mark.parametrize("part", ["payed_card", "payed_cert", "payed_bonus", "payed_third_party"])
def test_cash_alone_whatever_the_kind_of_payment_says(part):
    assert read().is_in_cash
    assert read(pay_type="2").is_in_cash
    assert not read(**{part: "1"}).is_in_cash
    assert not read(payed_cash="0", **{part: "1"}).is_in_cash
    assert not read(payed_cash="0").is_in_cash
