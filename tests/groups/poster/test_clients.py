"""Test clients and promotions: parsing, and the requests sent to Poster."""

import traceback
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from groups.poster import (
    Client,
    ClientList,
    ClientValues,
    InvalidResponse,
    InvalidValue,
    LoyaltyRule,
    NotFound,
    Promotion,
    PromotionList,
    UnreadableRow,
    is_removed,
)
from tests.support.listener import listening

QUERY = {"format": "json", "token": "[token]"}
ROW = {
    "client_id": "7",
    "firstname": "Мар&#39;яна",
    "lastname": "Коваленко",
    "patronymic": "0",
    "discount_per": "15",
    "bonus": "-250",
    "total_payed_sum": "1234567",
    "phone": "+380 67 123 45 67",
    "email": "",
    "birthday": "1990-05-24",
    "card_number": "0",
    "client_sex": "2",
    "city": "0",
    "comment": None,
    "client_groups_id": "1",
    "client_groups_discount": "10",
    "loyalty_type": "1",
    "delete": "0",
    "something_new": {"of": "Poster's"},
}


# --- The wire ----------------------------------------------------------------------------------------------


def test_a_client_is_read():
    client = Client.from_wire(ROW)
    assert client == Client(
        id=7,
        group_id=1,
        group_percent=Decimal(10),
        loyalty_type=1,
        firstname="Мар'яна",
        lastname="Коваленко",
        sex=2,
        phone="+380 67 123 45 67",
        birthday=date(1990, 5, 24),
        own_percent=Decimal(15),
        bonus=Decimal("-2.50"),
        total_paid=Decimal("12345.67"),
    )
    assert client.name == "Коваленко Мар'яна"


def test_a_client_is_kept_as_poster_gave_it():
    assert Client.from_wire(ROW).raw == ROW
    with pytest.raises(TypeError):
        Client.from_wire(ROW).raw["bonus"] = "0"


@pytest.mark.parametrize(
    ("own", "group", "counts", "is_own"),
    [
        ("15", "10", "15", True),
        ("10", "10", "10", False),
        ("0", "7.5", "7.5", False),
        (None, "5", "5", False),
    ],
)
def test_the_larger_percent_counts(own, group, counts, is_own):
    client = Client.from_wire(ROW | {"discount_per": own, "client_groups_discount": group})
    assert (client.effective_percent, client.has_own_percent) == (Decimal(counts), is_own)


@pytest.mark.parametrize(
    ("birthday", "born_on"),
    [
        ("1990-05-24", (5, 24)),
        ("0000-05-24", (5, 24)),
        ("0000-02-29", (2, 29)),
        *((none, None) for none in ("0000-00-00", "", 0)),
        *((odd, UnreadableRow) for odd in (None, "1990-02-30", "soon", "1990-05", True)),
    ],
)
def test_a_birthday_needs_no_year_and_an_odd_one_differs_from_none(birthday, born_on):
    client = Client.from_wire(ROW | {"birthday": birthday})
    if born_on is UnreadableRow:
        with pytest.raises(UnreadableRow):
            _ = client.born_on
    else:
        assert client.born_on == born_on


@pytest.mark.parametrize(
    ("written", "registered_on"),
    [
        ("2019-05-17 23:59:59", date(2019, 5, 17)),
        ("2019-05-17", date(2019, 5, 17)),
        *((none, None) for none in ("0000-00-00 00:00:00", "0000-00-00", "", "0")),
        *((odd, UnreadableRow) for odd in (None, "yesterday", "2019-13-01 00:00:00", 17)),
    ],
)
def test_the_day_of_registration_is_that_of_the_first_visit(written, registered_on):
    client = Client.from_wire(ROW | {"date_activale": written})
    if registered_on is UnreadableRow:
        with pytest.raises(UnreadableRow):
            _ = client.registered_on
    else:
        assert client.registered_on == registered_on


@pytest.mark.parametrize(
    ("told", "removed"), [("0", False), ("0.0", False), ("1", True), (2, True), (None, False)]
)
def test_a_removed_client_is_one_too(told, removed):
    row = ROW | {"delete": told}
    assert Client.from_wire(row).removed is is_removed(row) is removed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "0"),
        ("client_groups_id", None),
        ("discount_per", "101"),
        ("bonus", "50.5"),
        ("total_payed_sum", "many"),
        ("lastname", "\ud83d"),
        ("phone", ["1"]),
        ("delete", "yes"),
    ],
)
def test_an_unreadable_client_says_which_field_and_no_value(field, value):
    (row,) = ClientList.from_wire([ROW | {field: value}]).unreadable
    assert field in str(row)
    assert "Коваленко" not in "".join(traceback.format_exception(row))
    assert row.id == (None if field == "client_id" else 7)


def test_no_record_shows_a_person():
    values = ClientValues(name="Коваленко", phone="380671234567")
    assert repr(Client.from_wire(ROW)) == "<Client 7>"
    assert "Коваленко" not in repr((values, ClientList.from_wire([ROW])))


def test_what_is_written_has_poster_s_names_and_units():
    values = ClientValues(
        group_id=4,
        name="Коваленко Мар'яна",
        sex=2,
        own_percent=Decimal("7.50"),
        birthday=date(1990, 5, 24),
        city="",
        bonus=Decimal("2.5"),
        total_paid=Decimal(100),
    )
    assert values.to_wire() == {
        "client_groups_id_client": "4",
        "client_name": "Коваленко Мар'яна",
        "client_sex": "2",
        "discount_per": "7.5",
        "birthday": "1990-05-24",
        "city": "",
        "bonus": "2.50",
        "total_payed_sum": "10000",
    }


@pytest.mark.parametrize(
    ("params", "group_ids"),
    [
        ({"clients_type": "4", "clients_groups": ["1", 4]}, {1, 4}),
        ({"clients_type": 4, "clients_groups": []}, set()),
        ({"clients_type": "1", "clients_groups": ["1"]}, set()),
        ({}, set()),
    ],
)
def test_a_promotion_names_its_groups(params, group_ids):
    row = {"promotion_id": "3", "name": "Кава &amp; круасан", "params": params}
    assert Promotion.from_wire(row) == Promotion(3, "Кава & круасан", frozenset(group_ids))


@pytest.mark.parametrize(
    "params", [None, "{}", {"clients_type": "4"}, {"clients_type": "4", "clients_groups": [{"id": 1}]}]
)
def test_a_promotion_with_unreadable_groups_is_not_dropped(params):
    (row,) = PromotionList.from_wire([{"promotion_id": "3", "name": "x", "params": params}]).unreadable
    assert row.id == 3


# --- The methods -------------------------------------------------------------------------------------------


def test_one_client_by_phone_or_id(poster):
    first = poster.get_clients(num=1).clients[0]
    assert poster.get_client(first.id) == first
    assert poster.get_clients(phone=first.raw["phone_number"]).clients == (first,)
    assert poster.get_clients(phone=first.raw["phone_number"], group_id=5).clients == ()


def test_a_client_that_is_not_there_or_no_more(sandbox, poster):
    with pytest.raises(NotFound):
        poster.get_client(99_999)
    with pytest.raises(NotFound):
        poster.get_client(41)
    assert [call.status for call in sandbox.log] == [200, 200]


def test_a_client_is_moved_by_its_group_alone(sandbox, poster):
    before = poster.get_client(1)
    assert poster.update_client(1, ClientValues(group_id=4)) == 1
    after = poster.get_client(1)
    (post,) = sandbox.posts()
    assert (post.query, post.form) == (QUERY, {"client_id": "1", "client_groups_id_client": "4"})
    changed = {name for name in before.raw if before.raw[name] != after.raw[name]}
    assert changed == {"client_groups_id", "client_groups_name", "loyalty_type", "birthday_bonus"}


def test_a_client_is_made(connect):
    values = ClientValues(group_id=4, name="Шевченко Олена", phone="+38 067 111-22-33", bonus=Decimal("12.5"))
    poster = connect()
    client = poster.get_client(poster.create_client(values))
    assert (client.name, client.phone, client.bonus) == (
        "Шевченко Олена",
        "+380 67 111 22 33",
        Decimal("12.5"),
    )
    with pytest.raises(InvalidValue):
        poster.create_client(values)
    # `bonus_in_kopecks` concerns only the birthday bonus of groups.
    kopecks = connect(bonus_in_kopecks=True)
    other = replace(values, phone="+38 067 111-22-34")
    assert kopecks.get_client(kopecks.create_client(other)).bonus == Decimal("12.5")


RULE = {"rule_id": 4, "loyalty_type": 1, "value": 1000, "group_id": 5}


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, LoyaltyRule(4, 5, Decimal(1000), 1)),
        ({"rule_id": "4", "value": "1000.00", "group_id": "5"}, LoyaltyRule(4, 5, Decimal(1000), 1)),
        ({"value": 999.5, "loyalty_type": None}, LoyaltyRule(4, 5, Decimal("999.5"))),
        ({"loyalty_type": "", "new_field": {}}, LoyaltyRule(4, 5, Decimal(1000))),
    ],
)
def test_a_rule_is_read(changes, read):
    assert LoyaltyRule.from_wire(RULE | changes) == read


@pytest.mark.parametrize(
    ("body", "ask"),
    [
        ('[{"client_id":1,"client_groups_id":5}]', lambda poster: poster.get_clients(group_id=1)),
        ('[{"client_id":1},{"client_id":2}]', lambda poster: poster.get_clients(num=1)),
        ('[{"client_id":2,"client_groups_id":1}]', lambda poster: poster.get_client(1)),
        ('[{"client_id":1},{"client_id":1}]', lambda poster: poster.get_client(1)),
        ('{"client_id":1}', lambda poster: poster.get_client(1)),
        ('{"1":{}}', lambda poster: poster.get_clients()),
        ("false", lambda poster: poster.get_clients()),
        ("{}", lambda poster: poster.get_promotions()),
        ('{"rule_id":4}', lambda poster: poster.get_loyalty_rules()),
    ],
)
def test_an_answer_to_another_question_is_none(connect, body, ask):
    content = f'{{"response":{body}}}'.encode()
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)) as server:
        with pytest.raises(InvalidResponse) as caught:
            ask(connect(url=server.url))
        assert caught.value.reason == "shape"
