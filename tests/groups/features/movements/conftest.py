"""Fixtures of the tests of movements: an account of few clients, and a worker that looks at them."""

import pytest
from django.conf import settings
from django.utils import timezone

from groups.features.elsewhere.services import switch_on
from groups.features.movements import services as looking
from groups.features.movements.models import Movement, Roll
from tests.support.movements import GOLD, GUESTS, put_groups


@pytest.fixture
def sandbox(sandbox, settings):
    """Return a Poster with two groups of known clients, which answers without a lag."""
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 0, 0
    return put_groups(sandbox)


@pytest.fixture
def people(sandbox):
    """Return ids of clients: three in the group of guests, two in gold."""
    console = sandbox.console()
    return [console.put_client(group_id, lastname="Видима") for group_id in (GUESTS,) * 3 + (GOLD,) * 2]


@pytest.fixture
def poll(owner, people):
    """Take the first roll; return a function that lets a worker look again, and says what that has found."""
    switch_on(owner.credentials)

    def poll(times=1):
        known = set(Movement.objects.values_list("pk", flat=True))
        for _ in range(times):
            Roll.objects.update(next_at=timezone.now())
            for account in Roll.objects.accounts_due(settings.MOVEMENT_SECONDS):
                looking.look_at(account)
        return [
            (each.client_id, each.from_id, each.to_id, each.reason)
            for each in Movement.objects.exclude(pk__in=known).order_by("pk")
        ]

    assert poll() == []
    return poll
