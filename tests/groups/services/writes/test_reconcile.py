"""Test the states of a change, and how open changes are settled."""

import functools
import itertools
import uuid
from datetime import timedelta

import pytest
from django.core import checks
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.models import Change, Lock, PosterAccount, PosterCredentials
from groups.poster import GroupValues, InvalidResponse
from groups.services.clients import pages_of
from groups.services.credentials import connect, credentials_of
from groups.services.writes import reconcile as reconciler
from groups.services.writes.commands import Command, CreateClient, UpdateGroup, create_client
from groups.services.writes.execute import execute
from groups.services.writes.outcome import Outcome, RemoteState
from groups.services.writes.reconcile import follow_up, read_outcome, reconcile_due, schedule_recheck, settle
from tests.support.changes import BEFORE, let_be_due, unknown, write_down
from tests.support.commands import command_of
from tests.support.people import make_user
from tests.support.threads import at_once

State, Action = Change.State, Change.Action
SETTLED = (State.APPLIED, State.DIFFERS, State.REFUSED, State.FAILED)
pytestmark = pytest.mark.django_db


def look_twice(*changes):
    """Check the changes twice, and return those that the second check has settled."""
    assert reconcile_due() == []
    for change in changes:
        change.refresh_from_db()
        let_be_due(change)
    return reconcile_due()


# --- The state machine -------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", State)
@pytest.mark.parametrize("start", [State.PENDING, State.UNKNOWN, State.REVIEW])
def test_what_is_not_settled_can_go_anywhere(start, to):
    change = write_down(state=start)
    assert Change.objects.settle(change, state=to, reason="why")
    assert (change.state, change.reason) == (to, "why")
    assert Change.objects.get(pk=change.pk).state == to


@pytest.mark.parametrize("to", State)
@pytest.mark.parametrize("start", SETTLED)
def test_what_is_settled_stays(start, to):
    change = write_down(state=start)
    with pytest.raises(ValueError, match="is settled"):
        Change.objects.settle(change, state=to)
    assert Change.objects.get(pk=change.pk).state == start


def test_a_state_that_is_none_is_refused_by_the_database():
    with pytest.raises(IntegrityError), transaction.atomic():
        write_down(state="maybe")


@pytest.mark.parametrize(
    "moved_on", [{"state": State.APPLIED}, {"checks": 1}, {"sent_at": None}], ids=lambda m: next(iter(m))
)
def test_the_first_one_wins_and_the_second_one_learns_of_it(moved_on):
    mine = write_down()
    theirs = Change.objects.get(pk=mine.pk)
    assert Change.objects.settle(theirs, **moved_on)
    assert not Change.objects.settle(mine, state=State.FAILED, reason="not_applied")
    assert mine.state == theirs.state != State.FAILED
    assert mine.reason == ""


@pytest.mark.parametrize("state", [State.PENDING, State.APPLIED])
def test_no_code_changes_or_deletes_a_row(state, django_user_model):
    change = write_down(state=state, user=django_user_model.objects.create_user("somebody"))
    change.reason = "rewritten"
    rows = Change.objects.filter(pk=change.pk)
    for attempt in (
        change.save,
        lambda: change.save(update_fields=["reason"]),
        change.delete,
        lambda: rows.update(reason="rewritten"),
        rows.delete,
        lambda: Change.objects.bulk_update([change], ["reason"]),
        lambda: change.account.changes.update(reason="rewritten"),
        change.account.changes.all().delete,
    ):
        with pytest.raises(TypeError, match="append-only"), transaction.atomic():
            attempt()
    assert rows.get().reason == ""


def test_a_copy_of_a_row_does_not_replace_it():
    change = write_down(state=State.APPLIED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Change(id=change.pk, account=change.account, action=Action.UPDATE, target="x").save()
    assert Change.objects.get(pk=change.pk).group_name == BEFORE.name


def test_a_row_outlives_its_user(staff):
    change = write_down(staff, state=State.APPLIED)
    staff.delete()
    change = Change.objects.get(pk=change.pk)
    assert (change.user, change.user_name) == (None, "staff")


def test_one_open_change_a_target():
    first = write_down(target="group:1")
    with pytest.raises(IntegrityError), transaction.atomic():
        unknown(target="group:1")
    Change.objects.settle(first, state=State.FAILED)
    unknown(target="group:1")


def test_a_verdict_on_a_bonus_off_by_100_blocks_the_account():
    change = unknown()
    assert settle(change, Outcome(State.DIFFERS, "units", {"birthday_bonus": "5000"}, 1))
    account = PosterAccount.objects.get(name="demo")
    assert (account.bonus_block, account.writes) == (change, 1)
    assert (change.next_check_at, change.after) == (None, {"birthday_bonus": "5000"})
    assert change.settled_at is not None


def test_the_journal_must_outlive_the_request(settings, monkeypatch):
    def found():
        return [error.id for error in checks.run_checks() if error.id == "groups.E001"]

    assert found() == []
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", True)
    assert found() == ["groups.E001"]


# --- When a change is checked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "fields", "is_due"),
    [
        (44, {}, False),
        (46, {}, True),
        (46, {"sent_at": None}, True),
        (600, {"next_check_at": 5}, False),
        (600, {"next_check_at": -1}, True),
        (0, {"state": State.UNKNOWN, "next_check_at": 1}, False),
        (0, {"state": State.UNKNOWN, "next_check_at": 0}, True),
        (600, {"state": State.REVIEW, "next_check_at": -1}, False),
        (600, {"state": State.APPLIED, "next_check_at": -1}, False),
    ],
)
def test_which_changes_are_due(settings, age, fields, is_due):
    settings.POSTER_WRITE_DEADLINE, settings.POSTER_GRACE_SECONDS = 30, 15
    now = timezone.now()
    if "next_check_at" in fields:
        fields = fields | {"next_check_at": now + timedelta(seconds=fields["next_check_at"])}
    change = write_down(created_at=now - timedelta(seconds=age), **fields)
    assert Change.objects.filter(reconciler.due(now), pk=change.pk).exists() is is_due


def test_the_pauses_between_the_reads(owner, sandbox, monkeypatch):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    change = write_down(owner, sent_at=now)
    schedule_recheck(change)
    pauses = []
    for _ in range(11):
        pauses.append((change.next_check_at - now).total_seconds())
        let_be_due(change)
        assert not follow_up(change)
    assert pauses == [2, 10, 30, 90, 180, 360, 720, 1440, 1800, 1800, 1800]


def test_what_was_never_sent_is_closed_without_asking(owner, sandbox):
    change = write_down(owner, sent_at=None, before=None)
    assert reconcile_due() == [change]
    change.refresh_from_db()
    assert (change.state, change.reason) == (State.FAILED, "never_sent")
    assert not sandbox.calls()


@pytest.mark.django_db(transaction=True)
def test_two_reconcilers_at_once_read_once(owner, sandbox):
    sandbox.console().edit(1, client_groups_discount="15")
    sandbox.latency = 0.2
    changes = [unknown(owner) for _ in range(3)]
    settled = itertools.chain(*at_once(*[reconcile_due] * 4))
    assert sorted(change.pk for change in settled) == sorted(change.pk for change in changes)
    assert len(sandbox.calls()) == 3
    assert set(Change.objects.values_list("state", "checks")) == {(State.APPLIED, 1)}


# --- Conclusions of a check --------------------------------------------------------------------------------


def test_a_lost_change_is_given_up_only_after_its_time(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 1800
    early = unknown(owner, sent_at=timezone.now() - timedelta(seconds=1795))
    late = unknown(owner, sent_at=timezone.now() - timedelta(seconds=1805))
    assert look_twice(early, late) == [late]
    early.refresh_from_db()
    late.refresh_from_db()
    assert (early.state, late.state, late.reason) == (State.UNKNOWN, State.FAILED, "not_applied")


def test_a_clock_that_was_set_back_concludes_nothing(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 1
    change = unknown(owner, sent_at=timezone.now() + timedelta(hours=1))
    assert not follow_up(change)
    assert change.state == State.UNKNOWN


def test_an_accepted_change_that_is_not_there_is_for_a_person_after_three_reads(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 1
    two_minutes_ago = timezone.now() - timedelta(seconds=120)
    change = unknown(owner, accepted=True, sent_at=two_minutes_ago)
    for state in (State.UNKNOWN, State.UNKNOWN, State.REVIEW):
        let_be_due(change)
        follow_up(change)
        assert change.state == state
    assert change.reason == "accepted_but_absent"
    soon = unknown(owner, accepted=True, checks=5, sent_at=timezone.now() - timedelta(seconds=110))
    assert not follow_up(soon)


@pytest.mark.parametrize("fault", ["fin_before_headers", "status_500", "top_null", "error_object"])
def test_only_a_read_that_succeeded_concludes_anything(owner, sandbox, settings, fault):
    settings.POSTER_SETTLE_SECONDS = 1
    sandbox.script("*", fault, times=None)
    change = unknown(owner)
    assert not follow_up(change)
    assert change.state == State.UNKNOWN


def test_a_failed_read_leaves_the_others_their_turn(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 1
    sandbox.script("clients.getGroup", "top_null")
    changes = [unknown(owner) for _ in range(2)]
    assert look_twice(changes[1]) == changes[1:]


@pytest.mark.parametrize(
    "edit", [{"client_groups_discount": "77"}, {"birthday_bonus": "500000"}], ids=["differs", "units"]
)
def test_what_nobody_asked_for_is_believed_when_it_is_seen_twice(owner, sandbox, settings, edit):
    settings.POSTER_CONFIRM_SECONDS = 60
    sandbox.console().edit(1, **edit)
    change = unknown(owner, accepted=True, intended=BEFORE.to_json() | {"birthday_bonus": "50"})
    for _ in range(2):
        let_be_due(change)
        assert not follow_up(change)
    since = change.found_since - timedelta(seconds=61)
    Change.objects.settle(change, found_since=since, next_check_at=timezone.now())
    assert follow_up(change)
    assert change.state == State.DIFFERS


def test_a_read_that_shows_something_else_begins_anew(owner, sandbox, settings):
    settings.POSTER_CONFIRM_SECONDS = 60
    change = unknown(owner, accepted=True)
    for percent in ("77", "78"):
        sandbox.console().edit(1, client_groups_discount=percent)
        Change.objects.settle(change, next_check_at=timezone.now())
        assert not follow_up(change)
        began = timezone.now() - timedelta(seconds=61)
        Change.objects.settle(change, found_since=began)
    Change.objects.settle(change, next_check_at=timezone.now())
    assert follow_up(change)
    assert change.after["percent"] == "78"


def test_one_untrue_false_does_not_make_a_lost_removal_applied(owner, sandbox):
    sandbox.script("clients.getGroup", "response_false", times=None)
    change = unknown(owner, action=Action.REMOVE, intended=None)
    for _ in range(3):
        let_be_due(change)
        assert not follow_up(change)
    assert change.state == State.UNKNOWN
    assert len(sandbox.calls("clients.getGroups")) == 3


def test_a_list_that_is_not_there_does_not_make_a_lost_removal_applied(owner, sandbox):
    sandbox.script("clients.getGroup", "response_false", times=None)
    sandbox.script("clients.getGroups", "error_object", code=404, times=None)
    change = unknown(owner, action=Action.REMOVE, intended=None)
    for _ in range(3):
        let_be_due(change)
        assert not follow_up(change)
    assert (change.state, change.found) == (State.UNKNOWN, "")


def test_a_list_of_clients_that_is_not_there_does_not_end_a_lost_creation(owner, sandbox, settings):
    settings.POSTER_SETTLE_SECONDS = 1
    sandbox.script("clients.getClients", "error_object", code=404, times=None)
    change = unknown(
        owner,
        action=Action.CREATE_CLIENT,
        group_id=None,
        before={"field_hmacs": {"name": "of somebody"}},
        intended={"group_id": 4, "snapshot": str(uuid.uuid4()), "client": 7001},
    )
    for _ in range(3):
        let_be_due(change)
        assert not follow_up(change)
    assert (change.state, change.found) == (State.UNKNOWN, "")


@pytest.fixture
def settled_meanwhile(monkeypatch):
    """Settle a change elsewhere while it is being checked."""
    observe = UpdateGroup.observe

    def look(command, change, credentials, **options):
        remote = observe(command, change, credentials, **options)
        if change.sent_at is not None:
            Change.objects.settle(Change.objects.get(pk=change.pk), state=State.FAILED, reason="superseded")
        return remote

    monkeypatch.setattr(UpdateGroup, "observe", look)


def test_a_follower_lets_go_of_what_somebody_else_has_settled_meanwhile(owner, sandbox, settled_meanwhile):
    change = unknown(owner, sent_at=timezone.now() - timedelta(minutes=31))
    assert not follow_up(change)
    assert (change.state, change.reason) == (State.FAILED, "superseded")


@pytest.mark.parametrize("fault", ["lost_before", "error_number_field"])
def test_a_slow_sender_lets_go_of_what_somebody_else_has_settled(owner, sandbox, settled_meanwhile, fault):
    sandbox.script("clients.updateGroup", fault, when="before")
    seed = sandbox.accounts["demo"].groups[1]
    changed = GroupValues.from_json(BEFORE.to_json() | {"percent": "15"})
    command = command_of(owner, Action.UPDATE, group_id=1, loaded=BEFORE, intended=changed)
    change = execute(command)
    assert (change.state, change.reason) == (State.FAILED, "superseded")
    assert sandbox.accounts["demo"].groups[1] == seed


# --- Lost creations of clients who are alike ---------------------------------------------------------------


def twin_creations(owner, person):
    """Return two lost creations of clients who are alike; Poster has made one, which is `person`."""
    changes = []
    for old_id in (7001, 7002):
        operation = uuid.uuid4()
        command = CreateClient(
            operation=operation, snapshot_id=uuid.uuid4(), client=person, old_id=old_id, group_id=4
        )
        before = command.before(RemoteState())
        fields = {"action": command.action, "target": command.target, "group_id": None, "before": before}
        changes.append(unknown(owner, id=operation, **fields, **command.columns))
    return changes


def first_client(credentials):
    return next(pages_of(credentials, 4)).clients[0]


@pytest.mark.django_db(transaction=True)
def test_one_new_client_is_not_the_outcome_of_two_creations(owner, sandbox):
    credentials = credentials_of(owner)
    person = first_client(credentials)
    changes = twin_creations(owner, person)
    shown = [read_outcome(Command.from_change(change), change, credentials).outcome for change in changes]
    assert [outcome.client_id for outcome in shown] == [person.id, person.id]
    works = [functools.partial(settle, *each) for each in zip(changes, shown, strict=True)]
    assert sorted(at_once(*works)) == [False, True]
    made, lost = sorted(changes, key=lambda change: change.state)
    assert (made.state, made.client_id) == (State.APPLIED, person.id)
    assert (lost.state, lost.client_id) == (State.UNKNOWN, None)
    assert set(Lock.objects.values_list("key", flat=True)) == {lost.target}
    assert read_outcome(Command.from_change(lost), lost, credentials).shown is None


def test_a_creation_that_was_sent_during_the_read_may_have_made_the_client(owner, sandbox, monkeypatch):
    credentials = credentials_of(owner)
    change, other = twin_creations(owner, first_client(credentials))

    def pages_and_a_creation(*args, **options):
        yield from pages_of(*args, **options)
        Change.objects.settle(other, state=State.PENDING)

    monkeypatch.setattr(create_client, "pages_of", pages_and_a_creation)
    with pytest.raises(InvalidResponse, match="others are on their way"):
        read_outcome(Command.from_change(change), change, credentials)


def test_a_creation_that_was_not_sent_yet_has_not_made_the_client(owner, sandbox):
    credentials = credentials_of(owner)
    person = first_client(credentials)
    change, other = twin_creations(owner, person)
    Change.objects.settle(other, state=State.PENDING, sent_at=None)
    assert read_outcome(Command.from_change(change), change, credentials).outcome.client_id == person.id


# --- Credentials of a check --------------------------------------------------------------------------------


@pytest.fixture
def asked_with(monkeypatch):
    """Record the credentials of each check."""
    used = []

    def observe(command, change, credentials, **options):
        used.append(credentials.user.get_username())
        return RemoteState(group=None)

    monkeypatch.setattr(UpdateGroup, "observe", observe)
    return used


def test_a_refused_token_is_never_used(owner, staff, asked_with):
    PosterCredentials.objects.filter(user=staff).update(refused_at=timezone.now())
    follow_up(unknown(staff))
    assert asked_with == ["owner"]
    PosterCredentials.objects.update(refused_at=timezone.now())
    change = unknown(staff)
    assert not follow_up(change)
    assert change.state == State.UNKNOWN
    assert asked_with == ["owner"]


def test_another_token_of_the_account_reads_where_the_own_one_may_not_and_each_once(
    owner, staff, manager, sandbox
):
    own = {"fingerprint": "of a token that may not look"}
    PosterCredentials.objects.filter(user__in=(staff, manager)).update(**own)
    sandbox.console().edit(1, client_groups_discount="15")
    sandbox.script("clients.getGroup", "error_object", code=20)
    change = unknown(staff)
    assert follow_up(change)
    assert change.state == State.APPLIED
    assert len(sandbox.calls()) == 2


def test_the_token_of_a_blocked_user_is_used_last_and_for_the_own_change_alone(
    owner, staff, django_user_model, asked_with
):
    django_user_model.objects.filter(pk=staff.pk).update(is_active=False)
    change = unknown(staff)
    follow_up(change)
    assert asked_with == ["owner"]
    PosterCredentials.objects.filter(user=owner).delete()
    let_be_due(change)
    assert follow_up(change)
    assert not follow_up(unknown(owner))
    assert asked_with == ["owner", "staff"]


def test_another_token_reads_when_the_user_is_gone_but_only_of_the_same_account(sandbox, asked_with):
    change = unknown()
    make_user("outsider", role="Owners", account="kavarnia", sandbox=sandbox)
    assert not follow_up(change)
    assert asked_with == []
    make_user("colleague", role="Managers", account="demo", sandbox=sandbox)
    for is_settled in (False, True):
        let_be_due(change)
        assert follow_up(change) is is_settled
    assert asked_with == ["colleague", "colleague"]


def test_a_token_that_is_saved_lets_the_open_changes_of_its_account_be_checked_soon(staff, sandbox):
    later = timezone.now() + timedelta(minutes=25)
    change = unknown(staff, next_check_at=later)
    kavarnia = PosterAccount.objects.create(name="kavarnia")
    other = unknown(account=kavarnia, next_check_at=later)
    connect(user=staff, account="demo", token=sandbox.accounts["demo"].token)
    change.refresh_from_db()
    other.refresh_from_db()
    assert later - timedelta(minutes=25) < change.next_check_at < timezone.now() + timedelta(minutes=1)
    assert other.next_check_at == later


# --- The command -------------------------------------------------------------------------------------------


def test_the_command_shows_what_it_settled(owner, sandbox, capsys):
    never = write_down(owner, sent_at=None, target="group:1")
    unknown(owner)
    call_command("reconcile")
    assert capsys.readouterr().out.splitlines() == [
        f"{never.pk} update group:1 failed never_sent",
        "1 still open",
    ]
    call_command("reconcile")
    assert capsys.readouterr().out == "1 still open\n"
