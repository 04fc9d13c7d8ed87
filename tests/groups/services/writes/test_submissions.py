"""Test how a form that was sent before is told from another one."""

import uuid
from dataclasses import replace
from decimal import Decimal

import pytest

from groups.models import Change, Job
from groups.services.jobs import queue
from groups.services.writes.execute import execute
from groups.services.writes.submissions import OperationReused, find_by_operation, find_known
from tests.support.commands import edit_of
from tests.support.transfers import plan, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("operation", ["", "x", "0" * 31, uuid.uuid4()])
def test_what_was_never_sent_has_become_nothing(operation, db):
    assert find_by_operation(operation) is None


def test_the_operation_of_a_job_makes_no_change(staff, sandbox, transfers):
    job = queue.start(plan(staff))
    command = replace(edit_of(staff, percent=Decimal(15)), operation=job.pk)
    with pytest.raises(OperationReused):
        execute(command)
    assert not sandbox.posts()


def try_of(job, user):
    """Return a command as the job makes it: the id of its operation follows from that of the job."""
    return replace(edit_of(user, percent=Decimal(15)), operation=uuid.uuid5(job.pk, "3 0"), job=job)


def test_the_same_try_of_a_job_is_one_change_and_another_one_is_refused(staff, sandbox, transfers):
    command = try_of(start(staff), staff)
    change = execute(command)
    assert execute(command) == change
    assert len(sandbox.posts()) == 1
    with pytest.raises(OperationReused):
        execute(replace(command, intended=command.intended.replace(percent=Decimal(16))))


def test_a_form_that_took_the_operation_of_a_try_keeps_the_job_from_nothing(staff, owner, sandbox, transfers):
    command = try_of(start(staff), staff)
    forged = plan(owner, group_id=5, target_id=3)
    forged.pk = command.operation
    queue.start(forged)
    assert execute(command).state == Change.State.APPLIED
    with pytest.raises(OperationReused):
        find_known(forged.submission, Job)
