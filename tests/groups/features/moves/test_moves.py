"""Test moves: each client is moved exactly once, whatever fails on the way."""

import functools
import json
import re
import threading
import uuid
from datetime import timedelta

import msgspec
import pytest
from django.contrib.auth.models import Group as Role
from django.db import connections
from django.utils import timezone

from groups.features.moves.services import move_run
from groups.features.moves.services.moves import ClientsToMove, Move, Retire
from groups.features.snapshots.services import snapshots
from groups.features.snapshots.services.snapshots import living_ids, take_snapshot_for_job
from groups.models import Change, Job, PosterCredentials
from groups.services import credentials as credentials_service
from groups.services.jobs import executor, queue
from groups.services.jobs import lease as job_lease
from groups.services.jobs.progress import JobProgress, progress_of
from groups.services.writes.not_sent import Locked, NotNow, OperationReused
from tests.support import pairwise
from tests.support.circuit import close_breakers
from tests.support.dashboard.killing import wait_until
from tests.support.jobs import (
    FEW,
    die_after_the_first,
    die_before_sending,
    ended,
    leave_the_first_to_a_person,
    plan,
    run,
    run_once,
    start,
)
from tests.support.pages import text_of
from tests.support.people import make_user
from tests.support.threads import at_once

State = Change.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, FIRST = "clients.updateClient", 129
"""The ids of the clients of group 4 begin here."""


def moved_ids(sandbox):
    return [int(call.form["client_id"]) for call in sandbox.posts(MOVE)]


def test_what_is_wanted_is_stored_as_it_was_since_1_0():
    for wanted, stored in (
        (ClientsToMove(None), {"clients": None}),
        (ClientsToMove((129, 130)), {"clients": [129, 130]}),
        (ClientsToMove((129, 1), (4, 1)), {"clients": [129, 1], "groups": [4, 1]}),
    ):
        assert json.loads(json.dumps(wanted.to_json())) == stored
        assert ClientsToMove.from_json(stored) == wanted


@pytest.mark.parametrize("data", [{}, None, {"groups": [4]}])
def test_a_move_that_does_not_say_whom_is_not_one_of_everybody(data):
    with pytest.raises(msgspec.ValidationError):
        ClientsToMove.from_json(data)


def test_a_move_and_a_retirement_name_their_groups():
    row = {"group_name": "Гості", "target_name": "Друзі", "wanted": ClientsToMove(None).to_json()}
    assert Move(Job(kind="move", **row)).title == "Clients: “Гості” → “Друзі”"
    assert Retire(Job(kind="retire", **row)).title == "Retire “Гості”, its clients go to “Друзі”"


def test_a_move_is_of_as_many_clients_as_are_asked_for(staff, sandbox):
    assert [plan(staff, client_ids=ids).total for ids in (None, [129, 130, 129])] == [FEW, 2]


# --- When nothing goes wrong -------------------------------------------------------------------------------


def test_everybody_is_moved_once_and_in_the_journal(staff, sandbox, people):
    here, there = people(4), people(1)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (set(), here | there)
    assert sorted(moved_ids(sandbox)) == sorted(here)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    rows = Change.objects.filter(job=job)
    assert {(row.state, row.action, row.user_name) for row in rows} == {("applied", "move", "staff")}
    assert {row.client_id for row in rows} == here


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("lag", ["page_repeats", "page_skips"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_pages_that_shift_while_clients_move_leave_nobody_behind(
    staff, sandbox, people, monkeypatch, lag, seed
):
    monkeypatch.setattr(move_run, "AT_ONCE", 4)
    here, there = people(4), people(1)
    job = start(staff)
    sandbox.lag(lag, "clients.getClients", chance=0.4, seed=seed)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (set(), here | there)
    assert sorted(moved_ids(sandbox)) == sorted(here)
    # Oldest first: a client who joins meanwhile comes last, and shifts nobody.
    pages = [call.query for call in sandbox.calls("clients.getClients") if call.query["num"] == "4"]
    assert {(page["order_by"], page["sort"]) for page in pages} == {("client_id", "asc")}


def test_nothing_but_the_group_is_sent(staff, sandbox):
    run(start(staff, client_ids=[FIRST]))
    (sent,) = sandbox.posts(MOVE)
    assert sent.form == {"client_id": str(FIRST), "client_groups_id_client": "1"}


def test_the_journal_tells_no_more_of_a_person_than_the_number(staff, sandbox):
    job = run(start(staff, client_ids=[FIRST]))
    (row,) = Change.objects.filter(job=job)
    assert (row.loaded, row.before) == ({"group_id": 4}, {"group_id": 4})
    assert (row.intended, row.after) == ({"group_id": 1}, {"group_id": 1, "changed": []})
    person = sandbox.accounts["demo"].clients.row(FIRST)
    kept = repr(list(Change.objects.values())) + repr(list(Job.objects.values()))
    for name in ("lastname", "firstname", "phone", "phone_number", "birthday"):
        assert person[name]
        assert person[name] not in kept


def test_only_those_who_were_chosen_are_moved(staff, sandbox, people):
    chosen = {FIRST, FIRST + 3, FIRST + 5}
    job = run(start(staff, client_ids=chosen))
    assert ended(job) == (Job.State.DONE, "")
    assert set(moved_ids(sandbox)) == chosen
    assert people(1) >= chosen
    assert len(people(4)) == FEW - 3


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_no_more_calls_at_once_than_are_allowed(staff, sandbox, settings):
    settings.POSTER_MAX_CONCURRENCY = 2
    sandbox.latency = 0.01
    inside, most, lock = 0, 0, threading.Lock()
    serve = sandbox.serve

    def count(request, credentials):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        serve(request, credentials)
        with lock:
            inside -= 1

    sandbox.serve = count
    try:
        run(start(staff))
    finally:
        del sandbox.serve
    assert most == 2


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_deleted_clients_are_left_where_they_are(staff, sandbox):
    deleted = FIRST + 1
    sandbox.console("demo").edit_client(deleted, delete="1")
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert deleted not in moved_ids(sandbox)
    assert sandbox.accounts["demo"].clients.row(deleted)["client_groups_id"] == "4"


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_many_pages_are_gone_through_with_people_who_stay_between_them(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(move_run, "AT_ONCE", 5)
    for client_id in (FIRST + 2, FIRST + 3, FIRST + 5):
        sandbox.console("demo").edit_client(client_id, delete="1")
    here = people(4)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    assert sorted(moved_ids(sandbox)) == sorted(here)


def test_whom_somebody_has_put_back_holds_up_nobody(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(move_run, "AT_ONCE", 5)
    job, here = start(staff), sorted(people(4))

    def stop(lease, commands):
        executor.submit_all(lease, commands)
        raise job_lease.Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(move_run, "submit_all", stop)
        run(job)
    for client_id in here[:5]:
        sandbox.console().edit_client(client_id, client_groups_id="4")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set(here[:5])


# --- The first one -----------------------------------------------------------------------------------------


def test_nobody_follows_a_first_one_of_whom_more_changed(staff, sandbox):
    sandbox.script(MOVE, "busy_till", fields={"discount_per": "33", "comment": "?"})
    job = run(start(staff))
    assert ended(job) == (Job.State.STOPPED, "side_effect")
    assert job.detail == "comment, discount_per"
    assert len(sandbox.posts(MOVE)) == 1
    assert Change.objects.get(job=job).state == State.DIFFERS


def test_nobody_follows_it_after_a_kill_either(staff, sandbox, monkeypatch):
    """The worker was killed after the first move, and before it looked at what else had changed."""
    sandbox.script(MOVE, "busy_till")
    job = start(staff)
    die_after_the_first(monkeypatch, move_run, job)
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts(MOVE)) == 1
    queue.resume(job, staff, accepts=True)
    assert ended(run(job)) == (Job.State.DONE, "")


def test_a_first_one_on_which_a_person_has_decided_proves_nothing_for_the_others(staff, sandbox, monkeypatch):
    """Nobody has read it back, so the next one is moved alone too."""
    job = start(staff)
    leave_the_first_to_a_person(monkeypatch, move_run, job, staff)
    sandbox.script(MOVE, "busy_till")
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts(MOVE)) == 2


def test_a_person_may_let_it_go_on_all_the_same(staff, browse, sandbox, people):
    sandbox.script(MOVE, "busy_till")
    job = run(start(staff))
    assert (ended(job), job.detail) == ((Job.State.STOPPED, "side_effect"), "bonus, total_payed_sum")
    client, url = browse(staff), f"/jobs/{job.pk}/"
    assert "bonus, total_payed_sum" in text_of(client.get(url))
    client.post(url, {"decision": "accept"})
    assert "bonus, total_payed_sum" not in text_of(client.get(url))
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
    sandbox.script(MOVE, "busy_till", call=5)
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


def test_a_lost_first_one_is_waited_for(staff, sandbox, people):
    sandbox.script(MOVE, "answer_lost", seconds=0.1)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()


def test_nobody_follows_before_the_first_one_has_arrived(staff, sandbox, monkeypatch):
    """This includes a first client whose every attempt fails."""
    together = []

    def note(_lease, orders):
        together.append(orders)
        return []

    monkeypatch.setattr(move_run, "submit_all", note)
    sandbox.script(MOVE, "fin_before_headers", times=None, when="before")
    job = run(start(staff, client_ids=[FIRST, FIRST + 1]))
    assert ended(job) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=2, failed=2)
    assert not together


def test_a_client_whom_another_open_change_locks_is_waited_for_in_peace(staff, sandbox, people, settings):
    Change(account_id="demo", action="move", client_id=FIRST, target=f"client:{FIRST}").save()
    settings.JOB_PATIENCE = 1.0
    settings.JOB_RETRY_PAUSES = (0.3,)
    job = run(start(staff))
    assert ended(job) == (Job.State.STOPPED, "locked")
    assert people(4) == {FIRST}
    assert len(sandbox.calls("clients.getClients")) < 15


# --- Failures on the way -----------------------------------------------------------------------------------


def test_a_refused_client_is_told_and_the_others_are_moved(staff, sandbox, people):
    sandbox.script(MOVE, "error_number_field", call=FEW, when="before")
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 1, refused=1)
    assert len(people(4)) == 1


def test_while_it_waits_for_a_lost_one_another_job_has_its_turn(
    staff, sandbox, settings, monkeypatch, people
):
    settings.POSTER_SETTLE_SECONDS = 1800
    monkeypatch.setattr(executor, "SETTLED_SOON", 0.0)
    sandbox.script(MOVE, "fin_before_headers", when="before", call=3)
    job = start(staff)
    other = Job.objects.create(account=job.account, kind="edit", user=staff, wanted={"rows": []})
    assert ended(run_once(job)) == (Job.State.WAITING, "unknown")
    assert len(people(4)) == 1
    assert ended(run(other)) == (Job.State.DONE, "")
    settings.POSTER_SETTLE_SECONDS = 0
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(4) == set()


LOST = [(fault, when) for fault in ("answer_lost", "status_500") for when in ("before", "after")]


# `make test` has each fault and each time once.
@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize(("fault", "when"), pairwise.marked(LOST, pairwise.covering(LOST, set)))
def test_lost_answers_are_found_out(staff, sandbox, people, fault, when):
    options = {"seconds": 0.05} if fault == "answer_lost" else {}
    sandbox.script(MOVE, fault, call=4, times=3, when=when, **options)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    progress = progress_of(job)
    assert (progress.done, progress.failed, progress.unknown) == (FEW, 0, 0)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_it_waits_for_a_poster_that_is_away(staff, sandbox, people):
    sandbox.script("*", "reset_before_headers", call=20, times=30)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    assert progress_of(job).done == FEW


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_one_failed_read_long_after_its_last_write_is_waited_for(staff, sandbox, people, settings):
    sandbox.latency = settings.JOB_PATIENCE = 0.1
    job = start(staff, client_ids=[FIRST])
    # The snapshot before it takes longer than the job waits for a Poster that is away.
    sandbox.script("clients.getGroup", "status_500", call=2, times=2)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert FIRST in people(1)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_it_stops_when_poster_stays_away(staff, sandbox, settings):
    settings.JOB_PATIENCE = 0.05
    job = start(staff)
    sandbox.script("*", "reset_before_headers", call=20, times=None)
    state, reason = ended(run(job))
    assert state == Job.State.STOPPED
    assert reason in {"unreachable", "unknown"}
    sandbox.clear_faults()
    close_breakers()
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("read", [1, 2], ids=["snapshot", "write"])
def test_who_cannot_be_read_stops_it_with_words_of_that(staff, sandbox, settings, browse, read):
    settings.JOB_PATIENCE = 0.05
    job = start(staff, client_ids=[FIRST])
    fault = {"field": "client_groups_id", "times": None}
    sandbox.script("clients.getClient", "row_missing_field", call=read, **fault)
    assert ended(run(job)) == (Job.State.STOPPED, "unreadable_row")
    assert not sandbox.posts()
    text = text_of(browse(staff).get(f"/jobs/{job.pk}/"))
    assert "in a form that could not be read" in text
    assert "has not answered" not in text
    sandbox.clear_faults()
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("method", ["clients.getClients", "clients.getGroup"])
def test_a_read_that_poster_refuses_is_no_mistake_of_ours(staff, sandbox, method):
    job = start(staff)
    sandbox.script(method, "error_object", code=34, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "refused")
    assert job.detail
    assert not sandbox.posts()


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("call", [1, 4])
@pytest.mark.parametrize("method", ["clients.getGroup", "clients.getClient", MOVE])
def test_a_token_that_poster_refuses_once_is_waited_for(staff, sandbox, people, method, call):
    here = people(4)
    job = start(staff, client_ids=here)
    sandbox.script(method, "error_object", call=call, code=10, when="before")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(1) >= here
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    assert sorted(int(call.form["client_id"]) for call in sandbox.posts(MOVE) if call.applied) == sorted(here)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_token_that_poster_withdraws_stops_it(staff, sandbox, settings, browse):
    settings.JOB_PATIENCE = 0.2
    job = start(staff)
    sandbox.script(MOVE, "error_object", code=54, call=4, times=None, when="before")
    assert ended(run(job)) == (Job.State.STOPPED, "token")
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
def test_it_stops_at_the_next_client_when_its_user_may_no_more(staff, sandbox, settings, monkeypatch, reason):
    settings.POSTER_MAX_CONCURRENCY = 1
    job = start(staff)
    after_three(monkeypatch, sandbox, lambda: LOST[reason](staff))
    assert ended(run(job)) == (Job.State.STOPPED, reason)
    assert len(sandbox.posts(MOVE)) == 3


def test_a_pause_lets_no_further_client_be_moved(staff, sandbox, settings, monkeypatch):
    settings.POSTER_MAX_CONCURRENCY = 1
    job = start(staff)
    after_three(monkeypatch, sandbox, lambda: queue.pause(Job.objects.get(pk=job.pk), staff))
    assert ended(run(job)) == (Job.State.PAUSED, "")
    assert job.holder is None
    assert len(sandbox.posts(MOVE)) == 3


def test_a_new_token_is_used_from_the_next_client_on(staff, sandbox, settings, monkeypatch):
    settings.POSTER_MAX_CONCURRENCY = 1
    job = start(staff)
    account, token = sandbox.accounts["demo"], "b" * 32

    def replace_token():
        monkeypatch.setattr(account, "token", token)
        credentials_service.connect(user=staff, account="demo", token=token)

    after_three(monkeypatch, sandbox, replace_token)
    assert ended(run(job)) == (Job.State.DONE, "")


@pytest.mark.parametrize("reason", LOST)
def test_it_does_not_begin_when_its_user_may_no_more(staff, sandbox, reason):
    job = start(staff)
    LOST[reason](staff)
    assert ended(run(job)) == (Job.State.STOPPED, reason)
    assert not sandbox.posts()


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_nobody_is_moved_into_a_group_that_is_gone(staff, sandbox):
    job = start(staff, target_id=5)
    sandbox.console("demo").remove(5)
    assert ended(run(job)) == (Job.State.STOPPED, "target_gone")
    assert not sandbox.posts()


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("client_ids", [None, [FIRST]])
def test_a_group_that_is_gone_before_anything_was_kept_is_told(client_ids, staff, sandbox):
    job = start(staff, client_ids=client_ids)
    sandbox.console("demo").remove(4)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")
    assert not sandbox.posts()


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_list_that_is_empty_once_does_not_end_the_move(staff, sandbox, people):
    everybody = people(4)
    job = start(staff)
    sandbox.script("clients.getClients", "row_absent", call=2, ids=sorted(everybody))
    assert ended(run(job)) == (Job.State.DONE, "")
    assert sorted(moved_ids(sandbox)) == sorted(everybody)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize(
    ("method", "fault", "options"),
    [
        ("clients.getGroup", "response_false", {}),
        ("clients.getClients", "error_object", {"code": 32}),
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


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def kept_ids(job):
    return sorted(client_id for each in job.snapshots.all() for client_id in living_ids(each))


def test_chosen_clients_are_kept_page_by_page_before_they_are_moved(staff, sandbox, people, monkeypatch):
    monkeypatch.setattr(move_run, "AT_ONCE", 2)
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
    # Who was missing is read, and the first one before its move.
    assert reads[: reads.index(MOVE)].count("clients.getClient") == 2
    assert kept_ids(job) == here


def test_to_keep_clients_ends_a_turn(staff, sandbox, people, monkeypatch):
    other = make_user("neighbour", role="Staff", account="kopecks", sandbox=sandbox)
    job = start(staff, client_ids=people(4))
    Job.objects.filter(pk=start(other).pk).update(task_id="")  # it is due, but no worker can take it yet
    monkeypatch.setattr(executor, "READ_TOGETHER", 2)
    with monkeypatch.context() as patch:
        patch.setattr(job_lease, "TURN", 0.0)
        for number in (2, 4, 6):
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


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_group_that_goes_after_the_snapshot_is_told_where_its_list_is_empty(staff, sandbox, people):
    job, everybody = start(staff), sorted(people(4))
    take_snapshot_for_job(job, 4, credentials_service.credentials_of(staff))
    sandbox.console().remove(4)
    sandbox.script("clients.getClients", "row_absent", ids=everybody, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_group_whose_clients_poster_denies_on_the_way_is_told(staff, sandbox, browse):
    job = start(staff)
    sandbox.script("clients.getClients", "error_object", code=32, call=2, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")
    assert "Clients moved before: 0." in text_of(browse(staff).get(f"/jobs/{job.pk}/"))


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_group_that_goes_after_clients_were_moved_is_told_with_their_number(staff, sandbox, browse):
    job = start(staff)
    # After the snapshot and the first pass.
    sandbox.script("clients.getClients", "error_object", code=32, call=3, times=None)
    assert ended(run(job)) == (Job.State.STOPPED, "source_gone")
    moved = len(moved_ids(sandbox))
    assert moved
    assert f"Clients moved before: {moved}." in text_of(browse(staff).get(f"/jobs/{job.pk}/"))


def test_a_client_who_was_moved_by_somebody_else_is_left_there(staff, sandbox):
    job = start(staff, client_ids=[FIRST, FIRST + 1])
    sandbox.console("demo").edit_client(FIRST + 1, client_groups_id="5")
    assert ended(run(job)) == (Job.State.DONE, "")
    assert moved_ids(sandbox) == [FIRST]
    assert progress_of(job) == JobProgress(total=2, done=1, skipped=1)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_one_late_read_of_a_client_skips_nobody(staff, sandbox, people):
    for group_id in ("5", "4"):
        sandbox.console().edit_client(FIRST, client_groups_id=group_id)
    job = start(staff, client_ids=[FIRST])
    sandbox.script("clients.getClient", "behind", call=2)  # the snapshot reads the client first
    assert ended(run(job)) == (Job.State.DONE, "")
    assert progress_of(job) == JobProgress(total=1, done=1)
    assert FIRST in people(1)


def test_an_error_of_ours_stops_it_and_is_logged(staff, sandbox, monkeypatch, caplog):
    job = start(staff)
    monkeypatch.setattr(Move, "work", lambda _job, _lease: 1 / 0)
    assert ended(run(job)) == (Job.State.STOPPED, "error")
    assert "ZeroDivisionError" in caplog.text


# --- Clients that are added meanwhile ----------------------------------------------------------------------


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_newcomers_are_not_left_behind(staff, sandbox, people):
    sandbox.script(MOVE, "busy_cashier", call=3, group=4, clients=2)
    sandbox.script(MOVE, "busy_cashier", call=FEW, group=4)
    job = run(start(staff))
    assert ended(job) == (Job.State.DONE, "")
    assert people(4) == set()
    assert progress_of(job) == JobProgress(total=FEW + 3, done=FEW + 3)


# --- One job, one run --------------------------------------------------------------------------------------


def test_two_people_who_start_the_same_move_start_one(staff, owner, sandbox):
    job = start(staff)
    with pytest.raises(Locked) as there:
        start(owner)
    assert there.value.holder == job
    with pytest.raises(Locked):
        start(owner, group_id=5, target_id=4)
    assert Job.objects.count() == 1


def test_of_two_at_the_same_moment_one_wins(staff, owner, sandbox):
    results = at_once(*(functools.partial(queue.start, plan(user)) for user in (staff, owner)))
    assert [isinstance(result, Locked) for result in results].count(True) == 1
    assert Job.objects.count() == 1


def test_a_job_with_the_id_of_somebody_elses_is_not_started(staff, owner, sandbox):
    job = run(start(staff))
    with pytest.raises(OperationReused):
        start(owner, group_id=5, operation=job.pk)


def test_a_name_longer_than_the_journals_is_cut(staff, sandbox):
    sandbox.console().edit(4, client_groups_name="я" * 450)
    sandbox.console().edit(1, client_groups_name="ю" * 450)
    assert ended(run(start(staff))) == (Job.State.DONE, "")


def test_the_same_form_twice_is_one_job(staff, sandbox):
    operation = uuid.uuid4()
    assert start(staff, operation=operation) == start(staff, operation=operation)
    assert Job.objects.count() == 1


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
    assert not [each for each in queue.revive() if each == job]
    Job.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    Job.objects.update(task_id="")  # its task ran, and was killed together with its worker
    assert queue.revive() == [job]
    assert queue.revive() == []
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


@pytest.mark.parametrize("decide", [queue.pause, queue.cancel])
def test_it_can_be_stopped_on_the_way(staff, sandbox, settings, people, decide):
    settings.JOB_LEASE_SECONDS = 0.25
    sandbox.latency = 0.1
    sandbox.console().edit(4, count_groups_clients=str(2 * FEW))
    job = start(staff)
    thread = threading.Thread(target=_run_in_thread, args=[job])
    thread.start()
    wait_until(lambda: len(sandbox.posts(MOVE)) >= 3)
    decide(Job.objects.get(pk=job.pk), staff)
    thread.join()
    job.refresh_from_db()
    assert job.state in (Job.State.PAUSED, Job.State.CANCELLED)
    left = people(4)
    assert 0 < len(left) < 2 * FEW
    assert not Change.objects.open().filter(job=job).exists()
    if decide is queue.pause:
        queue.resume(job, staff)
        assert ended(run(job)) == (Job.State.DONE, "")
        assert people(4) == set()
        assert sorted(moved_ids(sandbox)) == sorted(set(moved_ids(sandbox)))
    else:
        with pytest.raises(NotNow):
            queue.resume(job, staff)
        assert ended(run(job)) == (Job.State.CANCELLED, "")
        assert people(4) == left


def _run_in_thread(job):
    try:
        queue.run_job.func(str(job.pk))
    finally:
        connections.close_all()


def test_a_worker_that_is_told_to_end_leaves_the_job_to_the_next(staff, sandbox, people):
    job = start(staff)
    job_lease.stopping.set()
    try:
        assert ended(run(job)) == (Job.State.RUNNING, "")
    finally:
        job_lease.stopping.clear()
    assert not sandbox.posts()
    Job.objects.update(task_id="")
    assert queue.revive() == [job]
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


def test_a_retired_group_is_removed_when_nobody_is_in_it(staff, sandbox, people):
    here, there = people(4), people(1)
    job = retire(staff)
    assert ended(job) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
    assert people(1) == here | there
    removal = Change.objects.get(action=Change.Action.REMOVE)
    assert (removal.state, removal.clients_before, removal.job) == (State.APPLIED, 0, job)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)


def test_a_removal_waits_in_peace_for_the_change_that_locks_the_group(staff, sandbox, settings):
    settings.JOB_PATIENCE = 0.0
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
    assert ended(run(job)) == (Job.State.STOPPED, "locked")
    assert 4 in sandbox.accounts["demo"].groups


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
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


def test_a_group_with_somebody_who_cannot_be_moved_stays(staff, sandbox):
    sandbox.script(MOVE, "error_number_field", call=FEW, when="before")
    job = retire(staff)
    assert ended(job) == (Job.State.STOPPED, "not_empty")
    assert job.detail == "1"
    assert 4 in sandbox.accounts["demo"].groups
    assert not sandbox.posts("clients.removeGroup")


def test_a_removal_that_poster_refuses_is_told(staff, sandbox):
    sandbox.script("clients.removeGroup", "error_number_field", when="before")
    job = retire(staff)
    assert ended(job) == (Job.State.STOPPED, "not_removed")
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
