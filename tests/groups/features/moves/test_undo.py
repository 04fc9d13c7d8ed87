"""Test the undo of jobs: what was moved or changed goes back once, and what moved on since stays."""

import uuid

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from groups.features.moves.services import Retire
from groups.models import Change, Job
from groups.models.locks import members_key
from groups.presenters.jobs import ids_to_undo
from groups.services import credentials as credentials_service
from groups.services import history
from groups.services.groups import read_now
from groups.services.jobs import queue, undo
from groups.services.jobs.kinds import JobKind, JobProgress, progress_of
from groups.services.jobs.undo import UndoScope
from groups.services.writes.commands import RemoveGroup
from groups.services.writes.execute import execute
from groups.services.writes.submissions import NotNow
from tests.support.changes import write_down
from tests.support.jobs import (
    FEW,
    die_before_sending,
    ended,
    plan_of_chosen,
    plan_undo,
    run,
    start,
    undone,
)
from tests.support.pages import text_of
from tests.support.snapshots import plan_restore_of
from tests.support.threads import at_once

State = Change.State
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "without_lag"),
]
MOVE = "clients.updateClient"


# --- Moves -------------------------------------------------------------------------------------------------


def test_everybody_goes_back_once_and_in_the_journal(staff, sandbox, people):
    here, there = people(4), people(1)
    job = run(start(staff))
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert (people(4), people(1)) == (here, there)
    assert progress_of(back) == JobProgress(total=FEW, done=FEW)
    rows = Change.objects.filter(job=back)
    assert {(row.state, row.action, row.client_id) for row in rows} == {
        ("applied", "move", client) for client in here
    }
    assert {row.undo_of_id for row in rows} == set(job.changes.values_list("pk", flat=True))
    assert len(sandbox.posts(MOVE)) == 2 * FEW


@pytest.mark.parametrize("gone", [False, True])
def test_clients_of_several_groups_go_back_to_where_each_came_from_and_nobody_into_one_that_is_gone(
    staff, sandbox, people, settings, gone
):
    settings.POSTER_CONFIRM_SECONDS = 0
    fourth, fifth = people(4), people(5)
    chosen = dict.fromkeys(fourth, 4) | dict.fromkeys(sorted(fifth)[:2], 5)
    job = run(queue.start(plan_of_chosen(staff, chosen)))
    if gone:
        sandbox.console("demo").remove(4)
    planned = plan_undo(staff, job)
    assert planned.lock_keys == {members_key(group_id) for group_id in (1, 4, 5)}
    assert ended(run(queue.start(planned))) == ((Job.State.STOPPED, "target_gone") if gone else ("done", ""))
    assert people(5) == fifth
    assert people(1 if gone else 4) >= fourth


def test_a_group_that_clients_have_just_come_back_to_is_not_removed_as_empty(
    staff, sandbox, people, settings
):
    """Poster shows neither them nor their number yet, and they came back to several groups by one job."""
    fourth = people(4)
    job = run(queue.start(plan_of_chosen(staff, dict.fromkeys(fourth, 4) | {min(people(5)): 5})))
    empty = read_now(credentials_service.credentials_of(staff), 4).group
    undone(staff, job)
    settings.POSTER_LAG_SECONDS = 90
    sandbox.lag("behind", writes=FEW + 1)
    command = RemoveGroup(
        credentials=credentials_service.credentials_of(staff),
        operation=uuid.uuid4(),
        group_id=4,
        loaded=empty.values,
        loaded_clients=empty.clients,
    )
    assert (empty.clients, execute(command).reason) == (0, "not_shown_yet")
    assert not sandbox.posts("clients.removeGroup")


def test_those_who_have_moved_on_are_left_and_counted(staff, sandbox, people):
    here = people(4)
    job = run(start(staff))
    in_poster, by_job, and_back = sorted(here)[:3]
    sandbox.console("demo").edit_client(in_poster, client_groups_id="5")
    run(queue.start(plan_of_chosen(staff, {by_job: 1}, 5)))
    # Somebody has decided again that this client belongs there.
    run(queue.start(plan_of_chosen(staff, {and_back: 1}, 5)))
    run(queue.start(plan_of_chosen(staff, {and_back: 5}, 1)))
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert people(4) == here - {in_poster, by_job, and_back}
    assert {in_poster, by_job} <= people(5)
    assert and_back in people(1)
    assert progress_of(back) == JobProgress(total=FEW, done=FEW - 3, skipped=3)


def test_two_who_undo_at_once_make_one_job(staff, owner):
    job = run(start(staff))
    plans = [plan_undo(user, job) for user in (staff, owner)]
    started = at_once(*(lambda plan=plan: queue.start(plan) for plan in plans))
    assert len({each.pk for each in started}) == 1
    assert Job.objects.filter(kind="undo").count() == 1


def test_a_cancelled_undo_gives_way_to_another_for_the_rest(staff, people, monkeypatch):
    here = people(4)
    job = run(start(staff))
    first = queue.start(plan_undo(staff, job))

    def cancel(lease, _commands):
        queue.cancel(lease.job, staff)
        lease.check_now()

    with monkeypatch.context() as patch:
        patch.setattr(undo, "submit_all", cancel)
        run(first)
    assert (first.state, len(people(4))) == (Job.State.CANCELLED, 1)
    second = undone(staff, job)
    assert second != first
    assert ended(second) == (Job.State.DONE, "")
    assert people(4) == here


def test_a_killed_undo_goes_on_and_moves_nobody_twice(staff, sandbox, people, monkeypatch, settings):
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    here = people(4)
    job = run(start(staff))
    back = queue.start(plan_undo(staff, job))
    for number in (1, 3):
        die_before_sending(monkeypatch, back, number)
    assert ended(run(back)) == (Job.State.DONE, "")
    assert people(4) == here
    sent = [call.form["client_id"] for call in sandbox.posts(MOVE)][FEW:]
    assert sorted(map(int, sent)) == sorted(here)


def test_a_job_that_has_not_ended_is_not_undone(staff, monkeypatch):
    job = start(staff)
    die_before_sending(monkeypatch, job, 3)
    with pytest.raises(NotNow):
        plan_undo(staff, job)
    queue.cancel(job, staff)
    # Poster may still move the client whose outcome is not known.
    with pytest.raises(NotNow):
        plan_undo(staff, job)


def test_an_undo_that_goes_on_tries_again_what_had_failed_and_once_what_fails_then(staff, sandbox, people):
    here = sorted(people(4))
    job = run(start(staff))
    first = job.changes.order_by("created_at").first().client_id
    last = max(set(here) - {first})
    sandbox.console("demo").edit_client(first, client_groups_id="5")
    sandbox.script(MOVE, "busy_till", fields={"comment": "?"})
    back = undone(staff, job)
    assert ended(back) == (Job.State.STOPPED, "side_effect")
    sandbox.console("demo").edit_client(first, client_groups_id="1")
    sandbox.console("demo").edit_client(last, client_groups_id="5")
    queue.resume(back, staff, accepts=True)
    assert ended(run(back)) == (Job.State.DONE, "")
    assert people(4) == set(here) - {last}
    assert back.changes.filter(client_id=last).count() == 1


@pytest.mark.parametrize("moved_on", [False, True])
def test_clients_go_back_together_only_after_one_has_gone_back_alone(
    staff, sandbox, people, monkeypatch, moved_on
):
    job, together, submit_all = run(start(staff)), [], undo.submit_all
    if moved_on:
        for client_id in job.changes.values_list("client_id", flat=True):
            sandbox.console("demo").edit_client(client_id, client_groups_id="5")
    before = len(sandbox.calls())

    def note(lease, commands):
        together.append(len(commands))
        return submit_all(lease, commands)

    monkeypatch.setattr(undo, "submit_all", note)
    assert ended(undone(staff, job)) == (Job.State.DONE, "")
    assert together == [FEW - 1]
    assert len(sandbox.posts(MOVE)) == (FEW if moved_on else 2 * FEW)
    if moved_on:  # two checks at each; the first one of them is looked at three times, alone
        reads = [call.method for call in sandbox.calls()[before:]]
        assert reads.count("clients.getClient") == 3 + 2 * (FEW - 1)


def test_who_comes_back_between_two_reads_is_tried_again(staff, sandbox, people, monkeypatch):
    """No first one was moved alone yet, so none of those whom a check has found elsewhere is sent."""
    here, read_each = people(4), undo.read_each
    job = run(start(staff))
    for client_id in here:
        sandbox.console("demo").edit_client(client_id, client_groups_id="5")

    def and_come_back(*args):
        yield from read_each(*args)
        for client_id in sorted(here)[-2:]:
            sandbox.console("demo").edit_client(client_id, client_groups_id="1")

    monkeypatch.setattr(undo, "read_each", and_come_back)
    sandbox.script(MOVE, "busy_till", fields={"comment": "?"})
    back = undone(staff, job)
    assert ended(back) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts(MOVE)) == FEW + 1


def test_an_undo_that_ended_with_failures_gives_way_to_another_for_the_rest(
    staff, browse, sandbox, people, settings
):
    settings.POSTER_MAX_CONCURRENCY = 1
    here = people(4)
    job = run(start(staff))
    sandbox.console("demo").edit_client(max(here), client_groups_id="5")
    sandbox.script(MOVE, "error_object", call=2, code=34, when="before")
    first = undone(staff, job)
    assert (ended(first), len(people(4))) == ((Job.State.DONE, ""), FEW - 2)
    page = browse(staff).get(f"/jobs/{first.pk}/").content.decode()
    assert "<summary>Take this undo back</summary>" in page
    assert f'action="/jobs/{job.pk}/undo/"' in page
    assert job.pk in ids_to_undo([job], staff)  # in the list of jobs
    history = browse(staff).get("/history/").content.decode()
    assert f'data-job="{job.pk}" data-state="done">' in history
    assert f'href="/jobs/{job.pk}/#undo"' in history
    answer = browse(staff).post(f"/jobs/{job.pk}/undo/")
    second = run(Job.objects.exclude(pk=first.pk).get(undo_of=job))
    assert answer["Location"] == second.get_absolute_url()
    assert (ended(second), second.changes.count()) == ((Job.State.DONE, ""), 1)
    assert people(4) == here - {max(here)}
    # A client who has moved on is no failure: nothing is left of it.
    assert plan_undo(staff, job) == second
    for undoing in (first, second):
        assert f"/jobs/{job.pk}/undo/" not in browse(staff).get(f"/jobs/{undoing.pk}/").content.decode()
    assert job.pk not in ids_to_undo([job], staff)
    history = browse(staff).get("/history/").content.decode()
    assert f'data-job="{job.pk}" data-state="done" data-undone' in history
    assert f"/jobs/{job.pk}/#undo" not in history
    page = browse(staff).get(f"/jobs/{job.pk}/")
    assert 'data-notice="stale"' in page.content.decode()
    assert "Somebody has undone it already" in text_of(page)


# --- Retirements and restores ------------------------------------------------------------------------------


def retired(user):
    job = run(start(user, kind=Retire))
    assert ended(job) == (Job.State.DONE, "")
    return job


def test_a_retired_group_is_created_again_and_its_clients_go_back(staff, sandbox, people):
    here, there = people(4), people(1)
    before = dict(sandbox.accounts["demo"].groups[4])
    back = undone(staff, retired(staff))
    assert ended(back) == (Job.State.DONE, "")
    (new_id,) = set(sandbox.accounts["demo"].groups) - {1, 5}
    after = sandbox.accounts["demo"].groups[new_id]
    kept = ("client_groups_name", "client_groups_discount", "loyalty_type", "birthday_bonus")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert (people(new_id), people(1)) == (here, there)
    assert (back.target_id, back.target_name) == (new_id, before["client_groups_name"])
    assert progress_of(back) == JobProgress(total=FEW + 1, done=FEW + 1)


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("number", [1, 4])
def test_a_killed_undo_of_a_retirement_creates_one_group(
    staff, sandbox, people, monkeypatch, settings, number
):
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    here = people(4)
    back = queue.start(plan_undo(staff, retired(staff)))
    die_before_sending(monkeypatch, back, number)
    assert ended(run(back)) == (Job.State.DONE, "")
    (new_id,) = set(sandbox.accounts["demo"].groups) - {1, 5}
    assert people(new_id) == here


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_new_group_that_poster_does_not_show_for_a_while_is_not_gone(
    staff, sandbox, people, settings, monkeypatch
):
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 90, 0
    here = people(4)
    job = retired(staff)
    take_locks = Job.take_locks

    def lock_and_hide(job):
        take_locks(job)
        sandbox.lag("row_absent", ids=[job.target_id])

    monkeypatch.setattr(Job, "take_locks", lock_and_hide)
    monkeypatch.setattr(undo.OutageBackoff, "wait", lambda *_: sandbox.catch_up())
    back = undone(staff, job)
    assert ended(back) == (Job.State.DONE, "")
    assert people(back.target_id) == here


def test_an_approval_of_the_values_of_the_new_group_is_none_to_what_the_first_move_changes(
    staff, sandbox, people
):
    job = retired(staff)
    made = {"group": 6, "fields": {"client_groups_discount": "77"}}
    sandbox.script("clients.getGroups", "busy_console", call=3, **made)
    back = undone(staff, job)
    assert (ended(back), back.detail) == ((Job.State.STOPPED, "differs"), "percent")
    sandbox.script(MOVE, "busy_till", fields={"comment": "?"})
    queue.resume(back, staff, accepts=True)
    assert (ended(run(back)), back.detail) == ((Job.State.STOPPED, "side_effect"), "comment")
    assert len(sandbox.posts(MOVE)) == FEW + 1
    queue.resume(back, staff, accepts=True)
    assert ended(run(back)) == (Job.State.DONE, "")
    assert len(people(6)) == FEW


def test_the_group_that_the_history_has_created_again_is_used(owner, sandbox, people):
    here = people(4)
    job = retired(owner)
    removal = job.changes.get(action=Change.Action.REMOVE)
    command = history.undo_command(removal, credentials_service.credentials_of(owner))
    created = execute(command)
    back = undone(owner, job)
    assert ended(back) == (Job.State.DONE, "")
    assert people(created.group_id) == here
    assert not back.changes.filter(action=Change.Action.CREATE).exists()


def test_a_group_that_was_restored_is_not_created_again(owner, browse, sandbox, people):
    job = retired(owner)
    restored = run(queue.start(plan_restore_of(owner, job.snapshots.get())))
    assert ended(restored) == (Job.State.DONE, "")
    page = browse(owner).get(f"/jobs/{job.pk}/")
    assert f"{FEW + 1} changes stay: they were undone or followed by others since." in text_of(page)
    assert f"/jobs/{job.pk}/undo/" not in page.content.decode()
    with pytest.raises(undo.NothingToUndo):
        plan_undo(owner, job)
    removal = job.changes.get(action=Change.Action.REMOVE)
    assert f"/history/{removal.pk}/undo/" not in browse(owner).get("/history/").content.decode()
    assert restored.changes.get(action=Change.Action.CREATE).undo_of == removal


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_group_of_the_same_name_stops_the_undo_of_a_retirement(staff, sandbox, people):
    job = retired(staff)
    there = people(1)
    sandbox.console("demo").edit(5, client_groups_name=job.group_name)
    assert ended(undone(staff, job)) == (Job.State.STOPPED, "group_not_created")
    assert people(1) == there


def test_a_group_that_no_client_goes_back_to_does_not_stop_an_undo_that_cannot_create_it(staff, sandbox):
    job = retired(staff)
    for client_id in job.changes.filter(action="move").values_list("client_id", flat=True):
        later = {"state": State.APPLIED, "client_id": client_id, "created_at": timezone.now()}
        write_down(action=Change.Action.MOVE, **later)
    sandbox.console("demo").edit(5, client_groups_name=job.group_name)
    assert ended(undone(staff, job)) == (Job.State.DONE, "")


def test_the_undo_of_an_undone_retirement_removes_the_group_again(staff, sandbox, people):
    there = people(1) | people(4)
    again = undone(staff, undone(staff, retired(staff)))
    assert ended(again) == (Job.State.DONE, "")
    assert set(sandbox.accounts["demo"].groups) == {1, 5}
    assert people(1) == there


def test_created_clients_stay_and_so_does_their_group(owner, sandbox, people):
    """A restore has moved two clients back and created the others again."""
    client_ids = sorted(people(4))
    job = retired(owner)
    for client_id in client_ids[2:]:
        sandbox.accounts["demo"].clients.delete(client_id)
    snapshot = job.snapshots.get()
    restored = run(queue.start(plan_restore_of(owner, snapshot)))
    assert ended(restored) == (Job.State.DONE, "")
    back = undone(owner, restored)
    assert ended(back) == (Job.State.DONE, "")
    assert people(1) >= set(client_ids[:2])
    assert len(people(restored.target_id)) == FEW - 2
    assert not back.changes.filter(action=Change.Action.REMOVE).exists()
    assert progress_of(back) == JobProgress(total=FEW, done=2, skipped=FEW - 2)


# --- Rights and limits -------------------------------------------------------------------------------------


def test_the_rights_are_those_of_the_writes(staff, manager, owner):
    job = run(start(staff))
    with pytest.raises(PermissionDenied):
        plan_undo(manager, job)
    assert UndoScope.from_json(plan_undo(staff, job).wanted).rights == ("groups.move_client",)
    back = queue.start(plan_undo(staff, job))
    assert JobKind.of(back).may_be_controlled_by(owner)
    assert not JobKind.of(back).may_be_controlled_by(manager)
