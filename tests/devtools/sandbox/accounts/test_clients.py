"""Clients of the sandbox: their fields and writes as documented, and the counts of their groups."""

import pytest

from tests.support.wire import Wire

NEW = {"client_groups_id_client": "4", "client_name": "Шевченко Олена Ігорівна", "phone": "+380 67 111-22-33"}


def clients(wire, **query):
    return wire.call("clients.getClients", **query)["response"]


def live(wire, **query):
    return [row for row in clients(wire, **query) if row["delete"] == "0"]


def counts(wire):
    groups = wire.call("clients.getGroups")["response"]
    return {int(row["client_groups_id"]): int(row["count_groups_clients"]) for row in groups}


def assert_counted(wire):
    """Assert that each group has as many clients as it says."""
    for group_id, count in counts(wire).items():
        assert len(live(wire, group_id=group_id)) == count


# --- Reading -----------------------------------------------------------------------------------------------


def test_the_documented_groups_come_first_with_their_counts(wire):
    assert counts(wire) == {1: 125, 4: 43, 5: 42}
    assert_counted(wire)
    ids = [int(row["client_id"]) for row in clients(wire)]
    assert ids == sorted(set(ids))


def test_a_row_has_all_fields_of_the_documentation_and_every_value_is_a_string(wire):
    row = clients(wire, num=1)[0]
    assert set(row) == {
        *("client_id", "firstname", "lastname", "patronymic", "discount_per", "bonus", "total_payed_sum"),
        *("date_activale", "phone", "phone_number", "email", "birthday", "card_number", "client_sex"),
        *("country", "city", "address", "comment", "client_groups_id", "client_groups_name"),
        *("client_groups_discount", "loyalty_type", "birthday_bonus", "delete", "ewallet"),
    }
    assert {type(value) for value in row.values()} == {str}


def test_without_num_everybody_comes_with_it_a_page(wire):
    everybody = clients(wire, group_id=1)
    assert len(everybody) == 128
    assert clients(wire, group_id=1, num=50, offset=100) == everybody[100:]
    assert clients(wire, group_id=1, offset=100) == everybody
    assert clients(wire, group_id=1, num=5, offset=500) == []
    assert clients(wire, group_id=77) == []


def test_deleted_clients_come_too(wire):
    rows = clients(wire, group_id=1)
    assert [row["delete"] for row in rows].count("1") == 3
    assert {row["delete"] for row in rows[:50]} == {"0", "1"}


@pytest.mark.parametrize("field", ["bonus", "total_payed_sum", "discount_per", "client_id"])
def test_numbers_sort_as_numbers(wire, field):
    for sort, backwards in (("asc", False), ("desc", True)):
        values = [int(row[field]) for row in clients(wire, order_by=field, sort=sort)]
        assert values == sorted(values, reverse=backwards)


def test_by_phone_by_birthday_and_ids_alone(wire):
    one = clients(wire, num=1, offset=7)[0]
    digits = one["phone_number"]
    assert clients(wire, phone=digits) == clients(wire, phone=f"+{digits}") == [one]
    assert clients(wire, phone=digits[:-1]) == clients(wire, phone=one["phone"]) == []
    born = next(row for row in clients(wire) if row["birthday"] != "0000-00-00")
    found = clients(wire, birthday=born["birthday"][5:].replace("-", ""))
    assert born in found
    assert {row["birthday"][4:] for row in found} == {born["birthday"][4:]}
    assert clients(wire, num=2, client_id_only=1) == [{"client_id": "1"}, {"client_id": "2"}]


def test_one_client_is_an_array_of_one(wire):
    assert wire.call("clients.getClient", client_id=1)["response"] == clients(wire, num=1)
    assert wire.body("clients.getClient", client_id=9999) == b'{"response":[]}'
    assert wire.code("clients.getClient") == 34


@pytest.mark.parametrize("query", [{"num": "many"}, {"order_by": "x"}, {"sort": "up"}, {"group_id": "-1"}])
def test_a_question_that_makes_no_sense(wire, query):
    assert wire.code("clients.getClients", **query) == 42


# --- Writing -----------------------------------------------------------------------------------------------


def test_a_move_changes_the_group_and_both_counts(wire):
    before = clients(wire, num=1)[0]
    assert wire.call("clients.updateClient", {"client_id": "1", "client_groups_id_client": "5"}) == {
        "response": 1
    }
    after = wire.call("clients.getClient", client_id=1)["response"][0]
    assert {name for name in after if after[name] != before[name]} == {
        *("client_groups_id", "client_groups_name", "client_groups_discount"),
        *("loyalty_type", "birthday_bonus"),
    }
    assert counts(wire) == {1: 124, 4: 43, 5: 43}
    assert_counted(wire)


def test_an_update_changes_what_was_sent(wire):
    before = clients(wire, num=1)[0]
    sent = {"bonus": "12.50", "discount_per": "7.50", "city": "", "comment": "<b>", "birthday": "1990-05-24"}
    wire.call("clients.updateClient", {"client_id": "1", **sent})
    after = clients(wire, num=1)[0]
    assert after == before | {
        "bonus": "1250",
        "discount_per": "7.5",
        "city": "0",
        "comment": "&lt;b&gt;",
        "birthday": "1990-05-24",
    }


@pytest.mark.parametrize("account", ["demo", "kopecks"])
def test_money_is_written_in_the_units_of_the_documentation_s_example(sandbox, account):
    wire = Wire(sandbox, account)
    wire.call("clients.updateClient", {"client_id": "1", "bonus": "10", "total_payed_sum": "417000"})
    row = wire.call("clients.getClient", client_id=1)["response"][0]
    assert row["total_payed_sum"] == "417000"
    # Only the account `kopecks` takes a written bonus for kopecks.
    assert row["bonus"] == ("1000" if account == "demo" else "10")


def test_a_new_client(wire):
    client_id = wire.call("clients.createClient", NEW)["response"]
    row = wire.call("clients.getClient", client_id=client_id)["response"][0]
    assert [row[name] for name in ("lastname", "firstname", "patronymic")] == [
        "Шевченко",
        "Олена",
        "Ігорівна",
    ]
    assert (row["phone"], row["phone_number"]) == ("+380 67 111 22 33", "380671112233")
    assert (row["birthday"], row["bonus"], row["client_groups_id"]) == ("0000-00-00", "0", "4")
    assert counts(wire)[4] == 44
    assert_counted(wire)
    assert wire.call("clients.createClient", NEW | {"phone": ""})["response"] == client_id + 1


@pytest.mark.parametrize(
    ("method", "form", "code"),
    [
        ("clients.createClient", {"client_name": "x"}, 34),
        ("clients.createClient", {"client_groups_id_client": "77"}, 32),
        ("clients.updateClient", {"client_groups_id_client": "4"}, 34),
        ("clients.updateClient", {"client_id": "9999"}, 32),
        ("clients.updateClient", {"client_id": "41"}, 32),
        ("clients.updateClient", {"client_id": "1", "client_groups_id_client": "77"}, 32),
        ("clients.updateClient", {"client_id": "1", "client_groups_id_client": ""}, 34),
        ("clients.updateClient", {"client_id": "1", "client_sex": "3"}, 42),
        ("clients.updateClient", {"client_id": "1", "discount_per": "101"}, 42),
        ("clients.updateClient", {"client_id": "1", "birthday": "1990-02-30"}, 42),
        ("clients.updateClient", {"client_id": "1", "bonus": "1,5"}, 42),
        ("clients.updateClient", {"client_id": "1", "phone": "what"}, 42),
    ],
)
def test_a_refused_write_changes_nothing(wire, method, form, code):
    before = clients(wire)
    assert wire.code(method, form) == code
    assert clients(wire) == before


def test_a_phone_number_is_of_one_client(wire):
    first, second = clients(wire, num=2)
    taken = {"phone": second["phone"]}
    assert wire.code("clients.updateClient", {"client_id": first["client_id"], **taken}) == 34
    assert wire.code("clients.createClient", NEW | taken) == 34
    assert "response" in wire.call("clients.updateClient", {"client_id": second["client_id"], **taken})
    wire.call("clients.updateClient", {"client_id": second["client_id"], "phone": ""})
    assert "response" in wire.call("clients.createClient", NEW | taken)


def test_a_text_with_an_emoji_arrives_as_nothing(wire):
    wire.call("clients.updateClient", {"client_id": "1", "comment": "🥐", "city": "🥐"})
    row = clients(wire, num=1)[0]
    assert (row["comment"], row["city"]) == ("", "0")


@pytest.mark.parametrize("account", ["demo", "kavarnia"])
def test_a_removed_group_takes_its_clients_along_but_not_those_who_left(sandbox, account):
    wire = Wire(sandbox, account)
    group_id, other = list(sandbox.accounts[account].groups)[:2]
    gone = clients(wire, group_id=group_id)
    left, came = gone[0]["client_id"], clients(wire, group_id=other)[0]["client_id"]
    wire.call("clients.updateClient", {"client_id": left, "client_groups_id_client": str(other)})
    wire.call("clients.updateClient", {"client_id": came, "client_groups_id_client": str(group_id)})
    kept = counts(wire)[other]
    wire.call("clients.removeGroup", {"group_id": str(group_id)})
    assert live(wire, group_id=group_id) == []
    assert bool(clients(wire, group_id=group_id)) is (account == "kavarnia")
    assert left in [row["client_id"] for row in live(wire, group_id=other)]
    assert counts(wire)[other] == kept
    assert wire.code("clients.updateClient", {"client_id": came, "client_groups_id_client": str(other)}) == 32
    assert_counted(wire)


def test_what_may_only_read_may_not_write(sandbox):
    wire = Wire(sandbox, "readonly")
    assert len(clients(wire, num=3)) == 3
    assert (
        wire.code("clients.createClient", NEW) == wire.code("clients.updateClient", {"client_id": "1"}) == 20
    )


def test_promotions_name_groups(wire, sandbox):
    everybody, some = wire.call("clients.getPromotions")["response"]
    assert (everybody["params"]["clients_type"], some["params"]["clients_groups"]) == ("1", ["1", "4"])
    (_, some) = Wire(sandbox, "kavarnia").call("clients.getPromotions")["response"]
    assert some["params"] == {"clients_type": "4", "clients_groups": ["2", "7"]}


DOCUMENTED_RULE = b'{"rule_id":4,"loyalty_type":1,"value":1000,"group_id":5}'


def test_rules_begin_with_the_sample_of_the_documentation_byte_for_byte(wire):
    assert wire.body("clients.getLoyaltyRules").startswith(b'{"response":[' + DOCUMENTED_RULE + b",")
    assert wire.body("clients.getLoyaltyRules", loyalty_type=1) == b'{"response":[' + DOCUMENTED_RULE + b"]}"
    assert wire.code("clients.getLoyaltyRules", loyalty_type=3) == 42
    assert wire.code("clients.getLoyaltyRules", verb="POST") == 30
