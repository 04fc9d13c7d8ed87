"""Test the preview of a restore: what it counts, what it says is lost, and the hash of all that it says."""

import uuid
from decimal import Decimal

import pytest

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import (
    RestorePreview,
    plan_restore,
    present_ids,
    preview_restore,
)
from groups.models import Change
from groups.poster import Group
from groups.services.writes.commands.create_client import target_of
from groups.services.writes.submissions import NotNow
from tests.support.changes import write_down
from tests.support.jobs import leave_few
from tests.support.snapshots import snapshot_of

State = Change.State
FIRST = 129
"""The id of the first client of group 4."""
GROUP = Group(
    id=4, name="Студенти", loyalty_type=1, percent=Decimal(10), birthday_bonus=Decimal(0), clients=0
)


def preview(*, target=GROUP, **values):
    return RestorePreview(Snapshot(group_id=GROUP.id, group=GROUP.to_json()), target, **values)


def look(user, snapshot):
    return preview_restore(user.credentials, snapshot)


def test_whatever_the_page_says_of_a_restore_is_in_its_hash():
    other = GROUP.replace(id=7)
    previews = [
        preview(),
        preview(target=None),
        preview(target=other),
        preview(target=other, gone=1),
        preview(origins=[(1, "Гості", 2)]),
        preview(origins=[(1, "Гості", 3)]),
        preview(origins=[(2, "Гості", 2)]),
        preview(in_place=1),
        preview(undecided=1),
        preview(bonus=Decimal(1)),
    ]
    assert len({each.mark for each in previews}) == len(previews)


def test_a_client_who_is_gone_is_created_again_with_the_group_and_not_left_out():
    found = preview(target=None, gone=1)
    assert (found.created, found.total) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_group_of_an_undocumented_type_takes_its_clients_back_and_is_not_created(owner, sandbox):
    leave_few(sandbox).console().edit(4, loyalty_type="3")
    snapshot = snapshot_of(owner, 4)
    sandbox.console().edit_client(FIRST, client_groups_id="1")
    found = look(owner, snapshot)
    assert (found.can_be_created, found.has_work) == (True, True)
    sandbox.console().remove(4)
    found = look(owner, snapshot)
    assert (found.can_be_created, found.has_work) == (False, False)
    with pytest.raises(NotNow):
        plan_restore(owner.credentials, found, operation=uuid.uuid4())


@pytest.mark.django_db(transaction=True)
def test_what_clients_who_are_created_again_would_lose_is_counted(owner, sandbox):
    console = sandbox.console()
    console.edit(4, count_groups_clients="6")
    plain = {"lastname": "Коваль", "firstname": "Олена", "patronymic": "", "birthday": "1990-05-24"}
    for number, own in enumerate(
        (
            {"patronymic": "Львівна", "ewallet": "1500"},
            {"lastname": ""},
            {"firstname": "", "birthday": "0000-00-00"},
            {"birthday": "0000-05-24", "bonus": "-700"},
            {"birthday": ""},
            {"birthday": None, "bonus": "0"},
        )
    ):
        money = {"bonus": "10000", "total_payed_sum": "20000", "ewallet": "0"}
        console.edit_client(FIRST + number, **plain | money | own)
    snapshot = snapshot_of(owner, 4)
    assert (look(owner, snapshot).bonus, look(owner, snapshot).losses["names"]) == (0, 0)
    console.remove(4)
    found = look(owner, snapshot)
    assert (found.bonus, found.paid) == (100 * 4, 200 * 6)
    losses = found.losses
    assert (losses["names"], losses["birthdays"], losses["ewallets"], losses["overdrawn"]) == (3, 1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_client_who_was_created_again_and_again_is_found_under_the_last_id(owner, sandbox):
    for old, state, new in (
        (1, State.APPLIED, 11),
        (11, State.DIFFERS, 21),
        (2, State.FAILED, None),
        (3, State.REFUSED, None),
        (4, State.UNKNOWN, None),
        (5, State.APPLIED, 15),
        (15, State.REVIEW, None),
        (6, State.APPLIED, None),
        (8, State.REVIEW, 18),
        (9, State.FAILED, 19),
    ):
        write_down(action=Change.Action.CREATE_CLIENT, target=target_of(old), state=state, client_id=new)
    now, undecided = present_ids("demo", range(1, 10))
    assert now == {each: each for each in range(1, 10)} | {1: 21, 5: 15}
    assert undecided == {4, 5, 6, 8}
    assert present_ids("kavarnia", [1]) == ({1: 1}, set())
