import json

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.wire import GROUP, Wire


def rows(sandbox, account="demo"):
    return list(sandbox.accounts[account].snapshot().values())


def test_tokens_and_groups_follow_from_the_seed():
    one, same, other = Sandbox(groups=50, seed=1), Sandbox(groups=50, seed=1), Sandbox(groups=50, seed=2)
    assert rows(one) == rows(same) != rows(other)
    tokens = [account.token for account in one.accounts.values()]
    assert tokens == [account.token for account in same.accounts.values()]
    assert not set(tokens) & {account.token for account in other.accounts.values()}
    assert len(set(tokens)) == len(tokens)
    assert next(iter(one.accounts)) == "demo"


@pytest.mark.parametrize(("asked", "found"), [(0, 3), (3, 3), (4, 4), (20, 20), (9000, 9000)])
def test_the_size_of_the_demo_account(asked, found):
    demo = rows(Sandbox(groups=asked))
    assert len(demo) == found
    assert [row["client_groups_id"] for row in demo[:3]] == ["1", "4", "5"]
    assert len({row["client_groups_name"].casefold() for row in demo}) == found
    assert len({row["client_groups_id"] for row in demo}) == found


def test_the_first_generated_groups_have_baristas_among_them():
    assert "Бариста" in [row["client_groups_name"] for row in rows(Sandbox(groups=10))]


def test_clients_are_spread_to_the_last_one():
    demo = rows(Sandbox(groups=200, clients=20_000))
    counts = [int(row["count_groups_clients"]) for row in demo]
    assert counts[:3] == [125, 43, 42]
    assert sum(counts) == 20_000
    assert 0 in counts


def test_rows_cannot_be_changed_behind_the_back(sandbox):
    groups = sandbox.accounts["demo"].groups
    with pytest.raises(TypeError):
        groups[1]["client_groups_name"] = "x"
    with pytest.raises(TypeError):
        groups[2] = {}
    sandbox.accounts["demo"].snapshot()[1]["client_groups_name"] = "x"
    assert groups[1]["client_groups_name"] == "Постоянный посетитель"


def test_the_console_works_past_the_api(sandbox, wire):
    console = sandbox.console("demo")
    wire.call("clients.getGroups")
    console.edit(4, client_groups_name="Скидочная система 10%", loyalty_type="9")
    console.remove(5)
    new = console.put({"client_groups_name": "Постоянный посетитель"})
    put = console.put({"client_groups_id": "20", "client_groups_name": "Двадцять"})
    answered = wire.call("clients.getGroups")["response"]
    assert [row["client_groups_id"] for row in answered] == ["1", "4", "6", "20"]
    assert (new, put, answered[1]["loyalty_type"]) == (6, 20, "9")
    assert wire.call("clients.createGroup", GROUP) == {"response": 21}
    with pytest.raises(KeyError):
        console.edit(5, loyalty_type="1")
    with pytest.raises(KeyError):
        console.remove(5)
    with pytest.raises(KeyError):
        sandbox.console("nobody")


def test_a_reset_begins_again(sandbox, wire):
    before = sandbox.accounts["demo"].snapshot()
    wire.call("clients.createGroup", GROUP)
    sandbox.script("*", "empty", times=None)
    sandbox.reset()
    assert sandbox.accounts["demo"].snapshot() == before
    assert len(sandbox.log) == 0
    assert wire.call("clients.createGroup", GROUP) == {"response": 6}


def test_the_state_outlives_a_restart(tmp_path):
    path = tmp_path / "var" / "sandbox.json"
    with Sandbox(groups=10, state_path=path) as first:
        token = first.accounts["demo"].token
        new = GROUP | {"client_groups_name": "Нова група"}
        group_id = Wire(first).call("clients.createGroup", new)["response"]
        Wire(first).call("clients.removeGroup", {"group_id": str(group_id)})
        Wire(first, "kavarnia").call("clients.removeGroup", {"group_id": "2"})
        first.console("demo").edit(1, client_groups_name="Змінено")
        expected = {name: rows(first, name) for name in first.accounts}
    with Sandbox(groups=10, state_path=path) as second:
        assert {name: rows(second, name) for name in second.accounts} == expected
        assert second.accounts["demo"].token == token
        assert second.notice == ""
        assert Wire(second).call("clients.createGroup", new)["response"] == group_id + 1
    assert [file.name for file in path.parent.iterdir()] == ["sandbox.json"]


def test_a_state_of_another_seed_is_kept_and_spoken_of(tmp_path):
    path = tmp_path / "sandbox.json"
    first = Sandbox(groups=10, seed=1, state_path=path)
    kept = path.read_bytes()
    second = Sandbox(groups=20, seed=2, state_path=path)
    assert "--seed 1" in second.notice
    assert "--groups 20" in second.notice
    assert rows(second) == rows(first)
    assert second.accounts["demo"].token == first.accounts["demo"].token
    assert path.read_bytes() == kept


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version":1,"accounts":{}}', '{"version":99}'])
def test_a_file_that_is_no_state_is_left_alone(tmp_path, content):
    path = tmp_path / "sandbox.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="no state"):
        Sandbox(state_path=path)
    assert path.read_text() == content


def test_every_change_is_in_the_file_before_it_is_answered(tmp_path):
    path = tmp_path / "sandbox.json"
    with Sandbox(state_path=path) as sandbox:
        Wire(sandbox).call("clients.createGroup", GROUP)
        saved = json.loads(path.read_text())["accounts"]["demo"]
    assert saved["groups"][-1]["client_groups_name"] == "Студенти"
    assert saved["next_id"] == 7
