"""Test moves: each client is moved exactly once, whatever fails on the way."""

import re
import uuid
from datetime import timedelta

import msgspec
import pytest
from django.contrib.auth.models import Group as Role
from django.utils import timezone

from groups.features.moves import services as moves
from groups.features.moves.services import ClientsToMove, Move, Retire
from groups.features.snapshots import services as snapshots
from groups.features.snapshots.services import living_ids, take_snapshot_for_job
from groups.models import Change, Job, PosterCredentials
from groups.services import credentials as credentials_service
from groups.services.jobs import executor, queue
from groups.services.jobs import lease as job_lease
from groups.services.jobs.kinds import JobProgress, progress_of
from groups.services.writes.submissions import NotNow, OperationReused
from tests.support.circuit import close_breakers
from tests.support.jobs import (
    FEW,
    count_open_at_each_send,
    die_after_the_first,
    die_before_sending,
    die_before_the_outcome,
    ended,
    leave_the_first_to_a_person,
    run,
    run_once,
    start,
)
from tests.support.pages import text_of
from tests.support.people import make_user

State = Change.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, FIRST = "clients.updateClient", 129
"""The ids of the clients of group 4 begin here."""


def moved_ids(sandbox):
    return [int(call.form["client_id"]) for call in sandbox.posts(MOVE)]


@pytest.mark.parametrize("data", [{}, None, {"groups": [4]}])
def test_a_move_without_clients_is_not_one_of_everybody(data):
    with pytest.raises(msgspec.ValidationError):
        ClientsToMove.from_json(data)


# --- When nothing goes wrong -------------------------------------------------------------------------------


def test_everybody_is_moved_once_and_in_the_journal(staff, sandbox, people):
    here, there = people(4), people(1)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (set(), here | there)
    assert sorted(moved_ids(sandbox)) == sorted(here)
    assert {frozenset(call.form) for call in sandbox.posts()} == {
        frozenset(("client_id", "client_groups_id_client"))
    }
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    rows = Change.objects.filter(job=job)
    assert {(row.state, row.action, row.user_name) for row in rows} == {("applied", "move", "staff")}
    assert {row.client_id for row in rows} == here


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("lag", ["page_repeats", "page_skips"])
def test_pages_that_shift_while_clients_move_leave_nobody_behind(staff, sandbox, people, monkeypatch, lag):
    monkeypatch.setattr(moves, "AT_ONCE", 3)
    here, there = people(4), people(1)
    job = start(staff)
    sandbox.lag(lag, "clients.getClients", chance=0.4, seed=1)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (set(), here | there)
    assert sorted(moved_ids(sandbox)) == sorted(here)
    # Oldest first: a client who joins meanwhile comes last, and shifts nobody.
    pages = [call.query for call in sandbox.calls("clients.getClients") if call.query["num"] == "3"]
    assert {(page["order_by"], page["sort"]) for page in pages} == {("client_id", "asc")}


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_many_pages_are_gone_through_with_people_who_stay_between_them(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(moves, "AT_ONCE", 2)
    for client_id in (FIRST + 1, FIRST + 2):
        sandbox.console("demo").edit_client(client_id, delete="1")
    here = people(4)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    assert sorted(moved_ids(sandbox)) == sorted(here)


def test_a_client_put_back_by_hand_holds_up_nobody(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(moves, "AT_ONCE", 3)
    job, here, submit_all = start(staff), sorted(people(4)), executor.submit_all

    def stop(lease, commands):
        changes = submit_all(lease, commands)
        if len(commands) > 1:
            raise job_lease.Interrupted
        return changes

    with monkeypatch.context() as patch:
        patch.setattr(executor, "submit_all", stop)
        run(job)
    for client_id in here[:3]:
        sandbox.console().edit_client(client_id, client_groups_id="4")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set(here[:3])


# --- The first one -----------------------------------------------------------------------------------------


def test_nobody_follows_it_after_a_kill_either(staff, sandbox, monkeypatch):
    """The worker was killed after the first move, and before it looked at what else had changed."""
    sandbox.script(MOVE, "busy_till")
    job = start(staff)
    die_after_the_first(monkeypatch, job)
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts(MOVE)) == 1
    queue.resume(job, staff, accepts=True)
    assert ended(run(job)) == (Job.State.DONE, "")


def test_a_first_one_on_which_a_person_has_decided_proves_nothing_for_the_others(staff, sandbox, monkeypatch):
    """Nobody has read it back, so the next one is moved alone too."""
    job = start(staff)
    leave_the_first_to_a_person(monkeypatch, job, staff)
    sandbox.script(MOVE, "busy_till")
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts(MOVE)) == 2


def test_nobody_follows_a_first_client_that_changed_more_until_a_person_lets_it_go_on(
    staff, browse, sandbox, people
):
    sandbox.script(MOVE, "busy_till", fields={"discount_per": "33", "comment": "?"})
    job = run(start(staff))
    assert (ended(job), job.detail) == ((Job.State.STOPPED, "side_effect"), "comment, discount_per")
    assert Change.objects.get(job=job).state == State.DIFFERS
    assert len(sandbox.posts(MOVE)) == 1
    client, url = browse(staff), f"/jobs/{job.pk}/"
    assert "comment, discount_per" in text_of(client.get(url))
    client.post(url, {"decision": "accept"})
    assert "comment, discount_per" not in text_of(client.get(url))
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


def test_a_page_from_before_the_side_effect_lets_nothing_go_on(staff, owner, browse, sandbox):
    """Its user has not seen it: somebody else let the job go on in between."""
    sandbox.script(MOVE, "busy_till")
    job = start(staff)
    queue.pause(job, staff)
    client, url = browse(owner), f"/jobs/{job.pk}/"
    assert re.findall(r'name="decision" value="(\w+)"', client.get(url).content.decode()) == ["resume"]
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert "has moved on meanwhile" in text_of(client.post(url, {"decision": "resume"}, follow=True))
    job.refresh_from_db()
    assert (ended(job), job.tested) == ((Job.State.STOPPED, "side_effect"), False)


def test_an_order_at_the_till_of_a_later_one_is_no_reason_to_stop(staff, sandbox):
    sandbox.script(MOVE, "busy_till", call=FEW - 1)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    changed = [row.after["changed"] for row in Change.objects.filter(job=job) if row.after["changed"]]
    assert changed == [["bonus", "total_payed_sum"]]
    assert progress_of(job).done == FEW


def test_a_refusal_of_the_first_one_stops_it(staff, sandbox):
    sandbox.script(MOVE, "error_number_field", when="before")
    job = run(start(staff))
    assert ended(job) == (Job.State.STOPPED, "refused")
    assert len(sandbox.posts(MOVE)) == 1


def test_nobody_follows_a_first_one_whose_outcome_a_killed_worker_has_left_open(staff, sandbox, monkeypatch):
    sandbox.script(MOVE, "fin_before_headers", when="before")
    job = start(staff)
    die_before_the_outcome(monkeypatch, job, Change.Action.MOVE)
    counts = count_open_at_each_send(monkeypatch, job)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert set(counts) == {0}


def test_nobody_follows_before_the_first_one_has_arrived(staff, sandbox, monkeypatch):
    """This includes a first client whose every attempt fails."""
    submit_all, together = executor.submit_all, []

    def note(lease, orders):
        together.extend(orders[1:])
        return submit_all(lease, orders)

    monkeypatch.setattr(executor, "submit_all", note)
    sandbox.script(MOVE, "fin_before_headers", times=None, when="before")
    job = run(start(staff, client_ids=[FIRST, FIRST + 1]))
    assert ended(job) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=2, failed=2)
    assert not together


def test_a_client_that_another_open_change_locks_is_waited_for(staff, sandbox, people):
    Change(account_id="demo", action="move", client_id=FIRST, target=f"client:{FIRST}").save()
    assert ended(run(start(staff), waits=1)) == (Job.State.STOPPED, "locked")
    assert people(4) == {FIRST}


# --- Failures on the way -----------------------------------------------------------------------------------


def test_a_refused_client_is_reported_and_the_others_are_moved(staff, sandbox, people):
    sandbox.script(MOVE, "error_number_field", call=FEW, when="before")
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 1, refused=1)
    assert len(people(4)) == 1


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize(("call", "when"), [(1, "after"), (2, "before")])
def test_lost_answers_are_found_out(staff, sandbox, people, call, when):
    sandbox.script(MOVE, "fin_before_headers", call=call, times=3, when=when)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    progress = progress_of(job)
    assert (progress.done, progress.failed, progress.unknown) == (FEW, 0, 0)


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_job_stops_when_poster_stays_away(staff, sandbox):
    job = start(staff)
    sandbox.script("*", "reset_before_headers", call=15, times=None)
    state, reason = ended(run(job, waits=3))
    assert state == Job.State.STOPPED
    assert reason in {"unreachable", "unknown"}
    sandbox.clear_faults()
    close_breakers()
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_who_cannot_be_read_stops_it_with_words_of_that(staff, sandbox, browse):
    job = start(staff, client_ids=[FIRST])
    fault = {"field": "client_groups_id", "times": None}
    sandbox.script("clients.getClient", "row_missing_field", **fault)
    assert ended(run(job, waits=1)) == (Job.State.STOPPED, "unreadable_row")
    assert not sandbox.posts()
    assert "in a form that could not be read" in text_of(browse(staff).get(f"/jobs/{job.pk}/"))


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize(("method", "call"), [("clients.getGroup", 1), (MOVE, 4)])
def test_a_token_that_poster_refuses_once_is_waited_for(staff, sandbox, people, method, call):
    here = people(4)
    job = start(staff, client_ids=here)
    sandbox.script(method, "error_object", call=call, code=10, when="before")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(1) >= here
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    assert sorted(int(call.form["client_id"]) for call in sandbox.posts(MOVE) if call.applied) == sorted(here)


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_token_that_poster_withdraws_stops_it(staff, sandbox, browse):
    job = start(staff)
    sandbox.script(MOVE, "error_object", code=54, call=4, times=None, when="before")
    assert ended(run(job, waits=3)) == (Job.State.STOPPED, "token")
    assert not Change.objects.open().filter(job=job).exists()
    assert job.detail in text_of(browse(staff).get(f"/jobs/{job.pk}/"))
    sandbox.clear_faults()
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")


LOST = {
    "no_right": lambda staff: staff.groups.remove(Role.objects.get(name="Staff")),
    "no_user": lambda staff: type(staff).objects.filter(pk=staff.pk).update(is_active=False),
    "token": lambda staff: PosterCredentials.objects.filter(user=staff).delete(),
}


def after_three(monkeypatch, sandbox, step):
    """Make a step once three clients were moved."""
    execute = executor.execute

    def and_then(command):
        change = execute(command)
        if len(sandbox.posts(MOVE)) == 3:
            step()
        return change

    monkeypatch.setattr(executor, "execute", and_then)


@pytest.mark.parametrize("reason", LOST)
def test_a_job_stops_at_the_next_client_when_its_user_may_not(staff, sandbox, settings, monkeypatch, reason):
    settings.POSTER_MAX_CONCURRENCY = 1
    job = start(staff)
    after_three(monkeypatch, sandbox, lambda: LOST[reason](staff))
    assert ended(run(job)) == (Job.State.STOPPED, reason)
    assert len(sandbox.posts(MOVE)) == 3


@pytest.mark.parametrize("decide", [queue.pause, queue.cancel])
def test_a_stop_lets_no_further_client_be_moved(staff, sandbox, people, settings, monkeypatch, decide):
    settings.POSTER_MAX_CONCURRENCY = 1
    job, here = start(staff), people(4)
    with monkeypatch.context() as patch:
        after_three(patch, sandbox, lambda: decide(Job.objects.get(pk=job.pk), staff))
        run(job)
    assert job.holder is None
    assert len(sandbox.posts(MOVE)) == 3
    if decide is queue.cancel:
        assert ended(run(job)) == (Job.State.CANCELLED, "")
        with pytest.raises(NotNow):
            queue.resume(job, staff)
        assert len(sandbox.posts(MOVE)) == 3
    else:
        assert ended(job) == (Job.State.PAUSED, "")
        queue.resume(job, staff)
        assert ended(run(job)) == (Job.State.DONE, "")
        assert sorted(moved_ids(sandbox)) == sorted(here)


def test_an_error_of_ours_stops_it_and_is_logged(staff, sandbox, monkeypatch, caplog):
    job = start(staff)
    monkeypatch.setattr(Move, "work", lambda _job, _lease: 1 / 0)
    assert ended(run(job)) == (Job.State.STOPPED, "error")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("client_ids", [None, [FIRST]])
def test_nobody_is_moved_into_a_group_that_is_gone(client_ids, staff, sandbox):
    job = start(staff, client_ids=client_ids, target_id=5)
    sandbox.console("demo").remove(5)
    assert ended(run(job)) == (Job.State.STOPPED, "target_gone")
    assert not sandbox.posts()


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("client_ids", [None, [FIRST]])
def test_a_group_that_is_gone_before_anything_was_kept_is_reported(client_ids, staff, sandbox):
    job = start(staff, client_ids=client_ids)
    sandbox.console("demo").remove(4)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")
    assert not sandbox.posts()


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize(
    ("method", "fault", "options"),
    [
        ("clients.getGroup", "response_false", {}),
        ("clients.getClients", "error_object", {"code": 32, "call": 2}),
    ],
)
def test_a_group_that_is_denied_once_does_not_end_the_move(staff, sandbox, people, method, fault, options):
    job = start(staff)
    sandbox.script(method, fault, **options)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


def test_who_is_in_no_list_after_the_snapshot_is_moved_too(staff, sandbox, people):
    everybody = people(4)
    job = start(staff)
    sandbox.script("clients.getClients", "row_absent", call=2, ids=[FIRST + 1], times=None)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert sorted(moved_ids(sandbox)) == sorted(everybody)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)


def kept_ids(job):
    return sorted(client_id for each in job.snapshots.all() for client_id in living_ids(each))


def test_chosen_clients_are_kept_page_by_page_before_they_are_moved(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(moves, "AT_ONCE", 2)
    here = sorted(people(4))
    job, kept, execute = start(staff, client_ids=here), [], executor.execute
    monkeypatch.setattr(executor, "execute", lambda command: kept.append(kept_ids(job)) or execute(command))
    assert ended(run(job)) == (Job.State.DONE, "")
    assert kept == [here[: 2 * (number // 2 + 1)] for number in range(FEW)]
    snapshot = job.snapshots.get()
    assert (snapshot.complete, snapshot.clients) == (True, FEW)


def test_who_was_kept_is_not_read_again_where_another_one_cannot_be_read(staff, sandbox, people, settings):
    settings.POSTER_MAX_CONCURRENCY = 1
    here = sorted(people(4))
    job = start(staff, client_ids=here)
    fault = {"fault": "row_missing_field", "field": "client_groups_id"}
    sandbox.script("clients.getClient", call=3, **fault)
    sandbox.script("clients.getClient", call=FEW + 1, times=None, **fault)
    assert (run_once(job).waits, kept_ids(job)) == (1, [each for each in here if each != here[2]])
    assert not sandbox.posts()
    sandbox.clear_faults()
    before = len(sandbox.calls())
    assert ended(run(job)) == (Job.State.DONE, "")
    reads = [call.method for call in sandbox.calls()[before:]]
    # The missing client is read, and the first one before its move.
    assert reads[: reads.index(MOVE)].count("clients.getClient") == 2
    assert kept_ids(job) == here


def test_to_keep_clients_ends_a_turn(staff, sandbox, people, monkeypatch):
    other = make_user("neighbour", role="Staff", account="kopecks", sandbox=sandbox)
    job = start(staff, client_ids=people(4))
    start(other)
    monkeypatch.setattr(executor, "READ_TOGETHER", 2)
    with monkeypatch.context() as patch:
        patch.setattr(job_lease, "TURN", 0.0)
        for number in (2, FEW):
            assert ended(run_once(job)) == (Job.State.WAITING, "")
            assert len(kept_ids(job)) == number
    assert not sandbox.posts()
    assert ended(run(job)) == (Job.State.DONE, "")


def test_who_is_moved_a_day_later_is_kept_in_another_snapshot(staff, sandbox, people):
    here = sorted(people(4))
    job = start(staff, client_ids=here)
    snapshots.add_clients(snapshots.snapshot_of_chosen(job, 4, staff.credentials), [])
    job.snapshots.update(taken_at=timezone.now() - timedelta(days=1))
    assert ended(run(job)) == (Job.State.DONE, "")
    assert [each.clients for each in job.snapshots.all()] == [FEW, 0]


def test_who_has_left_since_the_snapshot_is_counted(staff, sandbox):
    job = start(staff)
    take_snapshot_for_job(job, 4, credentials_service.credentials_of(staff))
    sandbox.console().edit_client(FIRST + 1, client_groups_id="5")
    sandbox.console().edit_client(FIRST + 2, delete="1")
    sandbox.console().edit_client(FIRST + 3, bonus="?")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 3, skipped=3)
    assert not {FIRST + 1, FIRST + 2, FIRST + 3}.intersection(moved_ids(sandbox))


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_group_that_goes_after_the_snapshot_is_reported_where_its_list_is_empty(staff, sandbox, people):
    job, everybody = start(staff), sorted(people(4))
    take_snapshot_for_job(job, 4, credentials_service.credentials_of(staff))
    sandbox.console().remove(4)
    sandbox.script("clients.getClients", "row_absent", ids=everybody, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_group_that_goes_after_clients_were_moved_is_reported_with_their_number(staff, sandbox, browse):
    job = start(staff)
    # After the snapshot and the first pass.
    sandbox.script("clients.getClients", "error_object", code=32, call=3, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")
    moved = len(moved_ids(sandbox))
    assert moved
    assert f"Clients moved before: {moved}." in text_of(browse(staff).get(f"/jobs/{job.pk}/"))


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_one_late_read_of_a_client_skips_nobody(staff, sandbox, people):
    for group_id in ("5", "4"):
        sandbox.console().edit_client(FIRST, client_groups_id=group_id)
    job = start(staff, client_ids=[FIRST])
    sandbox.script("clients.getClient", "behind", call=2)  # the snapshot reads the client first
    assert ended(run(job)) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=1, done=1)
    assert FIRST in people(1)


# --- Clients that are added meanwhile ----------------------------------------------------------------------


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_newcomers_are_not_left_behind(staff, sandbox, people):
    sandbox.script(MOVE, "busy_cashier", call=3, group=4, clients=2)
    sandbox.script(MOVE, "busy_cashier", call=FEW, group=4)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    assert progress_of(job) == JobProgress(total=FEW + 3, done=FEW + 3)


# --- One job, one run --------------------------------------------------------------------------------------


def test_a_name_longer_than_the_journals_is_cut(staff, sandbox):
    sandbox.console().edit(4, client_groups_name="я" * 450)
    sandbox.console().edit(1, client_groups_name="ю" * 450)
    assert ended(run(start(staff))) == (Job.State.DONE, "")


def test_the_same_form_twice_is_one_job_and_one_of_another_person_none(staff, owner, sandbox):
    job = start(staff)
    assert start(staff, operation=job.pk) == job
    assert Job.objects.count() == 1
    run(job)
    with pytest.raises(OperationReused):
        start(owner, group_id=5, operation=job.pk)


def test_a_second_run_finds_the_job_taken(staff, sandbox):
    job = start(staff)
    lease = job_lease.JobLease(job)
    assert lease.take()
    assert not job_lease.JobLease(job).take()
    assert ended(run(job)) == (Job.State.RUNNING, "")
    assert not sandbox.posts()


def test_a_run_that_fell_silent_is_followed_by_another_one(staff, sandbox, people):
    job = start(staff)
    assert job_lease.JobLease(job).take()
    assert queue.next_due() is None
    Job.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert queue.next_due() == job
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


def test_a_run_lets_go_when_another_one_has_the_job(staff, sandbox, settings):
    settings.JOB_LEASE_SECONDS = 0.5
    job = start(staff)
    lease = job_lease.JobLease(job)
    assert lease.take()
    with lease:
        Job.objects.update(holder=uuid.uuid4())
        with pytest.raises(job_lease.Interrupted):
            lease.wait(5)


def test_a_worker_that_gets_sigterm_leaves_the_job_to_the_next(staff, sandbox, people):
    job = start(staff)
    job_lease.stopping.set()
    try:
        assert ended(run(job)) == (Job.State.RUNNING, "")
    finally:
        job_lease.stopping.clear()
    assert not sandbox.posts()
    assert queue.next_due() == job
    assert ended(run(job)) == (Job.State.DONE, "")


def test_what_a_killed_run_left_unsent_is_sent_by_the_next(staff, sandbox, people, settings, monkeypatch):
    job = start(staff)
    die_before_sending(monkeypatch, job, FEW)
    assert Change.objects.open().filter(job=job, sent_at=None).exists()
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)


# --- Retiring a group --------------------------------------------------------------------------------------


def retire(user, **options):
    return run(start(user, kind=Retire, **options))


def test_a_retired_group_is_removed_when_nobody_is_in_it(owner, sandbox, people):
    here, there = people(4), people(1)
    job = retire(owner)
    assert ended(job) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
    assert people(1) == here | there
    removal = Change.objects.get(action=Change.Action.REMOVE)
    assert (removal.state, removal.clients_before, removal.job) == (State.APPLIED, 0, job)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    assert snapshots.restorable([removal], owner) == {removal.pk: job.snapshots.get()}


def test_a_removal_waits_in_peace_for_the_change_that_locks_the_group(staff, sandbox):
    for row in list(sandbox.accounts["demo"].clients.rows(4)):
        sandbox.console().edit_client(int(row["client_id"]), client_groups_id="5")
    job = start(staff, kind=Retire)
    later = timezone.now() + timedelta(minutes=30)
    Change.objects.create(
        account_id="demo",
        action="update",
        group_id=4,
        target="group:4",
        state=State.UNKNOWN,
        next_check_at=later,
    )
    assert ended(run(job, waits=1)) == (Job.State.STOPPED, "locked")
    assert 4 in sandbox.accounts["demo"].groups


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("method", ["clients.getGroup", "clients.getClients"])
def test_a_cashier_who_adds_somebody_at_the_last_moment_loses_nobody(staff, sandbox, people, method):
    """This includes a client added after the last move: the read before the removal finds it."""
    job = start(staff, kind=Retire)
    for call in range(2, 9):
        sandbox.script(method, "busy_cashier", call=call, group=4)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
    guests = [row for row in sandbox.accounts["demo"].clients.rows() if row["lastname"] == "Гість"]
    assert guests
    assert {(row["client_groups_id"], row["delete"]) for row in guests} == {("1", "0")}


def test_a_removal_that_poster_refuses_is_reported(staff, sandbox):
    sandbox.script("clients.removeGroup", "error_number_field", when="before")
    job = retire(staff)
    assert ended(job) == (Job.State.STOPPED, "not_removed")
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
