"""Test the executor of jobs: what is tried again, what follows what, and how long a job waits."""

import time
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from groups.models import Change, Job
from groups.poster import Unreachable
from groups.services.jobs.executor import (
    LONG_RUN,
    OutageBackoff,
    Try,
    check_target,
    first_made,
    max_wait_of,
    may_be_tried,
    submit_all,
    submit_one_by_one,
)
from groups.services.jobs.lease import JobLease, PutOff, Stopped
from groups.services.writes.commands import MoveClient
from tests.support.changes import write_down
from tests.support.transfers import start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "transfers"),
]
UNSENT = Try("failed", "not_read", "unreachable")
IN_VAIN = Try("failed", "not_applied", "")
NO_ACCESS = Try("refused", "refused", "no_access")


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ([], True),
        ([UNSENT] * 9, True),
        ([IN_VAIN] * 2, True),
        ([IN_VAIN] * 2 + [UNSENT] * 9, True),
        ([IN_VAIN] * 3, False),
        ([NO_ACCESS, IN_VAIN], True),
        ([NO_ACCESS] * 9, True),
        ([NO_ACCESS, *[IN_VAIN] * 3], False),
        ([Try("failed", "conflict", "rejected")], False),
        ([Try("unknown", "", "")], False),
        ([Try("applied", "", ""), UNSENT], False),
        ([UNSENT, Try("refused", "refused", "rejected")], False),
    ],
)
def test_only_what_changed_nothing_is_tried_again_and_what_was_taken_in_vain_three_times_at_most(
    before, again
):
    assert may_be_tried(before) is again


def test_a_job_waits_for_an_unknown_outcome_as_long_as_writes_take_to_settle_besides(settings):
    settings.JOB_MAX_WAIT, settings.POSTER_SETTLE_SECONDS = 60, 30
    assert max_wait_of(Job.Stop.UNREACHABLE) == timedelta(seconds=60)
    assert max_wait_of(Job.Stop.UNKNOWN) == timedelta(seconds=90)


def lease_of_one_that_waited(staff, reason):
    """Return the lease of a job that has waited for this reason longer than it may."""
    job = start(staff)
    Job.objects.update(reason=reason, waits=3, waiting_since=timezone.now() - timedelta(days=1))
    lease = JobLease(job)
    assert lease.take()
    return lease


@pytest.mark.parametrize(
    ("before", "now", "end"),
    [
        (Job.Stop.UNREACHABLE, Job.Stop.UNREACHABLE, Stopped),
        (Job.Stop.UNREACHABLE, Job.Stop.LOCKED, Stopped),
        (Job.Stop.UNKNOWN, Job.Stop.UNKNOWN, Stopped),
        (Job.Stop.UNKNOWN, Job.Stop.UNREACHABLE, PutOff),
        (Job.Stop.UNREACHABLE, Job.Stop.UNKNOWN, PutOff),
        (Job.Stop.UNREACHABLE, Job.Stop.TOKEN, PutOff),
        (Job.Stop.TOKEN, Job.Stop.TOKEN, Stopped),
    ],
)
def test_after_poster_has_answered_or_a_write_was_found_out_the_patience_begins_again(
    staff, before, now, end
):
    with pytest.raises(end):
        OutageBackoff(lease_of_one_that_waited(staff, before)).wait(now)


@pytest.mark.parametrize(("age", "end"), [(0, Stopped), (LONG_RUN + 1, PutOff)])
def test_after_a_long_run_without_a_failure_the_patience_begins_again(staff, age, end):
    lease = lease_of_one_that_waited(staff, Job.Stop.UNREACHABLE)
    lease.began = time.monotonic() - age

    def fail():
        raise Unreachable("away")

    with pytest.raises(end):
        OutageBackoff(lease).ask_poster(fail)


@pytest.mark.parametrize(
    ("reasons", "stop"),
    [
        ([], None),
        (["not_read", ""], None),
        (["not_read", "not_applied"], None),
        (["unreadable_row", "not_read"], Job.Stop.UNREACHABLE),
        (["not_read", "not_shown_yet"], Job.Stop.STALE),
        (["not_read", "never_sent", "unreadable_row"], Job.Stop.UNREADABLE_ROW),
    ],
)
def test_a_job_is_put_off_where_nothing_was_sent_and_for_the_last_reason(staff, settings, reasons, stop):
    settings.JOB_RETRY_PAUSES = (1.0, 2.0, 3.0)
    lease = JobLease(start(staff))
    lease.job.waits = 1
    backoff = OutageBackoff(lease)
    changes = [Change(reason=reason) for reason in reasons]
    if stop is None:
        backoff.note(changes)
        return
    with pytest.raises(PutOff) as later:
        backoff.note(changes)
    assert (later.value.reason, later.value.pause) == (stop, 2.0)


# --- Which of them follow ----------------------------------------------------------------------------------


@pytest.fixture
def moves(staff, people):
    """Return the lease of a job, and the commands that move four clients of group 4."""
    job = start(staff)
    lease = JobLease(job)
    assert lease.take()
    return lease, [
        MoveClient(operation=uuid.uuid4(), job=job, client_id=client_id, from_id=4, to_id=1)
        for client_id in sorted(people(4))[:4]
    ]


@pytest.fixture
def unreadable(sandbox):
    """Return a function after which Poster shows clients, so many times, in a form that cannot be read."""

    def unreadable(times=None):
        sandbox.script("clients.getClient", "row_missing_field", field="client_groups_id", times=times)

    return unreadable


def test_each_that_was_lost_has_its_outcome_before_the_next_one_follows(moves, sandbox):
    sandbox.script("clients.updateClient", "fin_before_headers", when="before")
    found = [(change.state, change.reason) for change in submit_one_by_one(*moves)]
    assert found == [("failed", "not_applied"), *[("applied", "")] * 3]


def test_two_that_were_not_sent_hold_up_nobody(moves, unreadable):
    unreadable(times=2)
    assert [change.state for change in submit_one_by_one(*moves)] == ["applied"] * 2


@pytest.mark.parametrize("sent", [0, 1])
def test_three_in_a_row_that_were_not_sent_put_the_job_off(moves, unreadable, sent):
    changes = submit_one_by_one(*moves)
    for _ in range(sent):
        assert next(changes).state == "applied"
    unreadable()
    with pytest.raises(PutOff):
        next(changes)
    assert Change.objects.filter(state="failed").count() == 3


def test_of_several_at_a_time_none_follows_three_in_a_row_that_were_not_sent(moves, unreadable, settings):
    settings.POSTER_MAX_CONCURRENCY = 1
    moves[0].job.move_on(Job.State.RUNNING, waits=2)
    unreadable()
    assert len(submit_all(*moves)) == 3
    assert Job.objects.get().waits == 2


@pytest.mark.parametrize("elsewhere", [False, True])
def test_of_several_at_a_time_all_are_tried_while_poster_answers(moves, sandbox, settings, elsewhere):
    settings.POSTER_MAX_CONCURRENCY, settings.POSTER_READ_PAUSES = 1, (0.0,)
    moves[0].job.move_on(Job.State.RUNNING, waits=2)
    if elsewhere:
        for command in moves[1]:
            sandbox.console().edit_client(command.client_id, client_groups_id="5")
    changes = submit_all(*moves)
    assert [change.reason for change in changes] == ["elsewhere" if elsewhere else ""] * 4
    assert Job.objects.get().waits == 0


# --- The target --------------------------------------------------------------------------------------------


def test_a_target_is_gone_once_two_reads_with_a_pause_between_them_have_not_found_it(
    moves, sandbox, settings, monkeypatch
):
    pauses = []
    monkeypatch.setattr(
        JobLease, "wait", lambda _lease, seconds: pauses.append((seconds, len(sandbox.calls())))
    )
    lease, _ = moves
    check_target(lease)
    sandbox.console().remove(1)
    before = len(sandbox.calls())
    with pytest.raises(Stopped) as stopped:
        check_target(lease)
    assert stopped.value.reason == Job.Stop.TARGET_GONE
    ((pause, calls),) = pauses
    assert pause == settings.POSTER_CONFIRM_SECONDS
    assert before < calls < len(sandbox.calls())


def test_what_a_person_has_decided_on_proves_nothing_for_the_others(staff):
    job, made = start(staff), {"action": Change.Action.MOVE, "state": Change.State.APPLIED}
    write_down(staff, job=job, resolved_by="boss", **made)
    assert first_made(job, action=Change.Action.MOVE) is None
    read_back = write_down(staff, job=job, **made)
    assert first_made(job, action=Change.Action.MOVE) == read_back
