"""Test that the queue of jobs in the database is pruned."""

import shlex
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.tasks import TaskResultStatus
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from groups.models import Change, Job
from tests.environment import ROOT
from tests.groups.services.jobs.doing import run, start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]


def nightly_commands():
    """Return the commands of the nightly unit, as arguments of `manage.py`."""
    unit = (ROOT / "deploy" / "poster-admin-nightly.service").read_text(encoding="utf-8")
    lines = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    return [shlex.split(line)[2:] for line in lines]


def test_each_night_finished_rows_go_and_jobs_and_their_changes_stay(staff, sandbox):
    job = run(start(staff, group_id=4, target_id=1))
    assert job.state == Job.State.DONE
    row = DBTaskResult.objects.get(pk=job.task_id)
    month_ago = timezone.now() - timedelta(days=30)
    DBTaskResult.objects.update(status=TaskResultStatus.SUCCESSFUL, finished_at=month_ago)
    waiting = start(staff, group_id=5, target_id=1)
    waiting.refresh_from_db()
    changes = Change.objects.count()
    for command in nightly_commands():
        call_command(*command)
    assert not DBTaskResult.objects.filter(pk=row.pk).exists()
    assert DBTaskResult.objects.filter(pk=waiting.task_id).exists()
    assert Job.objects.count() == 2
    assert Change.objects.count() == changes > 0
