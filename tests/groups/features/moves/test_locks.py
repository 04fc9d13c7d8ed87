"""Test the lock: no job into a group with an open removal, no removal during a job, no two crossing jobs."""

import uuid
from decimal import Decimal

import pytest

from groups.features.moves.services import Move, Retire
from groups.models import Change, Job, Lock, LocksLost
from groups.models.locks import members_key
from groups.services import credentials as credentials_service
from groups.services import history
from groups.services.jobs import executor, queue
from groups.services.writes import gates
from groups.services.writes.commands import MoveClient
from groups.services.writes.execute import execute
from groups.services.writes.lag import locked_ids
from groups.services.writes.reconcile import reconcile_due
from groups.services.writes.submissions import Locked
from tests.support.commands import before_the_read, edit_of, removal_of
from tests.support.jobs import FEW, at_each_wait, die_before_sending, ended, lock_keys, plan, run, start
from tests.support.pages import hidden, text_of
from tests.support.snapshots import plan_restore_of, snapshot_of
from tests.support.threads import at_once

State, Action = Change.State, Change.Action
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, REMOVE, FIRST = "clients.updateClient", "clients.removeGroup", 129
NAMES = {4: "Скидочная система 10%", 5: "Скидочная система 20%"}


@pytest.fixture
def lost_removal(owner, sandbox):
    """Return a removal of group 5 that was sent, and that Poster has not executed yet."""
    sandbox.script(REMOVE, "lost_before", seconds=0.05)
    change = execute(removal_of(owner, 5))
    assert change.state == State.UNKNOWN
    sandbox.log.clear()
    return change


# --- An open removal ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "source", "target"), [(Move, 4, 5), (Retire, 5, 4)])
def test_nobody_is_moved_into_a_group_or_out_of_it_while_its_removal_is_open(
    staff, lost_removal, sandbox, source, target, kind
):
    with pytest.raises(Locked) as busy:
        start(staff, group_id=source, target_id=target, kind=kind)
    assert busy.value.holder == lost_removal
    assert not Job.objects.exists()
    assert not sandbox.posts()


def test_the_page_names_the_removal_and_leads_to_it(staff, lost_removal, browse, sandbox):
    client, url = browse(staff), "/groups/4/retire/"
    form = {**hidden(client.get(url), "clients", "version", "operation"), "target": "5"}
    answer = client.post(url, form)
    assert answer.status_code == 409
    text = text_of(answer)
    assert "Nothing was started." in text
    assert f"the removal of “{NAMES[5]}” by owner" in text
    html = answer.content.decode()
    assert f"/history/{lost_removal.pk}/" in html
    assert 'data-notice="conflict"' in html
    # Another group can be selected with the same form.
    assert client.post(url, {**form, "target": "1"}).status_code == 302

    page = client.get("/groups/5/clients/move/")  # the group itself offers nothing
    assert f"/history/{lost_removal.pk}/" in page.content.decode()
    assert 'name="target"' not in page.content.decode()


def test_a_removal_that_only_a_person_can_settle_keeps_its_locks_until_they_do(
    owner, staff, lost_removal, sandbox
):
    Change.objects.settle(lost_removal, state=State.REVIEW, reason="accepted_but_absent")
    with pytest.raises(Locked):
        start(staff, target_id=5)
    with pytest.raises(Locked):
        execute(removal_of(owner, 5))
    assert locked_ids(credentials_service.credentials_of(staff)) == {5}
    history.resolve(lost_removal, "failed", owner)
    assert not Lock.objects.exists()
    assert start(staff, target_id=5).pk


# --- A job --------------------------------------------------------------------------------------------------


def test_a_job_that_starts_between_the_read_and_the_row_of_a_removal_keeps_it_out(
    owner, staff, sandbox, monkeypatch
):
    command, ask = removal_of(owner, 5), gates.before

    def and_somebody_starts_a_job(command):
        columns = ask(command)
        start(staff, target_id=5)
        return columns

    monkeypatch.setattr(gates, "before", and_somebody_starts_a_job)
    with pytest.raises(Locked) as occupied:
        execute(command)
    assert occupied.value.holder == Job.objects.get()
    assert not Change.objects.exists()
    assert not sandbox.posts()


@pytest.mark.parametrize("end", ["done", "cancelled"])
def test_the_locks_of_a_job_go_with_its_end(staff, owner, sandbox, end):
    job = start(staff)
    queue.pause(job, staff)
    with pytest.raises(Locked):
        execute(removal_of(owner, 1))
    assert execute(edit_of(owner, percent=Decimal(11))).state == State.APPLIED  # an edit is in nobody's way
    queue.resume(job, staff)
    assert lock_keys(job=job) == job.lock_keys
    if end == "done":
        run(job)
    else:
        queue.cancel(job, staff)
    assert job.state == end
    assert not Lock.objects.exists()


def test_a_cancelled_job_keeps_its_locks_until_the_last_lost_client_is_found(
    staff, owner, browse, sandbox, settings, monkeypatch
):
    job = start(staff)
    die_before_sending(monkeypatch, job, 1)
    Job.objects.update(held_until=None)
    job.refresh_from_db()
    queue.cancel(job, staff)
    with pytest.raises(Locked):
        execute(removal_of(owner, 1))
    assert "has ended, but the outcome of its last writes" in text_of(browse(staff).get("/groups/1/"))
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE
    assert len(reconcile_due()) == 1
    assert not Lock.objects.exists()


def test_a_thread_that_comes_too_late_writes_nothing_down_for_a_job_that_has_ended(staff, sandbox):
    job = start(staff)
    queue.cancel(job, staff)
    late = MoveClient(
        credentials=credentials_service.credentials_of(staff),
        operation=uuid.uuid4(),
        job=job,
        client_id=FIRST,
        from_id=4,
        to_id=1,
    )
    with pytest.raises(LocksLost):
        execute(late)
    assert not Change.objects.exists()
    assert not sandbox.posts()


def test_a_job_without_its_locks_stops_before_it_writes_and_takes_them_as_it_goes_on(
    staff, owner, browse, sandbox, people
):
    job = start(staff)
    Lock.objects.filter(job=job, key=members_key(1)).delete()
    assert ended(run(job)) == (Job.State.STOPPED, "locks_lost")
    assert "Another bulk change or a removal" in text_of(browse(staff).get(f"/jobs/{job.pk}/"))
    assert not sandbox.posts()
    sandbox.script(REMOVE, "lost_before", seconds=0.05)
    lost = execute(removal_of(owner, 1))
    answer = browse(staff).post(f"/jobs/{job.pk}/", {"decision": "resume"})
    assert answer.status_code == 409
    assert f"/history/{lost.pk}/" in answer.content.decode()
    Change.objects.settle(lost, state=State.FAILED, reason="not_applied")
    other = start(staff, group_id=5, target_id=1)
    answer = browse(staff).post(f"/jobs/{job.pk}/", {"decision": "resume"})
    assert answer.status_code == 409
    assert f"/jobs/{other.pk}/" in answer.content.decode()
    assert lock_keys(job=job) == {"members:4"}
    queue.cancel(other, staff)
    queue.resume(Job.objects.get(pk=job.pk), staff)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


# --- A retirement -------------------------------------------------------------------------------------------


def test_the_removal_of_a_retirement_is_within_the_locks_of_its_job(staff, sandbox, monkeypatch):
    seen = []

    def look(_command, change):
        if change.action == Action.REMOVE:
            seen.append((lock_keys(change=change), lock_keys(job=change.job)))

    before_the_read(monkeypatch, look)
    assert ended(run(start(staff, kind=Retire))) == (Job.State.DONE, "")
    assert seen == [({"group:4"}, {"members:4", "members:1", "schedule:4"})]
    assert not Lock.objects.exists()


# --- A restore ----------------------------------------------------------------------------------------------


def test_a_restore_locks_its_groups_and_its_page_names_what_locks_them(owner, browse, sandbox):
    snapshot = snapshot_of(owner, 4)
    sandbox.console().edit_client(FIRST, client_groups_id="5")
    sandbox.console().edit_client(FIRST + 1, client_groups_id="1")
    job = queue.start(plan_restore_of(owner, snapshot))
    assert lock_keys(job=job) == {"members:1", "members:4", "members:5"}
    queue.cancel(job, owner)
    sandbox.script(REMOVE, "lost_before", seconds=0.05)
    lost = execute(removal_of(owner, 5))
    client, url = browse(owner), f"/history/snapshots/{snapshot.pk}/restore/"
    answer = client.post(url, hidden(client.get(url), "version", "operation"))
    assert answer.status_code == 409
    assert f"/history/{lost.pk}/" in answer.content.decode()
    assert Job.objects.exclude(pk=job.pk).count() == 0


def test_a_restore_locks_the_group_that_it_creates_as_soon_as_it_is_there(owner, sandbox, monkeypatch):
    snapshot = snapshot_of(owner, 4)
    sandbox.console().remove(4)
    job, check, tried = queue.start(plan_restore_of(owner, snapshot)), executor.check_target, []
    assert lock_keys(job=job) == {"members:4"}

    def and_somebody_removes_it(lease):
        if not tried:
            with pytest.raises(Locked) as occupied:
                execute(removal_of(owner, lease.job.target_id))
            tried.append(occupied.value.holder)
        check(lease)

    monkeypatch.setattr(executor, "check_target", and_somebody_removes_it)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert tried == [job]
    assert not Lock.objects.exists()


def test_a_restore_waits_for_the_removal_of_the_group_that_it_has_created(
    owner, sandbox, monkeypatch, people
):
    snapshot = snapshot_of(owner, 4)
    sandbox.console().remove(4)
    job, waits = queue.start(plan_restore_of(owner, snapshot)), []
    submit_one_by_one = executor.submit_one_by_one

    def and_somebody_is_sooner(lease, commands):
        yield from submit_one_by_one(lease, commands)
        if not waits:
            sandbox.script(REMOVE, "lost_before", seconds=0.05)
            made = Change.objects.get(job=job, action=Action.CREATE)
            waits.append(execute(removal_of(owner, made.group_id)))

    def then_it_is_not_made(_pause):
        Change.objects.settle(waits[0], state=State.FAILED, reason="not_applied")

    monkeypatch.setattr(executor, "submit_one_by_one", and_somebody_is_sooner)
    at_each_wait(monkeypatch, then_it_is_not_made)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert waits[0].state == State.FAILED
    assert len(people(job.target_id)) == FEW


# --- At the same moment -------------------------------------------------------------------------------------


def test_of_crossing_jobs_at_the_same_moment_one_is_started(staff, owner, sandbox):
    for _ in range(5):
        crossing = [
            plan(staff, group_id=4, target_id=5),
            plan(owner, group_id=5, target_id=1),
            plan(owner, group_id=1, target_id=4),
        ]
        results = at_once(*(lambda job=job: queue.start(job) for job in crossing))
        started = [each for each in results if isinstance(each, Job)]
        assert len(started) == 1
        assert {each.holder for each in results if each not in started} == set(started)
        assert Lock.objects.count() == 2
        queue.cancel(started[0], owner)
        assert not Lock.objects.exists()


def test_of_a_removal_and_a_job_at_the_same_moment_one_is_made(staff, owner, sandbox):
    for _ in range(5):
        command, job = removal_of(owner, 5), plan(staff, target_id=5)
        sandbox.script(REMOVE, "lost_before", seconds=0.05)
        change, started = at_once(lambda o=command: execute(o), lambda j=job: queue.start(j))
        assert isinstance(change, Change) is not isinstance(started, Job)
        sandbox.clear_faults()
        if isinstance(started, Job):
            assert change.holder == started
            queue.cancel(started, owner)
        else:
            assert started.holder == change
            Change.objects.settle(change, state=State.FAILED, reason="not_applied")
        assert not Lock.objects.exists()


def test_the_end_of_a_job_and_of_its_last_change_at_the_same_moment_leave_no_lock(
    staff, sandbox, monkeypatch
):
    for number in range(5):
        job = start(staff)
        change = Change(
            account_id="demo", job=job, action=Action.MOVE, client_id=FIRST, target=f"client:{FIRST}"
        )
        change.save()
        at_once(
            lambda c=change: Change.objects.settle(c, state=State.FAILED, reason="never_sent"),
            lambda j=job: queue.cancel(j, staff),
        )
        assert not Lock.objects.exists(), number
