"""Test jobs of which some commits fail: they wait, and go on."""

import pytest
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from groups.models import Change, Job
from groups.services.writes import execute as write_path
from poster_admin.common.outages import is_outage
from tests.support import changes, environment
from tests.support.jobs import ended, run
from tests.support.outages import LOST, let_commits_fail
from tests.support.transfers import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transfers")]
# Commits of which some fail; the job makes a few more.
SOME = 16


def survived(job):
    """Run a job as a worker does, which an outage leaves alive."""
    try:
        return run(job)
    except Exception as error:
        if not is_outage(error):
            raise
    close_old_connections()
    return Job.objects.get()


@pytest.mark.parametrize("is_made", LOST)
def test_a_job_of_which_some_commits_fail_moves_everybody_once(owner, sandbox, people, monkeypatch, is_made):
    monkeypatch.setattr(write_path, "PAUSE", 0.0)
    job = start(owner)
    wanted = people(4)
    with monkeypatch.context() as patch:
        failed = let_commits_fail(patch, lambda number: number <= SOME and number % 4 == 0, is_made=is_made)
        while (job := survived(job)).is_active:
            Job.objects.update(held_until=timezone.now())  # a lease that could not be released is over
    assert ended(job) == (Job.State.DONE, "")
    assert len(failed) == SOME // 4
    assert {change.state for change in Change.objects.last_tries()} == {Change.State.APPLIED}
    sent = [int(call.form["client_id"]) for call in sandbox.posts("clients.updateClient")]
    assert sorted(sent) == sorted(wanted)


@pytest.mark.skipif(not environment.ON_SERVICES, reason="SQLite writes nothing for a commit of no row")
def test_a_change_can_be_settled_twice(monkeypatch):
    mine = changes.write_down()
    theirs = Change.objects.get(pk=mine.pk)
    assert Change.objects.settle(theirs, state=Change.State.APPLIED)
    with monkeypatch.context() as patch:
        let_commits_fail(patch, lambda _number: True)
        with pytest.raises(OperationalError):
            Change.objects.settle(mine, state=Change.State.APPLIED)
    close_old_connections()
    assert not Change.objects.settle(mine, state=Change.State.APPLIED)
    assert mine.state == Change.State.APPLIED
