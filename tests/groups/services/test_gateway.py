"""Test the circuit breaker that protects the workers, and credentials that Poster refuses."""

import itertools
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from groups.features.insights.services.sales import Period, read_sales
from groups.models import PosterAccount, PosterCredentials
from groups.poster import NotFound, TokenRejected, Unreachable
from groups.services import credentials as credentials_service
from groups.services import gateway
from tests.support.pages import group_form, text_of

pytestmark = pytest.mark.django_db
DAY = Period(date(2026, 10, 1), date(2026, 10, 1))


@pytest.fixture
def dead_poster(sandbox, monkeypatch):
    """Let every call fail, as if each had taken two thirds of the time that opens the circuit."""
    ticks = itertools.count(step=gateway.SECONDS_TO_OPEN * 0.67)
    monkeypatch.setattr(gateway, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    # The limit of calls looks at the clock too.
    monkeypatch.setattr(gateway, "LimitedTransport", lambda transport, *_: transport)
    sandbox.script("*", "fin_before_headers", times=None)
    return sandbox


def ask(user):
    return gateway.call_poster(credentials_service.credentials_of(user), lambda poster: poster.get_groups())


def fail(user, times):
    for _ in range(times):
        with pytest.raises(Unreachable):
            ask(user)


def test_what_one_user_of_the_account_has_waited_for_spares_the_others(staff, owner, outsider, dead_poster):
    fail(staff, 1)
    fail(owner, 1)
    calls = len(dead_poster.calls())
    for user in (staff, owner):
        with pytest.raises(Unreachable, match="circuit_open"):
            ask(user)
    assert len(dead_poster.calls()) == calls
    fail(outsider, 1)
    assert len(dead_poster.calls()) > calls


def test_statistics_that_hang_leave_all_other_calls_as_they_are(owner, dead_poster):
    dead_poster.clear_faults()
    dead_poster.script("dash.getClientsSales", "fin_before_headers", times=None)
    for _ in range(3):
        with pytest.raises(Unreachable, match="connection_lost"):
            read_sales(credentials_service.credentials_of(owner), DAY, within=60)
    assert ask(owner).groups


def test_after_a_rest_one_call_probes_and_the_others_go_on_once_it_has(staff, dead_poster):
    fail(staff, 2)
    PosterAccount.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    dead_poster.clear_faults()
    waiting = credentials_service.credentials_of(staff)
    assert ask(staff).groups
    account = PosterAccount.objects.get()
    assert (account.failing_since, account.failing_seconds, account.open_until) == (None, 0, None)
    # It had read the row before the other call closed the circuit.
    assert gateway.call_poster(waiting, lambda poster: poster.get_groups()).groups


def test_a_refusal_is_an_answer_and_closes_the_circuit(staff, dead_poster):
    fail(staff, 2)
    PosterAccount.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    dead_poster.clear_faults()
    credentials = credentials_service.credentials_of(staff)
    with pytest.raises(NotFound):
        gateway.call_poster(credentials, lambda poster: poster.get_group(999))
    account = PosterAccount.objects.get()
    assert (account.failing_since, account.open_until) == (None, None)


def test_a_read_after_the_rest_that_fails_lets_it_rest_again(staff, dead_poster):
    fail(staff, 2)
    long_ago = timezone.now() - timedelta(minutes=5)
    PosterAccount.objects.update(open_until=long_ago, failing_since=long_ago)
    fail(staff, 1)
    assert PosterAccount.objects.get().open_until > timezone.now() + timedelta(seconds=14)


def test_quick_failures_hold_nobody_and_do_not_count(staff, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    fail(staff, 8)
    assert PosterAccount.objects.get().failing_since is None


def test_while_it_rests_pages_answer_at_once_from_the_copy_and_nothing_is_written(staff, browse, dead_poster):
    client = browse(staff)
    dead_poster.clear_faults()
    client.get("/groups/")
    form = group_form(client, "/groups/1/edit/", name="Гості", percent="11")
    dead_poster.script("*", "fin_before_headers", times=None)
    fail(staff, 2)
    calls = len(dead_poster.calls())
    page = client.get("/groups/?refresh=1")
    assert 'data-notice="stale"' in page.content.decode()
    assert client.post("/groups/1/edit/", form).status_code == 504
    assert "does not answer" in text_of(client.get("/groups/1/edit/"))
    assert len(dead_poster.calls()) == calls


def test_a_refused_token_is_marked_and_a_good_answer_clears_the_mark(staff, sandbox):
    sandbox.script("*", "error_object", code=12)
    with pytest.raises(TokenRejected):
        ask(staff)
    assert PosterCredentials.objects.get().refused_at is not None
    ask(staff)
    assert PosterCredentials.objects.get().refused_at is None


def test_a_token_replaced_meanwhile_is_not_blamed_for_the_old_one(staff, sandbox):
    old = credentials_service.credentials_of(staff)
    new = credentials_service.credentials_of(staff)
    new.set_token(sandbox.accounts["kavarnia"].token)
    new.save()
    sandbox.script("*", "error_object", code=12)
    with pytest.raises(TokenRejected):
        gateway.call_poster(old, lambda poster: poster.get_groups())
    assert PosterCredentials.objects.get().refused_at is None
