"""Test rows written by a clock an hour ahead: nothing stays locked until that hour is over."""

import time
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.utils import timezone

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import snapshots
from groups.models import Change, Job, PosterAccount
from groups.poster import OutcomeUnknown
from groups.services import credentials as credentials_service
from groups.services import gateway
from groups.services.groups import list_groups, read_now
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue
from groups.services.writes import execute as write_path
from groups.services.writes.reconcile import follow_up, reconcile_due
from poster_admin.users.sign_in.reauthentication import CONFIRMED_AT
from tests.support.changes import let_be_due, unknown
from tests.support.commands import edit_of
from tests.support.jobs import start
from tests.support.pages import REMOVAL

State = Change.State
pytestmark = pytest.mark.django_db
AHEAD = timedelta(hours=1)


class Wrong(datetime):
    """The wrong clock of one machine."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + AHEAD


@contextmanager
def an_hour_ahead():
    """Set the clock wrong for everything in the block, the defaults of columns included."""
    with (
        mock.patch("django.utils.timezone.datetime", Wrong),
        mock.patch("time.time", lambda real=time.time: real() + AHEAD.total_seconds()),
    ):
        yield


@contextmanager
def killed(step):
    """Let the process die in the block, at this step of a write."""
    with (
        mock.patch.object(write_path, step, side_effect=SystemExit),
        pytest.raises(SystemExit),
        an_hour_ahead(),
    ):
        yield


def test_a_change_that_was_not_sent_is_closed_and_the_group_can_be_edited(staff, sandbox):
    with killed("_read_before"):
        write_path.execute(edit_of(staff, name="Гості"))
    (closed,) = reconcile_due()
    assert (closed.state, closed.reason) == (State.FAILED, "never_sent")
    assert write_path.execute(edit_of(staff, name="Гості")).state == State.APPLIED


def test_a_change_that_was_sent_is_looked_after(staff, sandbox):
    with killed("_read_after"):
        write_path.execute(edit_of(staff, name="Гості"))
    (settled,) = reconcile_due()
    assert settled.state == State.APPLIED


def test_a_change_whose_next_look_was_put_off_is_looked_at(staff, sandbox):
    with an_hour_ahead():
        sandbox.script("clients.updateGroup", "answer_lost", seconds=0.1)
        sandbox.script("clients.getGroup", "fin_before_headers", call=3, times=None)
        change = write_path.execute(edit_of(staff, name="Гості"))
    assert change.state == State.UNKNOWN
    sandbox.clear_faults()
    assert reconcile_due() == [change]


def test_a_lost_change_is_given_up_by_the_looks_since_not_at_once_and_not_an_hour_late(
    staff, sandbox, settings, monkeypatch
):
    settings.POSTER_SETTLE_SECONDS = 1800
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    with an_hour_ahead():
        change = write_path.execute(edit_of(staff, name="Гості"))
    passed = timedelta()
    while not follow_up(change) and passed < timedelta(hours=1):
        passed += change.next_check_at - timezone.now()
        let_be_due(change)
    assert (change.state, change.reason) == (State.FAILED, "not_applied")
    assert timedelta(minutes=29) < passed < timedelta(minutes=40)


def test_what_was_seen_once_at_that_time_is_believed_when_it_is_seen_twice_now(owner, sandbox, settings):
    settings.POSTER_CONFIRM_SECONDS = 0.1
    change = unknown(owner)
    sandbox.console().remove(1)
    with an_hour_ahead():
        assert not follow_up(change)
    for _ in range(2):
        let_be_due(change)
        settled = follow_up(change)
        time.sleep(0.1)
    assert settled
    assert (change.state, change.reason) == (State.REVIEW, "gone")


def test_what_was_made_at_that_time_is_no_reason_to_take_a_read_for_a_late_one(staff, sandbox):
    before = sandbox.accounts["demo"].groups[1]["client_groups_name"]
    with an_hour_ahead():
        assert write_path.execute(edit_of(staff, name="Гості")).state == State.APPLIED
    sandbox.console().edit(1, client_groups_name=before)
    assert write_path.execute(edit_of(staff, name="Інші")).state == State.APPLIED


def test_a_job_goes_on_in_another_worker(staff, sandbox):
    with an_hour_ahead():
        job = start(staff, client_ids=[129])
        assert job_lease.JobLease(job).take()
        Job.objects.update(task_id="")  # its task was killed together with its worker
    assert queue.revive() == [job]
    assert job_lease.JobLease(job).take()
    assert not job_lease.JobLease(job).take()


def test_the_circuit_breaker_closes(staff, sandbox):
    credentials = credentials_service.credentials_of(staff)
    with an_hour_ahead():
        for _ in range(2):
            gateway._count_failure(credentials.account, OutcomeUnknown(reason="timeout"), 12.0)
    assert PosterAccount.objects.get().open_until > timezone.now() + timedelta(minutes=50)
    assert list_groups(credentials_service.credentials_of(staff)).failure is None


def test_failures_of_that_time_do_not_count(staff, sandbox):
    account = credentials_service.credentials_of(staff).account
    with an_hour_ahead():
        gateway._count_failure(account, OutcomeUnknown(reason="timeout"), 12.0)
    gateway._count_failure(account, OutcomeUnknown(reason="timeout"), 12.0)
    assert (account.failing_seconds, account.open_until) == (12.0, None)


def test_a_list_of_that_time_is_not_taken_for_a_fresh_one(staff, sandbox):
    with an_hour_ahead():
        list_groups(credentials_service.credentials_of(staff))
    list_groups(credentials_service.credentials_of(staff))
    assert len(sandbox.calls("clients.getGroups")) == 2


def test_half_a_snapshot_of_that_time_holds_up_no_removal(owner, sandbox):
    credentials, operation = credentials_service.credentials_of(owner), uuid.uuid4()
    group = read_now(credentials, 4).group
    with an_hour_ahead():
        Snapshot.objects.create(
            id=operation, account=credentials.account, group_id=4, group=group.to_json(), complete=False
        )
    assert snapshots.take_snapshot(credentials, group, operation=operation).clients == 43


def test_a_password_of_that_time_is_asked_for_again(owner, browse, sandbox):
    client = browse(owner)
    with an_hour_ahead():
        session = client.session
        session[CONFIRMED_AT] = time.time()
        session.save()
    assert client.get(REMOVAL).status_code == 302


def test_clocks_that_differ_a_little_are_no_reason(staff, sandbox):
    with mock.patch("django.utils.timezone.now", lambda now=timezone.now: now() + timedelta(seconds=20)):
        job = start(staff, client_ids=[129])
        assert job_lease.JobLease(job).take()
    assert not queue.revive()
    assert not job_lease.JobLease(job).take()
