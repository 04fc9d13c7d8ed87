"""A lagging Poster: reads that show earlier rows although the writes are in force."""

import contextlib
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poster_admin.devtools.sandbox import LAGS, Sandbox
from poster_admin.devtools.sandbox.accounts.replica import Lag
from tests.support.pairwise import examples
from tests.support.wire import GROUP, Wire, post

PERCENT = "client_groups_discount"


class Clock:
    """A clock that only the test moves."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sandbox(clock):
    with Sandbox(clock=clock) as running:
        yield running


def percent(wire, group_id=1):
    return wire.call("clients.getGroup", group_id=group_id)["response"][PERCENT]


def listed(wire):
    return {int(row["client_groups_id"]): row for row in wire.call("clients.getGroups")["response"]}


def counts(wire):
    return {group_id: int(row["count_groups_clients"]) for group_id, row in listed(wire).items()}


def update(wire, value, group_id=1):
    form = {"client_groups_id": str(group_id), **GROUP, PERCENT: value}
    form["client_groups_name"] = f"Група {group_id}"
    assert wire.call("clients.updateGroup", form) == {"response": group_id}


def move(wire, client_id, group_id):
    form = {"client_id": str(client_id), "client_groups_id_client": str(group_id)}
    assert wire.call("clients.updateClient", form) == {"response": client_id}


def people(wire, **query):
    return [int(row["client_id"]) for row in wire.call("clients.getClients", **query)["response"]]


def group_of(wire, client_id):
    (row,) = wire.call("clients.getClient", client_id=client_id)["response"]
    return int(row["client_groups_id"])


# --- Before the last writes --------------------------------------------------------------------------------


def test_a_read_from_before_the_last_write(sandbox, wire):
    update(wire, "6")
    update(wire, "7")
    sandbox.script("clients.getGroup", "behind")
    assert [percent(wire), percent(wire)] == ["6", "7"]
    assert [call.behind for call in sandbox.calls("clients.getGroup")] == [True, False]
    assert sandbox.calls("clients.getGroup")[0].fault == "behind"


def test_a_read_from_before_the_one_before_the_last(sandbox, wire):
    update(wire, "6")
    update(wire, "7")
    sandbox.script("clients.getGroup", "behind", writes=2)
    sandbox.script("clients.getGroup", "behind", writes=99)
    assert [percent(wire), percent(wire), percent(wire)] == ["10", "10", "7"]


def test_the_members_of_a_group_alone(sandbox, wire):
    before = people(wire, group_id=5)
    move(wire, 129, 5)
    sandbox.lag("members_behind")
    assert people(wire, group_id=5) == before
    assert 129 in people(wire, group_id=4)
    assert 129 in people(wire)
    assert people(wire, order_by="client_id", sort="desc") == sorted(people(wire), reverse=True)
    assert group_of(wire, 129) == 5


def test_the_writes_of_the_last_seconds_are_not_seen_and_then_they_are(sandbox, wire, clock):
    sandbox.lag("behind", seconds=20)
    update(wire, "6")
    update(wire, "7")
    assert (percent(wire), listed(wire)[1][PERCENT]) == ("10", "10")
    assert sandbox.accounts["demo"].groups[1][PERCENT] == "7"
    clock.seconds += 19.9
    assert percent(wire) == "10"
    clock.seconds += 0.2
    assert (percent(wire), listed(wire)[1][PERCENT]) == ("7", "7")


@pytest.mark.parametrize("only", ["clients.getGroup", "clients.getGroups"])
def test_one_method_alone(sandbox, wire, only):
    sandbox.lag("behind", only, seconds=60)
    update(wire, "6")
    seen = {"clients.getGroup": percent(wire), "clients.getGroups": listed(wire)[1][PERCENT]}
    assert {method for method, value in seen.items() if value == "10"} == {only}


@pytest.mark.parametrize("only", ["clients.getClient", "clients.getClients"])
def test_one_method_of_clients_alone(sandbox, wire, only):
    sandbox.lag("behind", only, seconds=60)
    move(wire, 1, 5)
    seen = {"clients.getClient": group_of(wire, 1) == 1, "clients.getClients": 1 in people(wire, group_id=1)}
    assert {method for method, old in seen.items() if old} == {only}
    assert counts(wire) == {1: 124, 4: 43, 5: 43}


def test_creations_and_removals_are_not_seen_either(sandbox, wire):
    gone = people(wire, group_id=5)
    wire.call("clients.createGroup", GROUP)
    wire.call("clients.removeGroup", {"group_id": "5"})
    before = Wire(sandbox)
    sandbox.lag("behind", seconds=60)
    assert list(listed(wire)) == [1, 4, 5]
    assert wire.call("clients.getGroup", group_id=6)["response"] is False
    assert people(wire, group_id=5) == gone
    assert wire.call("clients.getClient", client_id=gone[0])["response"][0]["client_groups_name"] == (
        "Скидочная система 20%"
    )
    # A write meets the true state.
    assert before.code("clients.removeGroup", {"group_id": "5"}) == 32
    sandbox.catch_up()
    assert list(listed(wire)) == [1, 4, 6]
    assert people(wire, group_id=5) == []


def test_a_removed_group_that_the_account_keeps(sandbox):
    wire = Wire(sandbox, "kavarnia")
    wire.call("clients.removeGroup", {"group_id": "2"})
    sandbox.lag("behind", seconds=60)
    row = wire.call("clients.getGroup", group_id=2)["response"]
    assert (row["delete"], row["count_groups_clients"]) == ("0", "318")
    rows = wire.call("clients.getClients", group_id=2)["response"]
    assert sum(row["delete"] == "0" for row in rows) == 318


def test_what_changed_in_another_table_is_not_the_last_write(sandbox, wire):
    update(wire, "6")
    move(wire, 1, 5)
    sandbox.script("clients.getGroup", "behind")
    assert percent(wire) == "10"
    update(wire, "7")
    sandbox.script("clients.getClient", "behind")
    assert group_of(wire, 1) == 1


def test_clients_who_were_created_changed_or_moved_by_somebody_else(sandbox, wire):
    console = sandbox.console()
    before = wire.call("clients.getClients")["response"]
    created = console.put_client(4, lastname="Новий")
    console.edit_client(2, comment="змінено")
    console.edit_client(3, delete="1")
    console.edit(5, count_groups_clients="3")
    console.edit(4, count_groups_clients="90")
    after = wire.call("clients.getClients")["response"]
    assert after != before
    sandbox.lag("behind", seconds=60)
    assert wire.call("clients.getClients")["response"] == before
    assert wire.call("clients.getClient", client_id=created)["response"] == []
    assert people(wire, num=10, offset=100) == [int(row["client_id"]) for row in before[100:110]]
    by_bonus = [int(row["bonus"]) for row in wire.call("clients.getClients", order_by="bonus")["response"]]
    assert by_bonus == sorted(int(row["bonus"]) for row in before)
    sandbox.catch_up()
    assert wire.call("clients.getClients")["response"] == after


EVENTS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 20)),
    st.tuples(st.just("update"), st.integers(1, 9), st.integers(1, 99)),
    st.tuples(st.just("remove"), st.integers(1, 9)),
    st.tuples(st.just("count"), st.integers(1, 9), st.integers(0, 60)),
    st.tuples(st.just("move"), st.integers(1, 400), st.integers(1, 9)),
    st.tuples(st.just("join"), st.integers(1, 9)),
)


def happen(console, event):
    """Make one change in Poster's console, if it is possible."""
    match event:
        case "create", clients:
            console.put({"client_groups_name": "Нова", "count_groups_clients": str(clients)})
        case "update", group_id, value:
            console.edit(group_id, client_groups_discount=str(value))
        case "remove", group_id:
            console.remove(group_id)
        case "count", group_id, clients:
            console.edit(group_id, count_groups_clients=str(clients))
        case "move", client_id, group_id:
            console.edit_client(client_id, client_groups_id=str(group_id))
        case "join", group_id:
            console.put_client(group_id, lastname="Новий")


@pytest.mark.parametrize("account", ["demo", "kavarnia"])
@settings(max_examples=examples(6, 15))
@given(events=st.lists(EVENTS, min_size=1, max_size=6))
def test_any_earlier_moment_is_answered_as_it_was(account, events):
    clock = Clock()
    state = Sandbox(clock=clock)
    console, held = state.console(account), state.accounts[account]

    def seen(held):
        return held.all_groups(), held.find_clients({})

    moments = [seen(held)]
    for event in events:
        clock.seconds += 1
        with contextlib.suppress(KeyError):
            happen(console, event)
        moments.append(seen(held))
    for age, moment in enumerate(reversed(moments)):
        earlier = {
            table: held.earlier(Lag(what="rows", seconds=age), table) for table in ("groups", "clients")
        }
        assert earlier["groups"].all_groups() == moment[0]
        assert earlier["clients"].find_clients({}) == moment[1]
    assert seen(held) == moments[-1]


# --- A part of it ------------------------------------------------------------------------------------------


def test_some_rows_alone(sandbox, wire):
    for group_id in (1, 4, 5):
        update(wire, "6", group_id)
    sandbox.lag("behind", seconds=60, ids=[4])
    assert [row[PERCENT] for row in listed(wire).values()] == ["6", "10", "6"]
    assert (percent(wire, 4), percent(wire, 5)) == ("10", "6")


def test_a_share_of_the_rows_the_same_ones_each_time(sandbox, wire):
    for client_id in range(1, 31):
        move(wire, client_id, 5)
    sandbox.lag("behind", "clients.getClients", seconds=60, share=0.5, seed=3)
    left = set(people(wire, group_id=1)) & set(range(1, 31))
    came = set(people(wire, group_id=5)) & set(range(1, 31))
    assert 5 < len(left) < 25
    assert left == set(range(1, 31)) - came
    assert set(people(wire, group_id=1)) & set(range(1, 31)) == left


def test_reads_that_jump_between_old_and_new_until_the_time_is_over(wire, sandbox, clock):
    sandbox.lag("behind", "clients.getGroup", seconds=10, chance=0.5, seed=5)
    update(wire, "6")
    seen = [percent(wire) for _ in range(40)]
    assert {*seen} == {"10", "6"}
    assert sum(one != two for one, two in itertools.pairwise(seen)) > 5
    clock.seconds += 10
    assert {percent(wire) for _ in range(10)} == {"6"}


def test_the_jumps_follow_from_the_seed():
    def seen(seed):
        with Sandbox() as sandbox:
            wire = Wire(sandbox)
            sandbox.lag("behind", seconds=60, chance=0.5, seed=seed)
            update(wire, "6")
            return [percent(wire) for _ in range(20)]

    assert seen(1) == seen(1) != seen(2)


def test_a_list_without_the_newest(sandbox, wire, clock):
    update(wire, "6")
    wire.call("clients.createGroup", GROUP)
    sandbox.lag("newest_unseen", "clients.getGroups", seconds=20)
    assert list(listed(wire)) == [1, 4, 5]
    assert listed(wire)[1][PERCENT] == "6"
    assert wire.call("clients.getGroup", group_id=6)["response"]["client_groups_id"] == "6"
    clock.seconds += 20
    assert list(listed(wire)) == [1, 4, 5, 6]


@pytest.mark.parametrize(("options", "left"), [({}, [1, 4]), ({"ids": [4]}, [1, 5])])
def test_a_list_that_leaves_one_out_once(sandbox, wire, options, left):
    sandbox.script("clients.getGroups", "row_absent", **options)
    assert list(listed(wire)) == left
    assert list(listed(wire)) == [1, 4, 5]


def test_a_group_and_a_client_that_are_said_to_be_gone_once(sandbox, wire):
    sandbox.script("clients.getGroup", "row_absent")
    sandbox.script("clients.getClient", "row_absent")
    assert wire.body("clients.getGroup", group_id=1) == b'{"response":false}'
    assert wire.body("clients.getClient", client_id=1) == b'{"response":[]}'
    assert (percent(wire), group_of(wire, 1)) == ("10", 1)
    sandbox.lag("row_absent", "clients.getGroup", ids=[4])
    assert percent(wire) == "10"
    assert wire.body("clients.getGroup", group_id=4) == b'{"response":false}'


# --- The counter -------------------------------------------------------------------------------------------


def test_a_counter_that_keeps_the_old_count(sandbox, wire, clock):
    update(wire, "6", 5)
    sandbox.lag("count_behind", seconds=20)
    for client_id in (1, 2, 3):
        move(wire, client_id, 5)
    assert counts(wire) == {1: 125, 4: 43, 5: 42}
    assert len(people(wire, group_id=5)) == 43 + 3
    assert percent(wire, 5) == "6"
    clock.seconds += 20
    assert counts(wire) == {1: 122, 4: 43, 5: 45}
    sandbox.catch_up()
    sandbox.script("clients.getGroups", "count_behind", writes=2)
    assert counts(wire) == {1: 124, 4: 43, 5: 43}


def test_a_counter_that_says_nobody(sandbox, wire):
    sandbox.lag("count_zero", ids=[4])
    assert counts(wire) == {1: 125, 4: 0, 5: 42}
    assert wire.call("clients.getGroup", group_id=4)["response"]["count_groups_clients"] == "0"
    assert people(wire, group_id=4)
    assert wire.call("clients.getGroup", group_id=77)["response"] is False


# --- Pages of clients --------------------------------------------------------------------------------------


def test_a_page_that_repeats_one_or_leaves_one_out(sandbox, wire):
    ids = people(wire, group_id=1)
    pages = {}
    for lag in ("page_repeats", "page_skips"):
        sandbox.script("clients.getClients", lag, call=2)
        pages[lag] = [people(wire, group_id=1, num=50, offset=offset) for offset in (0, 50, 100)]
    assert pages["page_repeats"] == [ids[:50], ids[49:99], ids[100:]]
    assert pages["page_skips"] == [ids[:50], ids[51:101], ids[100:]]
    sandbox.script("clients.getClients", "page_repeats")
    assert people(wire, group_id=1) == [ids[0], *ids]
    sandbox.script("clients.getClients", "page_skips")
    assert people(wire, group_id=1, num=3) == ids[1:4]


# --- Switching it on and off -------------------------------------------------------------------------------


def test_lags_stay_under_other_faults_and_a_reset_ends_them(sandbox, wire):
    sandbox.lag("behind", seconds=60)
    update(wire, "6")
    sandbox.script("clients.getGroup", "bom")
    assert (
        json.loads(wire.body("clients.getGroup", group_id=1).decode("utf-8-sig"))["response"][PERCENT] == "10"
    )
    sandbox.clear_faults()
    assert percent(wire) == "10"
    sandbox.reset()
    update(wire, "7")
    assert percent(wire) == "7"


def test_the_first_of_several_that_hits_answers(sandbox, wire):
    sandbox.lag("row_absent", "clients.getGroups", chance=0.3, seed=2)
    sandbox.lag("count_zero", "clients.getGroups", chance=0.5, seed=3)
    seen = [counts(wire) for _ in range(30)]
    assert {(len(found), found[1]) for found in seen} == {(2, 125), (3, 0), (3, 125)}


def test_an_account_and_a_restart(tmp_path):
    path = tmp_path / "state.json"
    with Sandbox(state_path=path) as sandbox:
        sandbox.lag("behind", account="kavarnia", seconds=60)
        update(Wire(sandbox), "6")
        update(Wire(sandbox, "kavarnia"), "6", 3)
        assert (percent(Wire(sandbox)), percent(Wire(sandbox, "kavarnia"), 3)) == ("6", "50")
    with Sandbox(state_path=path) as sandbox:
        sandbox.lag("behind", seconds=60)
        assert percent(Wire(sandbox, "kavarnia"), 3) == "6"


def test_lags_over_http(sandbox, wire, connection):
    order = {"lag": "behind", "method": "clients.getGroup", "seconds": 60, "chance": 1, "seed": 4}
    assert post(connection, "/_sandbox/lag", order) == (200, {"done": True})
    update(wire, "6")
    assert percent(wire) == "10"
    assert post(connection, "/_sandbox/catch_up", {}) == (200, {"done": True})
    assert percent(wire) == "6"
    order = {"method": "clients.getGroup", "fault": "behind", "writes": 1}
    assert post(connection, "/_sandbox/script", order) == (200, {"done": True})
    assert [percent(wire), percent(wire)] == ["10", "6"]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"lag": "empty"}, "no lag"),
        ({"lag": "behnd"}, "behind"),
        ({"lag": "behind", "method": "clients.removeGroup"}, "is none"),
        ({"lag": "behind", "minutes": 1}, "no option"),
        ({"lag": "behind", "account": "nobody"}, "no account"),
    ],
)
def test_what_means_nothing_is_refused(sandbox, order, words):
    with pytest.raises(ValueError, match=words):
        sandbox.lag(**order)


def test_every_lag_is_described():
    for name, lag in LAGS.items():
        assert lag.name == name
        assert lag.description.endswith(".")


# --- A write that comes late -------------------------------------------------------------------------------


def test_a_late_removal_takes_those_along_who_came_meanwhile(sandbox, wire, late_writes):
    sandbox.script("clients.removeGroup", "late")
    assert wire.raw("clients.removeGroup", {"group_id": "5"}) == b""
    for client_id in (1, 2, 3):
        move(wire, client_id, 5)
    created = wire.call("clients.createClient", {"client_groups_id_client": "5", "client_name": "Нова"})
    assert counts(wire) == {1: 122, 4: 43, 5: 46}
    ((_, remove),) = late_writes
    remove()
    assert counts(wire) == {1: 122, 4: 43}
    for client_id in (1, 2, 3, created["response"]):
        assert wire.call("clients.getClient", client_id=client_id)["response"] == []
