"""What a failure teaches: the breaker that spares the workers, and the token that was refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.models import Connection
from groups.poster import TokenRejected, Unreachable
from groups.services import accounts, upstream
from tests.pages import group_form, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead_poster(sandbox, monkeypatch):
    """Let every call fail, as if each had held its worker for a while."""
    monkeypatch.setattr(upstream, "SLOW", 0.0)
    sandbox.script("*", "fin_before_headers", times=None)
    return sandbox


def ask(user):
    return upstream.ask(accounts.connection_of(user), lambda poster: poster.get_groups())


def fail(user, times):
    for _ in range(times):
        with pytest.raises(Unreachable):
            ask(user)


def test_after_five_slow_failures_poster_is_left_alone_for_a_while(staff, dead_poster):
    fail(staff, 5)
    calls = len(dead_poster.calls())
    with pytest.raises(Unreachable) as resting:
        ask(staff)
    assert resting.value.reason == "resting"
    assert resting.value.sent is False
    assert len(dead_poster.calls()) == calls


def test_then_one_call_looks_how_it_is_and_the_others_wait_for_it(staff, dead_poster):
    fail(staff, 5)
    Connection.objects.update(closed_until=timezone.now() - timedelta(seconds=1))
    dead_poster.clear_faults()
    waiting = accounts.connection_of(staff)
    assert ask(staff).groups
    link = Connection.objects.get()
    assert (link.failures, link.closed_until, link.failing_since) == (0, None, None)
    with pytest.raises(Unreachable):  # it had read the row before the other one took the look
        upstream.ask(waiting, lambda poster: poster.get_groups())
    assert ask(staff).groups


def test_failures_far_apart_do_not_count_together(staff, dead_poster):
    fail(staff, 4)
    Connection.objects.update(failing_since=timezone.now() - timedelta(minutes=1))
    fail(staff, 4)
    assert Connection.objects.get().closed_until is None


def test_quick_failures_hold_nobody_and_do_not_count(staff, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    fail(staff, 8)
    assert Connection.objects.get().closed_until is None


def test_while_it_rests_pages_answer_at_once_from_the_copy_and_nothing_is_written(staff, browse, dead_poster):
    client = browse(staff)
    dead_poster.clear_faults()
    client.get("/groups/")
    form = group_form(client, "/groups/1/edit/", name="Гості", percent="11")
    dead_poster.script("*", "fin_before_headers", times=None)
    fail(staff, 5)
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
    assert Connection.objects.get().refused_at is not None
    ask(staff)
    assert Connection.objects.get().refused_at is None


def test_a_token_replaced_meanwhile_is_not_blamed_for_the_old_one(staff, sandbox):
    old = accounts.connection_of(staff)
    new = accounts.connection_of(staff)
    new.set_token(sandbox.accounts["kavarnia"].token)
    new.save()
    sandbox.script("*", "error_object", code=12)
    with pytest.raises(TokenRejected):
        upstream.ask(old, lambda poster: poster.get_groups())
    assert Connection.objects.get().refused_at is None
