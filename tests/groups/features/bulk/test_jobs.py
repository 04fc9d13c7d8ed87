"""Test bulk edits: each line of a plan is executed once, and only as it was shown."""

import json
import threading
import uuid
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, EditPlan, Import, Line
from groups.models import Change, Job, PosterAccount, PosterCredentials
from groups.models.contents import Effect
from groups.poster import GroupValues, LoyaltyType
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import executor, queue
from groups.services.jobs.progress import JobProgress, progress_of
from groups.services.writes.commands import CreateGroup, UpdateGroup
from groups.services.writes.not_sent import NotNow
from tests.support.bulk import plan_edits
from tests.support.jobs import (
    at_each_wait,
    die_after_the_first,
    die_before_sending,
    ended,
    leave_the_first_to_a_person,
    run,
    run_once,
)

State = Change.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]


def new_group(name, percent=5, bonus=0):
    return GroupValues(
        name=name,
        loyalty_type=LoyaltyType.BONUS,
        percent=Decimal(percent),
        birthday_bonus=Decimal(bonus),
    )


def done(job, user):
    """Start a plan, run it as a worker does, and return the job in its new state."""
    queue.start_draft(job, user)
    return run(job)


def states(job):
    return sorted((change.state, change.reason) for change in Change.objects.filter(job=job))


def test_an_edit_and_an_import_have_titles_and_say_when_tills_take_a_percent():
    old = new_group("Гості")
    lines = [(new_group("Гості", 10), True), (new_group("Гості", bonus=10), False)]
    for kind, title in ((Edit, "Change several groups"), (Import, "Import of groups")):
        for new, is_said in lines:
            wanted = EditPlan((Line(1, new, 4, old),)).to_json()
            job = kind(Job(kind=kind.kind, wanted=wanted))
            assert job.title == title
            assert ("Tills take a new percent" in job.words_at_end) is is_said


def test_a_line_is_put_onto_the_values_and_the_clients_that_a_group_has_now(staff, sandbox):
    job = plan_edits(staff, {1: "11", 4: "12.5"})
    sandbox.console().edit(1, client_groups_discount="11")
    sandbox.console().edit(4, client_groups_name="Інша", count_groups_clients="50")
    groups = [read_now(staff.credentials, group_id).group for group_id in (1, 4)]
    (line,) = Edit(job).lines_onto(groups)
    assert (line.old, line.clients) == (groups[1].values, 50)
    assert (line.new.name, line.new.percent) == ("Інша", Decimal("12.5"))
    job.state = Job.State.ASKED
    columns = Edit(job).columns_for(Effect(tuple(groups)))
    assert (columns["total"], columns["wanted"]["unchanged"]) == (1, 1)


def test_nobody_follows_before_the_first_line_is_in_force(staff, sandbox, settings, monkeypatch):
    """This includes a first round in which every group is locked by another change."""
    together = []
    monkeypatch.setattr(bulk, "submit_all", lambda _lease, orders: together.append(list(orders)) or [])
    settings.JOB_PATIENCE = 0.1
    settings.JOB_RETRY_PAUSES = (0.01,)
    job = plan_edits(staff, {1: "11", 4: "12.5"})
    for group_id in (1, 4):
        Change(account=job.account, action="update", group_id=group_id, target=f"group:{group_id}").save()
    job = done(job, staff)
    assert (job.state, job.reason, job.tested) == (Job.State.STOPPED, "busy", False)
    assert not together
    assert not sandbox.posts()


def test_every_line_is_carried_out_once_and_in_the_journal(staff, sandbox):
    job = plan_edits(staff, {1: "11", 4: "12.5", 5: 0}, [new_group("Нова"), new_group("Ще одна")])
    job = done(job, staff)
    assert (job.state, job.reason) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=5, done=5)
    rows = sandbox.accounts["demo"].snapshot()
    assert [rows[each]["client_groups_discount"] for each in (1, 4, 5)] == ["11", "12.5", "0"]
    names = [row["client_groups_name"] for row in rows.values()]
    assert names.count("Нова") == names.count("Ще одна") == 1
    assert len(sandbox.posts("clients.updateGroup")) == 3
    assert len(sandbox.posts("clients.createGroup")) == 2
    assert states(job) == [(State.APPLIED, "")] * 5


def test_a_job_of_one_line_ends_in_its_first_run(staff, sandbox):
    job = plan_edits(staff, {1: "11"})
    queue.start_draft(job, staff)
    assert ended(run_once(job)) == (Job.State.DONE, "")


def test_the_only_line_of_a_killed_run_has_its_outcome_before_the_job_ends(
    staff, sandbox, settings, monkeypatch
):
    settings.POSTER_GRACE_SECONDS = -100
    job = plan_edits(staff, {1: "11"})
    queue.start_draft(job, staff)
    die_before_sending(monkeypatch, job, 1)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert sorted(states(job)) == [(State.APPLIED, ""), (State.FAILED, "never_sent")]


def test_no_line_follows_once_the_job_was_cancelled(staff, sandbox, monkeypatch):
    """A job of edits has no locks, so its undo could begin while a slow line is about to be recorded."""
    job = plan_edits(staff, {1: "11", 4: "12.5"})
    queue.start_draft(job, staff)
    execute, left = executor.execute, [None]

    def cancelled_before(command):
        if not left:
            queue.cancel(Job.objects.get(pk=job.pk), staff)
        left.clear()
        return execute(command)

    monkeypatch.setattr(executor, "execute", cancelled_before)
    assert ended(run(job)) == (Job.State.CANCELLED, "")
    assert len(sandbox.posts("clients.updateGroup")) == Change.objects.filter(job=job).count() == 1


def test_a_draft_is_not_begun_by_itself_and_starts_once(staff, sandbox):
    job = plan_edits(staff, {1: "11"})
    assert not queue.revive()
    run(job)
    assert (job.state, job.is_unfinished) == (Job.State.DRAFT, False)
    assert not sandbox.posts()
    for _ in range(2):
        queue.start_draft(Job.objects.get(pk=job.pk), staff)
    run(job)
    run(job)
    queue.start_draft(job, staff)
    assert job.state == Job.State.DONE
    assert len(sandbox.posts()) == 1


def test_a_group_that_was_changed_meanwhile_stays_as_it_is(staff, sandbox):
    job = plan_edits(staff, {1: "11", 4: "12"})
    sandbox.console().edit(4, client_groups_discount="77")
    job = done(job, staff)
    assert job.state == Job.State.DONE
    assert states(job) == [(State.APPLIED, ""), (State.FAILED, "conflict")]
    assert progress_of(job) == JobProgress(total=2, done=1, failed=1)
    assert sandbox.accounts["demo"].snapshot()[4]["client_groups_discount"] == "77"


def test_a_name_that_was_taken_meanwhile_is_not_made_twice(staff, sandbox):
    job = plan_edits(staff, created=[new_group("Нова"), new_group("Інша")])
    sandbox.console().edit(4, client_groups_name="нова")
    job = done(job, staff)
    assert states(job) == [(State.APPLIED, ""), (State.FAILED, "name_taken")]


def test_the_first_line_is_alone_and_with_a_bonus_where_there_is_one(staff, sandbox, monkeypatch):
    together = []
    submit_all = executor.submit_all

    def note(lease, orders):
        together.append(orders)
        return submit_all(lease, orders)

    for module in (executor, bulk):
        monkeypatch.setattr(module, "submit_all", note)
    values = [new_group("Без бонусу"), new_group("З бонусом", bonus=50), new_group("І цей")]
    done(plan_edits(staff, created=values), staff)
    assert [[order.intended.name for order in orders] for orders in together] == [
        ["З бонусом"],
        ["Без бонусу", "І цей"],
    ]


@pytest.fixture
def credentials(owner, sandbox):
    """Return the owner's credentials for an account that stores bonuses in another unit."""
    credentials = PosterCredentials.objects.get(user=owner)
    credentials.account, _ = PosterAccount.objects.get_or_create(name="kopecks")
    credentials.set_token(sandbox.accounts["kopecks"].token)
    credentials.save()
    return credentials


def test_what_comes_back_in_another_unit_stops_it_after_a_kill_too(owner, credentials, sandbox, monkeypatch):
    """The worker was killed after the first line, and before it compared the group with it."""
    job = plan_edits(owner, created=[new_group("З бонусом", bonus=50), new_group("Без бонусу")])
    queue.start_draft(job, owner)
    die_after_the_first(monkeypatch, bulk, job)
    job = run(job)
    assert (job.state, job.reason, job.detail) == (Job.State.STOPPED, "differs", "birthday_bonus")
    assert len(sandbox.posts("clients.createGroup")) == 1


@pytest.mark.parametrize("command", [UpdateGroup, CreateGroup])
def test_a_first_line_on_which_a_person_has_decided_proves_nothing_for_the_others(
    owner, credentials, sandbox, monkeypatch, command
):
    """Nobody has read it back, so the next one is sent alone too."""
    created = [new_group(f"Нова {number}", bonus=50) for number in range(3)]
    values = {"birthday_bonus": Decimal(50), "loyalty_type": LoyaltyType.BONUS}
    plans = {
        UpdateGroup: lambda: plan_edits(owner, {1: "11", 4: "12", 5: "13"}, **values),
        CreateGroup: lambda: plan_edits(owner, created=created),
    }
    job = plans[command]()
    queue.start_draft(job, owner)
    leave_the_first_to_a_person(monkeypatch, bulk, job, owner, command)
    assert ended(run(job)) == (Job.State.STOPPED, "differs")
    assert len(sandbox.posts()) == 2


def test_what_comes_back_in_another_unit_stops_the_job_after_one_group(owner, credentials, sandbox):
    values = [new_group(f"Нова {number}", bonus=50) for number in range(4)]
    job = done(plan_edits(owner, created=values), owner)
    assert (job.state, job.reason, job.detail) == (Job.State.STOPPED, "differs", "birthday_bonus")
    assert len(sandbox.posts("clients.createGroup")) == 1
    queue.resume(job, owner, accepts=True)
    job = run(job)
    assert (job.state, job.reason) == (Job.State.STOPPED, "bonus_blocked")
    assert len(sandbox.posts("clients.createGroup")) == 1
    credentials_service.set_bonus_unit(credentials, "kopecks")
    queue.resume(job, owner)
    assert run(job).state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=4, done=4)
    stored = {row["client_groups_name"]: row["birthday_bonus"] for row in all_rows(sandbox, "kopecks")}
    assert [stored[f"Нова {number}"] for number in (1, 2, 3)] == ["5000"] * 3


def all_rows(sandbox, account="demo"):
    return sandbox.accounts[account].snapshot().values()


def test_a_refused_line_stops_nothing(staff, sandbox):
    sandbox.script("clients.updateGroup", "error_object", code=42, when="before")
    job = done(plan_edits(staff, {1: "11", 4: "12", 5: "13"}), staff)
    assert job.state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=3, done=2, refused=1)


def test_a_cancellation_lets_no_further_group_be_changed(staff, sandbox, settings, monkeypatch):
    settings.POSTER_MAX_CONCURRENCY = 1
    job = plan_edits(staff, {1: "11", 4: "12", 5: "13"})
    execute = executor.execute

    def and_cancel(command):
        change = execute(command)
        if len(sandbox.posts()) == 2:
            queue.cancel(Job.objects.get(pk=job.pk), staff)
        return change

    monkeypatch.setattr(executor, "execute", and_cancel)
    assert done(job, staff).state == Job.State.CANCELLED
    assert len(sandbox.posts()) == 2


@pytest.mark.parametrize("kind", [Edit, Import])
def test_a_lost_right_stops_it(staff, sandbox, kind):
    job = plan_edits(staff, {1: "11"}, kind=kind)
    queue.start_draft(job, staff)
    staff.groups.clear()
    job = run(job)
    assert (job.state, job.reason) == (Job.State.STOPPED, "no_right")
    assert not sandbox.posts()


@pytest.mark.parametrize(
    "moment", [1, *(pytest.param(moment, marks=pytest.mark.thorough) for moment in (2, 4))]
)
def test_a_run_that_is_killed_is_taken_up_where_it_was(staff, sandbox, monkeypatch, settings, moment):
    """Open changes are settled, the remaining ones are sent, and nothing is sent twice."""

    class Killed(BaseException):
        pass

    settings.POSTER_WRITE_DEADLINE, settings.POSTER_GRACE_SECONDS = 2.0, 0.0
    settings.POSTER_MAX_CONCURRENCY = 1
    count = 0
    read_before = executor.execute.__globals__["_read_before"]

    def killed(command, change, **options):
        nonlocal count
        count += 1
        if count == moment:
            raise Killed
        return read_before(command, change, **options)

    monkeypatch.setitem(executor.execute.__globals__, "_read_before", killed)
    job = plan_edits(staff, {1: "11", 4: "12"}, [new_group("Нова"), new_group("Інша")])
    with pytest.raises(Killed):
        done(job, staff)
    assert Change.objects.open().count() == 1
    assert len(sandbox.posts()) == moment - 1
    assert run(job).state == Job.State.DONE
    assert len(sandbox.posts()) == 4
    assert states(job) == [(State.APPLIED, "")] * 4 + [(State.FAILED, "never_sent")]
    assert progress_of(job) == JobProgress(total=4, done=4)


def test_poster_that_is_away_is_waited_for_and_nothing_counts_twice(staff, sandbox, settings):
    settings.JOB_RETRY_PAUSES = (0.05,)
    sandbox.script("clients.getGroup", "fin_before_headers", times=8)
    job = done(plan_edits(staff, {1: "11", 4: "12", 5: "13"}), staff)
    assert job.state == Job.State.DONE
    assert (State.FAILED, "not_read") in states(job)
    assert progress_of(job) == JobProgress(total=3, done=3)
    assert len(sandbox.posts()) == 3


def test_a_group_that_is_locked_is_waited_for(staff, sandbox, settings, monkeypatch):
    settings.JOB_RETRY_PAUSES = (0.05,)
    credentials = credentials_service.credentials_of(staff)
    lock = Change(account=credentials.account, user=staff, user_name="x", action="update", target="group:4")
    lock.save()
    looks = []

    def unlock(pause):
        looks.append(pause)
        Change.objects.settle(lock, state=State.FAILED, reason="never_sent")

    at_each_wait(monkeypatch, unlock)
    job = done(plan_edits(staff, {1: "11", 4: "12"}), staff)
    assert looks == [0.05]
    assert job.state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=2, done=2)


def test_a_group_that_stays_locked_stops_it(staff, sandbox, settings):
    settings.JOB_RETRY_PAUSES = (0.05,)
    settings.JOB_PATIENCE = 0.1
    credentials = credentials_service.credentials_of(staff)
    Change(account=credentials.account, user=staff, user_name="x", action="update", target="group:4").save()
    job = done(plan_edits(staff, {1: "11", 4: "12"}), staff)
    assert (job.state, job.reason) == (Job.State.STOPPED, "busy")


# --- Plans -------------------------------------------------------------------------------------------------


def test_a_line_comes_back_as_it_was():
    new = new_group("Нова", "12.5", "50").replace(use_ewallet="1")
    for line in (Line(7, new), Line(2, new, 5, new.replace(name="Стара"), clients=12)):
        assert Line.from_json(line.to_json()) == line


def test_the_json_of_a_plan_stays_as_it_was_written_since_1_0():
    old = new_group("Гості", "12.5", "50")
    line = Line(2, old.replace(percent=Decimal(15)), 5, old, clients=12, namesakes=((6, 1),))
    plan = EditPlan((line,), unchanged=3, ignored=("Сума",))
    stored = {
        "number": 2,
        "group_id": 5,
        "old": {
            "name": "Гості",
            "loyalty_type": 1,
            "percent": "12.5",
            "birthday_bonus": "50",
            "use_ewallet": None,
        },
        "new": {"percent": "15"},
        "clients": 12,
        "namesakes": [[6, 1]],
    }
    written = json.loads(json.dumps(plan.to_json()))
    assert written == {"rows": [stored], "unchanged": 3, "ignored": ["Сума"]}
    assert EditPlan.from_json(written) == plan


def test_a_plan_is_only_for_who_made_it_and_may_carry_it_out(staff, owner, outsider, manager, sandbox):
    job = plan_edits(staff, {1: "11"})
    credentials = credentials_service.credentials_of(staff)
    assert bulk.plan_of(credentials, job.pk) == job
    assert bulk.plan_of(credentials, uuid.uuid4()) is None
    assert bulk.plan_of(credentials_service.credentials_of(owner), job.pk) is None
    assert bulk.plan_of(credentials_service.credentials_of(outsider), job.pk) is None
    for kind in (Edit, Import):
        with pytest.raises(PermissionDenied):
            plan_edits(manager, {1: "11"}, kind=kind)
    staff.groups.set(manager.groups.all())
    demoted = type(staff).objects.get(pk=staff.pk)
    with pytest.raises(PermissionDenied):
        bulk.plan_of(credentials_service.credentials_of(demoted), job.pk)
    with pytest.raises(PermissionDenied):
        queue.start_draft(job, demoted)


def test_plans_that_nobody_starts_are_forgotten(staff, owner, sandbox, monkeypatch):
    monkeypatch.setattr(bulk, "DRAFTS_AT_MOST", 3)
    started, theirs = plan_edits(staff, {1: "9"}), plan_edits(owner, {1: "9"})
    queue.start_draft(started, staff)
    plans = [plan_edits(staff, {1: "11"}) for _ in range(5)]
    left = set(Job.objects.values_list("pk", flat=True))
    assert left == {started.pk, theirs.pk, *(each.pk for each in plans[-3:])}
    Job.objects.exclude(pk=plans[-1].pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert [bulk.forget_drafts(), bulk.forget_drafts()] == [3, 0]
    assert set(Job.objects.values_list("pk", flat=True)) == {started.pk, plans[-1].pk}
    plans[0].state = Job.State.DRAFT
    with pytest.raises(NotNow):
        queue.start_draft(plans[0], staff)


def test_a_plan_that_is_being_forgotten_cannot_be_started(staff, sandbox):
    job, started = plan_edits(staff, {1: "11"}), []

    def start():
        with closing(connection), suppress(NotNow):
            started.append(queue.start_draft(job, staff))

    def start_once_it_is_found(execute, sql, *args):
        result = execute(sql, *args)
        if sql.startswith("SELECT") and other.ident is None:
            other.start()
            other.join(1)
        return result

    other = threading.Thread(target=start)
    Job.objects.update(created_at=timezone.now() - timedelta(hours=25))
    with connection.execute_wrapper(start_once_it_is_found):
        assert bulk.forget_drafts() == 1
    other.join()
    assert (started, Job.objects.count()) == ([], 0)
