"""Test a kind of jobs that is plugged in from outside."""

import pytest

from groups.models import Job, Lock
from groups.services.jobs import queue
from tests.support.greetings import greet
from tests.support.jobs import ended, run
from tests.support.pages import text_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "transfers"),
]


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
