"""Test leases: one process works on a row, and another one takes it over when the time is up."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.notices.models import LEASE, Delivery
from groups.models.leases import Lease
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def message(staff):
    return Delivery.objects.create(user=staff)


def take(message, **options):
    return Delivery.objects.due().take(message.pk, LEASE, **options)


def test_of_many_processes_one_takes_the_row(message):
    taken = at_once(*[lambda: take(message)] * 6)
    assert len([lease for lease in taken if isinstance(lease, Lease)]) == 1
    assert taken.count(None) == 5


def test_a_row_is_free_again_once_it_is_released_with_what_was_done(message):
    lease = take(message, tries=1)
    assert Delivery.objects.get().tries == 1
    assert lease.release(failure="mail")
    stored = Delivery.objects.get()
    assert (stored.holder, stored.held_until, stored.failure) == (None, None, "mail")
    assert take(message) is not None


def test_a_process_that_was_too_slow_stores_nothing(message):
    slow = take(message)
    Delivery.objects.update(held_until=timezone.now() - MINUTE)
    assert slow.is_held(within=MINUTE)  # nobody has taken it over yet
    other = take(message)
    assert not slow.is_held(within=MINUTE)
    assert not slow.release(state=Delivery.State.GIVEN_UP)
    assert not slow.row.exists()
    assert Delivery.objects.get().state == Delivery.State.WAITING
    assert other.is_held(within=MINUTE)


def test_a_lease_is_held_within_a_time_after_it_was_taken_or_renewed(message):
    lease = take(message)
    assert not lease.is_held(within=timedelta())
    until = timezone.now() + LEASE
    lease.row.update(**lease.renewal(until))
    assert Delivery.objects.get().held_until == until
    assert lease.is_held(within=MINUTE)
