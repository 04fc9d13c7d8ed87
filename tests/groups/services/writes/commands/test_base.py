"""Test what holds for every command: its class, its row, and that nothing else asks which command it is."""

import re
import uuid
from dataclasses import replace
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
        consent = replace(command, **given).consent
        return {name: getattr(consent, name) for name in names}

    names = ("request_id", "requested_by", "limit_reason", "allowed_clients")
    assert command.consent is None
    assert columns(job=JOB) == dict(zip(names, (None, "", "for the whole job", 70), strict=True))
    own = {"limit_reason": "a guest of honour", "allowed_clients": 3}
    assert columns(job=JOB, **own) == dict(zip(names, (None, "", "a guest of honour", 3), strict=True))
    stored = columns(job=JOB, request_id=REQUEST, requested_by="staff", allowed_clients=5)
    assert stored == dict(zip(names, (REQUEST, "staff", "", 5), strict=True))


def test_a_write_that_is_sent_again_has_the_consent_of_the_first_one():
    first = Change(limit_reason="a guest of honour", allowed_clients=3)
    command = replace(COMMANDS[1], again_of=first)
    assert command.consent is first
    assert replace(command, job=JOB).consent is JOB
