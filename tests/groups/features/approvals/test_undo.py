"""Test that an undo of a job beyond the limits becomes a request, on the pages too."""

import uuid

import pytest

from groups.features.approvals import services as approvals
from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.moves import services as moves
from groups.models import Job
from groups.services.groups import read_now
from groups.services.jobs import queue
from tests.support.jobs import FEW, plan_undo, run, start
from tests.support.pages import text_of
from tests.support.people import make_user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "without_lag", "few_clients"),
]


def move_one(user, client_id, group_id, target_id):
    """Move a client, as a form does with which it was chosen in the search."""
    groups = [read_now(user.credentials, each).group for each in (group_id, target_id)]
    job = moves.plan_move(
        credentials=user.credentials,
        operation=uuid.uuid4(),
        sources=groups[:1],
        target=groups[1],
        ids={group_id: [client_id]},
    )
    return run(queue.start(job))


def clients_of(sandbox, group_id):
    return sandbox.accounts["demo"].clients.live(group_id)


def test_an_undo_of_fewer_clients_than_was_shown_is_asked_about_again(staff, owner, people):
    here = sorted(people(4))
    job = run(start(staff))
    Limits.objects.create(account_id="demo", max_clients=FEW - 2)
    planned = plan_undo(staff, job)
    request = approvals.ask_for(planned, staff, ())
    move_one(owner, here[0], group_id=1, target_id=5)
    with pytest.raises(approvals.ChangedSince) as changed:
        approvals.approve(request, owner.credentials)
    assert changed.value.now.clients == FEW - 1
    assert {group.id for group in changed.value.now.groups} == {1, 4}


def test_an_undo_of_a_move_and_the_request_for_it_name_the_groups(staff):
    planned = plan_undo(staff, run(start(staff)))
    assert (planned.group_id, planned.target_id) == (1, 4)
    effect = approvals.ask_for(planned, staff, ()).requested_effect
    assert ([group.id for group in effect.groups], effect.target.id) == ([1, 4], 4)


def test_a_refused_request_gives_way_to_another_one(staff, owner):
    job = run(start(staff))
    Limits.objects.create(account_id="demo", max_clients=1)
    planned = plan_undo(staff, job)
    request = approvals.ask_for(planned, staff, ())
    approvals.refuse(request, user=owner, reason="ні")
    assert plan_undo(staff, job).pk != planned.pk


def test_an_undo_beyond_the_limits_becomes_one_request(staff, owner, browse, sandbox):
    job = run(start(staff))
    Limits.objects.create(account_id="demo", max_clients=FEW - 1)
    url = f"/jobs/{job.pk}/undo/"
    answers = [browse(staff).post(url) for _ in range(2)]
    request = ApprovalRequest.objects.get()
    assert {each["Location"] for each in answers} == {f"/requests/{request.pk}/"}
    assert f"/requests/{request.pk}/" in browse(staff).get(f"/jobs/{job.pk}/").content.decode()
    page = browse(owner).get(f"/requests/{request.pk}/")
    assert f"{FEW} clients go back to the groups they came from" in text_of(page)
    # Somebody else who may not decide is told, and not led to a page that is not theirs.
    colleague = browse(make_user("colleague", role="Staff", account="demo", sandbox=sandbox))
    answer = colleague.post(url, follow=True)
    assert answer.redirect_chain == [(f"/jobs/{job.pk}/", 302)]
    assert "Somebody else has requested this undo" in text_of(answer)
    assert f"/requests/{request.pk}/" not in answer.content.decode()
    assert browse(owner).post(url)["Location"] == f"/requests/{request.pk}/"
    assert browse(owner).post(f"/requests/{request.pk}/approve/").status_code == 302
    undo = run(Job.objects.get(kind="undo"))
    assert clients_of(sandbox, 4) == FEW
    assert set(undo.changes.values_list("user_name", flat=True)) == {"owner"}


def test_an_owner_goes_beyond_the_limits_with_a_reason(owner, browse, sandbox):
    job = run(start(owner))
    Limits.objects.create(account_id="demo", max_clients=FEW - 1)
    client, url = browse(owner), f"/jobs/{job.pk}/undo/"
    answer = client.post(url)
    assert answer.status_code == 200
    assert 'name="reason"' in answer.content.decode()
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "помилка"}).status_code == 302
    assert Job.objects.get(kind="undo").limit_reason == "помилка"
