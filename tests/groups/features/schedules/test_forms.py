"""Test the fields of a planned change: the percent, and two times on the clock of the site."""

import uuid
from datetime import UTC, datetime, time, timedelta

import pytest

from groups.features.schedules.views import ScheduleForm, proposed_times
from tests.support.commands import group
from tests.support.schedules import next_day_of


def form_of(**values):
    times = {"starts_at": "2098-12-04T18:00", "ends_at": "2098-12-06T23:59"}
    data = {"percent": "20", "operation": str(uuid.uuid4()), **times, **values}
    return ScheduleForm(data, group=group())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("percent", ""),
        ("percent", "101"),
        ("percent", "much"),
        ("percent", "10"),  # the group has that already
        ("starts_at", ""),
        ("starts_at", "tomorrow"),
        ("starts_at", "2026-02-30T10:00"),
        ("starts_at", "0001-01-01T00:00"),
        ("starts_at", "9999-12-31T23:59\0"),
        ("ends_at", "2020-01-01T10:00"),
        ("ends_at", "2098-12-04T18:00"),
        ("operation", ""),
        ("operation", "1"),
    ],
)
def test_a_wrong_field_is_an_error(name, value):
    assert list(form_of(**{name: value}).errors) == [name]


def test_neither_an_end_nor_a_beginning_in_the_future_is_needed():
    form = form_of(starts_at="2020-01-01T10:00", ends_at="")
    assert form.is_valid()
    assert form.cleaned_data["ends_at"] is None


def test_a_bonus_that_is_left_empty_stays_and_another_one_is_planned():
    form, other = form_of(birthday_bonus=""), form_of(percent="10", birthday_bonus="75")
    assert form.is_valid()
    assert form.planned == group().values.replace(percent=20)
    assert other.is_valid()
    assert other.planned == group().values.replace(birthday_bonus=75)


@pytest.mark.parametrize("name", ["starts_at", "ends_at"])
def test_a_time_that_the_clock_leaves_out_is_an_error(name):
    spring = next_day_of(hours=23)
    form = form_of(**{"starts_at": "2020-01-01T10:00", name: f"{spring}T03:30"})
    assert "There is no such time" in form.errors[name][0]


def test_of_a_time_that_comes_twice_the_first_is_meant():
    autumn = next_day_of(hours=25)
    form = form_of(starts_at=f"{autumn}T03:30", ends_at=f"{autumn}T04:30")
    assert form.is_valid()
    starts_at, ends_at = form.cleaned_data["starts_at"], form.cleaned_data["ends_at"]
    assert starts_at == datetime.combine(autumn, time(0, 30), UTC)
    assert ends_at - starts_at == timedelta(hours=2)


@pytest.mark.parametrize("hours", [23, 25, 24])
def test_a_planned_day_is_as_long_as_the_clock_says(hours):
    day = next_day_of(hours)
    form = form_of(starts_at=f"{day}T00:00", ends_at=f"{day + timedelta(1)}T00:00")
    assert form.is_valid()
    assert form.cleaned_data["ends_at"] - form.cleaned_data["starts_at"] == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("now", "begins", "ends"),
    [
        ("2026-12-02T08:15", "2026-12-05T10:00", "2026-12-06T22:00"),  # a Wednesday
        ("2026-12-05T13:30", "2026-12-05T13:30", "2026-12-06T22:00"),
        ("2026-12-06T21:59", "2026-12-06T21:59", "2026-12-06T22:00"),
        ("2026-12-06T22:00", "2026-12-12T10:00", "2026-12-13T22:00"),
    ],
)
def test_the_weekend_that_is_proposed_is_never_past(now, begins, ends):
    at_once, weekend, until = proposed_times(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (at_once[1:], weekend[1:], until[1:]) == ((now, ""), (begins, ends), ("", ends))
