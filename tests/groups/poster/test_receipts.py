"""Test what is read of a receipt beside its sums: the waiter, cash alone, and when its client was set."""

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


def event(kind, time, value="0"):
    return {"type_history": kind, "time": str(time), "value": value, "value2": "0"}


SET = event("setclient", 20, "5")
HISTORIES = [
    ([event("print", 10), SET, event("close", 30)], (True, True)),
    ([event("close", 30), SET, event("print", 10)], (True, True)),
    ([event("print", 10), event("print", 25), SET, event("close", 30)], (True, True)),
    ([event("close", 5), event("print", 10), SET, event("close", 30)], (True, True)),
    ([event("print", 20), SET, event("close", 30)], (True, False)),
    ([event("print", 10), SET, event("close", 20)], (True, False)),
    ([event("print", 10), event("setclient", 20, "0"), event("close", 30)], (True, False)),
    ([SET, event("close", 30), event("print", 32)], (False, False)),
    ([event("print", 30), SET, event("close", 30)], (False, False)),
    ([event("print", 10), SET], (False, False)),
    ([SET, event("close", 30)], (False, False)),
    ([{"type_history": ["print"]}, {"type_history": "print", "time": "?"}, "close", None], (False, False)),
    ([event("print", 10), event("setclient", 20, "x"), {"time": "5"}, event("close", 30)], (True, False)),
    ({"0": SET}, (False, False)),
    ("late", (False, False)),
    (None, (False, False)),
]


def read(**fields):
    (receipt,) = ReceiptPage.from_wire([ROW | fields]).receipts
    assert not receipt.problem
    return receipt


@pytest.mark.parametrize(("history", "expected"), HISTORIES, ids=str)
def test_a_client_is_late_between_the_first_bill_and_the_last_closing(history, expected):
    receipt = read(history=history)
    assert (receipt.was_printed, receipt.is_late) == expected
    of_nobody = read(history=history, client_id="0")
    assert (of_nobody.was_printed, of_nobody.is_late) == (False, False)


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
