"""Test that retiring a group loses no client, even if Poster shows fewer than there are."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied

from groups.features.moves import services as moves
from groups.features.moves.services import Retire
from groups.features.snapshots import services as snapshots
from groups.models import Change, Job
from groups.services import credentials as credentials_service
from groups.services.groups import find_group
from groups.services.jobs import executor, queue
from groups.services.jobs.kinds import JobKind
from poster_admin.common.encryption import SecretUnreadable
from tests.support.jobs import FEW, at_each_wait, ended, leave_the_first_to_a_person, plan, run, start
from tests.support.pages import hidden
from tests.support.people import make_user

State = Change.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
MOVE, REMOVE, MEMBERS, FIRST = "clients.updateClient", "clients.removeGroup", "clients.getClients", 129


def retirement(user):
    return start(user, kind=Retire)


def refuse_some(sandbox):
    """Let Poster refuse three of the moves, for any client."""
    sandbox.script(MOVE, "error_number_field", call=FEW - 2, times=3, when="before")


def refused_ids(job):
    return set(Change.objects.filter(job=job, state=State.REFUSED).values_list("client_id", flat=True))


def assert_not_removed(job, sandbox, people, left):
    assert ended(job) == (Job.State.STOPPED, "not_empty")
    assert job.detail == str(len(left))
    assert not sandbox.posts(REMOVE)
    assert people(4) == left


def test_a_counter_of_none_removes_no_client_that_poster_has_refused_to_move(staff, sandbox, people):
    refuse_some(sandbox)
    job = retirement(staff)
    sandbox.lag("count_zero")
    assert_not_removed(run(job), sandbox, people, refused_ids(job))


def test_its_form_that_comes_again_leads_to_its_job(owner, browse, sandbox):
    client, url = browse(owner), "/groups/4/retire/"
    form = {**hidden(client.get(url), "clients", "version", "operation"), "target": "1"}
    answer = client.post(url, form)
    job = run(Job.objects.get())
    assert ended(job) == (Job.State.DONE, "")
    assert client.post(url, form)["Location"] == answer["Location"] == f"/jobs/{job.pk}/"
    assert client.post(url, form | {"target": "5"}).status_code == 404
    assert Job.objects.count() == 1


def test_a_list_that_shows_nobody_besides_removes_nobody_either(staff, sandbox, people):
    """The journal knows the clients that Poster has refused, and reads each of them separately."""
    refuse_some(sandbox)
    job = run(retirement(staff))
    staying = refused_ids(job)
    sandbox.lag("count_zero", "clients.getGroup")
    sandbox.lag("row_absent", MEMBERS, ids=sorted(staying))
    queue.resume(job, staff)
    sandbox.log.clear()
    assert_not_removed(run(job), sandbox, people, staying)
    assert len(sandbox.calls("clients.getClient")) == 3


def test_one_read_that_finds_somebody_nowhere_proves_nothing(staff, sandbox, people, settings):
    refuse_some(sandbox)
    job = run(retirement(staff))
    staying = refused_ids(job)
    sandbox.lag("count_zero", "clients.getGroup")
    sandbox.lag("row_absent", MEMBERS, ids=sorted(staying))
    sandbox.script("clients.getClient", "row_absent", times=3)
    queue.resume(job, staff)
    assert_not_removed(run(job), sandbox, people, staying)


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_one_late_read_that_finds_somebody_elsewhere_proves_nothing(staff, sandbox, people, settings):
    """A colleague has just moved the client into the group, and the reads of the client are late twice."""
    settings.POSTER_READ_PAUSES = (0.0,)
    for client_id in people(4) - {FIRST}:
        sandbox.console().edit_client(client_id, client_groups_id="5")
    for group_id in ("5", "4"):
        sandbox.console().edit_client(FIRST, client_groups_id=group_id)
    job = retirement(staff)
    snapshots.take_snapshot_for_job(job, job.group_id, credentials_service.credentials_of(staff))
    sandbox.lag("count_zero", "clients.getGroup")
    sandbox.script("clients.getClient", "behind", times=2)
    sandbox.script(MEMBERS, "row_absent", call=2, ids=[FIRST], times=None)
    assert_not_removed(run(job), sandbox, people, {FIRST})
    assert Change.objects.get().reason == Change.Reason.ELSEWHERE


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_the_word_of_a_person_that_somebody_was_moved_proves_nothing(staff, sandbox, people, monkeypatch):
    job = retirement(staff)
    leave_the_first_to_a_person(monkeypatch, job, staff)
    (moved,) = people(1) & set(range(FIRST, FIRST + 20))
    sandbox.console().edit_client(moved, client_groups_id="4")
    sandbox.lag("count_zero", "clients.getGroup")
    sandbox.lag("row_absent", MEMBERS, ids=[moved])
    assert_not_removed(run(job), sandbox, people, {moved})


def test_one_read_that_does_not_find_the_group_proves_nothing(staff, sandbox, people, monkeypatch):
    looks = iter((None,))
    monkeypatch.setattr(
        moves, "find_group", lambda *args, **within: next(looks, None) or find_group(*args, **within)
    )
    assert ended(run(retirement(staff))) == (Job.State.DONE, "")
    assert len(sandbox.posts(REMOVE)) == 1


def test_a_run_killed_just_after_the_removal_has_nothing_left_to_do(staff, sandbox, people, monkeypatch):
    job = retirement(staff)
    # A client who has left in between is tried by no run.
    snapshots.take_snapshot_for_job(job, 4, credentials_service.credentials_of(staff))
    sandbox.console().edit_client(FIRST + 1, client_groups_id="5")

    submit = executor.submit_one_by_one

    def die_after_the_removal(lease, commands, **options):
        changes = list(submit(lease, commands, **options))
        if any(change.action == Change.Action.REMOVE for change in changes):
            raise SystemExit
        return iter(changes)

    with monkeypatch.context() as patch:
        patch.setattr(executor, "submit_one_by_one", die_after_the_removal)
        with pytest.raises(SystemExit):
            run(job)
    assert len(sandbox.posts(REMOVE)) == 1
    assert ended(run(job)) == (Job.State.DONE, "")


def test_a_client_moved_by_hand_holds_up_nothing(staff, sandbox, people):
    refuse_some(sandbox)
    job = run(retirement(staff))
    stuck = refused_ids(job)
    assert_not_removed(job, sandbox, people, stuck)
    first, *others = sorted(stuck)
    sandbox.console().edit_client(first, delete="1")
    for client_id in others:
        sandbox.console().edit_client(client_id, client_groups_id="5")
    queue.resume(job, staff)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert 4 not in sandbox.accounts["demo"].groups
    assert people(5) >= set(others)


def test_one_who_cannot_be_read_any_more_keeps_the_group(staff, sandbox, people):
    refuse_some(sandbox)
    job = run(retirement(staff))
    first, *others = sorted(refused_ids(job))
    for client_id in others:
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().edit_client(first, bonus="?")
    queue.resume(job, staff)
    assert_not_removed(run(job), sandbox, people, {first})


def test_a_counter_that_lags_is_waited_for(staff, sandbox, people, monkeypatch):
    here, waits = people(4), []
    job = retirement(staff)
    sandbox.lag("count_behind", "clients.getGroup", writes=1000)

    def until_it_has_come_through(pause):
        waits.append(pause)
        if len(waits) == 3:
            sandbox.catch_up()

    at_each_wait(monkeypatch, until_it_has_come_through)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert len(waits) == 3
    assert people(1) >= here


def test_a_client_put_back_by_hand_stays_and_so_does_the_group(staff, sandbox, people, settings, monkeypatch):
    settings.POSTER_LAG_SECONDS = 0
    remove_when_empty = moves.MoveRun.remove_when_empty

    def and_one_is_back(moving):
        sandbox.console().edit_client(FIRST, client_groups_id="4")
        return remove_when_empty(moving)

    monkeypatch.setattr(moves.MoveRun, "remove_when_empty", and_one_is_back)
    assert_not_removed(run(retirement(staff)), sandbox, people, {FIRST})


def test_a_snapshot_that_no_key_opens_stops_it(staff, sandbox, people, monkeypatch):
    def unreadable(_snapshot):
        raise SecretUnreadable

    monkeypatch.setattr(snapshots, "parts_of", unreadable)
    assert ended(run(retirement(staff))) == (Job.State.STOPPED, "snapshot_unreadable")
    assert not sandbox.posts(REMOVE)


def test_who_may_remove_no_group_retires_none(staff, sandbox):
    """The right to move clients is not enough to start one, and not to approve or resume another's."""
    job = retirement(staff)
    mover = make_user("mover", account="demo", sandbox=sandbox)
    mover.user_permissions.add(*Permission.objects.filter(codename__in=["view_group", "move_client"]))
    assert plan(mover).kind == "move"
    with pytest.raises(PermissionDenied):
        plan(mover, kind=Retire)
    assert not JobKind.of(job).may_be_controlled_by(mover)
