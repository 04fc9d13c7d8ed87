"""Test restores of moved or removed clients: each client once, whatever fails on the way."""

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.features.snapshots.services import restore_preview, restores, snapshots
from groups.models import Change, Job, PosterAccount
from groups.poster import InvalidResponse
from groups.poster.fields import fold
from groups.presenters.job_page import JobPage, job_words
from groups.presenters.job_undo import undo_card
from groups.services import clients
from groups.services import credentials as credentials_service
from groups.services.jobs import executor, queue
from groups.services.jobs.progress import JobProgress, progress_of
from groups.services.journal.history import undoable_ids
from groups.services.writes.commands import CreateClient, CreateGroup
from groups.services.writes.not_sent import OperationReused
from poster_admin.common.encryption import SecretUnreadable
from tests.support.changes import write_down
from tests.support.jobs import (
    FEW,
    die_after_the_first,
    die_before_sending,
    ended,
    leave_few,
    leave_the_first_to_a_person,
    plan,
    run,
    run_once,
)
from tests.support.people import make_user
from tests.support.snapshots import plan_restore_of, snapshot_of

State, Action = Change.State, Change.Action
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
# Every field of a client beside the name that the API can set, in wire format.
FIELDS = (
    *("client_sex", "card_number", "discount_per", "phone", "phone_number", "email", "birthday"),
    *("country", "city", "address", "comment", "bonus", "total_payed_sum"),
)


@pytest.fixture
def sandbox(sandbox):
    return leave_few(sandbox)


def look(user, snapshot):
    return restore_preview.preview_restore(credentials_service.credentials_of(user), snapshot)


def started(user, snapshot):
    """Start the restore that its page offers."""
    return queue.start(plan_restore_of(user, snapshot))


def people(sandbox, group_id, account="demo"):
    """Return the clients of a group, read directly from the sandbox."""
    return [row for row in sandbox.accounts[account].clients.rows(group_id) if row["delete"] == "0"]


def own(rows):
    """Return every field of the clients that the API can set, without their ids."""
    parts = ("lastname", "firstname", "patronymic")
    return sorted(
        (" ".join(filter(None, map(row.get, parts))), *(row[field] for field in FIELDS)) for row in rows
    )


def removed(user, sandbox, group_id=4, account="demo"):
    """Remove a group in the sandbox, and return its snapshot and its former clients."""
    were = people(sandbox, group_id, account)
    snapshot = snapshot_of(user, group_id)
    sandbox.console(account).remove(group_id)
    sandbox.log.clear()
    return snapshot, were


def without_phones(sandbox):
    """Leave the clients of group 4 nothing by which Poster would know them again."""
    for row in people(sandbox, 4):
        sandbox.console().edit_client(int(row["client_id"]), phone="", phone_number="", card_number="")


def test_what_is_wanted_is_stored_as_it_was_since_1_0():
    wanted = snapshots.RestoreScope("8", (1, 2), create=True)
    assert json.loads(json.dumps(wanted.to_json())) == {"snapshot": "8", "from": [1, 2], "create": True}
    assert snapshots.RestoreScope.from_json(wanted.to_json()) == wanted


# --- The group is still there ------------------------------------------------------------------------------


def test_the_moved_ones_come_back_from_wherever_they_are(owner, sandbox):
    were = people(sandbox, 4)
    job = run(queue.start(plan(owner)))
    snapshot = job.snapshots.get()
    for client_id in (129, 130):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().edit_client(131, delete="1")
    found = look(owner, snapshot)
    assert found.is_the_same
    assert [(origin.group_id, origin.count) for origin in found.origins] == [(1, FEW - 3), (5, 2)]
    assert (found.in_place, found.moved, found.gone, found.created) == (0, FEW - 1, 1, 0)
    back = run(started(owner, snapshot))
    assert (back.state, back.reason) == (Job.State.DONE, "")
    assert progress_of(back) == JobProgress(total=FEW - 1, done=FEW - 1)
    assert people(sandbox, 4) == [row for row in were if row["client_id"] != "131"]
    assert not sandbox.posts("clients.createClient")


def test_who_is_there_already_is_left_alone(owner, sandbox):
    snapshot = snapshot_of(owner)
    found = look(owner, snapshot)
    assert (found.in_place, found.total, found.has_work) == (FEW, 0, False)
    with pytest.raises(restore_preview.NoRestore):
        started(owner, snapshot)
    assert not sandbox.posts()


def test_whom_the_page_did_not_name_stays(owner, sandbox):
    snapshot = snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="1")
    job = started(owner, snapshot)
    sandbox.console().edit_client(130, client_groups_id="5")
    assert run(job).state == Job.State.DONE
    assert next(row["client_id"] for row in people(sandbox, 5)) == "130"
    assert "129" in [row["client_id"] for row in people(sandbox, 4)]


# --- The group is gone -------------------------------------------------------------------------------------


@pytest.fixture
def rich(sandbox):
    """Set every field of a client of group 4 that the API can set."""
    sandbox.console().edit_client(
        130,
        lastname="Кам&#39;янецька",
        firstname="Ёлка",
        patronymic="Львівна",
        phone="+380 44 555 66 77",
        phone_number="380445556677",
        email="jolka@example.com",
        card_number="C-9001",
        client_sex="2",
        discount_per="25",
        bonus="123456",
        total_payed_sum="9999999",
        birthday="1990-05-24",
        country="Україна",
        city="Кам&#39;янець",
        address="вул. Татарська, 1",
        comment="&lt;без лактози&gt;",
    )


def test_a_group_and_its_people_come_back_with_every_field_exactly_once(owner, sandbox, rich):
    group = sandbox.accounts["demo"].groups[4]
    snapshot, were = removed(owner, sandbox)
    removal = write_down(owner, id=snapshot.pk, action="remove", state="applied", group_id=4)
    assert snapshots.restorable([removal], owner) == {removal.pk: snapshot}
    found = look(owner, snapshot)
    assert found.target is None
    assert (found.moved, found.gone, found.created, found.removed) == (0, FEW, FEW, 1)
    assert found.bonus == sum(Decimal(row["bonus"]) for row in were) / 100
    assert found.losses.names == sum(bool(row["patronymic"] or not row["lastname"]) for row in were)
    job = run(started(owner, snapshot))
    assert (job.state, job.reason, job.detail) == (Job.State.DONE, "", "")
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    new = sandbox.accounts["demo"].groups[job.target_id]
    assert {**new, "client_groups_id": "4"} == group
    now = people(sandbox, job.target_id)
    assert own(now) == own(were)
    assert not {row["client_id"] for row in now} & {row["client_id"] for row in were}
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert len(sandbox.posts("clients.createGroup")) == 1
    rows = Change.objects.filter(job=job, action=Action.CREATE_CLIENT)
    assert {row.client_id for row in rows} == {int(row["client_id"]) for row in now}
    assert {row.state for row in rows} == {State.APPLIED}
    assert not any((row.before or {}).get("field_hmacs") for row in rows)
    # All of them are back and stay, so there is nothing more to restore, and nothing to undo.
    assert snapshots.restorable([removal], owner) == {}
    assert undo_card(job, owner) is None
    assert undoable_ids(job.changes.all(), owner) == set()


def test_who_is_in_another_group_is_moved_and_the_rest_created(owner, sandbox):
    were = people(sandbox, 4)
    snapshot = snapshot_of(owner)
    for client_id in (129, 130):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().remove(4)
    found = look(owner, snapshot)
    assert (found.moved, found.created) == (2, FEW - 2)
    job = run(started(owner, snapshot))
    assert job.state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert {"129", "130"} < {row["client_id"] for row in people(sandbox, job.target_id)}


def test_a_group_that_was_made_anew_is_taken(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    row = {"client_groups_name": snapshot.group_name.upper(), "loyalty_type": "2"}
    new = sandbox.console().put(row | {"client_groups_discount": "10", "birthday_bonus": "0",
                                       "count_groups_clients": "0"})  # fmt: skip
    found = look(owner, snapshot)
    assert (found.target.id, found.is_the_same, found.created) == (new, False, FEW)
    job = run(started(owner, snapshot))
    assert (job.state, job.target_id) == (Job.State.DONE, new)
    assert own(people(sandbox, new)) == own(were)
    assert not sandbox.posts("clients.createGroup")


def test_where_removed_clients_are_still_listed(outsider, sandbox):
    group_id = 12  # with few clients, in an account that lists removed ones
    snapshot, were = removed(outsider, sandbox, group_id, "kavarnia")
    job = run(started(outsider, snapshot))
    assert job.state == Job.State.DONE
    assert own(people(sandbox, job.target_id, "kavarnia")) == own(were)


def test_a_second_restore_creates_nobody_twice(owner, sandbox, settings):
    snapshot, were = removed(owner, sandbox)
    first = run(started(owner, snapshot))
    found = look(owner, snapshot)
    assert (found.target.id, found.in_place, found.total) == (first.target_id, FEW, 0)
    moved = people(sandbox, first.target_id)[0]["client_id"]
    sandbox.console().edit_client(int(moved), client_groups_id="1")
    again = run(started(owner, snapshot))
    assert again.state == Job.State.DONE
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert own(people(sandbox, first.target_id)) == own(were)
    # They are gone again, together with the group that they came into, and that is no late list.
    settings.POSTER_LAG_SECONDS = 0
    second, _ = removed(owner, sandbox, first.target_id)
    third = run(started(owner, second))
    assert own(people(sandbox, third.target_id)) == own(were)
    assert look(owner, snapshot).in_place == FEW


def test_a_client_who_was_created_just_now_is_not_created_again_while_reads_lag(owner, sandbox, settings):
    settings.JOB_RETRY_PAUSES = (0.0, 0.5)
    # No read is given up, and no creation is long ago, however busy the machine is.
    settings.POSTER_READ_TIMEOUT = settings.POSTER_READ_DEADLINE = settings.POSTER_WRITE_DEADLINE = 300
    settings.POSTER_LAG_SECONDS = 3600
    without_phones(sandbox)
    snapshot, _were = removed(owner, sandbox)
    first = run(started(owner, snapshot))
    new = {int(row["client_id"]) for row in people(sandbox, first.target_id)}
    # No read shows those who were created.
    for method in ("clients.getClient", "clients.getClients"):
        sandbox.lag("row_absent", method, ids=sorted(new))
    assert look(owner, snapshot).created == FEW
    job = run_once(started(owner, snapshot))
    assert (job.state, job.reason) == (Job.State.WAITING, Job.Stop.BEHIND)
    sandbox.catch_up()
    assert run(job).state == Job.State.DONE
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert {int(row["client_id"]) for row in people(sandbox, first.target_id)} == new


def test_two_restores_at_once_create_nobody_twice(owner, sandbox, monkeypatch):
    """Clients who were moved before their second group was removed are in two snapshots."""
    sandbox.console().edit(5, count_groups_clients="1")
    without_phones(sandbox)
    kept = [snapshot_of(owner)]
    for row in people(sandbox, 4):
        sandbox.console().edit_client(int(row["client_id"]), client_groups_id="5")
    kept.append(snapshot_of(owner, 5))
    for group_id in (4, 5):
        sandbox.console().remove(group_id)
    first, second = (started(owner, each) for each in kept)
    submit_all, other = restores.submit_all, [second]

    def after_the_other_one(lease, commands):
        if other:
            assert run(other.pop()).state == Job.State.DONE
        return submit_all(lease, commands)

    monkeypatch.setattr(restores, "submit_all", after_the_other_one)
    assert run(first).state == Job.State.DONE
    second.refresh_from_db()
    came = [row for job in (first, second) for row in people(sandbox, job.target_id)]
    assert len(sandbox.posts("clients.createClient")) == len(came) == FEW + 1


# --- Failures on the way -----------------------------------------------------------------------------------


def test_a_run_that_is_interrupted_goes_on_where_it_was(owner, sandbox, monkeypatch):
    monkeypatch.setattr(restores, "AT_ONCE", 2)
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    calls, submit_all = [], restores.submit_all

    def dies(hold, commands):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return submit_all(hold, commands)

    monkeypatch.setattr(restores, "submit_all", dies)
    with pytest.raises(KeyboardInterrupt):
        queue.run_job.func(str(job.pk))
    monkeypatch.setattr(restores, "submit_all", submit_all)
    created = len(sandbox.posts("clients.createClient"))
    assert 0 < created < FEW
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert len(sandbox.posts("clients.createClient")) == FEW


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_lost_answer_creates_nobody_twice(owner, sandbox, call):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createClient", "fin_before_headers", when="after", call=call, times=2)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    ids = list(
        Change.objects.filter(job=job, action=Action.CREATE_CLIENT).values_list("client_id", flat=True)
    )
    assert len(ids) == len(set(ids)) == FEW


def test_the_lost_answer_of_the_group_makes_no_second_one(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "fin_before_headers", when="after")
    assert run(job).state == Job.State.DONE
    assert len(sandbox.posts("clients.createGroup")) == 1
    assert own(people(sandbox, job.target_id)) == own(were)


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
def test_a_new_group_that_does_not_show_at_first_is_waited_for(owner, sandbox, settings, monkeypatch):
    settings.JOB_RETRY_PAUSES = (0.0, 2.0)
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)

    def but_reads_lag(lease, commands):
        for change in executor.submit_one_by_one(lease, commands):
            yield change
            sandbox.lag("newest_unseen", seconds=1, ids=[change.group_id])

    monkeypatch.setattr(restores, "submit_one_by_one", but_reads_lag)
    job = run(job)
    assert (job.state, job.reason) == (Job.State.DONE, "")
    assert own(people(sandbox, job.target_id)) == own(were)


def test_the_same_form_for_another_snapshot_is_another_restore(owner, sandbox):
    snapshots_of_one_group = snapshot_of(owner), snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="1")
    operation, credentials = uuid.uuid4(), credentials_service.credentials_of(owner)
    first, second = (
        restore_preview.plan_restore(credentials, look(owner, each), operation=operation)
        for each in snapshots_of_one_group
    )
    assert queue.start(first).pk == operation
    with pytest.raises(OperationReused):
        queue.start(second)


def test_a_started_restore_reaches_its_clients_where_nobody_asks_poster(owner, sandbox):
    snapshot, _ = removed(owner, sandbox)
    job = Job.objects.get(pk=started(owner, snapshot).pk)
    sandbox.log.clear()
    assert restores.Restore(job).reach(None).clients == FEW
    assert not sandbox.calls()


def test_a_group_that_may_have_been_created_is_not_created_again_once_a_user_lets_the_job_go_on(
    owner, sandbox, settings, monkeypatch
):
    settings.POSTER_SETTLE_SECONDS = 600
    monkeypatch.setattr(executor, "SETTLED_SOON", 0.0)
    snapshot, _ = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "fin_before_headers", when="before")
    assert run_once(job).reason == Job.Stop.UNKNOWN
    Change.objects.settle(Change.objects.get(job=job), state=State.REVIEW, reason="duplicates")
    Job.objects.update(next_try_at=None)
    for _ in range(2):
        assert (run_once(job).state, job.reason) == (Job.State.STOPPED, "group_not_created")
        queue.resume(job, owner)
    assert len(sandbox.posts("clients.createGroup")) == 1


def test_a_restore_that_is_paused_as_it_takes_its_new_group_gives_its_worker_back(
    owner, sandbox, settings, monkeypatch
):
    settings.JOB_LEASE_SECONDS = 0.5
    snapshot, _ = removed(owner, sandbox)
    job = started(owner, snapshot)
    move_on, tries = Job.move_on, []

    def paused_a_moment_before(row, *states, **values):
        if "target_id" in values:
            tries.append(row)
            Job.objects.update(state=Job.State.PAUSED)
        if len(tries) > 1000:
            pytest.fail("the run does not end")
        return move_on(row, *states, **values)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "move_on", paused_a_moment_before)
        assert run_once(job).state == Job.State.PAUSED
    assert [change.state for change in Change.objects.filter(job=job)] == [State.APPLIED]
    queue.resume(job, owner)
    assert run(job).state == Job.State.DONE
    assert len(sandbox.posts("clients.createGroup")) == 1
    assert len(people(sandbox, job.target_id)) == FEW


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize(("times", "ended"), [(1, ("done", "")), (None, ("stopped", "target_gone"))])
def test_a_target_that_one_look_does_not_show_is_looked_for_again(owner, sandbox, times, ended):
    snapshot = snapshot_of(owner)
    run(queue.start(plan(owner)))
    job = started(owner, snapshot)
    for method in ("clients.getGroup", "clients.getGroups"):
        sandbox.script(method, "row_absent", times=times, ids=[4])
    job = run(job)
    assert (job.state, job.reason) == ended


def test_a_lost_creation_is_made_again_only_after_its_time(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 2.0
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createClient", "fin_before_headers", when="before", call=5)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    lost = Change.objects.get(job=job, state=State.FAILED)
    assert (lost.reason, lost.before) == ("not_applied", {})
    again = Change.objects.get(job=job, target=lost.target, state=State.APPLIED)
    assert again.created_at - lost.sent_at >= timedelta(seconds=2)


@pytest.mark.parametrize("call", [1, 5])
def test_somebody_alike_is_for_a_person(owner, sandbox, monkeypatch, call):
    """The first one, who is created alone, keeps none of the others waiting."""
    observe = CreateClient.observe

    def later(command, change, credentials, within):
        # Fail every check until the client has made a purchase.
        if not change.client_id and within is not None:
            raise InvalidResponse("not yet", method="clients.getClients", reason="moving")
        return observe(command, change, credentials, within)

    monkeypatch.setattr(CreateClient, "observe", later)
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createClient", "fin_before_headers", when="after", call=call)
    real = executor.settle_open

    def spend(hold):
        for change in Change.objects.filter(job=job, action=Action.CREATE_CLIENT, state=State.UNKNOWN):
            known = set(Change.objects.filter(job=job).values_list("client_id", flat=True))
            (new,) = [
                row for row in people(sandbox, hold.job.target_id) if int(row["client_id"]) not in known
            ]
            sandbox.console().edit_client(int(new["client_id"]), bonus="77")
            assert change.client_id is None
        real(hold)

    monkeypatch.setattr(executor, "settle_open", spend)
    assert run(job).state == Job.State.DONE
    row = Change.objects.get(job=job, state=State.REVIEW)
    assert row.reason == "looks_alike"
    assert look(owner, snapshot).undecided == 1
    assert len(sandbox.posts("clients.createClient")) == FEW


def test_nobody_follows_before_one_has_arrived_in_the_same_way(owner, sandbox, monkeypatch):
    """This includes moves that all fail, each sent alone; the created clients are then sent together."""
    together, submit_all = [], restores.submit_all

    def note(hold, commands):
        together.extend(commands)
        return submit_all(hold, commands)

    monkeypatch.setattr(restores, "submit_all", note)
    snapshot = snapshot_of(owner)
    for client_id in (129, 130, 131):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().remove(4)
    job = started(owner, snapshot)
    sandbox.script("clients.updateClient", "fin_before_headers", when="before", times=None)
    assert run(job).state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 3, failed=3)
    assert [command.action for command in together] == [Action.CREATE_CLIENT] * (FEW - 4)


def test_a_first_client_with_other_money_is_looked_at_although_the_run_was_killed_before(
    db, sandbox, monkeypatch
):
    user = make_user("kopecks", role="Owners", account="kopecks", sandbox=sandbox)
    sandbox.console("kopecks").edit_client(129, bonus="5000")
    snapshot, _ = removed(user, sandbox, 4, "kopecks")
    job = started(user, snapshot)
    die_after_the_first(monkeypatch, restores, job, Action.CREATE_CLIENT)
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts("clients.createClient")) == 1


def test_a_first_client_on_whom_a_person_has_decided_proves_nothing_for_the_others(db, sandbox, monkeypatch):
    """Nobody has read that creation back, so the next client is created alone too."""
    user = make_user("kopecks", role="Owners", account="kopecks", sandbox=sandbox)
    for row in people(sandbox, 4, "kopecks"):
        sandbox.console("kopecks").edit_client(int(row["client_id"]), bonus="5000")
    snapshot, _ = removed(user, sandbox, 4, "kopecks")
    job = started(user, snapshot)
    leave_the_first_to_a_person(monkeypatch, restores, job, user, CreateClient)
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts("clients.createClient")) == 2


def test_a_first_move_on_which_a_person_has_decided_proves_nothing_for_the_others(
    owner, sandbox, monkeypatch
):
    snapshot = snapshot_of(owner)
    for client_id in (129, 130, 131):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    job = started(owner, snapshot)
    leave_the_first_to_a_person(monkeypatch, restores, job, owner)
    sandbox.script("clients.updateClient", "busy_till")
    assert ended(run(job)) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts("clients.updateClient")) == 2


def test_nobody_comes_back_into_a_group_of_which_only_a_person_has_said_that_it_was_made(
    owner, sandbox, monkeypatch
):
    """Its number is not known, so there is no group to lock and to bring anybody back into."""
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "answer_lost")
    leave_the_first_to_a_person(monkeypatch, restores, job, owner, CreateGroup)
    assert ended(run(job)) == (Job.State.STOPPED, "group_not_created")
    assert len(sandbox.posts()) == 1


def test_money_in_another_unit_stops_after_the_first(db, sandbox):
    user = make_user("kopecks", role="Owners", account="kopecks", sandbox=sandbox)
    sandbox.console("kopecks").edit_client(129, bonus="5000", total_payed_sum="100000")
    # An owner sets only the unit of birthday bonuses, so no value of a client is converted.
    PosterAccount.objects.update(bonus_unit=PosterAccount.BonusUnit.KOPECKS)
    # The group has no bonus that could be wrong first.
    snapshot, were = removed(user, sandbox, 4, "kopecks")
    job = run(started(user, snapshot))
    assert (job.state, job.reason) == (Job.State.STOPPED, "side_effect")
    assert job.detail == "bonus"
    (sent,) = sandbox.posts("clients.createClient")
    assert (sent.form["bonus"], sent.form["total_payed_sum"]) == ("50.00", "100000")
    queue.resume(job, user, accepts=True)
    assert run(job).state == Job.State.DONE
    now = people(sandbox, job.target_id, "kopecks")
    assert sorted(row["total_payed_sum"] for row in now) == sorted(row["total_payed_sum"] for row in were)


def test_a_phone_that_somebody_else_has_now_is_refused_and_the_others_come(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    taken = were[3]["phone_number"]
    sandbox.console().edit_client(7, phone_number=taken, phone=f"+{taken}")
    job = run(started(owner, snapshot))
    assert job.state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 1, refused=1)


def test_a_phone_that_poster_does_not_take_is_a_refusal(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createClient", "error_object", code=37, when="before")
    assert run(job).state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 1, refused=1)


def test_a_name_that_is_taken_meanwhile_stops_it(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    row = {"client_groups_name": snapshot.group_name, "loyalty_type": "2", "count_groups_clients": "0"}
    sandbox.console().put(row | {"client_groups_discount": "10", "birthday_bonus": "0"})
    assert (run(job).state, job.reason, job.detail) == (Job.State.STOPPED, "group_not_created", "")


def test_a_group_with_other_values_stops_it_with_words_of_a_group(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    made = {"group": 6, "fields": {"client_groups_discount": "77"}}
    sandbox.script("clients.getGroups", "busy_console", call=2, **made)
    assert (run(job).state, job.reason, job.detail) == (Job.State.STOPPED, "differs", "percent")
    assert job_words(job).next_step == (
        "Look at that group in Poster before you decide. No other was touched."
    )
    assert not sandbox.posts("clients.createClient")
    queue.resume(job, owner, accepts=True)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, 6)) == own(were)


def test_a_yes_to_the_values_of_the_new_group_is_none_to_what_the_first_move_changes(
    owner, sandbox, monkeypatch
):
    """The run is killed before it looks at that move, so the next one finds it in the journal."""
    snapshot = snapshot_of(owner)
    for client_id in (129, 130, 131):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().remove(4)
    job = started(owner, snapshot)
    made = {"group": 6, "fields": {"client_groups_discount": "77"}}
    sandbox.script("clients.getGroups", "busy_console", call=2, **made)
    assert (ended(run(job)), job.detail) == ((Job.State.STOPPED, "differs"), "percent")
    queue.resume(job, owner, accepts=True)
    sandbox.script("clients.updateClient", "busy_till", fields={"comment": "?"})
    die_after_the_first(monkeypatch, restores, job, Action.MOVE)
    assert (ended(run(job)), job.detail) == ((Job.State.STOPPED, "side_effect"), "comment")
    assert len(sandbox.posts("clients.updateClient")) == 1


def test_once_its_cause_is_mended_the_group_is_created_after_all(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "error_object", code=36, when="before", times=2)
    for _ in range(2):
        assert (run(job).state, job.reason) == (Job.State.STOPPED, "group_not_created")
        queue.resume(job, owner)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)


def test_a_client_that_another_change_locks_is_waited_for(owner, sandbox, settings, monkeypatch):
    settings.JOB_PATIENCE = 0.0
    snapshot = snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="5")
    job, calls, read = started(owner, snapshot), [], restores.find_clients

    def a_few_times(*args):
        calls.append(args)
        assert len(calls) < 5, "The job never waits."
        return read(*args)

    monkeypatch.setattr(restores, "find_clients", a_few_times)
    Change(account_id="demo", action=Action.MOVE, target="client:129", state=State.UNKNOWN).save()
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "locked")
    assert not sandbox.posts()


@pytest.mark.once  # the database is asked for the same, Poster answers otherwise
@pytest.mark.parametrize("fault", ["row_absent", "behind"])
def test_one_untrue_read_of_a_client_leaves_nobody_out(owner, sandbox, fault):
    snapshot = snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="5")
    job = started(owner, snapshot)
    sandbox.script("clients.getClient", fault, ids=[129], times=FEW)  # the first look at each client
    assert run(job).state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=1, done=1)
    assert sandbox.accounts["demo"].clients.row(129)["client_groups_id"] == "4"


def test_of_a_longer_name_than_the_journals_poster_decides_and_the_page_says_its_words(owner, sandbox):
    sandbox.console().edit(4, client_groups_name="я" * 450)
    snapshot, _were = removed(owner, sandbox)
    job = run(started(owner, snapshot))
    assert job.reason == "group_not_created"
    assert Change.objects.get().state == State.REFUSED
    assert job_words(job).details == Change.objects.get().message != ""


def test_a_group_waits_in_peace_for_the_change_that_locks_its_name(owner, sandbox, settings):
    settings.JOB_PATIENCE = 0.0
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    target, later = f"create:{fold(snapshot.group_name)}", timezone.now() + timedelta(minutes=30)
    Change.objects.create(
        account_id="demo", action=Action.CREATE, target=target, state=State.UNKNOWN, next_check_at=later
    )
    job = run(job)
    assert (job.state, job.reason) == (Job.State.STOPPED, "locked")
    assert not sandbox.posts()


def test_who_cannot_be_read_is_counted_and_left(owner, sandbox):
    sandbox.console().edit_client(130, discount_per="150")
    snapshot, _were = removed(owner, sandbox)
    found = look(owner, snapshot)
    assert (found.unreadable, found.created) == (1, FEW - 1)
    assert run(started(owner, snapshot)).state == Job.State.DONE
    assert len(sandbox.posts("clients.createClient")) == FEW - 1


def test_who_may_be_a_row_without_a_readable_id_is_not_called_gone(owner, sandbox):
    snapshot = snapshot_of(owner)
    first = people(sandbox, 4)[0]["client_id"]
    assert (look(owner, snapshot).in_place, look(owner, snapshot).gone) == (FEW, 0)
    sandbox.script("clients.getClients", "row_id_zero", group=first, times=None)
    found = look(owner, snapshot)
    assert (found.in_place, found.gone, found.unreadable) == (FEW - 1, 0, 1)


def test_a_lost_key_stops_the_job_and_a_snapshot_that_is_gone_too(owner, sandbox, settings):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    keys = settings.POSTER_TOKEN_KEYS
    part = SnapshotPart.objects.get()
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretUnreadable):
        part.rows.reveal()
    settings.POSTER_TOKEN_KEYS = keys
    SnapshotPart.objects.update(rows=type(part.rows)(sealed="f1:lost"))
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "snapshot_unreadable")
    Snapshot.objects.all().delete()
    queue.resume(job, owner)
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "snapshot_gone")
    assert not sandbox.posts("clients.createClient")


def test_a_snapshot_is_kept_until_its_restore_has_ended(owner, sandbox, monkeypatch):
    snapshot, _were = removed(owner, sandbox)
    job, read = started(owner, snapshot), restores.find_clients

    def and_a_worker_looks_after(*args):
        assert snapshots.forget_old() == 0
        return read(*args)

    monkeypatch.setattr(restores, "find_clients", and_a_worker_looks_after)
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=91))
    assert snapshots.forget_old() == 0
    assert (run(job).state, job.reason) == (Job.State.DONE, "")
    assert snapshots.forget_old() == 1


def test_a_restore_that_waits_for_a_person_keeps_no_snapshot(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    queue.pause(job, owner)
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=91))
    assert snapshots.forget_old() == 1
    queue.resume(job, owner)
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "snapshot_gone")


def test_one_by_one_or_all_at_once_they_are_found(owner, sandbox, monkeypatch):
    snapshot = snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="1")
    sandbox.console().edit_client(130, delete="1")
    monkeypatch.setattr("groups.features.snapshots.services.restore_preview.READ_AT_ONCE", 2)
    sandbox.log.clear()
    by_one = look(owner, snapshot)
    assert len(sandbox.calls("clients.getClient")) == FEW
    monkeypatch.setattr("groups.features.snapshots.services.restore_preview.READ_AT_ONCE", 500)
    by_all = look(owner, snapshot)
    assert len(sandbox.calls("clients.getClient")) == FEW
    assert by_one.mark == by_all.mark
    assert (by_all.in_place, by_all.moved, by_all.gone) == (FEW - 2, 1, 1)


def test_rights(staff, owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    found = look(owner, snapshot)
    with pytest.raises(PermissionDenied):
        look(staff, snapshot)
    credentials = credentials_service.credentials_of(staff)
    with pytest.raises(PermissionDenied):
        snapshots.snapshots_of(credentials)
    with pytest.raises(PermissionDenied):
        restore_preview.plan_restore(credentials, found, operation=uuid.uuid4())


def test_who_may_not_start_a_restore_does_not_stop_one(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    reader = make_user("reader", account="demo", sandbox=sandbox)
    reader.user_permissions.add(*Permission.objects.filter(codename__in=["view_group", "view_snapshot"]))
    for decide in (queue.pause, queue.resume, queue.cancel):
        with pytest.raises(PermissionDenied):
            decide(job, reader)
    assert JobPage(job, reader).actions == []


def test_no_more_than_a_part_is_in_memory(owner, sandbox, monkeypatch):
    monkeypatch.setattr(clients, "READ_AT_ONCE", 2)
    snapshot, were = removed(owner, sandbox)
    sizes, real = [], json.loads
    monkeypatch.setattr(snapshots, "json", SimpleNamespace(loads=lambda text: sizes.append(1) or real(text)))
    assert snapshot.parts.count() == 4
    for read, _rows in enumerate(snapshots.parts_of(snapshot), start=1):
        assert len(sizes) == read
    job = run(started(owner, snapshot))
    assert own(people(sandbox, job.target_id)) == own(were)


def test_what_a_killed_run_left_unsent_is_sent_by_the_next(owner, sandbox, settings, monkeypatch):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    die_before_sending(monkeypatch, job, FEW + 1)
    assert Change.objects.open().filter(job=job, sent_at=None).exists()
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
