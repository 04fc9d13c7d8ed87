"""Answers without faults; tests/seed/test_document.py has the API documentation and all forms of a body."""

import json

import pytest

from tests.support.wire import GROUP, Wire


def test_the_documented_name_is_the_one_of_group_1_and_is_taken_all_the_same(wire):
    form = {**GROUP, "client_groups_name": "Постоянный посетитель"}
    assert wire.call("clients.createGroup", form) == {"response": 6}
    assert wire.call("clients.updateGroup", {"client_groups_id": "4", **form}) == {"response": 4}
    assert len({row["client_groups_name"] for row in wire.call("clients.getGroups")["response"]}) == 2


def test_a_new_group_is_read_back_in_strings_and_kopecks(wire, sandbox):
    group_id = wire.call("clients.createGroup", GROUP)["response"]
    expected = {
        "client_groups_id": "6",
        "client_groups_name": "Студенти",
        "loyalty_type": "1",
        "client_groups_discount": "10",
        "birthday_bonus": "5000",
        "count_groups_clients": "0",
    }
    answered = wire.call("clients.getGroup", group_id=group_id)["response"]
    assert list(answered.items()) == list(expected.items())
    assert sandbox.accounts["demo"].groups[6] == expected


@pytest.mark.parametrize(
    ("hryvnia", "kopecks"),
    [("50.00", "5000"), ("12.5", "1250"), ("0.29", "29"), ("1.15", "115"), ("0", "0"), ("5000", "500000")],
)
def test_money_is_exact(wire, hryvnia, kopecks):
    wire.call("clients.updateGroup", {"client_groups_id": "1", **GROUP, "birthday_bonus": hryvnia})
    assert wire.call("clients.getGroup", group_id=1)["response"]["birthday_bonus"] == kopecks


def test_the_account_that_takes_the_bonus_in_kopecks(sandbox):
    wire = Wire(sandbox, "kopecks")
    wire.call("clients.updateGroup", {"client_groups_id": "1", **GROUP})
    assert wire.call("clients.getGroup", group_id=1)["response"]["birthday_bonus"] == "50"


@pytest.mark.parametrize(("sent", "kept"), [("10", "10"), ("10.00", "10"), ("12.50", "12.5"), ("100", "100")])
def test_a_percent_loses_its_zeros(wire, sent, kept):
    wire.call("clients.updateGroup", {"client_groups_id": "1", **GROUP, "client_groups_discount": sent})
    assert wire.call("clients.getGroup", group_id=1)["response"]["client_groups_discount"] == kept


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        ("Кав'ярні", "Кав&#39;ярні"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ('"VIP"', "&quot;VIP&quot;"),
        ("Кав&#39;ярні", "Кав&amp;#39;ярні"),
    ],
)
def test_names_come_back_with_entities(wire, name, answered):
    wire.call("clients.updateGroup", {"client_groups_id": "4", **GROUP, "client_groups_name": name})
    assert wire.call("clients.getGroup", group_id=4)["response"]["client_groups_name"] == answered


def test_an_update_keeps_the_place_and_the_clients(wire, sandbox):
    wire.call("clients.updateGroup", {"client_groups_id": "1", **GROUP})
    assert [row["client_groups_id"] for row in wire.call("clients.getGroups")["response"]] == ["1", "4", "5"]
    assert sandbox.accounts["demo"].groups[1]["count_groups_clients"] == "125"


def test_ids_are_never_used_twice(wire):
    assert wire.call("clients.createGroup", GROUP) == {"response": 6}
    wire.call("clients.removeGroup", {"group_id": "6"})
    assert wire.call("clients.createGroup", GROUP) == {"response": 7}


def test_a_group_that_is_not_there(wire):
    assert wire.body("clients.getGroup", group_id=2) == b'{"response":false}'
    assert wire.code("clients.updateGroup", {"client_groups_id": "2", **GROUP}) == 32
    assert wire.code("clients.removeGroup", {"group_id": "2"}) == 32


def test_the_two_names_of_an_id_are_not_mixed_up(wire):
    assert wire.code("clients.getGroup", client_groups_id=1) == 34
    assert wire.code("clients.updateGroup", {"group_id": "1", **GROUP}) == 34
    assert wire.code("clients.removeGroup", {"client_groups_id": "1"}) == 34


@pytest.mark.parametrize("field", GROUP)
def test_a_missing_value(wire, sandbox, field):
    form = {name: value for name, value in GROUP.items() if name != field}
    answer = wire.call("clients.createGroup", form)["error"]
    assert (answer["code"], field in answer["message"]) == (34, True)
    assert wire.code("clients.createGroup", GROUP | {field: ""}) == 34
    assert wire.code("clients.updateGroup", {"client_groups_id": "1", **form}) == 34
    assert len(sandbox.accounts["demo"].groups) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("loyalty_type", "3"),
        ("client_groups_discount", "101"),
        ("client_groups_discount", "-1"),
        ("client_groups_discount", "1e1"),
        ("client_groups_discount", "12,5"),
        ("birthday_bonus", "-1"),
        ("birthday_bonus", "0.001"),
        ("birthday_bonus", "many"),
        ("client_groups_name", "x" * 256),
    ],
)
def test_a_wrong_value(wire, field, value):
    assert wire.code("clients.createGroup", GROUP | {field: value}) == 42


@pytest.mark.parametrize("name", ["студенти", " СТУДЕНТИ "])
def test_a_name_that_is_taken_where_names_are_unique(sandbox, wire, name):
    sandbox.unique_names = True
    wire.call("clients.createGroup", GROUP)
    assert wire.code("clients.createGroup", GROUP | {"client_groups_name": name}) == 38
    assert (
        wire.code("clients.updateGroup", {"client_groups_id": "1", **GROUP, "client_groups_name": name}) == 38
    )


def test_a_name_with_an_emoji_is_dropped(wire):
    assert wire.code("clients.createGroup", GROUP | {"client_groups_name": "Кава ☕ 🥐"}) == 34
    assert wire.call("clients.createGroup", GROUP | {"client_groups_name": "Кава ☕"}) == {"response": 6}


def test_the_token_counts_in_the_query_only(wire):
    assert wire.code("clients.createGroup", {"token": wire.token, **GROUP}, token=None) == 10
    assert wire.code("clients.getGroups", token="") == 10
    assert wire.code("clients.getGroups", token="wrong") == 11


def test_a_token_is_of_one_account(sandbox, wire):
    assert wire.code("clients.getGroups", path="/kavarnia/api/") == 11
    assert wire.code("clients.getGroups", path="/nobody/api/") == 11


@pytest.mark.parametrize("account", ["demo", "kavarnia"])
def test_both_forms_of_a_token(sandbox, account):
    wire = Wire(sandbox, account)
    digits = wire.token.rpartition(":")[2]
    number = sandbox.accounts[account].number
    assert len(digits) == 32
    for token in (digits, f"{number}:{digits}"):
        assert "response" in wire.call("clients.getGroups", token=token)
        assert "response" in wire.call("clients.getGroups", token=token, path="/api/")
    assert wire.code("clients.getGroups", token=f"{number + 1}:{digits}") == 11


def test_the_bare_path_knows_the_account_by_its_token(sandbox):
    for name in ("demo", "kavarnia"):
        settings = Wire(sandbox, name).call("settings.getAllSettings", path="/api/")["response"]
        assert settings["company_name"] == sandbox.accounts[name].company
    assert Wire(sandbox).code("clients.getGroups", path="/api/", token=None) == 10
    assert Wire(sandbox).code("clients.getGroups", path="/api/", token="0" * 32) == 11
    assert [call.account for call in sandbox.log][:2] == ["demo", "kavarnia"]


@pytest.mark.parametrize(("account", "code"), [("archived", 503), ("basic", 700), ("expired", 12)])
def test_accounts_that_are_refused(sandbox, account, code):
    wire = Wire(sandbox, account)
    assert wire.code("clients.getGroups") == code
    assert wire.code("settings.getAllSettings") == code
    assert wire.code("clients.createGroup", GROUP) == code


def test_a_token_without_the_right_to_write(sandbox):
    wire = Wire(sandbox, "readonly")
    assert len(wire.call("clients.getGroups")["response"]) == 3
    assert wire.code("clients.createGroup", GROUP) == 20
    assert wire.code("clients.updateGroup", {"client_groups_id": "1", **GROUP}) == 20
    assert wire.code("clients.removeGroup", {"group_id": "1"}) == 20


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("clients.getgroups", "GET"),
        ("Clients.getGroups", "GET"),
        ("clients.nothing", "GET"),
        ("clients.getGroups", "POST"),
        ("clients.removeGroup", "GET"),
        ("clients.getGroups", "PUT"),
    ],
)
def test_a_method_that_is_none(wire, method, verb):
    raw = wire.raw(method, verb=verb)
    assert raw.startswith(b"HTTP/1.1 405 ")
    assert json.loads(raw.partition(b"\r\n\r\n")[2])["error"]["code"] == 30


def test_another_path(wire):
    assert wire.raw("", path="/").startswith(b"HTTP/1.1 404 ")
    assert wire.sandbox.calls() == []


def test_xml_is_refused_in_json(wire):
    error = wire.call("clients.getGroups", format="xml")["error"]
    assert error["code"] == 42
    assert "xml" in error["message"]
    assert wire.body("clients.getGroups", format=None) == wire.body("clients.getGroups")


def test_settings_have_ints_and_a_symbol_that_may_be_html(sandbox):
    settings = Wire(sandbox).call("settings.getAllSettings")["response"]
    assert type(settings["COMPANY_ID"]) is int
    assert settings["currency"]["currency_symbol"] == "₴"
    other = Wire(sandbox, "kavarnia").call("settings.getAllSettings")["response"]
    assert other["currency"]["currency_symbol"].startswith("<i ")
    assert other["currency"]["currency_code_iso"] == "UAH"


def test_the_account_that_keeps_removed_groups(sandbox):
    wire = Wire(sandbox, "kavarnia")
    rows = {row["client_groups_id"]: row for row in wire.call("clients.getGroups")["response"]}
    assert [row["delete"] for row in rows.values()].count("1") == 1
    assert any("&#39;" in row["client_groups_name"] for row in rows.values())
    assert wire.call("clients.removeGroup", {"group_id": "2"}) == {"response": True}
    removed = wire.call("clients.getGroup", group_id=2)["response"]
    assert (removed["delete"], removed["count_groups_clients"]) == ("1", "0")
    assert wire.code("clients.removeGroup", {"group_id": "2"}) == 32
    assert wire.code("clients.updateGroup", {"client_groups_id": "2", **GROUP}) == 32


def test_an_ewallet_switch_that_is_not_sent_is_off(sandbox):
    wire = Wire(sandbox, "kavarnia")
    form = {"client_groups_id": "2", **GROUP}
    wire.call("clients.updateGroup", form | {"use_ewallet": "1"})
    assert sandbox.accounts["kavarnia"].groups[2]["use_ewallet"] == "1"
    wire.call("clients.updateGroup", form)
    assert sandbox.accounts["kavarnia"].groups[2]["use_ewallet"] == "0"
    assert wire.code("clients.updateGroup", form | {"use_ewallet": "yes"}) == 42


def test_a_client_that_asks_before_it_sends_a_long_body_gets_100_continue(wire):
    request = wire.request("clients.createGroup", GROUP)
    head, _, body = request.partition(b"\r\n\r\n")
    with wire.open() as opened:
        opened.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert opened.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(body)
        assert opened.recv(1000).endswith(b'{"response":6}')
