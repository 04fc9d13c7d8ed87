"""Test restores of moved or removed clients: each client once, whatever fails on the way."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from groups.features.snapshots import services as snapshots
from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.models import Change, Job, PosterAccount
from groups.presenters.jobs import job_words, undo_card
from groups.services import credentials as credentials_service
from groups.services.history import undoable_ids
from groups.services.jobs import executor, queue
from groups.services.jobs.kinds import JobKind, JobProgress, progress_of
from groups.services.writes.commands import CreateGroup
from groups.services.writes.commands.create_client import target_of
from groups.services.writes.submissions import OperationReused
from poster_admin.common.encryption import SecretUnreadable
from tests.support.changes import write_down
from tests.support.jobs import (
    FEW,
    at_each_wait,
    count_open_at_each_send,
    die_after_the_first,
    die_before_sending,
    die_before_the_outcome,
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
    return snapshots.preview_restore(credentials_service.credentials_of(user), snapshot)


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
    assert [(group_id, count) for group_id, _name, count in found.origins] == [(5, 2), (1, FEW - 3)]
    assert (found.in_place, found.moved, found.gone, found.created) == (0, FEW - 1, 1, 0)
    back = run(started(owner, snapshot))
    assert (back.state, back.reason) == (Job.State.DONE, "")
    assert progress_of(back) == JobProgress(total=FEW - 1, done=FEW - 1)
    assert people(sandbox, 4) == [row for row in were if row["client_id"] != "131"]
    assert not sandbox.posts("clients.createClient")


def test_a_client_that_the_page_did_not_name_stays(owner, sandbox):
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
    assert found.losses["names"] == sum(bool(row["patronymic"] or not row["lastname"]) for row in were)
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


def test_a_second_restore_creates_nobody_twice(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    first = run(started(owner, snapshot))
    found = look(owner, snapshot)
    assert (found.target.id, found.in_place, found.total) == (first.target_id, FEW, 0)
    moved = people(sandbox, first.target_id)[0]["client_id"]
    sandbox.console().edit_client(int(moved), client_groups_id="1")
    assert run(started(owner, snapshot)).state == Job.State.DONE
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert own(people(sandbox, first.target_id)) == own(were)


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
    assert (job.state, job.reason) == (Job.State.WAITING, Job.Stop.STALE)
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
    submit_all, other = executor.submit_all, [second]

    def after_the_other_one(lease, commands):
        if other and len(commands) > 1:
            assert run(other.pop()).state == Job.State.DONE
        return submit_all(lease, commands)

    monkeypatch.setattr(executor, "submit_all", after_the_other_one)
    assert run(first).state == Job.State.DONE
    second.refresh_from_db()
    came = [row for job in (first, second) for row in people(sandbox, job.target_id)]
    assert len(sandbox.posts("clients.createClient")) == len(came) == FEW + 1


# --- Failures on the way -----------------------------------------------------------------------------------


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("call", [1, 5])
def test_a_lost_answer_makes_no_second_group_and_creates_nobody_twice(owner, sandbox, call):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "fin_before_headers", when="after")
    sandbox.script("clients.createClient", "fin_before_headers", when="after", call=call, times=2)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert len(sandbox.posts("clients.createGroup")) == 1
    assert len(sandbox.posts("clients.createClient")) == FEW
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
    ids = list(
        Change.objects.filter(job=job, action=Action.CREATE_CLIENT).values_list("client_id", flat=True)
    )
    assert len(ids) == len(set(ids)) == FEW


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_new_group_that_does_not_show_at_first_is_waited_for(owner, sandbox, monkeypatch):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)

    submit_one_by_one = executor.submit_one_by_one

    def but_reads_lag(lease, commands):
        for change in submit_one_by_one(lease, commands):
            yield change
            sandbox.lag("row_absent", ids=[change.group_id])

    monkeypatch.setattr(executor, "submit_one_by_one", but_reads_lag)
    at_each_wait(monkeypatch, lambda _pause: sandbox.catch_up())
    job = run(job)
    assert (job.state, job.reason) == (Job.State.DONE, "")
    assert own(people(sandbox, job.target_id)) == own(were)


def test_the_same_form_for_another_snapshot_is_another_restore(owner, sandbox):
    snapshots_of_one_group = snapshot_of(owner), snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="1")
    operation, credentials = uuid.uuid4(), credentials_service.credentials_of(owner)
    first, second = (
        snapshots.plan_restore(credentials, look(owner, each), operation=operation)
        for each in snapshots_of_one_group
    )
    assert queue.start(first).pk == operation
    with pytest.raises(OperationReused):
        queue.start(second)


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


def test_a_client_that_waits_for_a_person_is_not_created(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    write_down(owner, action=Action.CREATE_CLIENT, target=target_of(129), state=State.REVIEW)
    assert look(owner, snapshot).undecided == 1
    assert run(job).state == Job.State.DONE
    assert len(sandbox.posts("clients.createClient")) == FEW - 1


def test_nobody_follows_before_one_has_arrived_in_the_same_way(owner, sandbox, monkeypatch):
    """This includes moves that all fail, each sent alone; the created clients are then sent together."""
    together, alone = [], []
    submit_all, submit_one_by_one = executor.submit_all, executor.submit_one_by_one

    def note(lease, commands):
        if not alone:
            together.extend(commands)
        return submit_all(lease, commands)

    def note_alone(lease, commands):
        alone.append(commands)
        try:
            yield from submit_one_by_one(lease, commands)
        finally:
            alone.clear()

    monkeypatch.setattr(executor, "submit_all", note)
    monkeypatch.setattr(executor, "submit_one_by_one", note_alone)
    snapshot = snapshot_of(owner)
    for client_id in (129, 130):
        sandbox.console().edit_client(client_id, client_groups_id="5")
    sandbox.console().remove(4)
    job = started(owner, snapshot)
    sandbox.script("clients.updateClient", "fin_before_headers", when="before", times=None)
    assert run(job).state == Job.State.DONE
    assert progress_of(job) == JobProgress(total=FEW, done=FEW - 2, failed=2)
    assert [command.action for command in together] == [Action.CREATE_CLIENT] * (FEW - 3)


def test_a_first_client_with_other_money_is_checked_although_the_run_was_killed_before(
    db, sandbox, monkeypatch
):
    user = make_user("kopecks", role="Owners", account="kopecks", sandbox=sandbox)
    sandbox.console("kopecks").edit_client(129, bonus="5000")
    snapshot, _ = removed(user, sandbox, 4, "kopecks")
    job = started(user, snapshot)
    die_after_the_first(monkeypatch, job, Action.CREATE_CLIENT)
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "side_effect")
    assert len(sandbox.posts("clients.createClient")) == 1


def test_nobody_follows_a_first_one_whose_outcome_a_killed_worker_has_left_open(owner, sandbox, monkeypatch):
    snapshot, were = removed(owner, sandbox)
    sandbox.script("clients.createClient", "fin_before_headers", when="before")
    job = started(owner, snapshot)
    die_before_the_outcome(monkeypatch, job, Action.CREATE_CLIENT)
    counts = count_open_at_each_send(monkeypatch, job)
    assert ended(run(job)) == (Job.State.DONE, "")
    assert set(counts) == {0}
    assert own(people(sandbox, job.target_id)) == own(were)


def test_nobody_comes_back_into_a_group_of_which_only_a_person_has_said_that_it_was_made(
    owner, sandbox, monkeypatch
):
    """Its number is not known, so there is no group to lock and to bring anybody back into."""
    snapshot, _were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "answer_lost")
    leave_the_first_to_a_person(monkeypatch, job, owner, CreateGroup)
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


def test_once_its_cause_is_mended_the_group_is_created_after_all(owner, sandbox):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    sandbox.script("clients.createGroup", "error_object", code=36, when="before")
    assert (run(job).state, job.reason) == (Job.State.STOPPED, "group_not_created")
    queue.resume(job, owner)
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)


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
    job, read = started(owner, snapshot), executor.find_clients

    def and_a_worker_looks_after(*args):
        assert snapshots.forget_old() == 0
        return read(*args)

    monkeypatch.setattr(executor, "find_clients", and_a_worker_looks_after)
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=91))
    assert snapshots.forget_old() == 0
    assert (run(job).state, job.reason) == (Job.State.DONE, "")
    assert snapshots.forget_old() == 1


def test_a_restore_that_waits_for_a_person_keeps_no_snapshot(owner, sandbox):
    snapshot, _were = removed(owner, sandbox)
    queue.pause(started(owner, snapshot), owner)
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=91))
    assert snapshots.forget_old() == 1


def test_one_by_one_or_all_at_once_they_are_found(owner, sandbox, monkeypatch):
    snapshot = snapshot_of(owner)
    sandbox.console().edit_client(129, client_groups_id="1")
    sandbox.console().edit_client(130, delete="1")
    monkeypatch.setattr("groups.features.snapshots.services.READ_AT_ONCE", 2)
    by_one = look(owner, snapshot)
    monkeypatch.setattr("groups.features.snapshots.services.READ_AT_ONCE", 500)
    by_all = look(owner, snapshot)
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
        snapshots.plan_restore(credentials, found, operation=uuid.uuid4())
    job = started(owner, snapshot)
    for decide in (queue.pause, queue.resume, queue.cancel):
        with pytest.raises(PermissionDenied):
            decide(job, staff)
    assert not JobKind.of(job).may_be_controlled_by(staff)


def test_what_a_killed_run_left_unsent_is_sent_by_the_next(owner, sandbox, settings, monkeypatch):
    snapshot, were = removed(owner, sandbox)
    job = started(owner, snapshot)
    die_before_sending(monkeypatch, job, FEW + 1)
    assert Change.objects.open().filter(job=job, sent_at=None).exists()
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    assert run(job).state == Job.State.DONE
    assert own(people(sandbox, job.target_id)) == own(were)
    assert progress_of(job) == JobProgress(total=FEW, done=FEW)
