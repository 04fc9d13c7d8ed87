"""Test writes of which a COMMIT fails: the disk is full, or the connection is lost before or after it."""

from decimal import Decimal

import pytest

from groups.features.snapshots import services as snapshots
from groups.models import Change, Lock
from groups.services.groups import read_group
from groups.services.writes import execute as write_path
from groups.services.writes.execute import execute
from groups.services.writes.submissions import NotRecordedNow
from tests.support.commands import BARISTA, command_of, edit_of, removal_of
from tests.support.outages import LOST, let_commits_fail

State = Change.State
pytestmark = pytest.mark.django_db(transaction=True)


def kept_removal_of(user):
    """Return a removal of a group whose snapshot is taken already: its commits are not those of the write."""
    command = removal_of(user, 4)
    group = read_group(user.credentials, 4).group
    snapshots.take_snapshot(user.credentials, group, operation=command.operation)
    return command


COMMANDS = {
    "create": lambda user: command_of(user, Change.Action.CREATE, intended=BARISTA),
    "update": lambda user: edit_of(user, percent=Decimal("12.5")),
    "remove": kept_removal_of,
}
# The commits of a write: its row, the time of sending, the id of a new group, the outcome.
COMMITS = [(action, number) for action in COMMANDS for number in range(1, 5 if action == "create" else 4)]
BEFORE_SENDING = (1, 2)


@pytest.mark.parametrize("is_made", LOST)
@pytest.mark.parametrize(("action", "number"), COMMITS)
def test_a_write_whose_commit_fails_is_not_sent_or_is_settled_all_the_same(
    owner, sandbox, monkeypatch, action, number, is_made
):
    monkeypatch.setattr(write_path, "PAUSE", 0.0)
    command = COMMANDS[action](owner)
    counted = command.sender.account.writes
    failed = let_commits_fail(monkeypatch, lambda each: each == number, is_made=is_made)
    if number in BEFORE_SENDING:
        with pytest.raises(NotRecordedNow):
            execute(command)
        assert not sandbox.posts()
        assert command.sender.account.writes == counted
        assert not Change.objects.open().exists()
    else:
        change = execute(command)
        assert (change.state, change.reason) == (State.APPLIED, "")
        row = Change.objects.get()
        assert (row.state, row.accepted, row.after) == (State.APPLIED, True, change.after)
        assert len(sandbox.posts()) == 1
    assert failed == [number]
    assert not Lock.objects.exists()
