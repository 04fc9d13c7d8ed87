"""Test that a limit on clients binds what a job does: not the number that was counted at its form."""

import threading
import time
import uuid
from contextlib import suppress
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import transaction

from groups.features.approvals import services as approvals
from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.approvals.services import BeyondLimits, LimitGate
from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, EditPlan, PlanLine
from groups.features.moves.services import Retire, plan_move
from groups.models import Change, Job
from groups.services.groups import read_now
from groups.services.jobs import executor, queue
from groups.services.writes.commands import RemoveGroup, UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.submissions import BecameOther, NotNow, find_known
from tests.support.jobs import FEW, die_before_sending, ended, plan, run, start
from tests.support.pages import text_of
from tests.support.threads import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "few_clients"),
]
MOVE = "clients.updateClient"
STOPPED = (Job.State.STOPPED, "beyond_limits")
DONE = (Job.State.DONE, "")


@pytest.fixture
def limit(sandbox):
    def limit(clients):
        Limits.objects.update_or_create(account_id="demo", defaults={"max_clients": clients})

    return limit


@pytest.fixture
def join(sandbox):
    """Return a function with which clients join a group in Poster's console."""

    def join(count, group_id=4):
        return [sandbox.console("demo").put_client(group_id) for _ in range(count)]

    return join


def approval(job, user):
    """Ask for a job that goes beyond the limits; return its request."""
    with pytest.raises(BeyondLimits) as beyond:
        queue.start(job)
    return approvals.ask_for(job, user, beyond.value.breaches)


def approve(request, user, seen=""):
    request = ApprovalRequest.objects.get(pk=request.pk)
    approvals.approve(request, user.credentials, seen=seen)
    return Job.objects.get(pk=request.job_id)


def an_edit(user, *group_ids, **new):
    groups = [read_now(user.credentials, group_id).group for group_id in group_ids]
    new = new or {"percent": Decimal(11)}
    lines = [
        PlanLine(number, group.values.replace(**new), group.id, group.values, group.clients)
        for number, group in enumerate(groups, 1)
    ]
    kind = Edit
    return bulk.keep_plan(user.credentials, kind, EditPlan(tuple(lines)))


# --- Counted where it starts, from the clients and not from the counter ------------------------------------


def test_a_late_counter_lets_no_move_start(staff, sandbox, limit, join):
    limit(FEW)
    sandbox.lag("count_behind")
    join(1)
    job = plan(staff)
    assert job.total == FEW
    with pytest.raises(BeyondLimits) as beyond:
        queue.start(job)
    assert [int(breach.number) for breach in beyond.value.breaches] == [FEW + 1]
    assert not sandbox.posts()


def test_a_late_counter_lets_no_percent_pass(staff, sandbox, limit):
    limit(FEW - 1)
    sandbox.lag("count_zero")
    group = read_now(staff.credentials, 4).group
    assert group.clients == 0
    command = UpdateGroup(
        credentials=staff.credentials,
        operation=uuid.uuid4(),
        group_id=4,
        loaded=group.values,
        intended=group.values.replace(percent=Decimal(11)),
    )
    with pytest.raises(BeyondLimits):
        execute(command)
    limit(FEW)
    assert execute(command).reached == FEW


def test_a_plan_that_grew_since_it_was_drafted_does_not_start(staff, sandbox, limit, join):
    limit(FEW)
    draft = an_edit(staff, 4)
    join(1)
    with pytest.raises(BeyondLimits):
        queue.start_draft(draft, staff)
    assert Job.objects.get(pk=draft.pk).state == "draft"


def test_a_reason_for_a_draft_is_for_the_clients_that_there_are_at_its_start(owner, sandbox, limit, join):
    """A command on the server shows no number beforehand."""
    limit(FEW - 1)
    draft = an_edit(owner, 4)
    queue.start_draft(draft, owner, limit_reason="a guest of honour")
    join(1)
    assert ended(run(Job.objects.get())) == STOPPED
    assert not sandbox.posts()


# --- Held as it goes ---------------------------------------------------------------------------------------


def test_clients_who_join_a_running_move_stop_it_before_the_first_one_too_many(
    staff, sandbox, people, limit, join
):
    limit(FEW + 1)
    job = start(staff)
    join(3)
    assert ended(run(job)) == STOPPED
    assert len(sandbox.posts(MOVE)) == FEW + 1
    assert len(people(4)) == 2


def test_clients_who_join_right_before_a_removal_are_moved_as_far_as_the_limit_allows(
    staff, sandbox, people, limit, join, monkeypatch
):
    limit(FEW + 1)
    was_empty, submit_one_by_one = [], executor.submit_one_by_one

    def submit(lease, commands, **more):
        commands = list(commands)
        if isinstance(commands[0], RemoveGroup) and not was_empty:
            was_empty.append(not people(4))
            join(2)
        return submit_one_by_one(lease, commands, **more)

    monkeypatch.setattr(executor, "submit_one_by_one", submit)
    job = run(start(staff, kind=Retire))
    assert ended(job) == STOPPED
    assert was_empty == [True]
    assert len(people(4)) == 1
    assert len(sandbox.posts(MOVE)) == FEW + 1
    assert not sandbox.posts("clients.removeGroup")


def test_a_kill_does_not_begin_the_count_again(staff, sandbox, people, limit, join, monkeypatch, settings):
    settings.POSTER_WRITE_DEADLINE, settings.POSTER_GRACE_SECONDS = 2, 0
    limit(FEW)
    job = start(staff)
    join(4)
    die_before_sending(monkeypatch, job, 3)
    assert ended(run(job)) == STOPPED
    assert len(sandbox.posts(MOVE)) == FEW
    assert len(people(4)) == 4


def test_clients_who_are_not_moved_after_all_make_room(staff, sandbox, people, limit, join):
    """A lost write counts until its outcome is known, and only then says whether another one may follow."""
    limit(FEW)
    job = start(staff)
    joined = join(1)
    sandbox.script(MOVE, "fin_before_headers", call=3, when="before")
    gone = min(people(4))
    sandbox.console().edit_client(gone, client_groups_id="5")
    assert ended(run(job)) == DONE
    assert people(4) == set()
    moved = Change.objects.filter(job=job, state="applied")
    assert moved.count() == FEW
    assert moved.filter(client_id__in=joined).count() == 1


def test_an_edit_stops_before_the_group_that_would_be_too_many(staff, sandbox, limit, join):
    limit(FEW + 125)
    job = an_edit(staff, 4, 1)
    queue.start_draft(job, staff)
    join(1)
    assert ended(run(job)) == STOPPED
    made = Change.objects.filter(job=job, state="applied").values_list("group_id", "reached")
    assert sum(reached for _, reached in made) <= FEW + 125
    assert len(made) == 1


def test_an_edit_whose_clients_cannot_be_counted_stops_for_that_and_for_no_lock(staff, sandbox, limit):
    limit(200)
    job = an_edit(staff, 4)
    queue.start_draft(job, staff)
    sandbox.script("clients.getClients", "status_500", times=None)
    assert ended(run(job, waits=2)) == (Job.State.STOPPED, "unreachable")
    assert not sandbox.posts()


def test_a_change_that_reaches_nobody_passes_whatever_its_job_has_reached(staff, sandbox, limit):
    job = an_edit(staff, 4)
    limit(FEW)
    queue.start_draft(job, staff)
    run(job)
    limit(FEW - 1)
    command = SimpleNamespace(request_id=None, sender=staff.credentials)
    LimitGate().in_transaction(Change(account=job.account, job=job, reached=0), command)
    with pytest.raises(BeyondLimits), transaction.atomic():
        LimitGate().in_transaction(Change(account=job.account, job=job, reached=1), command)


def test_two_changes_of_one_job_that_are_recorded_at_once_do_not_pass_each_other(staff, sandbox, limit):
    job = an_edit(staff, 1, 4)
    queue.start_draft(job, staff)
    limit(1)
    barrier = threading.Barrier(2, timeout=0.3)
    command = SimpleNamespace(request_id=None, sender=staff.credentials)

    def record(group_id):
        change = Change(account=job.account, job=job, action="update", target=f"group:{group_id}", reached=1)
        with transaction.atomic():
            LimitGate().in_transaction(change, command)
            with suppress(threading.BrokenBarrierError):  # one waits for the lock of the other
                barrier.wait()
            change.save()

    ends = at_once(partial(record, 1), partial(record, 4))
    assert {type(end) for end in ends} == {type(None), BeyondLimits}
    assert Change.objects.get().reached == 1


# --- The rest ----------------------------------------------------------------------------------------------


def test_a_person_decides_about_the_rest_and_the_job_goes_on_with_their_token(
    staff, owner, browse, sandbox, people, limit, join
):
    limit(FEW)
    job = start(staff, kind=Retire)
    join(3)
    run(job)
    client, url = browse(staff), f"/jobs/{job.pk}/"
    answer = client.post(url, {"decision": "resume"})
    request = ApprovalRequest.objects.get()
    assert answer["Location"] == f"/requests/{request.pk}/"
    assert client.post(url, {"decision": "resume"})["Location"] == answer["Location"]
    assert 'data-clients="3"' in client.get(answer["Location"]).content.decode()
    assert "The rest waits for an approval" in text_of(client.get(url))
    assert ended(Job.objects.get()) == STOPPED
    job = run(approve(request, owner))
    assert (ended(job), job.user, job.requested_by, job.allowed_clients) == (DONE, owner, "staff", FEW + 3)
    assert people(4) == set()
    assert len(sandbox.posts("clients.removeGroup")) == 1


def test_after_a_refusal_the_rest_is_asked_for_again(staff, owner, sandbox, limit, join):
    limit(FEW)
    job = start(staff)
    join(1)
    job = run(job)
    refused = approvals.ask_for(job, staff, ())
    approvals.refuse(refused, user=owner, reason="ні")
    again = approvals.ask_for(job, staff, ())
    assert again != refused
    assert approvals.ask_for(job, staff, ()) == again
    assert ended(run(approve(again, owner))) == DONE


def test_the_rest_that_is_asked_for_twice_at_once_is_one_request(staff, sandbox, limit, join):
    limit(FEW)
    job = start(staff)
    join(1)
    run(job)
    sandbox.latency = 0.2
    first, second = at_once(*[lambda: approvals.ask_for(Job.objects.get(), staff, ())] * 2)
    assert first == second == ApprovalRequest.objects.get()


def test_a_job_keeps_the_reason_of_its_user_whoever_lets_it_go_on(staff, owner, sandbox, limit):
    limit(1)
    job = queue.start(plan(owner), limit_reason="a guest of honour")
    queue.pause(job, staff)
    queue.resume(job, staff)
    assert ended(run(job)) == DONE
    assert job.user == owner


def test_a_paused_job_counts_again_before_it_goes_on(staff, owner, sandbox, people, limit, join):
    limit(FEW)
    job = start(staff)
    queue.pause(job, staff)
    join(2)
    with pytest.raises(BeyondLimits) as beyond:
        queue.resume(job, staff)
    assert [int(breach.number) for breach in beyond.value.breaches] == [FEW + 2]
    job.refresh_from_db()
    assert ended(run(job)) == (Job.State.PAUSED, "")
    limit(FEW + 2)
    queue.resume(job, staff)
    assert ended(run(job)) == DONE
    assert people(4) == set()


def test_an_owner_lets_it_go_on_with_a_reason_for_as_many_as_were_shown(
    staff, owner, browse, sandbox, people, limit, join
):
    limit(FEW)
    job = start(staff)
    join(2)
    run(job)
    client, url = browse(owner), f"/jobs/{job.pk}/"
    question = client.post(url, {"decision": "resume"})
    assert question.status_code == 200
    assert f'name="reached" value="{FEW + 2}"' in question.content.decode()
    join(1)
    again = client.post(url, {"decision": "resume", "reason": "Свято", "reached": str(FEW + 2)})
    assert again.status_code == 409
    assert f'name="reached" value="{FEW + 3}"' in again.content.decode()
    client.post(url, {"decision": "resume", "reason": "Свято", "reached": str(FEW + 3)})
    job = run(Job.objects.get())
    assert (ended(job), job.user, job.limit_reason) == (DONE, owner, "Свято")
    assert len(sandbox.posts(MOVE)) == FEW + 3


def request_the_rest(user, limit, join):
    """Return a job that somebody who joined has stopped at its limit, and the request for its rest."""
    limit(FEW)
    job = start(user)
    join(1)
    job = run(job)
    return job, approvals.ask_for(job, user, ())


@pytest.mark.parametrize("end", [queue.cancel, queue.resume])
def test_a_job_that_moved_on_needs_no_approval_for_its_rest(staff, owner, sandbox, limit, join, end):
    job, request = request_the_rest(staff, limit, join)
    limit(FEW + 1)
    end(job, staff)
    request.refresh_from_db()
    assert request.state == "refused"
    with pytest.raises(NotNow):
        approve(request, owner)


def test_an_approval_and_a_decision_on_its_job_at_once_wait_for_each_other_in_one_order(
    staff, owner, sandbox, limit, join, monkeypatch
):
    """PostgreSQL ends one of two transactions that lock the same rows in opposite orders."""
    job, request = request_the_rest(staff, limit, join)
    limit(FEW + 1)
    for owner_of, name in ((approvals, "decide"), (Job, "move_on")):
        monkeypatch.setattr(owner_of, name, slowly(getattr(owner_of, name)))
    ends = at_once(partial(approve, request, owner), partial(queue.resume, job, staff))
    assert [type(each) for each in ends if isinstance(each, Exception)] == [NotNow]


def slowly(act):
    """Return the function, which keeps what it has locked for a while."""

    def act_slowly(*args, **values):
        result = act(*args, **values)
        time.sleep(0.5)
        return result

    return act_slowly


# --- An approval is for what was shown --------------------------------------------------------------------


def test_an_approved_move_reaches_no_more_than_was_shown(staff, owner, sandbox, people, limit, join):
    limit(FEW - 1)
    job = approve(approval(plan(staff), staff), owner)
    join(2)
    assert ended(run(job)) == STOPPED
    assert len(sandbox.posts(MOVE)) == FEW


def test_a_job_that_grew_since_it_was_asked_for_is_asked_about_again(
    staff, owner, sandbox, people, limit, join
):
    limit(FEW - 1)
    request = approval(plan(staff, kind=Retire), staff)
    join(3)
    with pytest.raises(approvals.ChangedSince) as changed:
        approve(request, owner)
    assert changed.value.now.clients == FEW + 3
    assert not sandbox.posts()
    assert ended(run(approve(request, owner, changed.value.now.mark))) == DONE
    assert people(4) == set()


def test_an_approval_covers_how_many_leave_each_group(staff, owner, sandbox, people):
    groups = [read_now(staff.credentials, group_id).group for group_id in (4, 5, 1)]
    sender = {"credentials": staff.credentials, "operation": uuid.uuid4()}
    job = plan_move(**sender, sources=groups[:2], target=groups[2], ids={4: None, 5: None})
    request = approvals.ask_for(job, staff, ())
    # As many as before, and others of them lose something.
    sandbox.console("demo").edit_client(min(people(4)), client_groups_id="5")
    with pytest.raises(approvals.ChangedSince) as changed:
        approve(request, owner)
    assert changed.value.now.clients == request.requested_effect.clients


def test_an_approval_of_an_edit_covers_how_many_each_group_has(staff, owner, sandbox, limit, people):
    limit(1)
    request = approvals.ask_for(an_edit(staff, 4, 5), staff, ())
    sandbox.console("demo").edit_client(min(people(4)), client_groups_id="5")
    with pytest.raises(approvals.ChangedSince) as changed:
        approve(request, owner)
    assert changed.value.now.clients == request.requested_effect.clients  # as many in all
    assert not sandbox.posts()


def test_an_approval_for_fewer_takes_nothing_back_from_an_earlier_one(
    staff, owner, sandbox, people, limit, join
):
    limit(FEW - 1)
    job = approve(approval(plan(staff), staff), owner)
    queue.pause(job, owner)
    joined = join(1)
    request = approvals.ask_for(job, staff, ())
    for client_id in (*joined, min(people(4))):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    seen = approvals.effect_of(request, owner.credentials)
    assert seen.clients == FEW - 1
    assert approve(request, owner, seen.mark).allowed_clients == FEW


# --- Any kind ----------------------------------------------------------------------------------------------


def test_a_form_leads_to_its_request_and_then_to_the_job_that_was_approved(staff, owner, sandbox):
    job = plan(staff)
    submission = job.submission
    request = approvals.ask_for(job, staff, ())
    with pytest.raises(BecameOther) as became:
        find_known(submission, Job)
    assert became.value.row == request
    approvals.approve(request, owner.credentials)
    known = find_known(submission, Job)
    assert (known.pk, known.user) == (job.pk, owner)
