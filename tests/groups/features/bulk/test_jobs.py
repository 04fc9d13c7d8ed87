"""Test bulk edits: each line of a plan is executed once, and only as it was shown."""

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
from groups.features.bulk.services import Edit, EditPlan, Import, PlanLine
from groups.models import Change, Job, PosterAccount, PosterCredentials
from groups.models.contents import Effect
from groups.poster import GroupValues, LoyaltyType
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import executor, queue
from groups.services.jobs.kinds import JobProgress, progress_of
from groups.services.writes.submissions import NotNow
from tests.support.bulk import plan_edits
from tests.support.jobs import (
    at_each_wait,
    die_after_the_first,
    die_before_sending,
    ended,
    run,
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


def done(job, user, **options):
    """Start a plan, run it as a worker does, and return the job in its new state."""
    queue.start_draft(job, user)
    return run(job, **options)


def states(job):
    return sorted((change.state, change.reason) for change in Change.objects.filter(job=job))


def test_an_edit_and_an_import_have_titles_and_say_when_tills_take_a_percent():
    old = new_group("Гості")
    lines = [(new_group("Гості", 10), True), (new_group("Гості", bonus=10), False)]
    for kind, title in ((Edit, "Change several groups"), (Import, "Import of groups")):
        for new, is_said in lines:
            wanted = EditPlan((PlanLine(1, new, 4, old),)).to_json()
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
    job.state = Job.State.REQUESTED
    columns = Edit(job).columns_for(Effect(tuple(groups)))
    assert (columns["total"], columns["wanted"]["unchanged"]) == (1, 1)


def test_nobody_follows_before_the_first_line_is_in_force(staff, sandbox, monkeypatch):
    """This includes a first round in which every group is locked by another change."""
    submit_all, together = executor.submit_all, []

    def note(lease, orders):
        together.extend(orders[1:])
        return submit_all(lease, orders)

    monkeypatch.setattr(executor, "submit_all", note)
    job = plan_edits(staff, {1: "11", 4: "12.5"})
    for group_id in (1, 4):
        Change(account=job.account, action="update", group_id=group_id, target=f"group:{group_id}").save()
    job = done(job, staff, waits=2)
    assert (job.state, job.reason, job.tested) == (Job.State.STOPPED, "locked", False)
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
    assert queue.next_due() is None
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


def test_a_name_that_was_taken_meanwhile_is_not_made_twice_and_one_that_the_plan_has_shown_is(staff, sandbox):
    twin = PlanLine(3, new_group("Скидочная система 10%"), namesakes=((4, 43),))
    lines = [PlanLine(2, new_group("Нова")), twin]
    job = bulk.keep_plan(staff.credentials, Import, EditPlan(tuple(lines)))
    sandbox.console().edit(5, client_groups_name="нова")
    job = done(job, staff)
    assert states(job) == [(State.APPLIED, ""), (State.FAILED, "name_taken")]
    assert [call.form["client_groups_name"] for call in sandbox.posts()] == [twin.new.name]


@pytest.mark.parametrize("moment", [1, 2])
def test_a_run_that_is_killed_is_taken_up_where_it_was(staff, sandbox, monkeypatch, settings, moment):
    """Open changes are settled, the remaining ones are sent, and nothing is sent twice."""
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    job = plan_edits(staff, {1: "11"}, [new_group("Нова")])
    queue.start_draft(job, staff)
    die_before_sending(monkeypatch, job, moment)
    assert len(sandbox.posts()) == moment - 1
    assert ended(run(job)) == (Job.State.DONE, "")
    assert len(sandbox.posts()) == 2
    assert states(job) == [(State.APPLIED, "")] * 2 + [(State.FAILED, "never_sent")]
    assert progress_of(job) == JobProgress(total=2, done=2)


def test_the_first_line_is_alone_and_with_a_bonus_where_there_is_one(staff, sandbox, monkeypatch):
    together = []
    submit_all = executor.submit_all

    def note(lease, orders):
        together.append(orders)
        return submit_all(lease, orders)

    monkeypatch.setattr(executor, "submit_all", note)
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
    die_after_the_first(monkeypatch, job)
    job = run(job)
    assert (job.state, job.reason, job.detail) == (Job.State.STOPPED, "differs", "birthday_bonus")
    assert len(sandbox.posts("clients.createGroup")) == 1


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


def test_a_lost_right_stops_it(staff, sandbox):
    job = plan_edits(staff, {1: "11"})
    queue.start_draft(job, staff)
    staff.groups.clear()
    job = run(job)
    assert (job.state, job.reason) == (Job.State.STOPPED, "no_right")
    assert not sandbox.posts()


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


# --- Plans -------------------------------------------------------------------------------------------------


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
