"""Test `manage.py prune`: old rows go by their setting, and nothing else does."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from groups.features.snapshots.models import Snapshot
from poster_admin.users.models import EventKind, SecurityEvent, UserSession
from poster_admin.users.security_log import record
from tests.support.transfers import start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transfers")]


def prune():
    """Run the command and return the number of each kind of row that it names."""
    said = io.StringIO()
    call_command("prune", stdout=said)
    pairs = [line.split(" ", 1) for line in said.getvalue().splitlines()]
    return {name: int(number) for number, name in pairs}


def days(number):
    return timezone.now() - timedelta(days=number)


def aged(row, **values):
    """Make a row older, also one whose own queries refuse it."""
    models.QuerySet(type(row)).filter(pk=row.pk).update(**values)
    return row


def test_old_lines_of_the_security_log_go_and_young_ones_stay(staff, settings):
    settings.SECURITY_LOG_DAYS = 30
    record(EventKind.SIGNED_IN, user=staff)
    young = SecurityEvent.objects.first()
    record(EventKind.SIGNED_OUT, user=staff)
    aged(SecurityEvent.objects.first(), at=days(31))
    before = SecurityEvent.objects.count()
    assert prune()["lines of the security log"] == 1
    assert SecurityEvent.objects.count() == before - 1
    assert SecurityEvent.objects.filter(pk=young.pk).exists()


def test_sessions_that_expired_or_were_idle_go_and_others_stay(staff, owner, manager, browse):
    kept = browse(staff).session.session_key
    idle, expired, long = (browse(user).session.session_key for user in (owner, manager, staff))
    now = timezone.now()
    UserSession.objects.filter(pk=idle).update(seen_at=now - timedelta(hours=4))
    UserSession.objects.filter(pk=expired).update(expire_date=now - timedelta(seconds=1))
    UserSession.objects.filter(pk=long).update(started_at=now - timedelta(hours=13))
    assert prune()["sessions that are over"] == 3
    assert [row.pk for row in UserSession.objects.all()] == [kept]


def test_old_snapshots_go(staff, sandbox, settings):
    job = start(staff, group_id=4, target_id=1)
    for age in (1, settings.SNAPSHOT_DAYS + 1):
        Snapshot.objects.create(
            account=job.account, job=job, group_id=4, group={}, complete=True, taken_at=days(age)
        )
    assert prune()["snapshots"] == 1
    assert Snapshot.objects.get().taken_at > days(2)
