"""Test that the limits hold for every command and every way to write, and that one approval is one write."""

import contextlib
import functools
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone
from msgspec import structs

from groups.features.approvals import services as account_limits
from groups.features.approvals import services as approvals
from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.approvals.services import BeyondLimits
from groups.features.approvals.views import entry_of_requests
from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, EditPlan, Import, PlanLine
from groups.features.moves.services import Move, Retire
from groups.features.schedules.models import Schedule
from groups.features.schedules.services import run_due_plans
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job, Lock
from groups.models.contents import Effect
from groups.poster import InvalidResponse, LoyaltyType
from groups.services import history
from groups.services.groups import read_now
from groups.services.jobs import queue
from groups.services.jobs.undo import Undo, plan_undo
from groups.services.writes import execute as write_path
from groups.services.writes.commands import (
    Command,
    CreateClient,
    CreateGroup,
    MoveClient,
    RemoveGroup,
    UpdateGroup,
)
from groups.services.writes.execute import execute
from groups.services.writes.reach import Reach
from groups.services.writes.reconcile import reconcile_due
from groups.services.writes.submissions import BecameOther, Locked, NotNow, OperationReused
from tests.support.jobs import plan as plan_move
from tests.support.jobs import run
from tests.support.pages import text_of
from tests.support.people import make_user
from tests.support.schedules import planned
from tests.support.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always_asked")]
State = ApprovalRequest.State


@pytest.fixture
def always_asked(settings):
    """Ask Poster each time, and believe the first look at a lost write."""
    settings.POSTER_CACHE_SECONDS = settings.POSTER_SETTLE_SECONDS = 0


def set_limits(**values):
    Limits.objects.update_or_create(account_id="demo", defaults=values)


def group_of(user, group_id=1):
    return read_now(user.credentials, group_id).group


def sender_of(user):
    return {"credentials": user.credentials, "operation": uuid.uuid4()}


# --- Every command -----------------------------------------------------------------------------------------


def an_update(user, group_id=1):
    group = group_of(user, group_id)
    new = group.values.replace(percent=group.percent + 5)
    return UpdateGroup(**sender_of(user), group_id=group_id, loaded=group.values, intended=new)


def a_renaming(user):
    group = group_of(user)
    return replace(an_update(user), intended=group.values.replace(name="Інша"))


def a_creation(user):
    return CreateGroup(**sender_of(user), intended=group_of(user).values.replace(name="Нова"))


def a_removal(user):
    group = group_of(user)
    return RemoveGroup(**sender_of(user), group_id=1, loaded=group.values, loaded_clients=group.clients)


def a_move(user):
    return MoveClient(**sender_of(user), client_id=1, from_id=1, to_id=4)


def a_client(user):
    return CreateClient(**sender_of(user), snapshot_id=uuid.uuid4(), old_id=1, group_id=1)


# Each command, and the limits that it breaks. A new command that is not here fails the test below.
COMMANDS = {
    UpdateGroup: (an_update, {"max_percent": 12, "max_rise": 3, "max_clients": 5}),
    CreateGroup: (a_creation, {"max_percent": 5, "max_rise": 3, "max_birthday_bonus": 10}),
    RemoveGroup: (a_removal, {"max_clients": 5}),
    MoveClient: (a_move, {"max_clients": 0}),
    CreateClient: (a_client, {"max_clients": 0}),
}
CASES = [(kind, limit) for kind, (_, limits) in COMMANDS.items() for limit in limits]


def test_every_command_is_held_against_the_limits():
    kinds = {Command.kind_of(Change(action=action)) for action in Change.Action}
    assert kinds == set(COMMANDS)


@pytest.mark.parametrize(("kind", "limit"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_no_command_goes_beyond_a_limit_without_consent(owner, sandbox, kind, limit):
    make, limits = COMMANDS[kind]
    command = make(owner)
    set_limits(**{limit: limits[limit]})
    sandbox.log.clear()
    with pytest.raises(BeyondLimits) as beyond:
        execute(command)
    assert [breach.limit for breach in beyond.value.breaches] == [limit]
    assert not sandbox.posts()
    assert not Change.objects.exists()


@pytest.mark.parametrize("name", Limits.Limit.values)
def test_each_limit_is_inclusive(name):
    limits = Limits(**{name: 5})
    field = name.removeprefix("max_")
    assert account_limits.breaches_of(Reach(**{field: 5}), limits) == ()
    (breach,) = account_limits.breaches_of(Reach(**{field: 6}), limits)
    assert (breach.limit, breach.number, breach.allowed) == (name, 6, 5)
    assert account_limits.breaches_of(Reach(6, 6, 6, 6), Limits()) == ()


@pytest.mark.parametrize(
    ("limit", "consent", "is_allowed"),
    [
        ("max_percent", None, False),
        ("max_percent", {}, False),
        ("max_percent", {"limit_reason": "Треба", "allowed_clients": 5}, True),
        ("max_percent", {"request_id": uuid.uuid4()}, True),
        ("max_clients", {"limit_reason": "Треба"}, True),
        ("max_clients", {"limit_reason": "Треба", "allowed_clients": 6}, True),
        ("max_clients", {"limit_reason": "Треба", "allowed_clients": 5}, False),
    ],
)
def test_a_consent_needs_the_right_and_covers_the_clients_that_were_shown(
    owner, staff, limit, consent, is_allowed
):
    consent = consent if consent is None else Job(**consent)
    check = functools.partial(account_limits.check_reach, Reach(6, 6, 6, 6), consent=consent)
    for user, passes in ((owner, is_allowed), (staff, False)):
        check(limits=Limits(), user=user)
        with contextlib.nullcontext() if passes else pytest.raises(BeyondLimits):
            check(limits=Limits(**{limit: 1}), user=user)


def test_an_approval_is_for_these_terms_and_this_many_clients(staff, sandbox):
    first, second = group_of(staff, 1), group_of(staff, 4)
    shown = Effect((first,), second, 5, ((1, 4, 5),))
    others = [
        replace(shown, groups=(structs.replace(first, percent=Decimal(90)),)),
        replace(shown, target=structs.replace(second, name="Інша")),
        replace(shown, target=structs.replace(second, loyalty_type=LoyaltyType.BONUS)),
        replace(shown, clients=6),
        replace(shown, pairs=((1, 5, 5),)),
    ]
    assert len({shown.mark, *(other.mark for other in others)}) == 6
    assert replace(shown, groups=(structs.replace(first, clients=999),)).mark == shown.mark


def test_a_form_that_became_a_request_is_not_sent_even_without_a_limit(staff, sandbox):
    command = an_update(staff)
    request = approvals.ask_for(command, command.sender.user, ())
    with pytest.raises(BecameOther) as became:
        execute(command)
    assert became.value.row == request
    assert not sandbox.posts()


def test_a_write_in_the_journal_is_not_held_against_the_limits_again(staff, sandbox):
    command = an_update(staff)
    change = execute(command)
    set_limits(max_percent=5)
    assert execute(command) == change
    assert len(sandbox.posts()) == 1


def test_the_limits_of_another_account_bind_nobody_here(staff, outsider, sandbox):
    Limits.objects.create(account_id="kavarnia", max_percent=0)
    assert execute(an_update(staff)).state == "applied"


# --- Every job ---------------------------------------------------------------------------------------------


def an_edit(user, kind=Edit, percents=((1, 15), (4, 15))):
    lines = []
    for number, (group_id, percent) in enumerate(percents, 1):
        group = group_of(user, group_id)
        new = group.values.replace(percent=Decimal(percent))
        lines.append(PlanLine(number, new, group_id, group.values, clients=group.clients))
    return keep_plan(user, lines, kind)


def keep_plan(user, lines, kind=Edit):
    return bulk.keep_plan(user.credentials, kind, EditPlan(tuple(lines)))


def start(job, user):
    return queue.start_draft(job, user) if job.state == Job.State.DRAFT else queue.start(job)


def an_undo(user):
    """Return the undo of an edit that lowered groups 1 and 4 to 7%."""
    edited = an_edit(user, percents=((1, 7), (4, 7)))
    start(edited, user)
    return plan_undo(run(edited), None, user.credentials)


JOBS = {
    Edit: (an_edit, {"max_percent": 12, "max_rise": 3, "max_clients": 167}),
    Import: (lambda user: an_edit(user, Import), {"max_percent": 12, "max_clients": 167}),
    Move: (plan_move, {"max_clients": 42}),
    Retire: (lambda user: plan_move(user, kind=Retire), {"max_clients": 42}),
    Undo: (an_undo, {"max_percent": 9, "max_rise": 2, "max_clients": 167}),
}


def test_every_kind_of_job_says_how_far_it_reaches():
    # Restores and runs of criteria, which read first, are held against them in tests of their own.
    assert {kind.kind for kind in JOBS} == set(Job.registered) - {"restore", "criteria"}


@pytest.mark.parametrize(
    ("kind", "limit"), [(kind, limit) for kind, (_, limits) in JOBS.items() for limit in limits]
)
def test_no_job_goes_beyond_a_limit_and_its_clients_are_added_up(staff, sandbox, kind, limit):
    make, limits = JOBS[kind]
    job = make(staff)
    sent = len(sandbox.posts())
    set_limits(**{limit: limits[limit]})
    with pytest.raises(BeyondLimits) as beyond:
        start(job, staff)
    assert [breach.limit for breach in beyond.value.breaches] == [limit]
    assert not Lock.objects.exists()
    # Groups 1 and 4 have 125 and 43 clients.
    set_limits(**{limit: {"max_percent": 15, "max_rise": 5, "max_clients": 168}[limit]})
    start(job, staff)
    assert len(sandbox.posts()) == sent


def test_an_approved_job_is_made_by_the_user_who_approves_it(staff, owner, sandbox):
    set_limits(max_percent=12)
    job = an_edit(staff)
    request = approvals.ask_for(job, staff, ())
    assert Job.objects.get(pk=job.pk).state == "requested"
    bulk.forget_drafts()
    approvals.approve(request, owner.credentials)
    job = run(Job.objects.get(pk=job.pk))
    assert (job.state, job.user, job.requested_by) == ("done", owner, "staff")
    found = set(Change.objects.values_list("state", "user_name", "requested_by", "request_id"))
    assert found == {("applied", "owner", "staff", request.pk)}


def test_limits_that_come_while_a_job_runs_stop_it(staff, sandbox):
    job = an_edit(staff)
    queue.start_draft(job, staff)
    set_limits(max_percent=12)
    job = run(job)
    assert (job.state, job.reason) == ("stopped", "beyond_limits")
    assert not sandbox.posts()


def test_a_job_that_was_refused_a_moment_before_is_not_started(staff, owner, deputy, sandbox):
    request = approvals.ask_for(plan_move(staff), staff, ())
    approvals.refuse(ApprovalRequest.objects.get(pk=request.pk), user=deputy, reason="not today")
    with pytest.raises(NotNow):
        approvals.approve(request, owner.credentials)  # it was read while it waited
    assert Job.objects.get().state == "requested"
    assert queue.next_due() is None
    assert not Lock.objects.exists()


# --- Planned changes ---------------------------------------------------------------------------------------


def test_a_plan_beyond_the_limits_is_asked_for_and_locks_nothing(staff, owner, sandbox):
    set_limits(max_percent=15)
    with pytest.raises(BeyondLimits) as beyond:
        planned(staff)
    schedule = schedule_of(staff)
    request = approvals.ask_for(schedule, staff, beyond.value.breaches)
    assert not Lock.objects.exists()
    assert not run_due_plans(timezone.now() + timedelta(hours=2))
    approvals.approve(request, owner.credentials)
    run_due_plans(timezone.now() + timedelta(hours=2))
    schedule.refresh_from_db()
    assert (schedule.state, schedule.user, schedule.requested_by) == ("active", owner, "staff")
    run_due_plans(timezone.now() + timedelta(hours=4))
    assert [change.requested_by for change in Change.objects.all()] == ["staff", "staff"]
    assert sandbox.accounts["demo"].groups[4]["client_groups_discount"] == "10"


def schedule_of(user):
    """Return a schedule of group 4 that is not saved yet."""
    group, now = group_of(user, 4), timezone.now()
    schedule = Schedule(
        account=user.credentials.account,
        user=user,
        user_name=user.get_username(),
        group_id=4,
        group_name=group.name,
        base=group.values.to_json(),
        planned=group.values.to_json() | {"percent": "20"},
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=3),
    )
    schedule.start_id, schedule.return_id = uuid.uuid4(), uuid.uuid4()
    return schedule


def test_limits_are_asked_again_when_a_plan_begins(staff, sandbox):
    schedule = planned(staff)
    set_limits(max_rise=5)
    run_due_plans(timezone.now() + timedelta(hours=2))
    schedule.refresh_from_db()
    assert (schedule.state, schedule.reason) == ("held", "beyond_limits")
    assert not sandbox.posts()
    assert not Lock.objects.exists()


def test_the_return_of_a_plan_waits_for_no_limit(staff, sandbox):
    schedule = planned(staff)
    run_due_plans(timezone.now() + timedelta(hours=2))
    set_limits(max_clients=0, max_percent=0)
    run_due_plans(timezone.now() + timedelta(hours=4))
    schedule.refresh_from_db()
    assert schedule.state == "done"
    assert sandbox.accounts["demo"].groups[4]["client_groups_discount"] == "10"


def test_a_plan_of_a_user_who_lost_the_right_since_is_held(staff, owner, sandbox):
    set_limits(max_percent=15)
    schedule = schedule_of(staff)
    request = approvals.ask_for(schedule, staff, ())
    approvals.approve(request, owner.credentials)
    owner.groups.set(staff.groups.all())
    run_due_plans(timezone.now() + timedelta(hours=2))
    schedule.refresh_from_db()
    assert (schedule.state, schedule.reason) == ("held", "beyond_limits")


# --- Who decides, and when ---------------------------------------------------------------------------------


def test_nobody_sets_limits_or_decides_without_the_right_or_on_a_request_of_their_own(staff, owner, sandbox):
    colleague = make_user("colleague", role="Staff", account="demo", sandbox=sandbox)
    with pytest.raises(PermissionDenied):
        account_limits.set_limits("demo", {"max_clients": 5}, user=staff)
    assert not Limits.objects.exists()
    for asking, deciding in ((staff, colleague), (owner, owner)):
        request = approvals.ask_for(an_update(asking), asking, ())
        with pytest.raises(PermissionDenied):
            approvals.approve(request, deciding.credentials)
        with pytest.raises(PermissionDenied):
            approvals.refuse(request, user=deciding, reason="ні")
    assert {request.state for request in ApprovalRequest.objects.all()} == {"waiting"}
    assert not sandbox.posts()


def test_those_who_decide_count_the_requests_of_others(staff, owner, outsider, sandbox):
    for user in (staff, owner):
        approvals.ask_for(an_update(user), user, ())

    def entry(user):
        return entry_of_requests(SimpleNamespace(user=user, path_info="/groups/"), user.credentials)

    assert entry(owner) == {"to_decide": 1, "here": ""}
    assert entry(staff) is entry(outsider) is None
    owner.credentials.refused_at = timezone.now()
    assert entry(owner) is None


def test_only_a_removal_asks_for_the_password(staff, owner, sandbox):
    requests = [approvals.ask_for(make(owner), owner, ()) for make in (a_removal, an_update, a_creation)]
    requests.append(approvals.ask_for(an_edit(staff), staff, ()))
    assert [approvals.needs_password(request) for request in requests] == [True, False, False, False]


def test_a_request_that_was_decided_is_not_decided_again(staff, owner, sandbox):
    approvals.approve(approval(staff), owner.credentials)
    request = ApprovalRequest.objects.get()
    with pytest.raises(NotNow):
        approvals.approve(request, owner.credentials)
    with pytest.raises(NotNow):
        approvals.refuse(request, user=owner, reason="ні")
    request.refresh_from_db()
    assert (request.state, request.reason) == ("approved", "")


def test_an_approval_of_one_request_leaves_another_one_waiting(staff, owner, sandbox):
    approved, other = (approvals.ask_for(make(staff), staff, ()) for make in (an_update, a_creation))
    approvals.approve(approved, owner.credentials)
    for request in (approved, other):
        request.refresh_from_db()
    assert (approved.state, other.state) == ("approved", "waiting")


def test_an_approved_undo_is_the_undo_of_its_change(staff, owner, sandbox):
    change = execute(an_update(staff))
    undo = replace(Command.from_change(change).undo(change), **sender_of(staff))
    request = approvals.ask_for(undo, staff, ())
    approved = approvals.approve(request, owner.credentials)
    assert (approved.state, approved.undo_of) == ("applied", change)


def test_an_undo_that_somebody_has_made_meanwhile_is_approved_and_not_made_again(staff, owner, sandbox):
    removal = execute(a_removal(owner))
    undo = Command.from_change(removal).undo(removal)
    request = approvals.ask_for(replace(undo, **sender_of(staff)), staff, ())
    made = execute(replace(undo, **sender_of(owner)))
    sandbox.console("demo").edit(made.group_id, client_groups_name="Інша")
    with pytest.raises(approvals.AlreadySo):
        approvals.approve(request, owner.credentials)
    assert len(sandbox.posts("clients.createGroup")) == 1


def test_a_request_whose_group_has_an_open_change_goes_on_waiting(staff, owner, sandbox):
    request = approval(staff)
    account = owner.credentials.account
    Change(account=account, action="update", group_id=1, target="group:1").save()
    with pytest.raises(Locked):
        approvals.approve(request, owner.credentials)
    request.refresh_from_db()
    assert request.state == "waiting"


def test_a_second_approval_while_the_write_of_the_first_is_open_comes_too_late(staff, owner, deputy, sandbox):
    first = approval(staff)
    second = ApprovalRequest.objects.get()
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    assert approvals.approve(first, owner.credentials).state == "unknown"
    with pytest.raises(NotNow):
        approvals.approve(second, deputy.credentials)
    assert Change.objects.count() == 1


def test_the_same_form_is_one_request_and_nobody_elses(staff, owner, sandbox):
    operation = uuid.uuid4()

    def ask(user):
        return approvals.ask_for(plan_move(user, operation=operation), user, ())

    request = ask(staff)
    assert ask(staff) == request
    with pytest.raises(OperationReused):
        ask(owner)
    assert ApprovalRequest.objects.get() == request


def test_nothing_is_asked_for_a_draft_that_was_started_meanwhile(staff, sandbox):
    job = an_edit(staff)
    queue.start_draft(Job.objects.get(pk=job.pk), staff)
    with pytest.raises(NotNow):
        approvals.ask_for(job, staff, ())
    assert not ApprovalRequest.objects.exists()
    assert Job.objects.get().state == "waiting"


def test_notices_are_of_requests_that_were_made_decided_or_lapsed_since(staff, owner, sandbox):
    request = approval(staff)
    now, day = timezone.now(), timedelta(days=1)

    def moved(days):
        return any(approvals.find_events(request.account, now - days * day))

    assert (moved(1), moved(-1)) == (True, False)
    ApprovalRequest.objects.update(created_at=now - 9 * day)  # it lapsed two days ago
    assert (moved(3), moved(1)) == (True, False)
    ApprovalRequest.objects.filter(pk=request.pk).update(decided_at=now - 5 * day)
    assert (moved(6), moved(3)) == (True, False)


# --- One approval is one write -----------------------------------------------------------------------------


def approval(staff):
    set_limits(max_percent=12)
    command = an_update(staff)
    with pytest.raises(BeyondLimits) as beyond:
        execute(command)
    return approvals.ask_for(command, command.sender.user, beyond.value.breaches)


def test_a_limit_is_set_where_nobody_has_set_another_one_since(owner):
    set_limits(max_percent=20, max_clients=None)
    opened = {"max_percent": Decimal(30), "max_clients": 500}
    typed = functools.partial(account_limits.set_limits, "demo", user=owner, opened=opened)
    typed({"max_rise": Decimal(10)})
    with pytest.raises(account_limits.SetSince):
        typed({"max_rise": Decimal(9), "max_percent": Decimal(25)})
    typed({"max_percent": Decimal(20)})  # the same form again
    found = Limits.objects.values_list("max_percent", "max_rise", "max_clients", "set_by").get()
    assert found == (20, 10, None, "owner")


def test_two_who_approve_at_once_make_one_write(staff, owner, deputy, sandbox):
    request = approval(staff)
    ends = at_once(
        *(
            functools.partial(approvals.approve, mine, user.credentials)
            for user in (owner, deputy)
            for mine in ApprovalRequest.objects.filter(pk=request.pk)
        )
    )
    # The second one may look at the group after the first one's write.
    refused = [isinstance(end, NotNow | approvals.ChangedSince) for end in ends]
    assert sorted(refused) == [False, True]
    assert ends[refused.index(False)].state == "applied"
    assert len(sandbox.posts()) == 1
    change = Change.objects.get()
    request.refresh_from_db()
    assert request.decided_by_name == change.user_name


def test_first_limits_that_are_set_twice_at_once_are_no_error(owner):
    barrier = threading.Barrier(2, timeout=0.3)

    def meet(execute, sql, *args):
        if sql.startswith("INSERT"):
            with contextlib.suppress(threading.BrokenBarrierError):  # one waits for the lock of the other
                barrier.wait()
        return execute(sql, *args)

    def set_one():
        with connection.execute_wrapper(meet):
            account_limits.set_limits("demo", {"max_clients": 5}, user=owner)

    assert at_once(set_one, set_one) == [None, None]
    assert Limits.objects.get().max_clients == 5


def test_a_double_click_is_one_write(staff, owner, sandbox):
    request = approval(staff)
    # Both requests have read it before one of them was decided.
    first, second = (ApprovalRequest.objects.get(pk=request.pk) for _ in range(2))
    approvals.approve(first, owner.credentials)
    with pytest.raises(approvals.ChangedSince) as changed:
        approvals.approve(second, owner.credentials)
    with pytest.raises(NotNow):
        approvals.approve(second, owner.credentials, seen=changed.value.now.mark)
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(("fault", "state"), [(None, State.APPROVED), ("error_object", State.WAITING)])
def test_a_lost_write_that_is_sent_again_keeps_its_approval_unless_that_one_changes_nothing(
    staff, owner, sandbox, fault, state
):
    set_limits(max_percent=12)
    approval = approvals.ask_for(an_update(staff), staff, ())
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    lost = approvals.approve(approval, owner.credentials)
    assert (lost.state, lost.request_id) == (Change.State.UNKNOWN, approval.pk)
    if fault:
        sandbox.script("clients.updateGroup", fault, code=42, when="before")
    repeated = execute(history.command_again(lost, owner.credentials))
    lost.refresh_from_db()
    assert (lost.reason, repeated.request_id) == ("superseded", approval.pk)
    while repeated.is_open:
        Change.objects.settle(repeated, next_check_at=timezone.now())
        reconcile_due()
        repeated.refresh_from_db()
    approval.refresh_from_db()
    assert (approval.state, approval.decided_by) == (state, None if fault else owner)


@pytest.mark.parametrize("point", ["_read_before", "_send"])
def test_a_process_that_dies_after_the_approval_leaves_no_approval_without_a_write(
    staff, owner, sandbox, monkeypatch, settings, point
):
    request = approval(staff)

    def die(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(write_path, point, die)
        with pytest.raises(SystemExit):
            approvals.approve(request, owner.credentials)
    request.refresh_from_db()
    assert (request.state, Change.objects.get().state) == ("approved", "pending")
    settings.POSTER_GRACE_SECONDS = -100
    monkeypatch.setattr(timezone, "now", later(timezone.now, timedelta(minutes=5)))
    for _ in range(5):
        reconcile_due()
    request.refresh_from_db()
    assert (Change.objects.get().state, request.state) == ("failed", "waiting")
    approvals.approve(request, owner.credentials)
    assert len(sandbox.posts()) == 1


def later(clock, by):
    return lambda: clock() + by


def test_a_removal_says_what_is_lost_and_keeps_its_clients_in_a_snapshot(staff, owner, browse, sandbox):
    staff.user_permissions.set(owner.groups.get().permissions.filter(codename="delete_group_with_clients"))
    set_limits(max_clients=5)
    command = a_removal(staff)
    request = approvals.ask_for(command, command.sender.user, ())
    page = text_of(browse(owner).get(request.get_absolute_url()))
    assert "What is removed cannot be brought back by Poster." in page
    assert "Does not come back: the numbers of group and clients" in page
    change = approvals.approve(request, owner.credentials)
    assert (change.state, change.requested_by) == ("applied", "staff")
    assert Snapshot.objects.get().pk == change.pk


def test_the_worker_marks_what_has_lapsed(staff, sandbox):
    request = approval(staff)
    assert approvals.lapse_overdue() == 0
    ApprovalRequest.objects.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert approvals.lapse_overdue() == 1
    request.refresh_from_db()
    assert request.state == "lapsed"
    (event,) = approvals.find_events(request.account, timezone.now() - timedelta(days=8))
    assert event.path == request.get_absolute_url()


# --- The effect that is shown ------------------------------------------------------------------------------


def test_the_effect_of_an_import_has_only_groups_that_are_there_and_its_lines_stay(staff, owner, sandbox):
    renamed, removed = group_of(staff, 4), group_of(staff, 5)
    lines = [
        PlanLine(1, renamed.values.replace(name="Інша"), 4, renamed.values),
        PlanLine(2, removed.values.replace(percent=Decimal(7)), 5, removed.values),
        PlanLine(3, renamed.values.replace(name="Нова")),
    ]
    job = keep_plan(staff, lines, Import)
    sandbox.console("demo").remove(5)
    request = approvals.ask_for(job, staff, ())
    effect = approvals.effect_of(request, staff.credentials)
    assert ([group.id for group in effect.groups], effect.target, effect.clients) == ([4], None, 0)
    approvals.approve(request, owner.credentials)
    run(Job.objects.get(pk=job.pk))
    found = Change.objects.values_list("action", "reason")
    assert sorted(found) == [("create", ""), ("update", ""), ("update", "gone")]


def test_a_new_name_gives_no_client_other_terms(staff, sandbox):
    assert approvals.ask_for(an_update(staff), staff, ()).requested_effect.clients == 125
    assert approvals.ask_for(a_renaming(staff), staff, ()).requested_effect.clients == 0
    planned_name = schedule_of(staff)
    planned_name.planned = planned_name.base | {"name": "Інша"}
    assert approvals.ask_for(planned_name, staff, ()).requested_effect.clients == 0


def test_while_the_list_of_clients_is_not_there_no_counter_stands_for_it(staff, sandbox):
    command = an_update(staff)
    sandbox.script("clients.getClients", "error_object", code=404, times=None)
    with pytest.raises(InvalidResponse):
        approvals.ask_for(command, command.sender.user, ())
    assert not ApprovalRequest.objects.exists()


# --- What Poster has already -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "percents", "jobs", "plans"),
    [
        (an_update, {1: 15}, [], []),
        (an_edit, {1: 15, 4: 15}, [("done", 0)], []),
        (schedule_of, {4: 20}, [], ["cancelled"]),
    ],
)
def test_approving_what_poster_has_already_sends_nothing(
    staff, owner, sandbox, subject, percents, jobs, plans
):
    request = approvals.ask_for(subject(staff), staff, ())
    for group_id, percent in percents.items():
        sandbox.console("demo").edit(group_id, client_groups_discount=str(percent))
    seen = approvals.effect_of(request, owner.credentials).mark
    with pytest.raises(approvals.AlreadySo):
        approvals.approve(request, owner.credentials, seen=seen)
    assert not sandbox.posts()
    assert not Change.objects.exists()
    assert list(Job.objects.values_list("state", "total")) == jobs
    assert list(Schedule.objects.values_list("state", flat=True)) == plans
    assert not Lock.objects.exists()
    request.refresh_from_db()
    assert (request.state, request.decided_by) == ("approved", owner)


def lower(user, sandbox, group_id, percent):
    """Lower a group to 10% here; from then on a read still shows the percent that this has replaced."""
    sandbox.console("demo").edit(group_id, client_groups_discount=str(percent))
    group = group_of(user, group_id)
    new = group.values.replace(percent=Decimal(10))
    change = execute(UpdateGroup(**sender_of(user), group_id=group_id, loaded=group.values, intended=new))
    assert change.state == Change.State.APPLIED


def approve_late(request, user, sandbox):
    """Approve a request while reads are one write behind; return the request."""
    sandbox.lag("behind", writes=1)
    seen = approvals.effect_of(request, user.credentials).mark
    change = approvals.approve(request, user.credentials, seen=seen)
    sandbox.catch_up()
    request.refresh_from_db()
    return request, change


def test_a_late_read_uses_no_request_for_a_change_up(staff, owner, sandbox):
    lower(owner, sandbox, 1, 15)
    request, change = approve_late(approvals.ask_for(an_update(staff), staff, ()), owner, sandbox)
    assert (change.state, change.reason) == ("failed", "not_shown_yet")
    assert request.state == "waiting"
    assert approvals.approve(request, owner.credentials).after["percent"] == "15"


def test_a_late_read_uses_no_request_for_a_job_up(staff, owner, sandbox):
    lower(owner, sandbox, 1, 15)
    request, _ = approve_late(approvals.ask_for(an_edit(staff), staff, ()), owner, sandbox)
    job = run(Job.objects.get())
    assert (request.state, job.state, job.total) == ("approved", "done", 2)
    assert group_of(staff).percent == 15


def test_approving_a_job_sends_only_what_poster_does_not_have(staff, owner, sandbox):
    job = an_edit(staff)
    request = approvals.ask_for(job, staff, ())
    sandbox.console("demo").edit(1, client_groups_discount="15")
    seen = approvals.effect_of(request, owner.credentials).mark
    approvals.approve(request, owner.credentials, seen=seen)
    job = run(Job.objects.get(pk=job.pk))
    assert (job.state, job.total) == ("done", 1)
    assert EditPlan.from_json(job.wanted).unchanged == 1
    assert list(Change.objects.values_list("group_id", "state")) == [(4, "applied")]


def test_a_plan_asked_for_few_is_not_approved_for_many(staff, owner, sandbox):
    request = approvals.ask_for(schedule_of(staff), staff, ())
    sandbox.console("demo").put_client(4)
    with pytest.raises(approvals.ChangedSince) as changed:
        approvals.approve(request, owner.credentials)
    assert changed.value.now.clients == 44
    approvals.approve(request, owner.credentials, seen=changed.value.now.mark)
    assert Schedule.objects.get().allowed_clients == 44


def test_an_approved_plan_whose_group_grew_meanwhile_is_held(staff, owner, sandbox):
    set_limits(max_clients=40)
    request = approvals.ask_for(schedule_of(staff), staff, ())
    approvals.approve(request, owner.credentials)
    sandbox.console("demo").put_client(4)
    run_due_plans(timezone.now() + timedelta(hours=2))
    schedule = Schedule.objects.get()
    assert (schedule.state, schedule.reason) == ("held", "beyond_limits")
    assert not sandbox.posts()
