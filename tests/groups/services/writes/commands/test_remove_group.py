"""Test the removal of a group: its outcome, its locks, and its undo."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from groups.models import Change
from groups.services.writes.commands import Command
from groups.services.writes.outcome import RemoteState
from tests.support.commands import OLD, determine_outcome, ended, group

State, Action = Change.State, Change.Action


@pytest.mark.parametrize(("accepted", "code"), [(True, None), (False, 32), (False, None)])
def test_absence_is_proven_by_poster_s_answer_alone(accepted, code):
    change = Change(action=Action.REMOVE, group_id=1, accepted=accepted, code=code)
    assert determine_outcome(change, RemoteState(group=None)).proven is bool(accepted or code)


def test_a_group_that_was_just_made_may_not_show_yet():
    assert (
        determine_outcome(Change(action=Action.REMOVE, group_id=1), RemoteState(group=None), [None]) is None
    )


def test_a_removal_is_made_when_the_group_is_gone():
    change = Change(action=Action.REMOVE, group_id=1, before=group().to_json())
    assert ended(determine_outcome(change, RemoteState(group=None))) == (State.APPLIED, "")
    assert determine_outcome(change, RemoteState(group=group())) is None


def removal(**fields):
    return Change(action=Action.REMOVE, group_id=1, before=group().to_json(), **fields)


def test_a_removal_locks_the_group_and_who_is_in_it():
    assert Command.from_change(removal()).lock_keys == {"group:1", "members:1", "schedule:1"}


def test_the_undo_of_a_removal_is_a_creation():
    change = removal(state=State.APPLIED)
    undo = Command.from_change(change).undo(change)
    assert (undo.action, undo.intended, undo.undo_of) == (Action.CREATE, OLD, change)
    assert undo.namesakes == frozenset()


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.REVIEW, State.UNKNOWN])
def test_there_is_no_undo_of_a_removal_that_was_not_made(state):
    change = removal(state=state)
    assert Command.from_change(change).undo(change) is None


def test_a_lost_removal_is_repeated_only_over_as_many_clients_as_there_were():
    change = Change(action=Action.REMOVE, group_id=1, before=group(clients=3).to_json())
    command = Command.from_change(change)
    again = command.repeat(change, RemoteState(group=group(clients=3)))
    assert (again.loaded, again.loaded_clients, again.again_of) == (OLD, 3, change)
    assert command.repeat(change, RemoteState(group=group(clients=4))) is None
    assert command.repeat(change, RemoteState()) is None


@pytest.mark.parametrize(
    ("rights", "clients", "may"),
    [
        ({"groups.delete_group"}, 0, True),
        ({"groups.delete_group"}, 1, False),
        ({"groups.delete_group", "groups.delete_group_with_clients"}, 1, True),
        ({"groups.delete_group_with_clients"}, 0, False),
        ({"groups.delete_group_with_clients"}, 1, False),
    ],
)
def test_who_may_remove_it_and_how_far_that_reaches(rights, clients, may):
    command = replace(Command.from_change(removal()), loaded_clients=clients)
    assert command.may_be_sent_by(SimpleNamespace(has_perm=rights.__contains__)) is may
    assert command.reached_group == command.group_id
