"""Test steps that came due while planned changes were switched off: none of them is made late."""

import pytest
from django.utils import timezone

from groups.features.schedules.models import Schedule
from groups.features.schedules.services.steps import run_due
from groups.models import Lock
from groups.services.events import events_since
from groups.services.installation import maintenance
from tests.support.pages import text_of
from tests.support.schedules import GROUP, HOUR, at, percent_of, planned

pytestmark = pytest.mark.django_db
State, Reason = Schedule.State, Schedule.Reason


def beat(settings, *features_off):
    """Let a worker have run a moment ago without these features."""
    settings.FEATURES_OFF = list(features_off)
    maintenance.look_after("a worker")
    settings.FEATURES_OFF = []


def put_back(schedule, hours):
    """Let the schedule have been planned, and have come, so many hours earlier."""
    for name in ("created_at", "starts_at", "ends_at", "began_at"):
        if moment := getattr(schedule, name):
            setattr(schedule, name, moment - hours * HOUR)
    schedule.save()


def came_to(schedule):
    schedule.refresh_from_db()
    return schedule.state, schedule.reason


@pytest.fixture
def due(staff, sandbox):
    """Return a schedule whose start came due half an hour ago."""
    schedule = planned(staff)
    put_back(schedule, 1.5)
    return schedule


@pytest.fixture
def in_force(staff, sandbox):
    """Return a schedule in force whose return came due half an hour ago."""
    schedule = planned(staff)
    run_due(at(1.5))
    schedule.refresh_from_db()
    put_back(schedule, 3.5)
    assert (came_to(schedule), percent_of(sandbox)) == ((State.ACTIVE, ""), 20)
    return schedule


def test_a_start_that_came_due_meanwhile_is_missed(settings, sandbox, due):
    beat(settings, "schedules")
    run_due()
    assert came_to(due) == (State.MISSED, Reason.SWITCHED_OFF)
    assert not sandbox.posts()
    assert not Lock.objects.exists()


@pytest.mark.parametrize("off", [(), ("notices",)])
def test_a_start_is_late_if_only_no_worker_ran(settings, sandbox, due, off):
    beat(settings, *off)
    run_due()
    assert came_to(due) == (State.ACTIVE, "")
    assert due.began_late
    assert percent_of(sandbox) == 20


def test_a_start_that_comes_after_the_feature_is_on_again_is_made(settings, staff, sandbox):
    beat(settings, "schedules")
    schedule = planned(staff, starts=-HOUR)
    run_due()
    assert came_to(schedule) == (State.ACTIVE, "")


def test_one_whose_whole_time_passed_meanwhile_says_that_it_was_switched_off(settings, sandbox, due):
    put_back(due, 3)
    beat(settings, "schedules")
    run_due()
    assert came_to(due) == (State.MISSED, Reason.SWITCHED_OFF)


def test_a_start_that_was_sent_before_goes_on(settings, staff, sandbox):
    schedule = planned(staff)
    run_due(at(1.5))
    Schedule.objects.update(state=State.PLANNED, began_at=None)  # a worker was killed after it had sent it
    schedule.refresh_from_db()
    put_back(schedule, 1.5)
    beat(settings, "schedules")
    run_due()
    assert came_to(schedule) == (State.ACTIVE, "")
    assert len(sandbox.posts()) == 1


def test_a_return_that_came_due_meanwhile_is_held_for_a_person(settings, staff, browse, sandbox, in_force):
    sent = len(sandbox.posts())
    beat(settings, "schedules")
    run_due()
    assert came_to(in_force) == (State.HELD, Reason.SWITCHED_OFF)
    assert (len(sandbox.posts()), percent_of(sandbox)) == (sent, 20)
    text = text_of(browse(staff).get(f"/groups/{GROUP}/"))
    assert "Planned changes were switched off on this server when it was due." in text
    assert "The old values did not return automatically: a person has to decide." in text
    (event,) = [
        event for kind, event in events_since(in_force.account, timezone.now() - HOUR) if kind == "schedule"
    ]
    assert "is held: a person has to decide. Planned changes were switched off" in event.text()


def test_a_return_is_late_if_only_no_worker_ran(settings, sandbox, in_force):
    beat(settings)
    run_due()
    assert came_to(in_force) == (State.DONE, "")
    assert in_force.ended_late
    assert percent_of(sandbox) == 10


def test_a_person_brings_the_old_values_back_after_all(settings, owner, browse, sandbox, in_force):
    beat(settings, "schedules")
    run_due()
    client = browse(owner)
    assert "Return to the old values now" in text_of(client.get("/schedules/"))
    client.post(f"/schedules/{in_force.pk}/cancel/")
    assert came_to(in_force) == (State.CANCELLED, "")
    assert percent_of(sandbox) == 10
    assert not Lock.objects.exists()
