"""Test what the writes to groups have in common: their row, and a group that has changed meanwhile."""

from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from groups.models import Change
from groups.services.writes import gates
from groups.services.writes.commands import CreateGroup, RemoveGroup, UpdateGroup
from groups.services.writes.outcome import RemoteState
from groups.services.writes.submissions import BonusBlocked
from tests.support.commands import NEW, OLD, OPERATION, group

Reason = Change.Reason
CREATE = CreateGroup(operation=OPERATION, intended=NEW)
UPDATE = UpdateGroup(operation=OPERATION, group_id=5, loaded=OLD, intended=NEW)
REMOVE = RemoveGroup(operation=OPERATION, group_id=5, loaded=OLD, loaded_clients=3)


def test_only_a_removal_sends_no_values():
    assert (CREATE.values, UPDATE.values) == (NEW, NEW)
    with pytest.raises(ValueError, match="sends no values"):
        _ = REMOVE.values


def test_the_row_has_the_name_that_the_user_saw_cut_to_its_column():
    renaming = replace(UPDATE, intended=NEW.replace(name="Інша"))
    assert renaming.columns["group_name"] == "Гості"
    assert CREATE.columns["group_name"] == "Гості"
    assert replace(REMOVE, loaded=None).columns["group_name"] == ""
    long = "ї" * 401
    assert replace(CREATE, intended=NEW.replace(name=long)).columns["group_name"] == long[:400]


def test_the_row_has_what_the_write_belongs_to():
    undone, lost = Change(action="update"), Change(action="update", before=group().to_json())
    columns = replace(UPDATE, undo_of=undone, again_of=lost, note="why").columns
    assert (columns["undo_of"], columns["again_of"]) == (undone, lost)
    assert columns["note"] == "why"
    assert columns["before"] == lost.before
    assert UPDATE.columns["before"] is None


@pytest.mark.parametrize(
    ("command", "sends"),
    [
        (CREATE, True),
        (UPDATE, True),
        (replace(UPDATE, intended=NEW.replace(birthday_bonus=Decimal(0))), False),
        (REMOVE, False),
    ],
)
def test_a_write_with_a_birthday_bonus_is_blocked(command, sends):
    account = SimpleNamespace(bonus_block_id="a change")
    command = replace(command, credentials=SimpleNamespace(account=account))
    with pytest.raises(BonusBlocked) if sends else nullcontext():
        gates.BonusBlock().before(command)


@pytest.mark.parametrize(
    ("command", "nothing"),
    [
        (UPDATE, False),
        (replace(UPDATE, loaded=NEW), True),
        (replace(UPDATE, loaded=None), False),
        (CREATE, False),
        (REMOVE, False),
    ],
)
def test_a_write_of_the_values_that_the_form_showed_changes_nothing(command, nothing):
    assert command.changes_nothing is nothing


def test_a_write_is_made_onto_the_values_and_the_clients_of_now():
    now = OLD.replace(birthday_bonus=Decimal(70))
    update, removal, creation = (each.rebased(now, 8) for each in (UPDATE, REMOVE, CREATE))
    assert (update.loaded, update.intended) == (now, now.replace(percent=NEW.percent))
    assert update.loaded_clients is None
    assert (removal.loaded, removal.loaded_clients, removal.intended) == (now, 8, None)
    assert creation.intended == NEW
    assert replace(UPDATE, loaded=None).rebased(now, 8).intended == NEW


@pytest.mark.parametrize("command", [UPDATE, REMOVE])
def test_a_write_is_sent_to_a_group_that_is_as_its_form_showed_it(command):
    as_shown, empty = group(OLD, 5, clients=0), replace(command, loaded_clients=0)
    assert empty.precheck(RemoteState(group=as_shown)) is None
    assert empty.precheck(RemoteState(group=group(NEW, 5))) == Reason.CONFLICT
    assert empty.precheck(RemoteState()) == Reason.GONE
    assert replace(empty, loaded=None).precheck(RemoteState(group=as_shown)) == Reason.CONFLICT


def test_the_row_keeps_the_group_as_it_was_before():
    there = group(OLD, 5, clients=3)
    assert UPDATE.before(RemoteState(group=there)) == there.to_json()
    assert UPDATE.before(RemoteState()) is None


def test_a_lost_write_is_sent_again_over_the_group_as_it_was_before():
    change = Change(before=group(OLD, 5).to_json())
    again = replace(UPDATE, loaded=NEW).repeat(change, RemoteState(group=group(OLD, 5, clients=4)))
    assert (again.loaded, again.loaded_clients, again.again_of) == (OLD, 4, change)
    assert UPDATE.repeat(change, RemoteState(group=group(NEW, 5))) is None
    assert UPDATE.repeat(change, RemoteState()) is None
