"""Test the progress of a job: its parts whose outcome is known, in numbers and in percents."""

import pytest

from groups.models import Change, Job
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobProgress, progress_of
from tests.support.changes import write_down
from tests.support.jobs import FEW
from tests.support.transfers import plan

State = Change.State


def test_all_that_was_settled_has_been_seen_and_percents_are_rounded_down():
    progress = JobProgress(total=20, done=2, refused=3, failed=4, unknown=5, skipped=6)
    assert (progress.seen, progress.percent) == (15, 75)
    assert [JobProgress(total=total, done=done).percent for total, done in ((0, 0), (4, 0), (300, 299))] == [
        0,
        0,
        99,
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transfers")
def test_each_outcome_counts_once_in_its_place(staff, sandbox):
    job = queue.start(plan(staff))
    assert progress_of(job) == JobProgress(total=FEW)
    Job.objects.filter(pk=job.pk).update(unreadable=4)
    job.refresh_from_db()
    gone, elsewhere = Change.Reason.CLIENT_GONE, Change.Reason.ELSEWHERE
    for state, reason in (
        *((State.APPLIED, ""), (State.DIFFERS, ""), (State.REFUSED, "")),
        *((State.PENDING, ""), (State.UNKNOWN, ""), (State.REVIEW, "")),
        *((State.FAILED, gone), (State.FAILED, elsewhere), (State.FAILED, Change.Reason.GONE)),
    ):
        write_down(job=job, state=state, reason=reason)
    known = JobProgress(total=13, done=2, refused=1, failed=1, unknown=3, skipped=6)
    assert progress_of(job) == known
