"""Test the five group methods on the wire: reads are sent twice at most, writes once."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from groups.poster import (
    CallReport,
    Group,
    GroupValues,
    InvalidResponse,
    LoyaltyType,
    NameTaken,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PosterError,
    Timeouts,
    TokenRejected,
    Unreachable,
)
from poster_admin.devtools.sandbox import Sandbox
from poster_admin.devtools.sandbox.http import network
from tests.support.leaks import assert_silent
from tests.support.listener import listening

ROOT = Path(__file__).resolve().parents[3]
VALUES = GroupValues(
    name="Студенти", loyalty_type=LoyaltyType.BONUS, percent=Decimal("12.5"), birthday_bonus=Decimal(50)
)
FORM = {
    "client_groups_name": "Студенти",
    "loyalty_type": "1",
    "client_groups_discount": "12.5",
    "birthday_bonus": "50.00",
}
QUERY = {"format": "json", "token": "[token]"}


# --- The five methods --------------------------------------------------------------------------------------


def test_all_groups_are_read_by_a_get(sandbox, poster):
    groups = poster.get_groups()
    assert [(group.id, group.percent, group.clients) for group in groups.groups] == [
        (1, Decimal(10), 125),
        (4, Decimal(10), 43),
        (5, Decimal(20), 42),
    ]
    assert groups.unreadable == ()
    (call,) = sandbox.log
    assert (call.verb, call.method, call.query, call.form) == ("GET", "clients.getGroups", QUERY, {})


def test_one_group_is_read_by_its_group_id(sandbox, poster):
    assert poster.get_group(1) == Group(
        id=1,
        name="Постоянный посетитель",
        loyalty_type=LoyaltyType.BONUS,
        percent=Decimal(10),
        birthday_bonus=Decimal(50),
        clients=125,
    )
    (call,) = sandbox.log
    assert (call.verb, call.method) == ("GET", "clients.getGroup")
    assert (call.query, call.form) == (QUERY | {"group_id": "1"}, {})


def test_a_group_is_made_by_a_post_with_its_four_values(sandbox, poster):
    assert poster.create_group(VALUES) == 6
    (call,) = sandbox.log
    assert (call.verb, call.method) == ("POST", "clients.createGroup")
    assert (call.query, call.form) == (QUERY, FORM)
    assert sandbox.accounts["demo"].groups[6]["birthday_bonus"] == "5000"


def test_a_group_is_changed_by_its_client_groups_id(sandbox, poster):
    assert poster.update_group(1, VALUES) == 1
    (call,) = sandbox.log
    assert (call.verb, call.method) == ("POST", "clients.updateGroup")
    assert (call.query, call.form) == (QUERY, {"client_groups_id": "1"} | FORM)


def test_a_group_is_removed_by_its_group_id(sandbox, poster):
    assert poster.remove_group(5) is None
    (call,) = sandbox.log
    assert (call.verb, call.method) == ("POST", "clients.removeGroup")
    assert (call.query, call.form) == (QUERY, {"group_id": "5"})
    assert 5 not in sandbox.accounts["demo"].groups


# --- Values in both directions -----------------------------------------------------------------------------


def test_kopecks_are_read_and_hryvnia_are_written(sandbox, poster, posts):
    assert sandbox.accounts["demo"].groups[1]["birthday_bonus"] == "5000"
    group = poster.get_group(1)
    assert group.birthday_bonus == Decimal(50)
    poster.update_group(1, group.values)
    assert posts()[0]["birthday_bonus"] == "50.00"
    assert poster.get_group(1) == group


def test_an_account_that_takes_kopecks_is_given_kopecks(connect, posts):
    poster = connect("kopecks", bonus_in_kopecks=True)
    poster.update_group(1, VALUES)
    assert posts()[0]["birthday_bonus"] == "5000.00"
    assert poster.get_group(1).birthday_bonus == Decimal(50)


@pytest.mark.parametrize("name", ["a=b&c=d", "100% + +", 'кав\'ярні & "бари"'])
def test_a_name_may_look_like_anything(sandbox, poster, posts, name):
    group_id = poster.create_group(VALUES.replace(name=name))
    assert posts()[0]["client_groups_name"] == name
    assert poster.get_group(group_id).name == name
    assert name in [group.name for group in poster.get_groups().groups]


def test_the_wallet_goes_back_as_it_was_read(connect, posts):
    poster = connect("kavarnia")
    for group_id, wallet in ((2, "1"), (3, "0")):
        group = poster.get_group(group_id)
        assert group.use_ewallet == wallet
        poster.update_group(group_id, group.values.replace(percent=Decimal(9)))
        assert posts()[-1]["use_ewallet"] == wallet
        assert poster.get_group(group_id) == group.replace(percent=Decimal(9))


# --- Answers -----------------------------------------------------------------------------------------------


def test_another_group_than_was_asked_for_is_no_answer(sandbox, connect):
    body = json.dumps({"response": sandbox.accounts["demo"].snapshot()[4]}).encode()
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as listener:
        assert connect(url=listener.url).get_group(4).id == 4
        with pytest.raises(InvalidResponse) as caught:
            connect(url=listener.url).get_group(9)
    assert caught.value.reason == "shape"


def test_poster_says_no(sandbox, connect, poster):
    sandbox.unique_names = True
    refusals = [
        (NotFound, None, lambda: poster.get_group(99)),
        (NotFound, 32, lambda: poster.update_group(99, VALUES)),
        (NotFound, 32, lambda: poster.remove_group(99)),
        (NameTaken, 38, lambda: poster.create_group(VALUES.replace(name="Постоянный посетитель"))),
        (TokenRejected, 11, connect("demo", "0" * 32).get_groups),
        (TokenRejected, 10, connect("demo", "").get_groups),
        (TokenRejected, 11, connect("nobody", "0" * 32).get_groups),
        (TokenRejected, 12, connect("expired").get_groups),
        (NotAllowed, 20, lambda: connect("readonly").remove_group(1)),
        (NotAllowed, 503, connect("archived").get_groups),
        (NotAllowed, 700, lambda: connect("basic").update_group(1, VALUES)),
    ]
    for kind, code, call in refusals:
        with pytest.raises(PosterError) as caught:
            call()
        assert type(caught.value) is kind
        assert caught.value.code == code
        assert_silent(caught.value)


def test_a_token_that_comes_back_in_a_value_goes_no_further(sandbox, connect):
    account = sandbox.accounts["demo"]
    sandbox.console().edit(1, client_groups_name=f"/?token={account.token}&a")
    for token in (account.token, f"{account.number}:{account.token}"):
        assert connect("demo", token).get_group(1).name == "/?token=[token]&a"
        assert connect("demo", token).get_groups().groups[0].name == "/?token=[token]&a"


# --- Once or twice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["fin_before_headers", "status_503", "html_echo", "retry_after_soon", "cut_gzip"]
)
def test_a_read_that_failed_once_succeeds_at_the_second_try(sandbox, poster, fault):
    sandbox.script("clients.getGroups", fault)
    assert len(poster.get_groups().groups) == 3
    assert len(sandbox.log) == 2


@pytest.mark.parametrize(
    ("fault", "least", "most"), [("fin_before_headers", 0.05, 1), ("retry_after_1", 1, 2)]
)
def test_there_is_a_pause_before_the_second_try_as_long_as_poster_asks_for(
    sandbox, connect, monkeypatch, fault, least, most
):
    pauses = []
    monkeypatch.setattr("groups.poster.client.time.sleep", pauses.append)
    sandbox.script("clients.getGroups", fault)
    assert connect(timeouts=Timeouts()).get_groups().groups
    (pause,) = pauses
    assert least <= pause <= most
    assert len(sandbox.log) == 2


@pytest.mark.parametrize(("fault", "within"), [("retry_after_3600", None), ("retry_after_1", 1.0)])
def test_a_longer_retry_after_is_not(sandbox, poster, fault, within):
    sandbox.script("*", fault, times=None)
    with pytest.raises(InvalidResponse) as caught:
        poster.get_groups(within=within)
    assert (caught.value.reason, caught.value.retry_after) == ("busy", int(fault.rpartition("_")[2]))
    with pytest.raises(OutcomeUnknown):
        poster.update_group(1, VALUES, within=within)
    assert len(sandbox.log) == 2


def test_no_second_try_begins_where_the_deadline_is_near(sandbox, connect):
    sandbox.script("*", "timeout", times=None)
    poster = connect(timeouts=Timeouts(connect=0.3, read=0.3, read_deadline=8))
    with pytest.raises(Unreachable):
        poster.get_groups(within=0.5)
    assert len(sandbox.log) == 1


def test_a_write_is_sent_again_only_where_the_first_never_left(sandbox, connect, monkeypatch):
    """The first attempt meets a closed port, which is opened meanwhile."""
    with Sandbox() as own:
        poster = connect(url=own.url, token=own.accounts["demo"].token)
        own.stop()
        monkeypatch.setattr("groups.poster.client.time.sleep", lambda _: own.start())
        assert poster.create_group(VALUES) == 6
        assert len(own.posts()) == 1


def test_every_exchange_is_reported_without_a_secret(sandbox, connect):
    heard = []
    poster = connect(on_call=heard.append)
    sandbox.script("clients.getGroups", "status_503")
    poster.get_groups()
    with pytest.raises(NotFound):
        poster.remove_group(99)
    with network.refused() as endpoint, pytest.raises(Unreachable):
        connect(url=endpoint.url, on_call=heard.append).get_group(1)
    assert [(call.method, call.attempt, call.outcome, call.status, call.code) for call in heard] == [
        ("clients.getGroups", 1, "http_503", 503, None),
        ("clients.getGroups", 2, "ok", 200, None),
        ("clients.removeGroup", 1, "refused", 200, 32),
        ("clients.getGroup", 1, "refused", None, None),
        ("clients.getGroup", 2, "refused", None, None),
    ]
    assert all(isinstance(call, CallReport) and call.account == "demo" and call.seconds > 0 for call in heard)
    assert sandbox.accounts["demo"].token not in f"{heard!r}{poster!r}"


# --- From a plain Python shell -----------------------------------------------------------------------------

SHELL = """
import os, sys
sys.modules["django"] = sys.modules["environ"] = None
from groups.poster import NotFound, PosterClient
with PosterClient("demo", os.environ["POSTER_TOKEN"], url=sys.argv[1]) as poster:
    for group in poster.get_groups().groups:
        print(group.id, group.percent, group.birthday_bonus, group.clients)
    poster.remove_group(5)
    try:
        poster.get_group(5)
    except NotFound:
        print("gone")
"""


def test_the_client_works_in_a_plain_python_shell(sandbox):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHELL, sandbox.url],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "POSTER_TOKEN": sandbox.accounts["demo"].token},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == ["1 10 50 125", "4 10 0 43", "5 20 0 42", "gone"]
