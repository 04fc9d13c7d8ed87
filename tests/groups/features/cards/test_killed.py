"""Test that a run which is killed between any two of its steps goes on, and reports each card once."""

import pytest
from django.db import connection

from groups.features.cards.models import CardUse, Finding
from groups.features.figures.models import Figure, Tally
from groups.features.notices.models import Notice
from tests.support.cards import found, sell
from tests.support.figures import GUESTS, run_nightly
from tests.support.notices import mailed, wants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("settled_at_once", "small_account", "watch"),
]


class Killed(BaseException):
    """Ends a run as a kill does: nothing stores its failure, and its lease stays."""


def run_until(step):
    """Run, but die before the `step`th query; return False if it never is."""
    calls = 0

    def ask(execute, *query):
        nonlocal calls
        calls += 1
        if calls == step:
            raise Killed
        return execute(*query)

    with connection.execute_wrapper(ask):
        try:
            run_nightly()
        except Killed:
            return True
    return False


def test_a_killed_run_goes_on_and_a_finding_is_reported_once(console, card, owner, day, settings):
    settings.EMAIL_ENABLED = True
    owner.email = "owner@example.com"
    owner.save()
    wants(owner, "at_once", "cards")
    sell(console, card, day, 10, waiter=4)
    mailed()
    step = 1
    while run_until(step):
        mailed()
        Tally.objects.update(held_until=None)  # the time of its lease is over
        run_nightly()
        assert found() == [(card, "day", 4, day, 10), (card, "waiter", 4, day, 10)]
        assert CardUse.objects.get(client_id=card).receipts == 10
        assert Figure.objects.filter(group_id=GUESTS).count() == 1
        assert len(mailed(owner)) == 1
        for rows in (CardUse, Finding, Figure, Tally, Notice):
            rows.objects.all().delete()
        step += 1
    assert step > 20
