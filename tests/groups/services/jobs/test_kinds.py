"""Test the kinds of jobs: one that is plugged in from outside, and one whose feature is switched off."""

import pytest
from django_tasks_db.models import DBTaskResult

from groups.models import Change, Job, Lock
from groups.services.events import events_since
from groups.services.jobs import lease as job_lease
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind, UnknownKind, label_of, title_of
from groups.services.writes.execute import execute
from groups.services.writes.not_sent import Locked, OperationReused
from tests.support.commands import edit_of
from tests.support.greetings import greet
from tests.support.jobs import ended, run, run_once
from tests.support.pages import text_of
from tests.support.transfers import Transfer, plan, start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "transfers"),
]


@pytest.fixture
def switched_off(monkeypatch, transfers):
    """Return a function that switches the feature of transfers off, and one that switches it on."""
    return (
        lambda: monkeypatch.delitem(Job.registered, Transfer.kind),
        lambda: monkeypatch.setitem(Job.registered, Transfer.kind, Transfer),
    )


def test_a_kind_is_plugged_in_from_outside(staff, manager, browse, sandbox, greeting):
    job = queue.start(greet(staff))
    assert [lock.key for lock in job.locks.all()] == ["members:4"]
    assert not queue.may_control(job, manager)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert greeting.greeted == [4]
    assert not Lock.objects.exists()
    page = text_of(browse(staff).get(f"/jobs/{job.pk}/"))
    assert "Greet a group" in page
    assert "All have been greeted." in page
    assert "greeted 0" in page
    assert "Greet a group" in text_of(browse(staff).get("/jobs/"))


def test_a_job_whose_feature_is_off_waits_and_goes_on_when_it_is_on_again(
    staff, sandbox, people, switched_off
):
    switch_off, switch_on = switched_off
    job = start(staff)
    switch_off()
    assert ended(run_once(job)) == (Job.State.WAITING, "")
    DBTaskResult.objects.all().delete()
    assert queue.revive() == []
    assert not job_lease.JobLease(job).take()
    assert not Change.objects.exists()
    assert Lock.objects.filter(job=job).count() == 2
    switch_on()
    assert queue.revive() == [job]
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


def test_a_job_whose_feature_is_off_is_on_no_page_and_in_no_notice(
    staff, owner, browse, sandbox, switched_off
):
    switch_off, _ = switched_off
    job = run(start(staff))
    since = job.created_at
    page = f"/jobs/{job.pk}/"
    client = browse(owner)
    assert client.get(page).status_code == 200
    assert {kind for kind, _event in events_since(job.account, since)} == {"job"}
    change = Change.objects.first()
    assert change is not None
    switch_off()
    assert client.get(page).status_code == 404
    assert str(job.pk) not in client.get("/jobs/").content.decode()
    assert not list(events_since(job.account, since))
    page = client.get(f"/history/{change.pk}/")
    assert page.status_code == 200
    assert f"/jobs/{job.pk}/" not in page.content.decode()


def test_a_job_whose_feature_is_off_keeps_its_locks_and_is_named_plainly(staff, owner, sandbox, switched_off):
    switch_off, switch_on = switched_off
    job = start(staff)
    switch_off()
    assert title_of(job) == "Job"
    assert label_of(job) == "job"
    assert not queue.may_control(job, owner)
    with pytest.raises(OperationReused):
        execute(edit_of(staff, operation=job.pk))
    with pytest.raises(UnknownKind):
        JobKind.of(job)
    assert {lock.key for lock in job.locks.all()} == {"members:4", "members:1"}
    switch_on()
    with pytest.raises(Locked) as there:
        queue.start(plan(owner, group_id=1, target_id=5))
    assert there.value.holder == job
