"""Test the questions to the journal."""

from decimal import Decimal

import pytest

from groups.services.credentials import credentials_of
from groups.services.history import change_before, resolve, undoable_ids
from groups.services.writes.execute import execute
from tests.support.changes import BEFORE, let_a_worker_check, write_down
from tests.support.commands import edit_of

pytestmark = pytest.mark.django_db


def test_the_change_that_an_edit_met_is_an_earlier_one_also_when_the_same_values_come_back(
    staff, owner, sandbox
):
    late = edit_of(staff, percent=Decimal(15))
    met = execute(edit_of(owner, percent=Decimal(11)))
    conflict = execute(late)
    assert conflict.reason == "conflict"
    for percent in (12, 11):
        execute(edit_of(staff, percent=Decimal(percent)))
    assert change_before(credentials_of(staff), conflict) == met


def test_values_of_somebody_else_are_not_those_of_a_lost_change_that_a_person_called_made(
    staff, owner, sandbox
):
    late = edit_of(owner, percent=Decimal(20))
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    lost = execute(edit_of(staff, percent=Decimal(15)))
    sandbox.console("demo").edit(1, client_groups_discount="12")
    for _ in range(2):
        let_a_worker_check(lost)
    lost.refresh_from_db()
    resolve(lost, "applied", staff)
    conflict = execute(late)
    assert conflict.reason == "conflict"
    assert change_before(credentials_of(owner), conflict) is None


def test_a_creation_whose_group_is_gone_is_not_undone(owner, sandbox):
    after = BEFORE.to_json() | {"clients": 0}
    here, gone = (
        write_down(owner, action="create", state="applied", group_id=pk, after=after) for pk in (7, 8)
    )
    write_down(owner, action="remove", state="elsewhere", group_id=8)
    write_down(owner, action="remove", state="failed", group_id=7)
    assert undoable_ids([here, gone], owner) == {here.pk}
