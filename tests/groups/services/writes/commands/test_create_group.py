"""Test the creation of a group: which of the new groups is ours."""

from dataclasses import replace
from decimal import Decimal

import pytest

from groups.models import Change
from groups.poster import UnreadableRow
from groups.services.writes.commands import Command
from groups.services.writes.outcome import RemoteState
from tests.support.commands import (
    NEW,
    OLD,
    determine_outcome,
    ended,
    group,
    listed,
)

State, Action = Change.State, Change.Action


def creation(ids=(1, 4), **fields):
    return Change(action=Action.CREATE, before={"ids": list(ids)}, intended=NEW.to_json(), **fields)


def test_a_new_group_with_a_bonus_off_by_a_hundred_is_named_too():
    made = group(NEW.replace(birthday_bonus=Decimal(5000)), 6)
    assert ended(determine_outcome(creation(), listed(made))) == (State.DIFFERS, "units")


def test_a_creation_is_found_by_the_answered_id():
    outcome = determine_outcome(creation(group_id=6), listed(group(NEW, 6), group(NEW, 7)))
    assert (outcome.state, outcome.group_id) == (State.APPLIED, 6)


def test_a_creation_without_an_answer_is_found_by_its_name_and_values():
    remote = listed(group(NEW, 1), group(NEW.replace(name="Інші"), 6), group(NEW, 7))
    outcome = determine_outcome(creation(), remote)
    assert (outcome.state, outcome.group_id) == (State.APPLIED, 7)


def test_a_new_group_of_the_name_with_other_values_is_not_taken_for_ours():
    outcome = determine_outcome(creation(), listed(group(NEW, 1), group(NEW.replace(name="  гості "), 7)))
    assert ended(outcome) == (State.REVIEW, "namesake")
    assert outcome.after == {"ids": [7]}
    assert outcome.last_resort


def test_an_answered_id_is_waited_for_and_a_twin_is_the_last_resort():
    assert determine_outcome(creation(group_id=6), listed(group(NEW, 4))) is None
    outcome = determine_outcome(creation(group_id=6), listed(group(NEW, 4), group(NEW, 7)))
    assert (outcome.state, outcome.group_id) == (State.APPLIED, 7)
    assert outcome.last_resort
    assert not outcome.proven


@pytest.mark.parametrize("twins", [(OLD,), (NEW, NEW), (OLD, NEW.replace(name="Інші"))])
def test_without_the_answered_id_no_other_group_and_none_of_several_is_ours(twins):
    groups = (group(values, number) for number, values in enumerate(twins, 7))
    assert determine_outcome(creation(group_id=6), listed(*groups)) is None


@pytest.mark.parametrize("code", [38, 99])
def test_a_group_that_has_the_name_does_not_contradict_that_the_name_exists(code):
    outcome = determine_outcome(creation(code=code), listed(group(NEW, 7)))
    assert outcome.last_resort
    assert not outcome.proven
    assert not determine_outcome(creation(code=42), listed(group(NEW, 7))).last_resort


def test_of_two_new_groups_of_the_name_the_one_as_asked_is_ours():
    outcome = determine_outcome(creation(), listed(group(OLD, 6), group(NEW, 7)))
    assert (outcome.state, outcome.group_id) == (State.APPLIED, 7)


def test_two_new_groups_of_the_name_are_for_a_person():
    outcome = determine_outcome(creation(), listed(group(NEW, 6), group(NEW, 7)))
    assert ended(outcome) == (State.REVIEW, "duplicates")
    assert outcome.after == {"ids": [6, 7]}


def test_a_creation_that_does_not_show_may_still_come():
    removed = group(NEW, 6, removed=True)
    assert determine_outcome(creation(), listed(group(OLD, 1), group(OLD, 4), removed)) is None
    assert determine_outcome(creation(), listed(unreadable=(UnreadableRow("a problem", 6),))) is None


def test_the_undo_of_a_creation_is_the_removal_of_the_group_without_clients():
    change = creation(state=State.APPLIED, group_id=6, after=group(NEW, 6).to_json())
    undo = Command.from_change(change).undo(change)
    assert (undo.action, undo.group_id, undo.loaded, undo.undo_of) == (Action.REMOVE, 6, NEW, change)
    assert undo.precheck(RemoteState(group=group(NEW, 6))) is None
    assert undo.precheck(RemoteState(group=group(NEW, 6, clients=1))) == "has_clients"
    assert undo.precheck(RemoteState(group=group(OLD, 6))) == "conflict"


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.FAILED},
        {"state": State.APPLIED, "group_id": 6, "after": {"ids": [6, 7]}},
        {"state": State.APPLIED, "group_id": 6},
    ],
)
def test_there_is_no_undo_of_a_creation_that_was_not_made_or_never_read(fields):
    change = creation(**fields)
    assert Command.from_change(change).undo(change) is None


def test_a_group_that_was_just_removed_here_does_not_hold_its_name():
    late = listed(group(NEW, 4))
    command = Command.from_change(creation())
    assert command.precheck(late) == "name_taken"
    assert command.precheck(replace(late, removed_ids=frozenset({4}))) is None
