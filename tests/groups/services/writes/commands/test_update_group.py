"""Test the change of a group: its outcome, its undo, and its repetition."""

from decimal import Decimal

import pytest

from groups.models import Change
from groups.services.writes.commands import Command, UpdateGroup
from groups.services.writes.outcome import RemoteState
from groups.services.writes.reach import Reach
from tests.support.commands import (
    NEW,
    OLD,
    OLDEST,
    OPERATION,
    determine_outcome,
    ended,
    group,
)

State, Action = Change.State, Change.Action


def update(**fields):
    return Change(
        action=Action.UPDATE, group_id=1, before=group().to_json(), intended=NEW.to_json(), **fields
    )


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (group(NEW), (State.APPLIED, "")),
        (group(NEW, clients=7), (State.APPLIED, "")),
        (group(NEW.replace(percent=Decimal("12.50"))), (State.APPLIED, "")),
        (group(OLD), None),
        (None, (State.REVIEW, "gone")),
    ],
    ids=["as asked", "a client came", "spelt differently", "as before", "gone"],
)
def test_an_update(now, expected, accepted):
    assert ended(determine_outcome(update(accepted=accepted), RemoteState(group=now))) == expected


@pytest.mark.parametrize(
    ("accepted", "expected"), [(True, (State.DIFFERS, "")), (False, (State.REVIEW, "overwritten"))]
)
def test_an_update_after_which_the_group_has_other_values(accepted, expected):
    outcome = determine_outcome(
        update(accepted=accepted), RemoteState(group=group(OLD.replace(percent=Decimal(77))))
    )
    assert ended(outcome) == expected
    assert outcome.after["percent"] == "77"


def test_a_field_that_was_not_sent_counts_too():
    values = NEW.replace(use_ewallet="1")
    change = update(accepted=True)
    change.intended = values.to_json()
    assert determine_outcome(change, RemoteState(group=group(values))).state == State.APPLIED
    assert (
        determine_outcome(change, RemoteState(group=group(values.replace(use_ewallet="0")))).state
        == State.DIFFERS
    )


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("sent", "stored"), [("70", "7000"), ("70", "0.70"), ("12.5", "1250"), ("0.1", "10"), ("500", "5")]
)
def test_a_bonus_off_by_a_hundred_is_named_either_way(sent, stored, accepted):
    change = update(accepted=accepted)
    change.intended = OLD.replace(birthday_bonus=Decimal(sent)).to_json()
    now = group(OLD.replace(birthday_bonus=Decimal(stored)))
    assert ended(determine_outcome(change, RemoteState(group=now))) == (State.DIFFERS, "units")


@pytest.mark.parametrize("accepted", [True, False])
def test_a_value_that_the_journal_had_before_is_late_and_not_foreign(accepted):
    change, late = update(accepted=accepted), RemoteState(group=group(OLDEST))
    assert determine_outcome(change, late, [group(OLDEST).to_json()]) is None
    assert determine_outcome(change, late) is not None


def test_a_bonus_that_was_there_before_is_not_taken_for_another_unit():
    change = update(accepted=True)
    change.before = group(OLD.replace(birthday_bonus=Decimal(2))).to_json()
    change.intended = OLD.replace(birthday_bonus=Decimal(1)).to_json()
    oldest = group(OLD.replace(birthday_bonus=Decimal(100)))
    assert determine_outcome(change, RemoteState(group=oldest), [oldest.to_json()]) is None


@pytest.mark.parametrize("accepted", [True, False])
def test_a_value_that_comes_back_proves_a_lost_change_only_when_it_cannot_be_late(accepted):
    change, back = update(accepted=accepted), RemoteState(group=group(NEW))
    outcome = determine_outcome(change, back, [group(NEW).to_json()])
    assert ended(outcome) == ((State.APPLIED, "") if accepted else None)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_group_that_was_just_made_may_not_show_yet(accepted):
    assert determine_outcome(update(accepted=accepted), RemoteState(group=None), [None]) is None


def test_only_what_was_asked_for_is_proven_by_one_read():
    assert determine_outcome(update(accepted=True), RemoteState(group=group(NEW))).proven
    assert not determine_outcome(update(accepted=True), RemoteState(group=group(OLDEST))).proven
    assert not determine_outcome(update(accepted=True), RemoteState(group=None)).proven


def test_two_reads_show_the_same_whatever_became_of_the_count():
    one, other = (
        determine_outcome(update(accepted=True), RemoteState(group=group(OLDEST, clients=clients)))
        for clients in (3, 4)
    )
    assert one.digest == other.digest != determine_outcome(update(), RemoteState(group=None)).digest


# --- Undo and repetition -----------------------------------------------------------------------------------


def test_an_undo_writes_the_values_from_before_over_those_from_after():
    change = update(state=State.APPLIED, after=group(NEW).to_json())
    undo = Command.from_change(change).undo(change)
    assert (undo.action, undo.group_id, undo.loaded, undo.intended) == (Action.UPDATE, 1, NEW, OLD)
    assert undo.undo_of is change


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.REVIEW, State.UNKNOWN])
def test_there_is_no_undo_of_an_update_that_was_not_made(state):
    change = update(state=state, after=group(NEW).to_json())
    assert Command.from_change(change).undo(change) is None


def test_there_is_no_undo_of_an_update_whose_values_were_never_read():
    change = update(state=State.APPLIED)
    assert Command.from_change(change).undo(change) is None


def test_a_lost_update_is_repeated_only_while_the_group_is_as_before():
    change = update(state=State.UNKNOWN)
    command = Command.from_change(change)
    again = command.repeat(change, RemoteState(group=group(OLD, clients=3)))
    assert (again.loaded, again.loaded_clients, again.intended, again.again_of) == (OLD, 3, NEW, change)
    assert command.repeat(change, RemoteState(group=group(NEW))) is None
    assert command.repeat(change, RemoteState()) is None


# --- Its reach and its words -------------------------------------------------------------------------------


def the_update(loaded=OLD, intended=NEW, **options):
    return UpdateGroup(operation=OPERATION, group_id=1, loaded=loaded, intended=intended, **options)


def test_an_update_reaches_the_clients_of_a_group_that_gets_other_terms():
    update, renamed = the_update(), the_update(intended=OLD.replace(name="Інша"))
    assert (update.reach, update.reached_group) == (Reach(Decimal("12.5"), Decimal("2.5")), 1)
    assert (renamed.reach, renamed.reached_group) == (Reach(), None)


def test_the_return_of_a_planned_change_is_held_against_no_limit():
    returning = the_update(returns=True)
    assert (returning.reach, returning.reached_group) == (Reach(), None)


def test_a_group_of_an_unknown_type_is_not_written():
    values = OLD.replace(loyalty_type=3)
    update = the_update(loaded=values)
    assert update.precheck(RemoteState(group=group(values))) == Change.Reason.UNSAFE
    assert the_update().precheck(RemoteState(group=group(OLD))) is None


@pytest.mark.parametrize("accepted", [True, False])
def test_a_creation_and_the_values_that_a_change_has_replaced_may_both_show_late(accepted):
    replaced = [None, group(OLDEST).to_json()]
    change = update(accepted=accepted)
    assert determine_outcome(change, RemoteState(group=None), replaced) is None
    assert determine_outcome(change, RemoteState(group=group(OLDEST)), replaced) is None
    assert determine_outcome(change, RemoteState(group=group(NEW)), replaced).state == State.APPLIED


def test_a_saved_percent_says_when_tills_have_it_and_that_a_yellow_or_grey_one_is_not_closed():
    tills = "Tills take a new percent at their next synchronisation."
    toast = "Гості: 10% → 12.5%. On tills after their next synchronisation."
    assert the_update().success(update(), "10% → 12.5%") == toast
    assert f"{tills} If one still has the old percent, close it and open it again. Never" in the_update().seen
    assert (
        the_update(intended=OLD.replace(name="Інша")).seen
        == "Poster has the new values: they were read back."
    )
