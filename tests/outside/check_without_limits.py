"""Test limits that are set while their feature is off; `tests/test_features.py` runs this in a process."""

import uuid
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.utils import timezone

from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.criteria.models import Criteria
from groups.features.criteria.services import nights
from groups.models import Change, Job
from groups.services.installation import doctor
from groups.services.jobs import queue
from groups.services.jobs.undo_plan import plan_undo
from tests.support.criteria import BRONZE, GOLD, put_groups, save
from tests.support.jobs import ended, leave_few, plan, run
from tests.support.pages import group_form, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("_few")]


@pytest.fixture
def _few(sandbox):
    leave_few(sandbox)


@pytest.fixture
def limits(db, staff):
    return Limits.objects.create(account=staff.credentials.account, max_percent=5, max_clients=1)


def warnings():
    return [message.msg for message in run_checks() if message.id == "approvals.W001"]


def test_they_bind_nothing_and_are_kept(staff, browse, limits):
    client = browse(staff)
    form = group_form(client, "/groups/1/edit/", name="Постоянный посетитель", percent="50", confirmed="1")
    assert client.post("/groups/1/edit/", form).status_code == 302
    assert Change.objects.get().state == Change.State.APPLIED
    assert ended(run(queue.start(plan(staff)))) == (Job.State.DONE, "")
    assert not ApprovalRequest.objects.exists()
    assert Limits.objects.get() == limits


def test_a_check_and_the_doctor_name_them(limits):
    words = "FEATURES_OFF has approvals, so the limits of demo bind nothing."
    assert warnings() == [words]
    assert [found.words for found in doctor.examine() if found.part == "limits"] == [words]
    limits.delete()
    assert warnings() == []
    assert not [found for found in doctor.examine() if found.part == "limits"]


def test_a_check_passes_before_there_are_tables(limits, monkeypatch):
    monkeypatch.setattr(Limits._meta, "db_table", "not_there_yet")
    assert warnings() == []


def test_a_job_that_was_approved_says_by_whom_and_leads_to_no_request(owner, browse, sandbox):
    job = queue.start(plan(owner), limit_reason="Свято")
    request = ApprovalRequest.objects.create(
        account=job.account, user=owner, user_name="staff", kind="job", job=job
    )
    Job.objects.filter(pk=job.pk).update(request_id=request.pk, asked_by="staff")
    run(job)
    change, client = job.changes.first(), browse(owner)
    assert (change.request_id, change.asked_by, change.limit_reason) == (request.pk, "staff", "Свято")
    for address in (f"/jobs/{job.pk}/", f"/history/{change.pk}/"):
        assert "owner, for staff" in text_of(client.get(address))
    for address in (f"/jobs/{job.pk}/", f"/history/{change.pk}/", "/history/", "/account/", "/groups/4/"):
        page = client.get(address)
        assert page.status_code == 200
        assert "/requests/" not in page.content.decode()
        assert "limits" not in text_of(page).lower()
    assert ApprovalRequest.objects.get() == request


def test_an_undo_that_was_asked_for_gives_way_to_another_one(owner, sandbox):
    job = run(queue.start(plan(owner)))
    asked = plan_undo(job, None, owner.credentials)
    asked.state = Job.State.ASKED
    asked.save(force_insert=True)
    again = plan_undo(job, None, owner.credentials)
    assert again.pk != asked.pk
    assert ended(run(queue.start(again))) == (Job.State.DONE, "")


def test_a_run_that_was_asked_for_holds_up_no_night_since_nobody_can_decide_it(owner, browse, sandbox):
    put_groups(sandbox)
    row, client = {"group_id": GOLD, "birthday_in": 0}, browse(owner)
    save(owner, row, otherwise=BRONZE, nightly=True)
    client.post("/criteria/run/", {"operation": str(uuid.uuid4())})
    by_hand = run(Job.objects.get())
    asked = Job.objects.create(
        account=by_hand.account, user=owner, kind=by_hand.kind, wanted=by_hand.wanted, state=Job.State.ASKED
    )
    ApprovalRequest.objects.create(
        account=asked.account, user=owner, user_name="owner", kind="job", job=asked
    )
    assert "It runs every night." in text_of(client.get("/criteria/"))
    due = timezone.now() - timedelta(minutes=1)
    Criteria.objects.update(night_at=due, next_look_at=due)
    nights.run_night("demo")
    assert Criteria.objects.get().left_out_at is None
    assert "It runs every night." in text_of(client.get("/criteria/"))
