"""Test what holds for every command: its class, its row, and that nothing else asks which command it is."""

import re
import uuid
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from types import SimpleNamespace
from unittest import mock

import pytest

from groups.models import Change, Job
from groups.poster import PosterClient
from groups.services.writes.commands import (
    Command,
    CreateClient,
    CreateGroup,
    MoveClient,
    RemoveGroup,
    UpdateGroup,
)
from groups.services.writes.outcome import RemoteState
from tests.support.commands import NEW, OLD, OPERATION, a_client
from tests.support.environment import ROOT

COMMANDS = [
    CreateGroup(operation=OPERATION, intended=NEW),
    UpdateGroup(operation=OPERATION, group_id=5, loaded=OLD, intended=NEW, note="before the season"),
    RemoveGroup(operation=OPERATION, group_id=5, loaded=OLD, loaded_clients=3),
    MoveClient(operation=OPERATION, client_id=9, from_id=4, to_id=1),
    CreateClient(operation=OPERATION, snapshot_id=uuid.UUID(int=8), old_id=9, group_id=4),
]
ROWS = {
    "CreateGroup": {"intended": NEW.to_json()},
    "UpdateGroup": {"loaded": OLD.to_json(), "intended": NEW.to_json(), "note": "before the season"},
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
RIGHTS = {
    "CreateGroup": {"groups.add_group"},
    "UpdateGroup": {"groups.change_group"},
    "RemoveGroup": {"groups.delete_group", "groups.delete_group_with_clients"},
    "MoveClient": {"groups.move_client"},
    "CreateClient": {"groups.view_snapshot"},
}
WAYS = {"MoveClient": (4, 1), "CreateClient": (None, 4)}
SEEN = {
    "CreateGroup": "Poster has the new group: it was read back.",
    "UpdateGroup": "Poster has the new values: they were read back.",
    "RemoveGroup": "Poster no longer has the group: we looked again.",
    "MoveClient": "Poster has the client in the new group: it was read back.",
    "CreateClient": "Poster has the client again: it was read back.",
}
UNDO = {
    "CreateGroup": (
        "1 new group is removed, unless it has clients or was changed since.",
        "3 new groups are removed, except those that have clients or were changed since.",
    ),
    "UpdateGroup": (
        "1 group gets its earlier values back, unless it was changed since.",
        "3 groups get their earlier values back, except those that were changed since.",
    ),
    "RemoveGroup": (
        "1 removed group is created again, under another number.",
        "3 removed groups are created again, under other numbers.",
    ),
    "MoveClient": (
        "1 client goes back to the group they came from, unless they have moved on since.",
        "3 clients go back to the groups they came from, except those who have moved on since.",
    ),
    "CreateClient": (
        "1 new client stays: an undo removes nobody.",
        "3 new clients stay: an undo removes nobody.",
    ),
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
def test_a_command_is_sent_by_one_call_within_its_time(command):
    poster = mock.create_autospec(PosterClient)
    if isinstance(command, CreateClient):
        command = replace(command, client=a_client())
    answered_id = command.send(poster, within=1.5)
    ((name, _values, options),) = poster.method_calls
    assert options == {"within": 1.5}
    assert not command.creates or answered_id is getattr(poster, name).return_value


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_is_sent_by_users_with_its_rights_alone(command):
    needed = RIGHTS[name_of(command)]
    everything = set().union(*RIGHTS.values())

    def may(rights):
        return command.may_be_sent_by(SimpleNamespace(has_perm=rights.__contains__))

    assert may(needed)
    assert not any(may(everything - {right}) for right in needed)


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_says_where_its_client_goes_and_how_it_shows_at_poster(command):
    assert command.way == WAYS.get(name_of(command), (None, None))
    assert command.seen.startswith(SEEN[name_of(command)])


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_says_how_a_job_undoes_it(command):
    words = tuple(command.undo_words(count) % {"count": count} for count in (1, 3))
    assert words == UNDO[name_of(command)]


def test_only_writes_with_the_values_of_a_group_store_a_birthday_bonus():
    assert [name_of(command) for command in COMMANDS if command.sends_bonus] == ["CreateGroup", "UpdateGroup"]
    without = NEW.replace(birthday_bonus=Decimal(0))
    assert not any(replace(command, intended=without).sends_bonus for command in COMMANDS[:2])


def test_only_a_creation_has_a_warning_to_confirm():
    creation, *others = COMMANDS
    assert creation.confirmed() == replace(creation, namesakes=None)
    assert creation.confirmed(frozenset({5})) == replace(creation, namesakes=frozenset({5}))
    assert [command.confirmed(frozenset({5})) for command in others] == others


# --- The consent to go beyond the limits -------------------------------------------------------------------

JOB = Job(id=uuid.UUID(int=1), limit_reason="for the whole job", allowed_clients=70)
REQUEST = uuid.UUID(int=2)


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_a_command_has_the_consent_of_its_job_unless_it_has_its_own(command):
    def columns(**given):
        return replace(command, **given).consent_columns

    names = ("request_id", "asked_by", "limit_reason", "allowed_clients")
    assert columns() == {}
    assert columns(job=JOB) == dict(zip(names, (None, "", "for the whole job", 70), strict=True))
    own = {"limit_reason": "a guest of honour", "allowed_clients": 3}
    assert columns(job=JOB, **own) == dict(zip(names, (None, "", "a guest of honour", 3), strict=True))
    asked = columns(job=JOB, request_id=REQUEST, asked_by="staff", allowed_clients=5)
    assert asked == dict(zip(names, (REQUEST, "staff", "", 5), strict=True))


def test_a_write_that_is_sent_again_has_the_consent_of_the_first_one():
    first = Change(limit_reason="a guest of honour", allowed_clients=3)
    command = replace(COMMANDS[1], again_of=first)
    assert command.consent is first
    assert replace(command, job=JOB).consent is JOB


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_the_words_of_a_command_name_its_subject(command):
    change = row_of(command)
    change.group_name = change.group_name or "Гості"
    assert command.subject(change) in {"Гості", "client 9"}
    assert command.success(change, "10% → 12%")


def test_nothing_general_asks_which_command_it_has():
    asks = re.compile(r"Action\.[A-Z]|\.action (?:==|!=|in|not in) |match .*\.action")
    assert len(GENERAL) > 20
    assert [path.name for path in GENERAL if asks.search(path.read_text(encoding="utf-8"))] == []


def test_an_unread_remote_state_has_nothing():
    assert (RemoteState().ids, RemoteState().group, RemoteState().client) == ([], None, None)
