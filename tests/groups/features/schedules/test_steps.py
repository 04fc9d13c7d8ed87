"""Test planned changes: they come, go, wait, and are held; with a clock that the tests set."""

import contextlib
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.features.schedules import services
from groups.features.schedules.models import Schedule
from groups.features.schedules.services import cancel_schedule, run_due_plans
from groups.features.schedules.views import card_of
from groups.models import Change, Lock, PosterAccount
from groups.models.leases import PAUSES
from groups.services import due, history
from groups.services.groups import read_now
from groups.services.writes import reconcile as reconciler
from groups.services.writes.commands import RemoveGroup, UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.submissions import Locked, NotNow
from tests.support.schedules import GROUP, HOUR, at, percent_of, planned

pytestmark = pytest.mark.django_db
State, Reason = Schedule.State, Schedule.Reason


def states(schedule):
    """Return the states of a schedule and of its two changes, None for one that was not written down."""
    schedule.refresh_from_db()
    changes = [Change.objects.filter(pk=pk).first() for pk in (schedule.start_id, schedule.return_id)]
    return schedule.state, *(change and change.state for change in changes)


@pytest.fixture
def active(staff, sandbox):
    """Return a schedule that is in force."""
    schedule = planned(staff)
    run_due_plans(at(1.5))
    assert states(schedule) == ("active", "applied", None)
    return schedule


# --- It comes and goes -------------------------------------------------------------------------------------


def test_one_that_is_over_when_its_turn_comes_is_not_started(staff, sandbox, monkeypatch):
    planned(staff, ends=None)
    late = planned(staff, group_id=1, starts=2 * HOUR, ends=3 * HOUR)
    clock = [at(2.5)]

    def slow_execute(command):
        clock[0] = at(4)
        return execute(command)

    monkeypatch.setattr(due, "timezone", SimpleNamespace(now=lambda: clock[0]))
    monkeypatch.setattr(services, "execute", slow_execute)
    run_due_plans()
    assert states(late) == ("missed", None, None)
    assert late.reason == Reason.TOO_LATE


def test_a_planned_change_comes_at_its_time_and_the_old_values_come_back(staff, sandbox):
    before = dict(sandbox.accounts["demo"].groups[GROUP])
    schedule = planned(staff)
    assert run_due_plans(at(0.9)) == []
    assert not sandbox.posts()
    assert run_due_plans(at(1.1)) == [schedule]
    assert percent_of(sandbox) == 20
    assert run_due_plans(at(2.9)) == []
    assert run_due_plans(at(3.1)) == [schedule]
    assert states(schedule) == ("done", "applied", "applied")
    assert sandbox.accounts["demo"].groups[GROUP] == before
    assert len(sandbox.posts()) == 2
    assert {change.user for change in Change.objects.all()} == {staff}
    assert Change.objects.get(pk=schedule.return_id).undo_of_id == schedule.start_id
    assert not Lock.objects.exists()
    assert run_due_plans(at(9)) == []


def test_one_without_an_end_is_done_when_it_is_in_force(staff, sandbox):
    schedule = planned(staff, ends=None)
    run_due_plans(at(2))
    assert states(schedule) == ("done", "applied", None)
    assert percent_of(sandbox) == 20


def test_a_worker_that_was_down_makes_the_return_late_and_it_is_said(active, sandbox):
    run_due_plans(at(50))
    assert states(active) == ("done", "applied", "applied")
    assert active.ended_late
    assert active.began_late


def test_a_worker_that_was_down_for_all_of_it_sends_nothing(staff, sandbox):
    schedule = planned(staff)
    run_due_plans(at(50))
    assert (states(schedule), schedule.reason) == (("missed", None, None), Reason.TOO_LATE)
    assert not sandbox.posts()
    assert not Lock.objects.exists()


def test_the_birthday_bonus_may_come_and_go_too(staff, sandbox):
    group = read_now(staff.credentials, 1).group
    new = group.values.to_json() | {"birthday_bonus": "75"}
    schedule = planned(staff, group_id=1, planned=new)
    run_due_plans(at(2))
    assert read_now(staff.credentials, 1).group.birthday_bonus == 75
    run_due_plans(at(4))
    assert states(schedule) == ("done", "applied", "applied")
    assert read_now(staff.credentials, 1).group == group


# --- A group that changed under it -------------------------------------------------------------------------

EDITS = {
    "edited": {"client_groups_discount": "13"},
    "renamed": {"client_groups_name": "Інша назва"},
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("when", ["before the start", "before the return"])
def test_a_group_that_was_changed_elsewhere_is_held_and_nothing_is_sent(staff, sandbox, edit, when):
    schedule = planned(staff)
    if when == "before the return":
        run_due_plans(at(1.5))
    sent = len(sandbox.posts())
    sandbox.console().edit(GROUP, **EDITS[edit])
    theirs = dict(sandbox.accounts["demo"].groups[GROUP])
    run_due_plans(at(2 if when == "before the start" else 4))
    assert (states(schedule)[0], schedule.reason) == ("held", Reason.CHANGED)
    assert len(sandbox.posts()) == sent
    assert sandbox.accounts["demo"].groups[GROUP] == theirs
    assert not Lock.objects.exists()


@pytest.mark.parametrize("started", [False, True])
def test_a_group_that_was_removed_elsewhere_is_held(staff, sandbox, started):
    schedule = planned(staff)
    if started:
        run_due_plans(at(1.5))
    sandbox.console().remove(GROUP)
    for later in (0, 0.1):  # beside other processes the last check may have no time left, and is made again
        run_due_plans(at((4 if started else 2) + later))
    assert (states(schedule)[0], schedule.reason) == ("held", Reason.GONE)


def test_the_count_of_its_clients_is_no_change_of_the_group(staff, sandbox):
    schedule = planned(staff)
    sandbox.console().put_client(GROUP)
    run_due_plans(at(2))
    run_due_plans(at(4))
    assert states(schedule) == ("done", "applied", "applied")


# --- The person --------------------------------------------------------------------------------------------


def lose_right(user):
    user.groups.clear()


def leave(user):
    user.is_active = False
    user.save()


def be_deleted(user):
    user.delete()


def disconnect(user):
    user.credentials.delete()


LOSSES = [
    (lose_right, Reason.NO_RIGHT),
    (leave, Reason.NO_USER),
    (be_deleted, Reason.NO_USER),
    (disconnect, Reason.TOKEN),
]


@pytest.mark.parametrize(("lose", "reason"), LOSSES)
def test_a_person_who_may_no_longer_start_it_misses_it(owner, sandbox, lose, reason):
    schedule = planned(owner)
    lose(owner)
    run_due_plans(at(2))
    assert (states(schedule), schedule.reason) == (("missed", None, None), reason)
    assert not sandbox.posts()


@pytest.mark.parametrize(("lose", "reason"), LOSSES)
def test_without_its_person_it_is_held_and_somebody_else_returns_it(owner, staff, sandbox, lose, reason):
    schedule = planned(owner)
    run_due_plans(at(1.5))
    lose(owner)
    run_due_plans(at(4))
    assert (states(schedule), schedule.reason) == (("held", "applied", None), reason)
    assert percent_of(sandbox) == 20
    cancel_schedule(schedule, user=staff)
    assert states(schedule) == ("cancelled", "applied", "applied")
    assert percent_of(sandbox) != 20
    assert Change.objects.get(pk=schedule.return_id).user == staff


def test_a_return_that_the_account_blocks_is_held_and_comes_once_the_block_is_lifted(owner, staff, sandbox):
    group = read_now(owner.credentials, 1).group
    schedule = planned(owner, group_id=1, planned=group.values.to_json() | {"birthday_bonus": "75"})
    run_due_plans(at(1.5))
    block_bonuses(schedule.start_id)
    run_due_plans(at(4))
    assert (states(schedule), schedule.reason) == (("held", "applied", None), Reason.BONUS_BLOCKED)
    card = card_of(schedule, staff)
    assert (card["may_cancel"], schedule.can_be_returned, card["return_was_tried"]) == (True, True, False)
    cancel_schedule(schedule, user=staff)
    assert (states(schedule), schedule.reason) == (("held", "applied", None), Reason.BONUS_BLOCKED)
    block_bonuses(None)
    cancel_schedule(schedule, user=staff)
    assert states(schedule) == ("cancelled", "applied", "applied")
    assert read_now(owner.credentials, 1).group == group


def block_bonuses(change_id):
    PosterAccount.objects.filter(pk="demo").update(bonus_block=change_id)


def test_a_token_that_poster_refuses_once_misses_no_start_and_holds_no_return(staff, sandbox):
    schedule = planned(staff)
    for hours, state in ((1.1, "active"), (3.1, "done")):
        sandbox.script("clients.getGroup", "error_object", times=1, code=10)
        run_due_plans(at(hours))
        assert schedule.reason == ""
        run_due_plans(at(hours + 0.1))
        assert states(schedule)[0] == state
    assert len(sandbox.posts()) == 2


def test_a_token_that_counts_as_refused_is_tried_at_the_time(staff, sandbox):
    schedule = planned(staff)
    staff.credentials.refused_at = timezone.now()
    staff.credentials.save()
    run_due_plans(at(2))
    assert states(schedule) == ("active", "applied", None)


@pytest.mark.parametrize(("hours", "state"), [(1.1, "missed"), (3.1, "held")])
def test_a_token_that_poster_withdraws_misses_the_start_and_holds_the_return(staff, sandbox, hours, state):
    schedule = planned(staff)
    if state == "held":
        run_due_plans(at(1.5))
    be_refused_to_the_end(schedule, sandbox, hours, state)


def test_a_token_that_poster_withdraws_ends_a_plan_whose_clients_are_counted_first(staff, sandbox):
    from groups.features.approvals.models import Limits

    Limits.objects.create(account_id="demo", max_clients=500)
    be_refused_to_the_end(planned(staff, ends=None), sandbox, 1.1, "missed")


def be_refused_to_the_end(schedule, sandbox, hours, state):
    """Let Poster refuse every call, and see that the schedule gives up once that has lasted half an hour."""
    sent = len(sandbox.posts())
    sandbox.script("*", "error_object", times=None, code=10)
    for tries in range(5):
        run_due_plans(at(hours + tries / 10))
        schedule.refresh_from_db()
        assert (schedule.is_open, schedule.tries) == (True, tries + 1)
    run_due_plans(at(hours + 0.55))
    assert (states(schedule)[0], schedule.reason) == (state, Reason.TOKEN)
    assert len(sandbox.posts()) == sent


def test_a_token_that_poster_refuses_once_after_an_outage_holds_nothing(active, sandbox):
    sandbox.script("clients.getGroup", "status_502", times=None)
    for tries in range(len(PAUSES)):
        run_due_plans(at(3.1 + tries / 5))
    sandbox.clear_faults()
    sandbox.script("clients.getGroup", "error_object", times=1, code=10)
    run_due_plans(at(4.5))
    run_due_plans(at(5))
    assert states(active)[0] == "done"


def test_a_person_without_the_right_plans_nothing(manager, sandbox):
    with pytest.raises(PermissionDenied):
        planned(manager)
    assert not Schedule.objects.exists()


# --- Poster away -------------------------------------------------------------------------------------------


def fail_once(sandbox, schedule, moment):
    """Let the step of a schedule fail at a time; return the seconds until its next try."""
    sandbox.script("clients.getGroup", "status_500", times=20)
    run_due_plans(moment)
    sandbox.clear_faults()
    schedule.refresh_from_db()
    return (schedule.next_at - moment).total_seconds()


def test_each_pause_between_two_tries_is_longer_and_the_return_begins_with_the_shortest(staff, sandbox):
    schedule = planned(staff)
    pauses = [fail_once(sandbox, schedule, at(1 + tries / 5)) for tries in range(1, 9)]
    assert pauses == [10, 30, 60, 120, 300, 600, 600, 600]
    assert run_due_plans(at(2.6) + timedelta(minutes=9)) == []
    run_due_plans(at(2.9))
    assert (states(schedule)[0], len(sandbox.posts())) == ("active", 1)
    assert [fail_once(sandbox, schedule, at(4 + tries)) for tries in range(2)] == [10, 30]
    run_due_plans(at(40))
    assert (states(schedule)[0], len(sandbox.posts())) == ("done", 2)


def test_a_write_that_needs_a_person_holds_the_plan_too(staff, sandbox):
    schedule = planned(staff)
    sandbox.script("clients.updateGroup", "lost_before", seconds=0.05)
    run_due_plans(at(1.1))
    change = Change.objects.get(pk=schedule.start_id)
    Change.objects.settle(change, state="review", reason="overwritten")
    run_due_plans(at(1.2))
    assert (states(schedule), schedule.reason) == (("held", "review", None), Reason.REVIEW)
    assert not Lock.objects.exists()


def test_a_lost_answer_is_waited_for_and_never_sent_twice(staff, sandbox):
    schedule = planned(staff)
    sandbox.script("clients.updateGroup", "answer_lost")
    sandbox.script("clients.getGroup", "status_500", call=2, times=20)
    run_due_plans(at(1.1))
    assert states(schedule)[0] == "planned"
    sandbox.clear_faults()
    for hours in (1.2, 1.3):
        run_due_plans(at(hours))
    assert len(sandbox.posts()) == 1
    change = Change.objects.get(pk=schedule.start_id)
    Change.objects.settle(change, next_check_at=timezone.now())
    reconciler.reconcile_due()
    run_due_plans(at(1.4))
    assert states(schedule) == ("active", "applied", None)
    assert len(sandbox.posts()) == 1


def test_a_lost_start_that_a_user_sends_again_is_made(staff, sandbox):
    schedule = planned(staff)
    sandbox.script("clients.updateGroup", "lost_before", seconds=0.05)
    run_due_plans(at(1.1))
    lost = Change.objects.get(pk=schedule.start_id)
    assert execute(history.command_again(lost, staff.credentials)).state == "applied"
    run_due_plans(at(1.2))
    run_due_plans(at(4))
    assert (states(schedule)[0], percent_of(sandbox), len(sandbox.posts())) == ("done", 10, 3)


def test_a_lost_start_that_a_user_sends_again_in_vain_is_tried_again(staff, owner, sandbox):
    schedule = planned(staff)
    sandbox.script("clients.updateGroup", "lost_before", seconds=0.05)
    run_due_plans(at(1.1))
    lost = Change.objects.get(pk=schedule.start_id)
    sandbox.script("clients.updateGroup", "lost_before", seconds=0.05)
    again = execute(history.command_again(lost, staff.credentials))
    Change.objects.settle(again, state="failed", reason="not_applied")
    run_due_plans(at(1.2))
    cancel_schedule(schedule, user=owner)
    assert states(schedule) == ("cancelled", None, None)
    assert not Lock.objects.exists()


def test_a_refusal_of_the_start_is_missed_and_of_the_return_is_held(staff, sandbox):
    missed, held = planned(staff), planned(staff, group_id=1)
    refuse = {"code": 34, "when": "before"}
    sandbox.script("clients.updateGroup", "error_object", **refuse)
    run_due_plans(at(1.1))
    assert (states(missed), missed.reason) == (("missed", "refused", None), Reason.REFUSED)
    assert states(held) == ("active", "applied", None)
    sandbox.script("clients.updateGroup", "error_object", **refuse)
    run_due_plans(at(4))
    assert (states(held), held.reason) == (("held", "applied", "refused"), Reason.REFUSED)


# --- Cancel ------------------------------------------------------------------------------------------------


def test_a_cancelled_plan_never_comes(staff, sandbox):
    schedule = planned(staff)
    cancel_schedule(schedule, user=staff)
    run_due_plans(at(2))
    assert states(schedule) == ("cancelled", None, None)
    assert not sandbox.posts()
    assert not Lock.objects.exists()


def test_a_cancelled_active_one_returns_at_once_with_the_token_of_who_cancels(active, owner, sandbox):
    cancel_schedule(active, user=owner)
    assert states(active) == ("cancelled", "applied", "applied")
    assert Change.objects.get(pk=active.return_id).user == owner
    assert len(sandbox.posts()) == 2


def test_a_cancellation_while_poster_is_away_is_carried_out_later(active, owner, sandbox):
    sandbox.script("clients.getGroup", "status_500", times=20)
    cancel_schedule(active, user=owner)
    assert states(active)[0] == "active"
    sandbox.clear_faults()
    run_due_plans(timezone.now() + timedelta(minutes=1))
    assert states(active) == ("cancelled", "applied", "applied")


def test_a_cancellation_leaves_a_worker_alone_that_is_at_the_start(staff, owner, sandbox, monkeypatch):
    """A worker has the lease: it makes the start, sees the cancellation, and returns."""
    schedule = planned(staff)
    send = services.execute

    def cancelled_meanwhile(command):
        if command.operation == schedule.start_id:
            cancel_schedule(Schedule.objects.get(pk=schedule.pk), user=owner)
        return send(command)

    monkeypatch.setattr(services, "execute", cancelled_meanwhile)
    run_due_plans()
    assert not sandbox.posts()
    Schedule.objects.filter(pk=schedule.pk).update(starts_at=timezone.now(), next_at=timezone.now())
    run_due_plans()
    assert states(schedule) == ("cancelled", "applied", "applied")


def test_one_without_an_end_that_is_cancelled_during_its_start_returns(staff, sandbox, monkeypatch):
    schedule = planned(staff, starts=-HOUR, ends=None)
    send = services.execute

    def cancelled_meanwhile(command):
        change = send(command)
        if command.operation == schedule.start_id:
            cancel_schedule(Schedule.objects.get(pk=schedule.pk), user=staff)
        return change

    monkeypatch.setattr(services, "execute", cancelled_meanwhile)
    run_due_plans()
    assert states(schedule) == ("cancelled", "applied", "applied")


def test_one_without_an_end_that_is_cancelled_as_its_end_is_stored_returns(staff, sandbox, monkeypatch):
    """The cancellation comes after the worker has looked for one."""
    schedule = planned(staff, starts=-HOUR, ends=None)
    store = Schedule.store

    def cancelled_before(row, *lease, **values):
        if values.get("state") == State.DONE:
            cancel_schedule(Schedule.objects.get(pk=schedule.pk), user=staff)
        return store(row, *lease, **values)

    monkeypatch.setattr(Schedule, "store", cancelled_before)
    before = percent_of(sandbox)
    run_due_plans()
    assert states(schedule) == ("cancelled", "applied", "applied")
    assert percent_of(sandbox) == before
    assert not Lock.objects.exists()


def test_a_held_one_is_closed_by_one_user(staff, owner, sandbox):
    schedule = planned(staff)
    sandbox.console().edit(GROUP, **EDITS["edited"])
    run_due_plans(at(2))
    seen_by_both = [Schedule.objects.get(pk=schedule.pk) for _ in range(2)]
    assert [each.state for each in seen_by_both] == ["held"] * 2
    with pytest.raises(NotNow):
        cancel_schedule(seen_by_both[0], user=staff, said="return")
    cancel_schedule(seen_by_both[0], user=staff)
    with pytest.raises(NotNow):
        cancel_schedule(seen_by_both[1], user=owner)
    schedule.refresh_from_db()
    assert (schedule.state, schedule.cancelled_by) == ("cancelled", staff)


def test_what_has_ended_cannot_be_cancelled(staff, sandbox):
    schedule = planned(staff, ends=None)
    run_due_plans(at(2))
    schedule.refresh_from_db()
    with pytest.raises(NotNow):
        cancel_schedule(schedule, user=staff)


# --- The lock ----------------------------------------------------------------------------------------------


def test_a_group_has_one_plan_at_a_time(staff, owner, sandbox):
    first = planned(staff)
    with pytest.raises(Locked) as refused:
        planned(owner)
    assert refused.value.holder == first
    cancel_schedule(first, user=staff)
    assert planned(owner).state == "planned"


def test_the_end_of_one_plan_leaves_the_lock_of_another_one(staff, sandbox):
    planned(staff, ends=None)
    other = planned(staff, group_id=1, starts=9 * HOUR, ends=10 * HOUR)
    run_due_plans(at(2))
    assert [lock.row_id for lock in Lock.objects.all()] == [other.pk]


def removal_of(user, group):
    return RemoveGroup(
        credentials=user.credentials,
        operation=uuid.uuid4(),
        group_id=group.id,
        loaded=group.values,
        loaded_clients=group.clients,
    )


@pytest.mark.parametrize("started", [False, True])
def test_a_planned_group_is_not_removed(owner, sandbox, started):
    schedule = planned(owner)
    if started:
        run_due_plans(at(1.5))
    posts = len(sandbox.posts())
    with pytest.raises(Locked) as refused:
        execute(removal_of(owner, read_now(owner.credentials, GROUP).group))
    assert refused.value.holder == schedule
    assert len(sandbox.posts()) == posts


def test_a_lock_has_one_owner(staff, sandbox):
    schedule = planned(staff)
    change = Change(account=schedule.account, action="update", group_id=9, target="group:9")
    change.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Lock.objects.create(
            account=schedule.account, key="x", change=change, feature="schedules", row_id=schedule.pk
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Lock.objects.create(account=schedule.account, key="x")


def test_a_held_one_does_not_take_its_group_back_from_a_newer_plan(owner, staff, sandbox):
    held = planned(owner)
    run_due_plans(at(1.5))
    disconnect(owner)
    run_due_plans(at(4))
    planned(staff, percent="30")
    held.refresh_from_db()
    with pytest.raises(Locked):
        cancel_schedule(held, user=staff)
    assert states(held)[0] == "held"


# --- Killed at any line ------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: no handler of it may run."""


def killed_at(monkeypatch, name, call, *, after):
    """Let the process die before or after so many calls of a function."""
    owner = Schedule if name == "store" else services
    real, calls = getattr(owner, name), [0]

    def dying(*args, **kwargs):
        calls[0] += 1
        if calls[0] == call and not after:
            raise Killed
        result = real(*args, **kwargs)
        if calls[0] == call and after:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)


STEPS = [
    *(("store", call) for call in (1, 2, 3)),
    *(("execute", call) for call in (1, 2)),
    *(("find_change", call) for call in (1, 2, 3)),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("name", "call"), STEPS)
def test_a_worker_killed_at_any_step_is_followed_by_another_one(
    staff, sandbox, monkeypatch, name, call, after
):
    before = dict(sandbox.accounts["demo"].groups[GROUP])
    schedule = planned(staff)
    with monkeypatch.context() as context:
        killed_at(context, name, call, after=after)
        for hours in (1.1, 1.3, 3.1, 3.3):
            with contextlib.suppress(Killed):
                run_due_plans(at(hours))
    for hours in (3.5, 3.7, 3.9):
        run_due_plans(at(hours))
    assert states(schedule) == ("done", "applied", "applied")
    assert len(sandbox.posts()) == 2
    assert sandbox.accounts["demo"].groups[GROUP] == before
    assert not Lock.objects.exists()


def test_of_two_workers_one_makes_the_step(staff, sandbox, monkeypatch):
    planned(staff)
    send = services.execute

    def with_another_worker(command):
        assert run_due_plans(at(1.1)) == []
        return send(command)

    monkeypatch.setattr(services, "execute", with_another_worker)
    run_due_plans(at(1.1))
    assert len(sandbox.posts()) == 1


def test_a_worker_whose_lease_has_run_out_sends_nothing_twice(staff, sandbox, monkeypatch):
    schedule = planned(staff)
    send, nested = services.execute, []

    def overtaken(command):
        if not nested:
            nested.append(True)
            run_due_plans(at(1.5))
        return send(command)

    monkeypatch.setattr(services, "execute", overtaken)
    run_due_plans(at(1.1))
    assert states(schedule)[0] == "active"
    assert len(sandbox.posts()) == 1


def test_a_return_right_after_its_start_is_made_by_one_worker(staff, sandbox, monkeypatch):
    schedule = planned(staff)
    send, others = services.execute, []

    def with_another_worker(command):
        if command.returns:
            others.append(run_due_plans(at(1.1)))
        else:
            Schedule.objects.filter(pk=schedule.pk).update(cancelled_at=at(1.1), cancelled_by=staff)
        return send(command)

    monkeypatch.setattr(services, "execute", with_another_worker)
    run_due_plans(at(1.1))
    assert others == [[]]
    assert states(schedule) == ("cancelled", "applied", "applied")


def test_the_steps_of_one_account_are_made_alone(staff, sandbox):
    schedule = planned(staff, starts=-HOUR)
    assert list(services.accounts_due()) == ["demo"]
    assert run_due_plans(account="kavarnia") == []
    assert run_due_plans(account="demo") == [schedule]
    assert list(services.accounts_due()) == []


def test_a_worker_whose_lease_has_run_out_starts_nothing_that_was_cancelled_since(
    staff, sandbox, monkeypatch
):
    schedule = planned(staff)
    command_of = services.command_of

    def overtaken(*step):
        cancel_schedule(Schedule.objects.get(pk=schedule.pk), user=staff)
        run_due_plans(at(1.5))
        return command_of(*step)

    monkeypatch.setattr(services, "command_of", overtaken)
    run_due_plans(at(1.1))
    assert states(schedule) == ("cancelled", None, None)
    assert not sandbox.posts()


def test_a_worker_whose_lease_has_run_out_does_not_put_an_ended_one_in_force_again(
    staff, sandbox, monkeypatch
):
    schedule = planned(staff)
    send, nested = services.execute, []

    def overtaken(command):
        change = send(command)
        if not nested:
            nested.append(True)
            run_due_plans(at(4))
        return change

    monkeypatch.setattr(services, "execute", overtaken)
    run_due_plans(at(1.1))
    assert states(schedule) == ("done", "applied", "applied")


# --- Others' changes here ----------------------------------------------------------------------------------


def test_an_edit_made_here_meanwhile_is_not_overwritten(active, owner, sandbox):
    group = read_now(owner.credentials, GROUP).group
    edit = UpdateGroup(
        credentials=owner.credentials,
        operation=uuid.uuid4(),
        group_id=GROUP,
        loaded=group.values,
        intended=group.values.replace(percent=group.percent + 1),
    )
    assert execute(edit).state == "applied"
    run_due_plans(at(4))
    assert (states(active)[0], active.reason) == ("held", Reason.CHANGED)
    assert percent_of(sandbox) == 21


def test_a_broken_one_does_not_stop_the_others(staff, owner, sandbox, monkeypatch):
    broken, sound = planned(staff), planned(owner, group_id=1)
    send = services.execute

    def sometimes(command):
        if command.group_id == GROUP:
            raise RuntimeError
        return send(command)

    monkeypatch.setattr(services, "execute", sometimes)
    run_due_plans(at(1.5))
    assert states(sound)[0] == "active"
    assert states(broken)[0] == "planned"
