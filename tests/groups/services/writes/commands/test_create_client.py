"""Test the creation of a client: which of the group's clients is the new one."""

import uuid

import pytest

from groups.models import Change
from groups.services.writes.commands import Command, CreateClient
from groups.services.writes.outcome import RemoteState
from tests.support.commands import OPERATION, a_client, determine_outcome, ended

State, Reason = Change.State, Change.Reason
COMMAND = CreateClient(
    operation=OPERATION, snapshot_id=uuid.UUID(int=8), client=a_client(), old_id=7, group_id=1
)


def creation(**fields):
    before = COMMAND.before(RemoteState())
    return Change(id=OPERATION, action=COMMAND.action, before=before, **COMMAND.columns, **fields)


def newcomers(*clients):
    return RemoteState(newcomers=clients)


def new(client_id=70, **fields):
    return a_client(client_id=str(client_id), **fields)


def test_a_client_who_is_still_there_is_not_created():
    assert COMMAND.precheck(RemoteState(client=a_client())) == Reason.CLIENT_THERE
    assert COMMAND.precheck(RemoteState()) is None


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ([], None),
        ([new()], (State.APPLIED, "")),
        ([new(bonus="100")], (State.REVIEW, "looks_alike")),
        ([new(), new(71, bonus="100")], (State.APPLIED, "")),
        ([new(), new(71)], (State.REVIEW, "duplicates")),
    ],
    ids=["nobody", "one as sent", "one alike", "one as sent and one alike", "two as sent"],
)
def test_a_lost_creation_is_found_by_its_values(clients, expected):
    assert ended(determine_outcome(creation(), newcomers(*clients))) == expected


@pytest.mark.parametrize(
    ("client", "changed"),
    [
        (new(), []),
        (new(bonus="100"), ["bonus"]),
        (new(client_groups_id="2"), ["group_id"]),
    ],
    ids=["as sent", "with a welcome bonus", "in another group"],
)
def test_an_answered_creation_is_found_by_its_id(client, changed):
    outcome = determine_outcome(creation(client_id=70), newcomers(client))
    assert outcome.state == (State.DIFFERS if changed else State.APPLIED)
    assert outcome.after == {"group_id": client.group_id, "changed": changed}
    assert (outcome.client_id, outcome.proven) == (70, not changed)


def test_the_row_and_the_command_tell_nothing_of_the_person():
    told = f"{COMMAND!r} {creation().before} {creation().intended}"
    for value in ("Коваленко", "Мар", "67 123", "1990"):
        assert value not in told


def test_a_rebuilt_creation_has_no_values_to_send():
    with pytest.raises(ValueError, match="no values"):
        _ = Command.from_change(creation()).values
