"""Test how a form that was sent before is told from another one."""

import uuid
from dataclasses import replace
from decimal import Decimal

import pytest

from groups.models import Change
from groups.services.jobs import queue
from groups.services.writes.execute import execute
from groups.services.writes.not_sent import OperationReused
from groups.services.writes.submissions import find_by_operation, find_known
from tests.support.commands import edit_of
from tests.support.transfers import plan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("operation", ["", "x", "0" * 31, uuid.uuid4()])
def test_what_was_never_sent_has_become_nothing(operation, db):
    assert find_by_operation(operation) is None


def test_a_command_and_its_change_are_one_submission(staff, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    assert find_known(command.submission, Change) is None
    change = execute(command)
    assert find_known(command.submission, Change) == change


def test_other_values_or_another_user_are_another_form(staff, owner, sandbox):
    command = edit_of(staff, percent=Decimal(15))
    execute(command)
    others = (
        replace(command, intended=command.intended.replace(percent=Decimal(16))),
        replace(command, group_id=4),
        replace(command, user=owner, credentials=owner.credentials),
    )
    for other in others:
        with pytest.raises(OperationReused):
            find_known(other.submission, Change)


def test_the_operation_of_a_job_makes_no_change(staff, sandbox, transfers):
    job = queue.start(plan(staff))
    command = replace(edit_of(staff, percent=Decimal(15)), operation=job.pk)
    with pytest.raises(OperationReused):
        execute(command)
    assert not sandbox.posts()
