"""Test the threads of a worker: they settle, continue and delete unasked, and survive errors."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from groups.models import Change, WorkerHeartbeat
from groups.services.installation import maintenance
from groups.services.writes import reconcile as reconciler
from tests.support.changes import unknown
from tests.support.dashboard.killing import wait_until

State = Change.State
pytestmark = pytest.mark.django_db


@pytest.mark.once
def test_a_thread_survives_what_goes_wrong(caplog):
    stop, turns = threading.Event(), []

    def turn():
        turns.append(len(turns))
        if len(turns) == 1:
            raise OperationalError("away\nLINE 1: SELECT")
        if len(turns) == 2:
            raise RuntimeError("a programming error")
        stop.set()

    maintenance.repeat("a turn", turn, 0.01, stop)
    assert turns == [0, 1, 2]
    away, mistake = caplog.records
    assert (away.getMessage(), away.exc_info) == ("The thread 'a turn' waits: away", None)
    assert mistake.getMessage() == "The thread 'a turn' failed and goes on"
    assert mistake.exc_info


@pytest.mark.django_db(transaction=True)
def test_no_account_waits_for_the_poster_of_another_one(owner, outsider, sandbox):
    change = unknown(owner)
    unknown(outsider, account=outsider.credentials.account)
    sandbox.script("*", "timeout", account="demo", times=None)
    at_work = []

    def reconcile(account):
        at_work.append(account)
        try:
            maintenance.reconcile(account)
        finally:
            at_work.remove(account)

    def answered(account):
        return [call for call in sandbox.calls() if call.account == account]

    check = maintenance.thread_for_each("reconcile", reconciler.accounts_due, reconcile)
    try:
        check()
        wait_until(lambda: at_work == ["demo"] and answered("demo") and answered("kavarnia"))
        Change.objects.settle(change, next_check_at=timezone.now())
        check()
        assert at_work.count("demo") == 1
        assert len(answered("demo")) == 1
    finally:
        sandbox.clear_faults()
        wait_until(lambda: not at_work)  # the call that hangs ends with its time-out


def test_a_thread_that_cannot_start_leaves_its_account_to_the_next_step(monkeypatch):
    worked = threading.Event()
    check = maintenance.thread_for_each("work", lambda: ["demo"], lambda _account: worked.set())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread_left)
        with pytest.raises(RuntimeError):
            check()
    check()
    assert worked.wait(10)


def no_thread_left(_thread):
    raise RuntimeError("can't start new thread")


def test_a_worker_that_starts_does_not_wait_for_the_pause_of_a_check_that_was_cut_short(owner, sandbox):
    now = timezone.now()
    pauses = [timedelta(seconds=10), timedelta(seconds=90), timedelta(minutes=30)]
    soon, cut_short, late = (unknown(owner, next_check_at=now + pause, checks=3) for pause in pauses)
    maintenance.look_after("the next worker")
    for change in (soon, cut_short, late):
        change.refresh_from_db()
        assert (change.state, change.checks) == (State.UNKNOWN, 3)
    assert soon.next_check_at == now + pauses[0]
    for change in (cut_short, late):
        assert timedelta(0) < change.next_check_at - now <= reconciler.SOON + timedelta(seconds=5)
    Change.objects.settle(late, next_check_at=now + pauses[2])
    maintenance.look_after("the next worker")
    late.refresh_from_db()
    assert late.next_check_at == now + pauses[2]
    assert not sandbox.calls()


def test_a_heartbeat_is_one_row_for_each_worker_and_old_ones_go(db):
    WorkerHeartbeat.objects.all().delete()
    for worker, age in (("long gone", 61), ("just gone", 5)):
        WorkerHeartbeat.objects.create(pk=worker, seen_at=timezone.now() - timedelta(minutes=age))
    for worker in ("one", "two", "one"):
        maintenance.look_after(worker)
    assert set(WorkerHeartbeat.objects.values_list("pk", flat=True)) == {"just gone", "one", "two"}
    assert set(WorkerHeartbeat.objects.alive().values_list("pk", flat=True)) == {"one", "two"}
