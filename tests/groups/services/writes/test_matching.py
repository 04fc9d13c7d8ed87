"""Test how clients are matched with those that a change has created: normalized fields, and their HMACs."""

import uuid
from decimal import Decimal

import pytest

from groups.poster import ClientValues
from groups.services.writes.outcome import field_hmacs, is_alike, normalized, other_fields
from tests.support.commands import OPERATION, a_client

PLACE = {"country": "Україна", "city": "Львів", "address": "вул. Зелена, 1", "comment": "Гість"}
PERSON = a_client(email="guest@example.com", card_number="42", **PLACE)
# Each field that a creation can send, and another value of it.
OTHERS = {
    "name": {"lastname": "Петренко"},
    "sex": {"client_sex": "1"},
    "card_number": {"card_number": "43"},
    "phone": {"phone": "+380 67 123 45 68"},
    "email": {"email": "another@example.com"},
    "birthday": {"birthday": "1990-05-25"},
    "country": {"country": "Польща"},
    "city": {"city": "Київ"},
    "address": {"address": "вул. Зелена, 2"},
    "comment": {"comment": "Гостя"},
    "own_percent": {"discount_per": "16"},
    "bonus": {"bonus": "2501"},
    "total_paid": {"total_payed_sum": "1234568"},
}
IDENTIFYING = {"name", "sex", "card_number", "phone", "email", "birthday"}


def expected(client=PERSON, operation=OPERATION):
    return field_hmacs(normalized(client), operation)


def changed(**fields):
    return a_client(**({"email": "guest@example.com", "card_number": "42", **PLACE} | fields))


def test_each_field_that_a_creation_can_send_is_compared():
    assert set(expected()) == set(OTHERS)
    assert other_fields(expected(), PERSON, OPERATION) == []


@pytest.mark.parametrize("name", OTHERS)
def test_a_field_with_another_value_is_named(name):
    other = changed(**OTHERS[name])
    assert other_fields(expected(), other, OPERATION) == [name]
    assert is_alike(expected(), other, OPERATION) is (name not in IDENTIFYING)


def test_fields_are_named_in_order_and_only_those_that_were_sent():
    other = changed(**OTHERS["phone"], **OTHERS["bonus"], **OTHERS["city"])
    assert other_fields(expected(), other, OPERATION) == ["bonus", "city", "phone"]
    sent = {name: mark for name, mark in expected().items() if name != "city"}
    assert other_fields(sent, other, OPERATION) == ["bonus", "phone"]


def test_a_field_that_poster_does_not_have_is_another_one():
    unread = type(PERSON)(id=7, group_id=1, lastname="Коваленко", firstname="Мар'яна")
    assert "bonus" in other_fields(expected(), unread, OPERATION)
    assert "bonus" not in normalized(unread)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"phone": "380671234567"}, {"phone": "+380 (67) 123-45-67"}),
        ({"name": "Коваленко  Мар'яна "}, {}),
        ({"city": "Киі\u0308в"}, {"city": "Київ"}),
        ({"bonus": Decimal("25.00")}, {"bonus": "2500"}),
    ],
    ids=["phone", "spaces", "composed letters", "zeros"],
)
def test_the_same_value_in_another_spelling_is_the_same(sent, stored):
    values = field_hmacs(normalized(ClientValues(**sent)), OPERATION)
    assert other_fields(values, changed(**stored), OPERATION) == []


def test_only_digits_of_a_phone_and_all_of_another_text_count():
    values = normalized(changed(phone="+380 67", address="буд. 1, кв. 2"))
    assert (values["phone"], values["address"]) == ("38067", "буд. 1, кв. 2")
    assert (values["birthday"], values["own_percent"]) == ("1990-05-24", "15")


def test_a_value_has_another_hmac_in_another_row_and_another_installation(settings):
    here = expected()
    assert here.keys() == expected(operation=uuid.UUID(int=8)).keys()
    assert not set(here.values()) & set(expected(operation=uuid.UUID(int=8)).values())
    settings.SECRET_KEY = "of another installation"
    assert not set(here.values()) & set(expected().values())
