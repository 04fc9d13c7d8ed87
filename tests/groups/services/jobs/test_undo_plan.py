"""Test what the plan of an undo says: of what is left, of what stays, and of the undo that was made."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.models import Change, PosterAccount
from groups.services.jobs import queue
from groups.services.jobs.undo import Undo, UndoPreview, preview_of, undo_of
from tests.support.changes import BEFORE, write_down
from tests.support.jobs import FEW, leave_few, plan_undo, run, start, undone

Action, State = Change.Action, Change.State


@pytest.fixture
def job(transactional_db, settled_at_once, staff, sandbox):
    """Return a job that has moved the clients of a group."""
    leave_few(sandbox)
    return run(start(staff))


def test_the_undo_of_one_change_is_not_that_of_its_job_and_goes_on_saying_what_it_undid(staff, job):
    change = job.changes.order_by("client_id").first()
    one = undone(staff, job, change)
    assert undo_of(job, change) == one
    assert undo_of(job)._state.adding
    assert preview_of(undo_of(job, change)).left == {Action.MOVE: 1}
    assert preview_of(undo_of(job)) == UndoPreview({Action.MOVE: FEW}, {Action.MOVE: FEW - 1})


def test_a_client_that_no_job_has_moved_on_is_not_left_to_move_back(job):
    later = {
        "action": Action.MOVE,
        "state": State.APPLIED,
        "client_id": job.changes.first().client_id,
        "created_at": timezone.now() + timedelta(seconds=1),
    }
    elsewhere, _ = PosterAccount.objects.get_or_create(name="kavarnia")
    write_down(account=elsewhere, **later)  # another client, who has the same id there
    assert preview_of(undo_of(job)).left == {Action.MOVE: FEW}
    write_down(**later)
    assert preview_of(undo_of(job)).left == {Action.MOVE: FEW - 1}


def test_an_edit_that_a_person_has_called_made_is_not_left_to_undo(job):
    """Its values after it may be those of somebody else."""
    edit = {"job": job, "state": State.APPLIED, "after": BEFORE.to_json(), "settled_at": timezone.now()}
    for name in ("", "owner"):
        write_down(**edit, resolved_by=name)
    made, left = {Action.MOVE: FEW, Action.UPDATE: 2}, {Action.MOVE: FEW, Action.UPDATE: 1}
    assert preview_of(undo_of(job)) == UndoPreview(made, left)


def test_an_undo_reaches_each_client_once_whether_tried_in_vain_or_perhaps_moved_back(staff, job):
    undo = queue.start(plan_undo(staff, job))
    in_vain, perhaps = job.changes.order_by("client_id")[:2]
    write_down(job=undo, undo_of=in_vain, action=Action.MOVE, state=State.FAILED)
    write_down(job=undo, undo_of=perhaps, action=Action.MOVE, state=State.UNKNOWN, reached=1)
    assert Undo(undo).reach(None).clients == FEW
