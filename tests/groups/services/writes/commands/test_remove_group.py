"""Test the removal of a group: its outcome, its locks, and its undo."""

import pytest

from groups.models import Change
from groups.services.writes.outcome import RemoteState
from tests.groups.services.writes.commands.examples import determine_outcome, ended, group

State, Action, Reason = Change.State, Change.Action, Change.Reason


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
