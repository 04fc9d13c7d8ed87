"""Test the runner of what is due: one lease, one `max_wait`, and the end of what nobody may do any more."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.utils import timezone

from groups.features.criteria.models import Criteria
from groups.features.elsewhere.models import Watch
from groups.models.leases import AGAIN, PAUSES
from groups.poster import NotAllowed, TokenRejected, Unreachable
from groups.services.due import DueRowRefused, Hold, Later, LeaseLost, run_due
from groups.services.writes.submissions import NotSent

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def row(owner):
    """Return a row of the account `demo` that is due."""
    account = owner.credentials.account
    values = {"table": {}, "nightly": True, "user": owner, "user_name": "owner"}
    return Criteria.objects.create(account=account, next_at=NOW, night_at=NOW, **values)


def do(row, work, now=NOW):
    """Let a worker do what is due, and return the row as it is then; an error is raised as the work."""

    def raising(_turn):
        raise work

    run_due(type(row).objects.all(), raising if isinstance(work, Exception) else work, now)
    row.refresh_from_db()
    return row


def test_what_was_done_is_stored_and_done_once(row):
    turns, later = [], NOW + timedelta(hours=1)

    def work(turn):
        turns.append(turn.row)
        assert run_due(Criteria.objects.all(), work, NOW) == []  # another worker
        return {"next_at": later, "left_out_at": NOW}

    Criteria.objects.update(tries=3, refused_at=NOW)
    do(row, work)
    assert (row.next_at, row.left_out_at, row.tries, row.refused_at) == (later, NOW, 0, None)
    assert (row.holder, row.held_until) == (None, None)
    do(row, work)
    assert len(turns) == 1


def test_pauses_grow_while_poster_is_away_and_the_columns_of_the_try_are_stored(row):
    for tries, pause in enumerate((*PAUSES, PAUSES[-1])):
        Criteria.objects.update(next_at=NOW)
        do(row, Later(fingerprint=f"{tries}") if tries % 2 else Unreachable("", method="clients.getGroups"))
        assert (row.next_at - NOW, row.tries, row.holder) == (pause, tries + 1, None)
    assert row.fingerprint == "5"


def test_pauses_are_no_longer_than_those_between_two_nights(row, settings):
    settings.CRITERIA_SECONDS = 2
    assert do(row, Unreachable("", method="clients.getGroups")).next_at == NOW + timedelta(seconds=2)


def test_what_waits_for_something_of_ours_is_tried_again_soon(row):
    Criteria.objects.update(tries=5)
    assert (do(row, NotSent()).next_at, row.tries) == (NOW + PAUSES[0], 5)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TokenRejected(10, ""), "token"),
        (NotAllowed(54, ""), "token"),
        (DueRowRefused("no_sales"), "no_sales"),
    ],
)
def test_a_refusal_holds_what_was_refused_for_half_an_hour(row, error, reason):
    for minutes in (0, 29):
        do(row, error, NOW + timedelta(minutes=minutes))
        assert (row.held, row.refused_at) == ("", NOW)
    assert (do(row, error, NOW + AGAIN).held, row.next_at, row.holder) == (reason, None, None)


@pytest.mark.parametrize(
    ("error", "reason"), [(Hold("group_gone"), "group_gone"), (PermissionDenied(), "no_right")]
)
def test_what_nobody_can_do_is_held_at_once(row, error, reason):
    assert (do(row, error).held, row.held_at, row.next_at) == (reason, NOW, None)


def no_user(owner):
    owner.is_active = False
    owner.save()


@pytest.mark.parametrize(
    ("lose", "reason"),
    [
        (no_user, "no_user"),
        (lambda owner: owner.credentials.delete(), "token"),
        (lambda owner: owner.groups.clear(), "no_right"),
    ],
)
def test_without_its_user_their_token_or_their_right_a_row_is_held(row, owner, lose, reason):
    lose(owner)
    assert do(row, lambda turn: {"fingerprint": turn.credentials.fingerprint}).held == reason


def test_a_watch_is_tried_again_half_an_hour_after_the_first_refusal(owner):
    credentials = owner.credentials
    watch = Watch.objects.create(account=credentials.account, credentials=credentials, next_at=NOW)
    assert do(watch, TokenRejected(10, "")).next_at == NOW + AGAIN


def test_long_work_renews_its_lease_and_stores_nothing_once_that_is_lost(row):
    def overtaken(turn):
        turn.renew(fingerprint="in time")
        assert Criteria.objects.get().held_until > timezone.now() + Criteria.lease_time() / 2
        Criteria.objects.update(holder=None, held_until=None)
        with pytest.raises(LeaseLost):
            turn.renew(fingerprint="too late")
        return {"next_at": None}

    assert (do(row, overtaken).fingerprint, row.next_at) == ("in time", NOW)
    assert (do(row, LeaseLost()).holder, row.next_at) == (None, NOW)


def test_an_error_of_ours_leaves_the_row_until_its_lease_is_over(row):
    assert do(row, RuntimeError()).held_until == NOW + Criteria.lease_time()
    assert run_due(Criteria.objects.all(), lambda _turn: {}, NOW) == []
    assert run_due(Criteria.objects.all(), lambda _turn: {}, NOW + Criteria.lease_time()) == [row]


def test_an_outage_of_the_database_is_raised(row):
    with pytest.raises(OperationalError):
        do(row, OperationalError("the database is away"))
