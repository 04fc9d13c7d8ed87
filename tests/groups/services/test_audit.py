"""Test the audit of the whole journal against Poster: it reports unexplained values, and changes nothing."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from groups.models import Change
from tests.support.changes import BEFORE, CLIENTS, write_down

State, Action = Change.State, Change.Action
pytestmark = pytest.mark.django_db
HOUR_AGO = timezone.now() - timedelta(hours=1)


def settled(owner, **fields):
    values = {"state": State.APPLIED, "created_at": HOUR_AGO, "sent_at": HOUR_AGO, "settled_at": HOUR_AGO}
    return write_down(owner, **(values | {"after": BEFORE.to_json() | CLIENTS} | fields))


def report(capsys):
    call_command("audit_history")
    return capsys.readouterr().out.splitlines()


def test_a_history_that_poster_agrees_with_is_not_reported(owner, sandbox, capsys):
    settled(owner)
    settled(owner, action=Action.REMOVE, group_id=77, after=None)
    assert report(capsys) == ["demo: 0 not explained by the history"]
    assert len(sandbox.calls()) == 1


@pytest.mark.parametrize(
    ("fields", "edit", "problem"),
    [
        ({}, {"client_groups_discount": "44"}, "has another percent"),
        ({}, {"delete": "1"}, "is gone"),
        ({"action": Action.REMOVE, "after": None}, {}, "is there although it was removed"),
        # Its answer was lost, it was settled as not applied after its time, and Poster applied it even later.
        ({"state": State.FAILED, "after": None}, {"client_groups_discount": "15"}, "has another percent"),
    ],
    ids=["edited elsewhere", "removed elsewhere", "there again", "came very late"],
)
def test_what_no_row_explains_is_reported(owner, sandbox, capsys, fields, edit, problem):
    change = settled(owner, **fields)
    sandbox.console().edit(1, **edit)
    before = list(Change.objects.values())
    assert report(capsys) == [
        f"demo: group 1: {problem}, change {change.pk} {change.state}",
        "demo: 1 not explained by the history",
    ]
    assert not sandbox.posts()
    assert list(Change.objects.values()) == before


@pytest.mark.parametrize(
    "later",
    [
        {"state": State.PENDING, "settled_at": None},
        {"state": State.UNKNOWN, "settled_at": None},
        {"settled_at": "now"},
        {"state": State.REVIEW},
    ],
    ids=["under way", "unknown", "a moment ago", "for a person"],
)
def test_the_last_change_of_a_group_decides_alone(owner, sandbox, capsys, later):
    settled(owner)
    now = timezone.now()
    settled(
        owner, created_at=now, **{name: now if value == "now" else value for name, value in later.items()}
    )
    sandbox.console().edit(1, client_groups_discount="44")
    assert report(capsys) == ["demo: 0 not explained by the history"]


def test_a_single_untrue_read_is_no_finding(owner, sandbox, capsys):
    settled(owner)
    edited = {"client_groups_discount": "44"}
    sandbox.console().edit(1, **edited)
    sandbox.script(
        "clients.getGroups", "busy_console", call=2, group=1, fields={"client_groups_discount": "10"}
    )
    assert report(capsys) == ["demo: 0 not explained by the history"]
    assert len(sandbox.calls()) == 2


def test_another_token_of_the_account_reads_where_the_first_one_is_refused(owner, staff, sandbox, capsys):
    owner.credentials.set_token("1:that Poster no longer knows")
    owner.credentials.save()
    settled(owner)
    assert report(capsys) == ["demo: 0 not explained by the history"]
    assert len(sandbox.calls()) == 2
    owner.credentials.refresh_from_db()
    assert owner.credentials.refused_at


def test_the_token_of_a_blocked_user_is_not_used(owner, staff, sandbox, capsys):
    settled(owner)
    for blocked, calls in (staff, 1), (owner, 1):
        type(blocked).objects.filter(pk=blocked.pk).update(is_active=False)
        report(capsys)
        assert len(sandbox.calls()) == calls
