"""Test the lease of a job: its end while the database is away, and the user in whose name it works."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from groups.models import Job
from groups.models.leases import Lease
from groups.services.jobs.lease import JobLease, Stopped, sender_of
from poster_admin.common.outages import Outage
from tests.support.transfers import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transfers")]


def taken(user):
    lease = JobLease(start(user))
    assert lease.take()
    return lease


def test_a_lease_that_cannot_be_released_runs_out_and_hides_no_result(staff, sandbox, monkeypatch):
    def away(_lease):
        raise Outage

    monkeypatch.setattr(Lease, "release", away)
    with taken(staff) as lease:
        lease.end(Job.State.DONE)
    job = Job.objects.get()
    assert (job.state, job.holder is None) == (Job.State.DONE, False)


def test_a_job_whose_user_is_deleted_works_in_nobody_elses_name(staff, sandbox):
    lease = taken(staff)
    User.objects.update_or_create(pk=1, defaults={"username": "first", "is_active": True})
    lease.job.user = None
    with pytest.raises(Stopped) as stopped:
        sender_of(lease.job)
    assert stopped.value.reason == Job.Stop.NO_USER


def test_a_job_of_a_blocked_user_has_nobody_to_work_for(staff, sandbox):
    job = start(staff)
    User.objects.filter(pk=staff.pk).update(is_active=False)
    with pytest.raises(Stopped) as stopped:
        sender_of(job)
    assert stopped.value.reason == Job.Stop.NO_USER


@pytest.mark.parametrize("lost", ["deleted", "of another account"])
def test_a_job_works_with_the_token_of_its_user_alone(
    staff, outsider, sandbox, django_assert_num_queries, lost
):
    job = start(staff)
    staff.credentials.refused_at = timezone.now()  # Poster may have been wrong
    staff.credentials.save()
    with django_assert_num_queries(1):  # each write of a job asks
        sender = sender_of(job)
        assert (sender, sender.user, sender.account) == (staff.credentials, staff, job.account)
    match lost:
        case "deleted":
            staff.credentials.delete()
        case "of another account":
            job.user = outsider
    with pytest.raises(Stopped) as stopped:
        sender_of(job)
    assert stopped.value.reason == Job.Stop.TOKEN
