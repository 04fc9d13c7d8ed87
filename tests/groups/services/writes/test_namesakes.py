"""Test a creation whose answer was lost beside another group of the same name."""

import uuid
from decimal import Decimal
from unittest import mock

import msgspec
import pytest
from django.utils import timezone

from groups.models import Change
from groups.poster import GroupValues
from groups.services import credentials as credentials_service
from groups.services.groups import list_groups
from groups.services.writes.commands import CreateGroup
from groups.services.writes.execute import execute
from groups.services.writes.reconcile import reconcile_due
from tests.support.commands import edit_of, removal_of

State = Change.State
pytestmark = pytest.mark.django_db
TWIN = GroupValues(name="Бариста", loyalty_type=2, percent=Decimal(3), birthday_bonus=Decimal(0))
OURS = GroupValues(name="бариста ", loyalty_type=1, percent=Decimal("12.5"), birthday_bonus=Decimal(70))
UNDECIDED = {State.PENDING, State.UNKNOWN, State.REVIEW}


def put(sandbox, values):
    row = values.to_wire() | {"birthday_bonus": f"{values.birthday_bonus * 100:.0f}"}
    return sandbox.console().put(row | {"count_groups_clients": "0"})


def creation_of(user, *, confirmed=True):
    return CreateGroup(
        credentials=credentials_service.credentials_of(user),
        operation=uuid.uuid4(),
        intended=OURS,
        namesakes=None if confirmed else frozenset(),
    )


def meanwhile(sandbox, values):
    """Create another group right before the request is executed or lost."""
    account = sandbox.accounts["demo"]
    real, made = account.create, []

    def create(form, *, apply):
        if not made:
            made.append(put(sandbox, values))
        return real(form, apply=apply)

    return mock.patch.object(account, "create", create)


def follow(change, settings, *, seconds=0):
    """Recheck the change until it is settled, or until further reads cannot help."""
    settings.POSTER_SETTLE_SECONDS = seconds
    for _ in range(6):
        if not change.is_open:
            return
        Change.objects.settle(change, next_check_at=timezone.now())
        reconcile_due()
        change.refresh_from_db()


def lose(sandbox, when):
    sandbox.script("clients.createGroup", "fin_before_headers", when=when)


def test_a_confirmed_twin_is_no_consent_to_another(staff, sandbox):
    """The second one came between the page that asks and the write."""
    first, second = put(sandbox, TWIN), put(sandbox, TWIN)
    change = execute(creation_of(staff).confirmed(frozenset({first})))
    assert (change.state, change.reason) == (State.FAILED, "name_taken")
    assert not sandbox.posts()
    assert execute(creation_of(staff).confirmed(frozenset({first, second}))).state == State.APPLIED


@pytest.mark.parametrize("twin", [TWIN, OURS], ids=["another", "the very same"])
def test_a_creation_that_was_lost_is_not_taken_for_the_twin_of_before(staff, sandbox, settings, twin):
    put(sandbox, twin)
    lose(sandbox, "before")
    change = execute(creation_of(staff))
    follow(change, settings)
    assert (change.state, change.reason, change.group_id) == (State.FAILED, "not_applied", None)


def test_a_twin_that_somebody_makes_meanwhile_is_not_taken_for_ours(staff, sandbox, settings):
    """Its values differ: the own group may still appear, or was lost, and a user has to decide."""
    lose(sandbox, "before")
    with meanwhile(sandbox, TWIN):
        change = execute(creation_of(staff))
        follow(change, settings)
    assert change.state in {*UNDECIDED, State.FAILED}
    assert change.group_id is None


def test_a_new_group_that_the_list_does_not_show_yet_is_found_by_its_id(staff, sandbox):
    sandbox.lag("newest_unseen", "clients.getGroups")
    change = execute(creation_of(staff))
    assert (change.state, change.reason) == (State.APPLIED, "")
    assert [call.method for call in sandbox.calls()][-2:] == ["clients.getGroups", "clients.getGroup"]


def test_a_group_of_the_last_good_copy_is_not_new_though_the_read_before_omits_it(staff, sandbox, settings):
    twin = put(sandbox, OURS)
    list_groups(credentials_service.credentials_of(staff))
    sandbox.script("clients.getGroups", "row_absent", ids=[twin])
    lose(sandbox, "before")
    change = execute(creation_of(staff))
    follow(change, settings)
    assert (change.state, change.reason, change.group_id) == (State.FAILED, "not_applied", None)


def test_without_the_answered_id_the_only_new_group_as_asked_is_ours_after_the_last_read(
    staff, sandbox, settings
):
    sandbox.script("clients.createGroup", "answer_other_id", id=4711)
    change = execute(creation_of(staff))
    assert (change.state, change.accepted, change.group_id) == (State.UNKNOWN, True, 4711)
    follow(change, settings)
    assert change.is_open
    settings.POSTER_ABSENT_SECONDS = 0
    follow(change, settings)
    (made,) = (
        each
        for each, row in sandbox.accounts["demo"].groups.items()
        if "бариста" in row["client_groups_name"]
    )
    assert (change.state, change.reason, change.group_id) == (State.APPLIED, "", made)


def test_without_the_answered_id_a_twin_with_other_values_is_not_ours(staff, sandbox, settings):
    settings.POSTER_ABSENT_SECONDS = 0
    sandbox.script("clients.createGroup", "answer_other_id", id=4711, when="before")
    with meanwhile(sandbox, TWIN):
        change = execute(creation_of(staff))
        follow(change, settings)
    assert (change.state, change.reason) == (State.REVIEW, "answered_id_absent")


# --- Edited or removed here before its outcome is known -----------------------------------------------------


def renamed(user, group_id):
    return execute(edit_of(user, group_id, name="Інша"))


def cheaper(user, group_id):
    return execute(edit_of(user, group_id, percent=Decimal(3)))


def renamed_and_back(user, group_id):
    return [
        renamed(user, group_id),
        execute(edit_of(user, group_id, name=OURS.name)),
        cheaper(user, group_id),
    ]


def gone(user, group_id):
    return execute(removal_of(user, group_id))


@pytest.mark.parametrize("since", [renamed_and_back, gone])
def test_a_lost_creation_is_found_by_the_first_form_that_has_changed_the_group_since(
    staff, sandbox, settings, since
):
    settings.POSTER_LAG_SECONDS = 0
    change = lost_to_the_reads(staff, sandbox, "after")
    made = max(sandbox.accounts["demo"].groups)
    since(staff, made)
    follow(change, settings)
    assert (change.state, change.reason, change.group_id) == (State.APPLIED, "", made)
    assert GroupValues.from_json(change.after) == OURS


def test_a_lost_creation_is_not_found_by_a_form_that_has_found_other_values(staff, sandbox, settings):
    change = lost_to_the_reads(staff, sandbox, "before")
    other = put(sandbox, TWIN)
    execute(edit_of(staff, other, **msgspec.structs.asdict(OURS)))
    renamed(staff, other)
    follow(change, settings)
    assert change.state in {*UNDECIDED, State.FAILED}
    assert change.group_id is None


def lost_to_the_reads(user, sandbox, when):
    """Return a creation whose answer was lost, as were the reads after it."""
    lose(sandbox, when)
    sandbox.script("clients.getGroups", "fin_before_headers", call=2, times=None)
    change = execute(creation_of(user))
    assert change.state == State.UNKNOWN
    sandbox.clear_faults()
    return change
