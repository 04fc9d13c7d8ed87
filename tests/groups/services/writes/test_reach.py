"""Test the reach of a write: the values that it raises, and the count of the clients that it concerns."""

from decimal import Decimal

import pytest

from groups.models import Change
from groups.poster import ErrorReason, GroupValues, InvalidResponse, LoyaltyType
from groups.services.jobs import queue
from groups.services.writes.reach import (
    Reach,
    changes_terms,
    count_each_reached,
    count_reached,
    reach_of_values,
    reached_by,
)
from tests.support.changes import write_down
from tests.support.transfers import plan

State, Reason = Change.State, Change.Reason
OLD = GroupValues(
    name="Студенти", loyalty_type=LoyaltyType.BONUS, percent=Decimal(10), birthday_bonus=Decimal(50)
)
ZERO = Decimal(0)


def test_new_values_reach_as_far_as_they_rise():
    new = OLD.replace(percent=Decimal("12.5"), birthday_bonus=Decimal(60))
    assert reach_of_values(OLD, new, 7) == Reach(Decimal("12.5"), Decimal("2.5"), Decimal(60), 7)


def test_values_that_are_lowered_or_left_reach_nothing_but_their_clients():
    lower = OLD.replace(percent=Decimal(5), birthday_bonus=Decimal(40))
    assert reach_of_values(OLD, lower, 7) == Reach(ZERO, ZERO, ZERO, 7)
    assert reach_of_values(OLD, OLD, 7) == Reach(ZERO, ZERO, ZERO, 0)


def test_a_new_group_rises_from_nothing():
    small = OLD.replace(percent=Decimal("0.5"), birthday_bonus=Decimal("0.5"))
    half = Decimal("0.5")
    assert reach_of_values(None, small) == Reach(half, half, half, 0)
    nothing = OLD.replace(percent=ZERO, birthday_bonus=ZERO)
    assert reach_of_values(None, nothing, 7) == Reach(ZERO, ZERO, ZERO, 7)


@pytest.mark.parametrize(
    ("changed", "is_felt"),
    [
        ({"percent": Decimal(9)}, True),
        ({"birthday_bonus": Decimal(49)}, True),
        ({"loyalty_type": LoyaltyType.DISCOUNT}, True),
        ({"name": "Гості"}, False),
    ],
)
def test_clients_feel_any_change_but_that_of_the_name(changed, is_felt):
    assert changes_terms(OLD, OLD.replace(**changed)) is is_felt


def test_writes_together_reach_as_far_as_the_furthest_and_all_of_their_clients():
    one = Reach(Decimal(3), Decimal(1), Decimal(60), 7)
    other = Reach(Decimal(2), Decimal(2), Decimal(50), 5)
    assert one + other == other + one == Reach(Decimal(3), Decimal(2), Decimal(60), 12)
    assert Reach() + one == one


@pytest.mark.django_db(transaction=True)
def test_a_list_of_clients_that_is_not_there_is_an_answer_that_cannot_be_read(staff, sandbox):
    sandbox.script("clients.getClients", "error_object", code=404, times=None)
    with pytest.raises(InvalidResponse) as caught:
        count_reached(staff.credentials, 1)
    assert (caught.value.method, caught.value.reason) == ("clients.getClients", ErrorReason.SHAPE)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("late", ["counter", "list"])
def test_the_larger_of_counter_and_list_is_reached(staff, sandbox, late):
    if late == "counter":
        sandbox.lag("count_zero")
        sandbox.console().edit_client(1, client_groups_id="5")
        reached = 124
    else:
        clients = [int(row["client_id"]) for row in sandbox.accounts["demo"].clients.rows(1)]
        sandbox.script("clients.getClients", "row_absent", times=None, ids=clients)
        reached = 125
    assert count_reached(staff.credentials, 1) == reached
    assert count_each_reached(staff.credentials, {1, 4}) == {1: reached, 4: 43}


@pytest.mark.django_db(transaction=True)
def test_a_list_that_is_empty_once_proves_nothing(staff, sandbox):
    sandbox.lag("count_zero")
    sandbox.console().edit_client(1, client_groups_id="5")
    clients = [int(row["client_id"]) for row in sandbox.accounts["demo"].clients.rows(1)]
    sandbox.script("clients.getClients", "row_absent", ids=clients)
    assert count_reached(staff.credentials, 1) == 124


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("transfers")
def test_a_job_has_reached_the_clients_that_it_may_have_moved_and_nobody_else(staff, sandbox):
    job, other = queue.start(plan(staff)), queue.start(plan(staff, group_id=5, target_id=2))
    assert reached_by(job.pk) == 0
    for reached, fields in (
        (1, {"state": State.APPLIED}),
        (2, {"state": State.UNKNOWN}),
        (4, {"state": State.FAILED, "reason": Reason.ELSEWHERE}),
        (100, {"state": State.FAILED, "reason": Reason.ELSEWHERE, "sent_at": None}),
        (200, {"state": State.FAILED, "reason": Reason.CLIENT_GONE}),
        (400, {"state": State.REFUSED}),
    ):
        write_down(job=job, reached=reached, **fields)
    write_down(job=other, reached=800, state=State.APPLIED)
    assert reached_by(job.pk) == 1 + 2 + 4
