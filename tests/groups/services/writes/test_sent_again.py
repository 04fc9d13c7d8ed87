"""Test sending a lost change again: until both outcomes are known, one of the two holds the lock."""

import re
import threading
import time

import pytest
from django.db import DatabaseError
from django.utils import timezone

from groups.features.snapshots.models import Snapshot
from groups.models import Change, Lock, PosterAccount
from groups.services import credentials as credentials_service
from groups.services import history
from groups.services.writes import gates
from groups.services.writes.execute import execute
from groups.services.writes.reconcile import follow_up
from groups.services.writes.submissions import NotNow
from poster_admin.common.outages import Outage
from tests.support.commands import before_the_read
from tests.support.pages import group_form, hidden, open_form, text_of
from tests.support.threads import at_once

State = Change.State
pytestmark = pytest.mark.django_db
EDIT, DELETE, NAME = "/groups/1/edit/", "/groups/4/delete/", "Скидочная система 10%"
BOTH = {"group:4", "members:4", "schedule:4"}


@pytest.fixture
def lost(owner, browse, sandbox):
    """Return a removal of group 4 that was sent, and whose answer was lost."""
    client = browse(owner)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    assert client.post(DELETE, open_form(client, DELETE, confirm_name=NAME)).status_code == 504
    return Change.objects.get()


def again(client, change):
    return client.post(f"/history/{change.pk}/", {"decision": "again"})


def locks_of(change):
    return set(Lock.objects.filter(change=change).values_list("key", flat=True))


def second():
    return Change.objects.exclude(again_of=None).get()


def sent_from(client, page):
    """Send the form of a page again, as its button does."""
    html = page.content.decode()
    (url,) = set(re.findall(r'<form method="post"\s+action="(/(?:groups|history)/[^"]+)"', html))
    return client.post(url, hidden(page, "version", "operation", "decision", "confirm_name"))


def let_be_due(change):
    change.refresh_from_db()
    Change.objects.settle(change, next_check_at=timezone.now())


def assert_followed(change, state, sandbox):
    """Assert that rechecks settle a change with this outcome; an absence is believed after two reads."""
    posts = len(sandbox.posts())
    for _ in range(2):
        let_be_due(change)
        if follow_up(change):
            break
    assert change.state == state
    assert len(sandbox.posts()) == posts
    assert not Lock.objects.exists()


def assert_still_lost(change):
    change.refresh_from_db()
    assert change.state == State.UNKNOWN
    assert locks_of(change) == BOTH
    assert not Change.objects.exclude(pk=change.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_where_the_database_goes_away_before_the_second_is_sent_it_is_followed_for_the_first(
    lost, owner, browse, sandbox, monkeypatch
):
    def away(*_):
        raise Outage

    posts = len(sandbox.posts())
    with monkeypatch.context() as patch:
        before_the_read(patch, away)
        assert again(browse(owner), lost).status_code == 503
    assert len(sandbox.posts()) == posts
    change = second()
    assert (change.state, change.reason, locks_of(change)) == (State.UNKNOWN, "never_sent", BOTH)
    sandbox.console("demo").remove(4)
    assert_followed(change, State.APPLIED, sandbox)


def test_the_first_one_is_closed_and_its_locks_pass_on_as_the_second_is_written_down(
    lost, owner, browse, sandbox, monkeypatch
):
    seen = []

    def look(_command, change):
        seen.append((change.again_of.pk, locks_of(lost), locks_of(change)))

    before_the_read(monkeypatch, look)
    assert again(browse(owner), lost).status_code == 302
    assert seen == [(lost.pk, set(), BOTH)]
    lost.refresh_from_db()
    assert (lost.state, lost.reason) == (State.FAILED, "superseded")
    assert second().state == State.APPLIED
    assert not Lock.objects.exists()


# --- The second change cannot be recorded -------------------------------------------------------------------
def test_without_its_snapshot_the_first_one_stays_as_it_is_until_its_form_comes_again(
    lost, owner, browse, sandbox
):
    Snapshot.objects.all().delete()
    sandbox.script("clients.getClients", "status_500", times=None)
    client = browse(owner)
    page = again(client, lost)
    assert page.status_code == 502
    assert_still_lost(lost)
    sandbox.clear_faults()
    assert sent_from(client, page)["Location"] == "/groups/"
    assert second().state == State.APPLIED


def test_what_the_database_does_not_take_leaves_the_first_one_as_it_is(lost, owner, browse, monkeypatch):
    def refuse(*_args, **_options):
        raise DatabaseError("no place left")

    monkeypatch.setattr(Change, "save", refuse)
    assert again(browse(owner), lost).status_code == 503
    assert_still_lost(lost)


def test_where_another_has_the_locks_the_first_one_stays_as_it_is(lost, owner, browse, sandbox):
    Lock.objects.filter(key="members:4").delete()
    other = Change(account_id="demo", action=Change.Action.UPDATE, group_id=9, target="members:4")
    other.save()
    client = browse(owner)
    answer = again(client, lost)
    assert answer.status_code == 409
    assert f"/history/{other.pk}/" in answer.content.decode()
    lost.refresh_from_db()
    assert (lost.state, locks_of(lost)) == (State.UNKNOWN, {"group:4", "schedule:4"})
    Change.objects.settle(other, state=State.FAILED)
    assert sent_from(client, answer)["Location"] == "/groups/"
    assert second().state == State.APPLIED


def test_a_blocked_bonus_leaves_the_first_one_as_it_is(staff, browse, sandbox):
    client = browse(staff)
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    assert client.post(EDIT, group_form(client, EDIT, percent="15")).status_code == 504
    change = Change.objects.get()
    PosterAccount.objects.update(bonus_block=change)
    assert again(client, change).status_code == 422
    change.refresh_from_db()
    assert (change.state, locks_of(change)) == (State.UNKNOWN, {"group:1"})


# --- The second change is not applied -----------------------------------------------------------------------


def unreadable(sandbox):
    sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)


def edited(sandbox):
    sandbox.script(
        "clients.getGroup", "busy_console", call=2, group=4, fields={"client_groups_discount": "9"}
    )


def refused(sandbox):
    sandbox.script("clients.removeGroup", "error_object", code=42, when="before")


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (unreadable, "could not be read before"),
        (edited, "had been changed meanwhile"),
        (refused, "may or may not"),
    ],
)
def test_a_removal_that_is_carried_out_late_is_found_all_the_same(
    lost, owner, browse, sandbox, trouble, told
):
    trouble(sandbox)
    answer = again(browse(owner), lost)
    assert answer.status_code == (422 if trouble is refused else 504)
    assert 'data-outcome="unknown"' in answer.content.decode()
    assert told in text_of(answer)
    change = second()
    assert (change.state, locks_of(change)) == (State.UNKNOWN, BOTH)
    sandbox.clear_faults()
    sandbox.console().remove(4)
    assert_followed(change, State.APPLIED, sandbox)


def test_only_who_may_remove_the_clients_too_is_offered_it_and_decides(
    lost, manager, staff, owner, browse, sandbox
):
    for user, offered in ((manager, False), (staff, False), (owner, True)):
        page = browse(user).get(f"/history/{lost.pk}/").content.decode()
        assert ('value="again"' in page) is offered
    sandbox.log.clear()
    for user in (manager, staff):
        assert again(browse(user), lost).status_code == 403
    assert not sandbox.calls()
    assert_still_lost(lost)


def test_the_second_may_be_sent_again_too(lost, owner, browse, sandbox):
    unreadable(sandbox)
    client = browse(owner)
    assert 'value="again"' in again(client, lost).content.decode()
    sandbox.clear_faults()
    assert again(client, second()).status_code == 302
    assert 4 not in sandbox.accounts["demo"].groups
    assert sorted(Change.objects.values_list("state", "reason")) == [
        (State.APPLIED, ""),
        (State.FAILED, "superseded"),
        (State.FAILED, "superseded"),
    ]


def test_a_second_that_was_never_sent_is_followed_for_the_first(lost, owner, sandbox, monkeypatch, settings):
    command = history.command_again(lost, credentials_service.credentials_of(owner))

    def die(_command, _change):
        raise SystemExit

    with monkeypatch.context() as patch:
        before_the_read(patch, die)
        with pytest.raises(SystemExit):
            execute(command)
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    sandbox.console().remove(4)
    assert_followed(second(), State.APPLIED, sandbox)


# --- Late requests ------------------------------------------------------------------------------------------


def test_what_has_an_outcome_by_now_is_not_sent_again(lost, owner, browse, sandbox, monkeypatch):
    credentials = credentials_service.credentials_of(owner)
    command = history.command_again(lost, credentials)
    Change.objects.settle(lost, state=State.APPLIED)
    sandbox.log.clear()
    with pytest.raises(NotNow):
        execute(command)
    assert not sandbox.posts()
    monkeypatch.setattr(history, "command_again", lambda *_args, **_options: command)
    client = browse(owner)
    assert again(client, lost).status_code == 302
    assert "has moved on meanwhile" in text_of(client.get(f"/history/{lost.pk}/"))


def test_the_same_click_twice_sends_it_once_more(lost, owner, sandbox):
    credentials = credentials_service.credentials_of(owner)
    commands = [history.command_again(lost, credentials) for _ in range(2)]
    first, other = (execute(command) for command in commands)
    assert first == other
    assert first.state == State.APPLIED
    assert len(sandbox.posts()) == 2


def test_a_removal_is_not_sent_again_over_clients_that_came_meanwhile(lost, owner, browse, sandbox):
    """The owner has confirmed the removal with fewer clients, and no page has shown the new ones."""
    sandbox.console("demo").put_client(4)
    posts = len(sandbox.posts())
    answer = browse(owner).post(f"/history/{lost.pk}/", {"decision": "again"}, follow=True)
    assert "has moved on meanwhile" in text_of(answer)
    assert len(sandbox.posts()) == posts
    assert_still_lost(lost)


@pytest.mark.django_db(transaction=True)
def test_the_second_one_is_written_down_while_its_user_connects_again(
    lost, owner, browse, sandbox, monkeypatch
):
    """The connection begins when the row of the account is locked, which it takes after that of the user."""
    client, locked = browse(owner), threading.Event()

    class Slow(gates.Gate):
        def in_transaction(self, change, command):
            locked.set()
            time.sleep(0.2)

    def connect():
        locked.wait(timeout=30)
        token = sandbox.accounts["demo"].token
        return credentials_service.connect(user=owner, account="demo", token=token).pk

    monkeypatch.setattr(gates, "registered", [*gates.registered, Slow()])
    assert at_once(lambda: again(client, lost).status_code, connect) == [302, owner.credentials.pk]
    assert second().state == State.APPLIED
