"""Test what holds for every command: its class, its row, and that nothing else asks which command it is."""

import re
import uuid
from dataclasses import FrozenInstanceError

import pytest

from groups.models import Change
from groups.services.writes.commands import (
    Command,
    CreateClient,
    CreateGroup,
    MoveClient,
    RemoveGroup,
    UpdateGroup,
)
from groups.services.writes.outcome import RemoteState
from tests.support.commands import NEW, OLD, OPERATION
from tests.support.environment import ROOT

COMMANDS = [
    CreateGroup(operation=OPERATION, intended=NEW),
    UpdateGroup(operation=OPERATION, group_id=5, loaded=OLD, intended=NEW),
    RemoveGroup(operation=OPERATION, group_id=5, loaded=OLD, loaded_clients=3),
    MoveClient(operation=OPERATION, client_id=9, from_id=4, to_id=1),
    CreateClient(operation=OPERATION, snapshot_id=uuid.UUID(int=8), old_id=9, group_id=4),
]
ROWS = {
    "CreateGroup": {"intended": NEW.to_json()},
    "UpdateGroup": {"loaded": OLD.to_json(), "intended": NEW.to_json()},
    "RemoveGroup": {"loaded": OLD.to_json() | {"clients": 3}, "intended": None},
    "MoveClient": {"loaded": {"group_id": 4}, "intended": {"group_id": 1}},
    "CreateClient": {"intended": {"group_id": 4, "snapshot": str(uuid.UUID(int=8)), "client": 9}},
}
TARGETS = {
    "CreateGroup": "create:гості",
    "UpdateGroup": "group:5",
    "RemoveGroup": "group:5",
    "MoveClient": "client:9",
    "CreateClient": "enrol:9",
}
GENERAL = sorted(
    [
        ROOT / "groups/services/writes" / f"{name}.py"
        for name in ("execute", "outcome", "reconcile", "unrecorded")
    ]
    + [*(ROOT / "groups/presenters").rglob("*.py"), *(ROOT / "groups/views").rglob("*.py")]
)


def name_of(command):
    return type(command).__name__


def row_of(command):
    return Change(id=command.operation, action=command.action, **command.columns)


def test_each_action_has_a_command_in_a_file_of_its_own():
    kinds = {action: Command.kind_of(Change(action=action)) for action in Change.Action}
    assert {kind.__name__ for kind in kinds.values()} == {name_of(command) for command in COMMANDS}
    for action, kind in kinds.items():
        assert kind.action == action
        file_name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        assert kind.__module__ == f"groups.services.writes.commands.{file_name}"
        assert (ROOT / "tests/groups/services/writes/commands" / f"test_{file_name}.py").is_file()


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_is_rebuilt_from_its_row(command):
    change = row_of(command)
    assert {name: getattr(change, name) for name in ROWS[name_of(command)]} == ROWS[name_of(command)]
    assert Command.from_change(change) == command
    assert command.target == TARGETS[name_of(command)]
    assert command.target in command.lock_keys


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_rebuilt_command_is_judged_and_never_sent(command):
    with pytest.raises(ValueError, match="rebuilt"):
        _ = command.sender
    with pytest.raises(FrozenInstanceError):
        command.operation = uuid.uuid4()


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_the_words_of_a_command_name_its_subject(command):
    change = row_of(command)
    change.group_name = change.group_name or "Гості"
    assert command.subject(change) in {"Гості", "client 9"}
    assert command.success(change, clients="3 clients", values="10% → 12%")


def test_nothing_general_asks_which_command_it_has():
    asks = re.compile(r"Action\.[A-Z]|\.action (?:==|!=|in|not in) |match .*\.action")
    assert len(GENERAL) > 20
    assert [path.name for path in GENERAL if asks.search(path.read_text(encoding="utf-8"))] == []


def test_an_unread_remote_state_has_nothing():
    assert (RemoteState().ids, RemoteState().group, RemoteState().client) == ([], None, None)
