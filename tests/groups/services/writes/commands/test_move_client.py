"""Test the move of a client: its checks and its outcome."""

import pytest

from groups.models import Change
from groups.services.writes.commands import Command, MoveClient
from groups.services.writes.outcome import RemoteState
from groups.services.writes.reach import Reach
from tests.support.commands import OPERATION, a_client, determine_outcome, ended

State, Reason = Change.State, Change.Reason
THERE, HERE = a_client(), a_client(client_groups_id="4")
COMMAND = MoveClient(operation=OPERATION, client_id=7, from_id=4, to_id=1)


def move(**fields):
    """Return the row of a move whose client was in the old group."""
    before = COMMAND.before(RemoteState(client=HERE))
    return Change(id=OPERATION, action=COMMAND.action, before=before, **COMMAND.columns, **fields)


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (HERE, None),
        (None, Reason.CLIENT_GONE),
        (a_client(client_groups_id="2"), Reason.ELSEWHERE),
    ],
    ids=["in the old group", "gone", "in a third group"],
)
def test_only_a_client_of_the_old_group_is_moved(client, reason):
    assert COMMAND.precheck(RemoteState(client=client)) == reason


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (HERE, None),
        (None, (State.REVIEW, "client_gone")),
        (THERE, (State.APPLIED, "")),
        (a_client(bonus="0"), (State.APPLIED, "")),
        (a_client(email="new@example.com"), (State.DIFFERS, "other_fields")),
        (a_client(client_groups_id="2"), (State.FAILED, "elsewhere")),
    ],
    ids=["not moved", "gone", "moved", "and has bought something", "and has another email", "elsewhere"],
)
def test_a_move(client, expected, accepted):
    assert ended(determine_outcome(move(accepted=accepted), RemoteState(client=client))) == expected


@pytest.mark.parametrize(
    "name",
    ["client_groups_name", "client_groups_discount", "loyalty_type", "birthday_bonus"],
)
def test_fields_that_the_new_group_brings_are_no_change_of_the_client(name):
    outcome = determine_outcome(move(), RemoteState(client=a_client(**{name: "2"})))
    assert (outcome.state, outcome.after) == (State.APPLIED, {"group_id": 1, "changed": []})
    assert outcome.proven


@pytest.mark.parametrize("name", ["bonus", "total_payed_sum", "ewallet", "date_activale"])
def test_fields_that_a_purchase_changes_are_named_and_no_difference(name):
    outcome = determine_outcome(move(), RemoteState(client=a_client(**{name: "42"})))
    assert (outcome.state, outcome.after) == (State.APPLIED, {"group_id": 1, "changed": [name]})
    assert outcome.proven


def test_a_field_that_is_there_no_longer_has_changed_too():
    raw = {name: value for name, value in THERE.raw.items() if name != "phone"}
    outcome = determine_outcome(move(), RemoteState(client=type(THERE).from_wire(raw)))
    assert (outcome.state, outcome.after["changed"]) == (State.DIFFERS, ["phone"])


def test_a_move_reaches_one_client_and_has_no_state_before_it_without_them():
    assert (COMMAND.reach, COMMAND.reached_group) == (Reach(clients=1), None)
    assert COMMAND.before(RemoteState()) is None


def test_a_group_that_a_change_of_ours_has_replaced_proves_nothing():
    late = RemoteState(client=a_client(client_groups_id="2"))
    assert determine_outcome(move(), late, [{"group_id": 2}]) is None
    assert determine_outcome(move(), RemoteState(client=THERE), [{"group_id": 1}]) is None
    assert determine_outcome(move(accepted=True), RemoteState(client=THERE), [{"group_id": 1}]).proven


@pytest.mark.parametrize("accepted", [True, False])
def test_a_client_who_was_just_made_may_not_show_yet(accepted):
    assert determine_outcome(move(accepted=accepted), RemoteState(client=None), [None]) is None


def test_a_creation_and_the_group_that_a_move_has_left_are_replaced_side_by_side():
    replaced = [None, {"group_id": 2}]
    assert determine_outcome(move(), RemoteState(client=None), replaced) is None
    assert determine_outcome(move(), RemoteState(client=a_client(client_groups_id="2")), replaced) is None
    assert determine_outcome(move(), RemoteState(client=THERE), replaced).state == State.APPLIED


def test_what_changed_beside_the_group_is_named_without_its_value():
    outcome = determine_outcome(move(), RemoteState(client=a_client(email="new@example.com", bonus="5")))
    assert outcome.after == {"group_id": 1, "changed": ["bonus", "email"]}
    assert not outcome.proven


@pytest.mark.parametrize("after", [{"group_id": 1, "changed": []}, None])
def test_the_undo_of_a_move_is_the_move_back(after):
    change = move(state=State.APPLIED, after=after)
    undo = Command.from_change(change).undo(change)
    assert (undo.client_id, undo.from_id, undo.to_id, undo.undo_of) == (7, 1, 4, change)
    assert undo.columns["undo_of"] is change


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.REVIEW, State.UNKNOWN])
def test_there_is_no_undo_of_a_move_that_was_not_made(state):
    change = move(state=state)
    assert Command.from_change(change).undo(change) is None
