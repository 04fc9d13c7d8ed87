"""Test executing writes against the sandbox: the requests, the outcome, and the journal."""

import uuid
from dataclasses import replace
from decimal import Decimal
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from groups.models import Change, PosterAccount
from groups.services import credentials as credentials_service
from groups.services.groups import read_group
from groups.services.writes import execute as write_path
from groups.services.writes import gates
from groups.services.writes.commands import CreateClient, CreateGroup
from groups.services.writes.execute import execute
from groups.services.writes.reconcile import reconcile_due
from groups.services.writes.submissions import BonusBlocked, Locked, OperationReused
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support.commands import (
    BARISTA,
    a_client,
    before_the_read,
    command_of,
    edit_of,
    removal_of,
)
from tests.support.pages import group_form, text_of
from tests.support.threads import at_once, in_another_thread

State = Change.State
pytestmark = pytest.mark.django_db


def test_an_update_is_sent_once_read_back_and_recorded(staff, sandbox):
    change = execute(edit_of(staff, percent=Decimal("12.5")))
    assert (change.state, change.reason) == (State.APPLIED, "")
    (sent,) = sandbox.posts()
    assert sent.form == {
        "client_groups_id": "1",
        "client_groups_name": "Постоянный посетитель",
        "loyalty_type": "1",
        "client_groups_discount": "12.5",
        "birthday_bonus": "50.00",
    }
    assert change.before["percent"] == "10"
    assert change.intended["percent"] == change.after["percent"] == "12.5"
    assert (change.user_name, change.group_name) == ("staff", "Постоянный посетитель")
    assert change.sent_at is not None
    assert change.settled_at is not None
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "12.5"


def test_a_creation_takes_the_id_that_poster_answers(staff, sandbox):
    change = execute(command_of(staff, Change.Action.CREATE, intended=BARISTA))
    assert (change.state, change.group_id) == (State.APPLIED, 6)
    assert not sandbox.calls("clients.getGroup")  # the list has shown it
    assert change.before == {"ids": [1, 4, 5]}
    assert sandbox.accounts["demo"].groups[6]["birthday_bonus"] == "9999999"


def test_a_removal_takes_the_group_and_leaves_its_last_values(owner, sandbox):
    change = execute(removal_of(owner, 4))
    assert change.state == State.APPLIED
    assert change.clients_before == 43
    assert 4 not in sandbox.accounts["demo"].groups
    assert [call.form for call in sandbox.posts()] == [{"group_id": "4"}]


def test_staff_may_remove_only_an_empty_group(staff, sandbox):
    change = execute(removal_of(staff, 4))
    assert (change.state, change.reason) == (State.FAILED, "no_right")
    assert not sandbox.posts()
    assert 4 in sandbox.accounts["demo"].groups


def test_rights_are_checked_here_too(manager, sandbox):
    with pytest.raises(PermissionDenied):
        execute(edit_of(manager, percent=Decimal(11)))
    assert not Change.objects.exists()
    assert not sandbox.posts()


def test_a_group_that_changed_meanwhile_is_not_overwritten(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    sandbox.console("demo").edit(1, client_groups_discount="11")
    change = execute(command)
    assert (change.state, change.reason) == (State.FAILED, "conflict")
    assert change.loaded["percent"] == "10"
    assert change.before["percent"] == "11"
    assert not sandbox.posts()


def test_a_client_who_has_left_is_no_conflict_for_an_edit_but_one_for_a_removal(owner, sandbox, monkeypatch):
    edit, removal = edit_of(owner, percent=Decimal(11)), removal_of(owner, 4)
    console = sandbox.console("demo")
    before_the_read(
        monkeypatch, lambda command, _change: console.edit(command.group_id, count_groups_clients="20")
    )
    assert execute(edit).state == State.APPLIED
    change = execute(removal)
    assert (change.state, change.reason) == (State.FAILED, "conflict")
    assert 4 in sandbox.accounts["demo"].groups


def test_a_refusal_of_posters_is_believed_after_a_read(staff, sandbox):
    sandbox.unique_names = True
    change = execute(edit_of(staff, name="Скидочная система 10%"))
    assert (change.state, change.code, change.failure) == (State.REFUSED, 38, "rejected")
    assert sandbox.log[-1].method == "clients.getGroup"


def test_a_refusal_that_changed_something_all_the_same_is_not_believed(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    sandbox.script("clients.updateGroup", "error_object", code=42, when="after")
    change = execute(command)
    assert (change.state, change.reason, change.code) == (State.APPLIED, "refused_but_changed", 42)


@pytest.mark.parametrize(
    ("code", "end"),
    [(42, (State.UNKNOWN, "refusal_not_verified", 42)), (38, (State.REFUSED, "refused", 38))],
    ids=["a wrong value", "a taken name"],
)
def test_beside_a_change_made_elsewhere_only_a_taken_name_is_believed_at_once(staff, sandbox, code, end):
    command = edit_of(staff, percent=Decimal(15))
    sandbox.script("clients.updateGroup", "error_object", code=code, when="before")
    sandbox.script(
        "clients.getGroup", "busy_console", call=2, group=1, fields={"client_groups_discount": "77"}
    )
    change = execute(command)
    assert (change.state, change.reason, change.code) == end
    assert change.is_open == (change.next_check_at is not None)


@pytest.mark.parametrize("percent", ["12.5", "3"], ids=["the very same", "another"])
def test_a_name_that_was_taken_in_between(staff, sandbox, percent):
    sandbox.unique_names = True
    values = BARISTA.to_wire() | {"client_groups_discount": percent, "birthday_bonus": "9999999"}
    command = command_of(staff, Change.Action.CREATE, intended=BARISTA)
    real = sandbox.accounts["demo"].create

    def meanwhile(form, *, apply):
        sandbox.console("demo").put(values | {"count_groups_clients": "0"})
        return real(form, apply=apply)

    with mock.patch.object(sandbox.accounts["demo"], "create", meanwhile):
        change = execute(command)
    assert (change.state, change.code, change.group_id) == (State.REFUSED, 38, None)


@pytest.mark.parametrize("is_read_after", [True, False])
def test_a_name_that_exists_and_that_a_late_list_hid_is_not_taken_for_ours(staff, sandbox, is_read_after):
    sandbox.unique_names = True
    command = command_of(staff, Change.Action.CREATE, intended=BARISTA)
    older = BARISTA.to_wire() | {"birthday_bonus": "9999999", "count_groups_clients": "0"}
    sandbox.console().put(older)
    sandbox.script("clients.getGroups", "newest_unseen")
    if not is_read_after:
        sandbox.script("clients.getGroups", "fin_before_headers", times=2)
    change = execute(command)
    if not is_read_after:
        assert (change.state, change.reason) == (State.UNKNOWN, "refusal_not_verified")
        Change.objects.settle(change, next_check_at=timezone.now())
        reconcile_due()
        change.refresh_from_db()
    assert (change.state, change.code, change.group_id) == (State.REFUSED, 38, None)


def test_a_group_that_went_before_the_removal_is_removed(owner, sandbox):
    command = removal_of(owner, 4)
    sandbox.script("clients.removeGroup", "busy_console", remove=True)
    change = execute(command)
    assert (change.state, change.reason, change.code) == (State.APPLIED, "refused_but_changed", 32)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("kind", [CreateGroup, CreateClient])
def test_the_id_of_a_new_record_is_in_the_journal_before_the_first_read(owner, sandbox, monkeypatch, kind):
    """A process that dies as it looks leaves it to another one: nobody else knows the id."""
    credentials = credentials_service.credentials_of(owner)
    command = command_of(owner, Change.Action.CREATE, intended=BARISTA)
    if kind is CreateClient:
        told = {"snapshot_id": uuid.uuid4(), "client": a_client(), "old_id": 7001, "group_id": 4}
        command = CreateClient(credentials=credentials, operation=uuid.uuid4(), **told)

    def die(*_args, **_options):
        raise Killed

    monkeypatch.setattr(write_path, "read_outcome", die)
    with pytest.raises(Killed):
        execute(command)
    change = Change.objects.get()
    answered_id = change.client_id if kind is CreateClient else change.group_id
    assert (change.state, change.accepted, bool(answered_id)) == (State.PENDING, True, True)


# --- The birthday bonus in the wrong unit ------------------------------------------------------------------


@pytest.fixture
def kopecks_owner(owner, sandbox):
    credentials = owner.credentials
    credentials.account, _ = PosterAccount.objects.get_or_create(name="kopecks")
    credentials.set_token(sandbox.accounts["kopecks"].token)
    credentials.save()
    return owner


def test_a_bonus_off_by_100_is_named_and_blocks_further_ones(kopecks_owner, sandbox):
    group_id = next(iter(sandbox.accounts["kopecks"].groups))
    change = execute(edit_of(kopecks_owner, group_id, birthday_bonus=Decimal(70)))
    assert (change.state, change.reason) == (State.DIFFERS, "units")
    with pytest.raises(BonusBlocked):
        execute(edit_of(kopecks_owner, group_id, birthday_bonus=Decimal(80)))
    with pytest.raises(BonusBlocked):
        execute(command_of(kopecks_owner, Change.Action.CREATE, intended=BARISTA))
    free = BARISTA.replace(birthday_bonus=Decimal(0))
    assert execute(command_of(kopecks_owner, Change.Action.CREATE, intended=free)).state == State.APPLIED
    assert len(sandbox.posts()) == 2


def test_an_owner_sets_the_unit_and_bonuses_are_right_again(kopecks_owner, sandbox):
    group_id = next(iter(sandbox.accounts["kopecks"].groups))
    execute(edit_of(kopecks_owner, group_id, birthday_bonus=Decimal(70)))
    credentials = credentials_service.credentials_of(kopecks_owner)
    credentials_service.set_bonus_unit(credentials, "kopecks")
    assert execute(edit_of(kopecks_owner, group_id, birthday_bonus=Decimal("80.5"))).state == State.APPLIED
    assert sandbox.posts()[-1].form["birthday_bonus"] == "8050.00"
    assert sandbox.accounts["kopecks"].groups[group_id]["birthday_bonus"] == "8050"
    event = SecurityEvent.objects.get(kind=EventKind.BONUS_UNIT_SET)
    assert (event.user_name, event.detail) == (kopecks_owner.username, "kopecks, hryvnia → kopecks")


def test_only_an_owner_sets_the_unit(staff, sandbox):
    with pytest.raises(PermissionDenied):
        credentials_service.set_bonus_unit(staff.credentials, "kopecks")


# --- Exactly once ------------------------------------------------------------------------------------------


def test_the_same_operation_again_is_the_same_outcome(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    assert execute(command).pk == execute(command).pk
    assert len(sandbox.posts()) == 1


def test_the_same_operation_of_a_process_that_died_is_not_sent_by_another_one(staff, sandbox, settings):
    command = edit_of(staff, percent=Decimal(15))
    died = write_path._record(command, {})  # and then it may have been sent
    settings.POSTER_WRITE_DEADLINE = 0.2
    with pytest.raises(Locked) as busy:
        execute(command)
    assert busy.value.holder == died
    assert Change.objects.get().state == State.PENDING
    assert not sandbox.posts()


def test_the_same_operation_with_other_values_is_refused(staff, owner, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    execute(command)
    other = replace(command, intended=command.values.replace(percent=Decimal(16)))
    for reused in (other, replace(command, credentials=owner.credentials), replace(command, group_id=4)):
        with pytest.raises(OperationReused):
            execute(reused)
    assert len(sandbox.posts()) == 1


def test_a_group_with_an_open_change_is_locked_for_everybody(staff, owner, sandbox):
    sandbox.script("clients.updateGroup", "lost_before", seconds=0.1)
    change = execute(edit_of(staff, percent=Decimal(15)))
    assert change.state == State.UNKNOWN
    with pytest.raises(Locked) as busy:
        execute(edit_of(owner, percent=Decimal(16)))
    assert busy.value.holder == change
    assert execute(edit_of(owner, 4, percent=Decimal(16))).state == State.APPLIED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("one_operation", [True, False])
def test_eight_submits_at_once_are_one_post(staff, sandbox, one_operation):
    template = edit_of(staff, percent=Decimal(15))
    sandbox.latency = 0.1
    results = at_once(
        *[lambda: execute(template if one_operation else replace(template, operation=uuid.uuid4()))] * 8
    )
    assert len(sandbox.posts()) == 1
    states = [result.state if isinstance(result, Change) else type(result) for result in results]
    if one_operation:
        assert states == [State.APPLIED] * 8
    else:
        assert states.count(State.APPLIED) == 1
        assert set(states) <= {State.APPLIED, State.FAILED, Locked}
    assert Change.objects.filter(state=State.APPLIED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_not_take_for_another_reason_is_not_sent(staff, browse, sandbox, monkeypatch):
    """For example, a change of a user who was deleted a moment ago."""
    ask = gates.before

    def and_somebody_deletes_the_user(command):
        columns = ask(command)
        in_another_thread(User.objects.filter(pk=staff.pk).delete)
        return columns

    monkeypatch.setattr(gates, "before", and_somebody_deletes_the_user)
    client = browse(staff)
    answer = client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", percent="15"))
    assert answer.status_code == 503
    assert "It could not be written into the history" in text_of(answer)
    assert not sandbox.posts()
    assert not Change.objects.exists()


def test_a_write_within_a_transaction_that_may_still_fail_is_not_sent(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        execute(command)
    assert not sandbox.posts()


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_free_again_is_taken(staff, sandbox, monkeypatch):
    other = Change(account_id="demo", action=Change.Action.UPDATE, group_id=1, target="group:1")
    other.save()
    raise_if_locked = write_path.raise_if_locked

    def and_it_is_settled(*args, **options):
        Change.objects.settle(other, state=State.FAILED, reason="never_sent")
        raise_if_locked(*args, **options)

    monkeypatch.setattr(write_path, "raise_if_locked", and_it_is_settled)
    assert execute(edit_of(staff, percent=Decimal(15))).state == State.APPLIED


def test_a_refusal_that_could_not_be_checked_is_believed_at_the_first_read_that_shows_nothing(staff, sandbox):
    """It does not wait the half hour that a lost answer needs."""
    command = edit_of(staff, percent=Decimal(11))
    sandbox.script("clients.updateGroup", "error_number_field", when="before")
    sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)
    change = execute(command)
    assert (change.state, change.reason, change.code) == (State.UNKNOWN, "refusal_not_verified", 42)
    sandbox.clear_faults()
    Change.objects.settle(change, next_check_at=timezone.now())
    assert reconcile_due() == [change]
    change.refresh_from_db()
    assert (change.state, change.reason, change.code) == (State.REFUSED, "refused", 42)


def test_a_list_that_is_not_there_says_nothing_before_a_creation(staff, sandbox):
    values = read_group(credentials_service.credentials_of(staff), 1, fresh=True).group.values
    sandbox.script("clients.getGroups", "error_object", code=404, times=1)
    change = execute(command_of(staff, Change.Action.CREATE, intended=values))
    assert (change.state, change.reason, change.failure) == (State.FAILED, "not_read", "unclear")
    assert not sandbox.posts()


# --- Refused creations -------------------------------------------------------------------------------------


def test_a_list_that_is_not_there_does_not_mean_that_the_group_of_an_edit_is_gone(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    sandbox.script("clients.getGroup", "response_false")
    sandbox.script("clients.getGroups", "error_object", code=404)
    change = execute(command)
    assert (change.state, change.reason, change.failure) == (State.FAILED, "not_read", "unclear")
    assert not sandbox.posts()
