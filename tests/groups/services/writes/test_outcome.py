"""Test determining the outcome of a write from the remote state."""

from decimal import Decimal

import pytest

from groups.models import Change
from groups.poster import Group, GroupList, GroupValues, UnreadableRow
from groups.services.writes.outcome import (
    RemoteState,
    determine_outcome,
    differing,
    is_unit_mismatch,
    same,
)

State, Action = Change.State, Change.Action
OLD = GroupValues(name="Гості", loyalty_type=1, percent=Decimal(10), birthday_bonus=Decimal(50))
NEW = OLD.replace(percent=Decimal("12.5"))


def group(values=OLD, group_id=1, **fields):
    return Group(**{**values.to_json(), "id": group_id, "clients": 0} | read_back(values) | fields)


def read_back(values):
    return {"percent": values.percent, "birthday_bonus": values.birthday_bonus}


def update(**fields):
    return Change(
        action=Action.UPDATE, group_id=1, before=group().to_json(), intended=NEW.to_json(), **fields
    )


def creation(ids=(1, 4), **fields):
    return Change(action=Action.CREATE, before={"ids": list(ids)}, intended=NEW.to_json(), **fields)


def listed(*groups, unreadable=()):
    return RemoteState(groups=GroupList(groups, unreadable))


def ended(outcome):
    return outcome and (outcome.state, outcome.reason or "")


# --- An update ---------------------------------------------------------------------------------------------


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


# --- The birthday bonus in the wrong unit ------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("sent", "stored"), [("70", "7000"), ("70", "0.70"), ("12.5", "1250"), ("0.1", "10"), ("500", "5")]
)
def test_a_bonus_off_by_a_hundred_is_named_either_way(sent, stored, accepted):
    change = update(accepted=accepted)
    change.intended = OLD.replace(birthday_bonus=Decimal(sent)).to_json()
    now = group(OLD.replace(birthday_bonus=Decimal(stored)))
    assert ended(determine_outcome(change, RemoteState(group=now))) == (State.DIFFERS, "units")


def test_a_new_group_with_a_bonus_off_by_a_hundred_is_named_too():
    made = group(NEW.replace(birthday_bonus=Decimal(5000)), 6)
    assert ended(determine_outcome(creation(), listed(made))) == (State.DIFFERS, "units")


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ({"birthday_bonus": Decimal(0)}, {"birthday_bonus": Decimal(0)}),
        ({"birthday_bonus": Decimal(70)}, {"birthday_bonus": Decimal(700)}),
        ({"birthday_bonus": Decimal(70)}, {"birthday_bonus": Decimal(7000), "percent": Decimal(11)}),
        ({"percent": Decimal("0.5")}, {"percent": Decimal(50)}),
    ],
    ids=["nothing", "by ten", "and something else", "a percent"],
)
def test_what_is_no_slip_of_units(values, stored):
    assert not is_unit_mismatch(OLD.replace(**values), OLD.replace(**stored))


# --- A read that is late -----------------------------------------------------------------------------------


OLDEST = OLD.replace(percent=Decimal(5))


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


@pytest.mark.parametrize(("accepted", "code"), [(True, None), (False, 32), (False, None)])
def test_absence_is_proven_by_poster_s_answer_alone(accepted, code):
    change = Change(action=Action.REMOVE, group_id=1, accepted=accepted, code=code)
    assert determine_outcome(change, RemoteState(group=None)).proven is bool(accepted or code)


def test_a_group_that_was_just_made_may_not_show_yet():
    assert (
        determine_outcome(Change(action=Action.REMOVE, group_id=1), RemoteState(group=None), [None]) is None
    )


def test_only_what_was_asked_for_is_proven_by_one_look():
    assert determine_outcome(update(accepted=True), RemoteState(group=group(NEW))).proven
    assert not determine_outcome(update(accepted=True), RemoteState(group=group(OLDEST))).proven
    assert not determine_outcome(update(accepted=True), RemoteState(group=None)).proven


def test_two_looks_show_the_same_whatever_became_of_the_count():
    one, other = (
        determine_outcome(update(accepted=True), RemoteState(group=group(OLDEST, clients=clients)))
        for clients in (3, 4)
    )
    assert one.digest == other.digest != determine_outcome(update(), RemoteState(group=None)).digest


# --- A removal ---------------------------------------------------------------------------------------------


def test_a_removal_is_made_when_the_group_is_gone():
    change = Change(action=Action.REMOVE, group_id=1, before=group().to_json())
    assert ended(determine_outcome(change, RemoteState(group=None))) == (State.APPLIED, "")
    assert determine_outcome(change, RemoteState(group=group())) is None


# --- A creation --------------------------------------------------------------------------------------------


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
    assert outcome.last_resort


def test_an_answered_id_is_waited_for_and_never_replaced_by_a_twin():
    assert determine_outcome(creation(group_id=6), listed(group(NEW, 4), group(NEW, 7))) is None


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


def test_an_unreadable_group_was_there_before_too():
    remote = listed(group(OLD, 1), unreadable=(UnreadableRow("a problem", 4), UnreadableRow("no id")))
    assert remote.ids == [1, 4]


# --- Values that count as equal ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"name": " Гості "}, []),
        ({"name": "Гост\u0456\u0308"}, ["name"]),
        ({"name": "гості"}, ["name"]),
        ({"percent": Decimal("10.00")}, []),
        ({"use_ewallet": "1"}, []),
        ({"loyalty_type": 2, "percent": Decimal(1)}, ["loyalty_type", "percent"]),
        ({"birthday_bonus": Decimal("50.01")}, ["birthday_bonus"]),
    ],
)
def test_fields_that_differ(changes, fields):
    other = OLD.replace(**changes)
    assert differing(OLD, other) == differing(other, OLD) == fields
    assert same(OLD, other) is not bool(fields)


def test_a_switch_differs_only_where_both_know_it():
    on, off = OLD.replace(use_ewallet="1"), OLD.replace(use_ewallet="0")
    assert differing(on, off) == ["use_ewallet"]
    assert same(on, OLD)


def test_a_name_may_be_composed_in_two_ways():
    composed, decomposed = OLD.replace(name="\u0457жа"), OLD.replace(name="\u0456\u0308жа")
    assert same(composed, decomposed)
