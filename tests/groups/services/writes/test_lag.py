"""Test reads that are behind a change made here: the older value never overwrites the newer one."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.models import Change
from groups.poster import GroupValues
from groups.services.groups import list_groups_now
from groups.services.writes.execute import execute
from groups.services.writes.lag import (
    certain_groups,
    current_groups,
    have_moved,
    hides_move,
    replaced_by_others,
    unseen_change,
)
from groups.services.writes.reconcile import follow_up
from tests.support.changes import BEFORE, write_down
from tests.support.commands import BARISTA, a_client, command_of, edit_of, removal_of
from tests.support.pages import group_form, text_of

State = Change.State
pytestmark = pytest.mark.django_db
URL = "/groups/1/edit/"
SEED = {"name": "Постоянный посетитель", "percent": "10"}


def edit(client, **values):
    return client.post(URL, group_form(client, URL, **(SEED | values)))


@pytest.fixture
def behind(staff, browse, sandbox):
    """Return staff's browser after a change from 10 to 12 that Poster does not show any more."""
    client = browse(staff)
    assert edit(client, percent="12").status_code == 302
    sandbox.console().edit(1, client_groups_discount="10")
    return client


def test_a_form_is_opened_on_the_change_that_poster_does_not_show_yet(behind):
    page = behind.get(URL)
    assert 'data-notice="stale"' in page.content.decode()
    assert "Poster does not show the last change yet." in text_of(page)
    assert 'value="12"' in page.content.decode()


def test_nothing_is_written_over_a_change_that_poster_does_not_show_yet(behind, sandbox):
    answer = edit(behind, name="Гості", percent="12")
    assert answer.status_code == 409
    assert "Poster does not show the last change of it yet" in text_of(answer)
    assert 'value="Гості"' in answer.content.decode()
    assert len(sandbox.posts()) == 1
    change = Change.objects.first()
    assert (change.state, change.reason) == (State.FAILED, "not_shown_yet")


def test_the_value_that_came_back_by_a_second_change_is_not_late(behind, sandbox):
    sandbox.console().edit(1, client_groups_discount="12")
    assert edit(behind, percent="10").status_code == 302
    page = behind.get(URL)
    assert "does not show" not in text_of(page)
    assert edit(behind, percent="11").status_code == 302


def test_after_a_while_the_old_value_is_somebody_s_change(behind, settings):
    settings.POSTER_LAG_SECONDS = 0
    page = behind.get(URL)
    assert "does not show" not in text_of(page)
    assert edit(behind, percent="11").status_code == 302


def test_another_value_is_somebody_s_change_at_once(behind, sandbox):
    sandbox.console().edit(1, client_groups_discount="44")
    assert "does not show" not in text_of(behind.get(URL))
    assert edit(behind, percent="44", birthday_bonus="60").status_code == 302


def test_a_value_that_was_replaced_elsewhere_a_moment_ago_is_late_too(staff, sandbox):
    sandbox.console().edit(1, client_groups_discount="12")
    values = {"before": BEFORE.to_json(), "after": BEFORE.replace(percent=Decimal(12)).to_json()}
    write_down(state=State.ELSEWHERE, sent_at=None, settled_at=timezone.now(), **values)
    command = edit_of(staff, percent=Decimal(15))
    late = {"client_groups_discount": "10"}
    sandbox.script("clients.getGroup", "busy_console", call=2, group=1, fields=late)
    change = execute(command)
    assert (change.state, change.accepted) == (State.UNKNOWN, True)
    sandbox.console().edit(1, client_groups_discount="15")
    assert look_at_once(change)
    assert change.state == State.APPLIED


NEW = GroupValues(name="Нова", loyalty_type=1, percent=Decimal(5), birthday_bonus=Decimal(0))


def creation_of(user, name):
    return command_of(user, Change.Action.CREATE, intended=NEW.replace(name=name))


def test_the_name_of_a_group_that_lists_do_not_show_yet_is_asked_about(staff, owner, sandbox):
    made = execute(creation_of(staff, "Нова"))
    sandbox.script("clients.getGroups", "row_absent", times=None, ids=[made.group_id])
    again = execute(creation_of(owner, " НОВА"))
    assert (again.state, again.reason) == (State.FAILED, "name_taken")
    assert execute(creation_of(owner, "Інша")).state == State.APPLIED
    assert execute(creation_of(owner, "Нова").confirmed()).state == State.APPLIED


def test_the_name_of_a_group_that_was_removed_again_is_free_at_once(owner, sandbox):
    made = execute(creation_of(owner, "Нова"))
    assert execute(removal_of(owner, made.group_id)).state == State.APPLIED
    assert execute(creation_of(owner, "Нова")).state == State.APPLIED


@pytest.fixture
def made_a_moment_ago(staff, sandbox):
    """Return an edit that Poster took, of a group that it showed before and does not show any more."""
    made = execute(creation_of(staff, "Нова"))
    command = edit_of(staff, made.group_id, percent=Decimal(6))
    sandbox.script("clients.getGroup", "response_false", call=2, times=None)
    sandbox.script("clients.getGroups", "row_absent", times=None, ids=[made.group_id])
    change = execute(command)
    assert (change.state, change.accepted) == (State.UNKNOWN, True)
    return change


def look_at_once(change):
    Change.objects.settle(change, next_check_at=timezone.now())
    return follow_up(change)


def test_a_group_that_was_just_made_is_waited_for_and_not_reported_as_gone(made_a_moment_ago, sandbox):
    assert not any(look_at_once(made_a_moment_ago) for _ in range(2))
    sandbox.clear_faults()
    assert look_at_once(made_a_moment_ago)
    assert made_a_moment_ago.state == State.APPLIED


def test_a_group_that_stays_away_after_a_while_is_gone(made_a_moment_ago, settings):
    settings.POSTER_LAG_SECONDS = 0
    assert [look_at_once(made_a_moment_ago) for _ in range(2)] == [False, True]
    assert (made_a_moment_ago.state, made_a_moment_ago.reason) == (State.REVIEW, "gone")


def settled_move(action=Change.Action.MOVE, **fields):
    """Save a move of client 7 from group 1 to group 4, or its creation in group 4, made just now."""
    values = {
        "action": action,
        "client_id": 7,
        "group_id": None,
        "before": {"group_id": 1} if action == Change.Action.MOVE else {},
        "intended": {"group_id": 4},
        "state": State.APPLIED,
        "settled_at": timezone.now(),
    }
    return write_down(**values | fields)


@pytest.mark.parametrize(
    ("action", "group_id", "hides"),
    [
        (Change.Action.MOVE, 1, True),
        (Change.Action.MOVE, 4, False),
        (Change.Action.MOVE, 5, False),
        (Change.Action.MOVE, None, False),
        (Change.Action.CREATE_CLIENT, None, True),
        (Change.Action.CREATE_CLIENT, 1, False),
    ],
)
def test_reads_of_a_client_that_do_not_show_the_last_move_or_creation(action, group_id, hides):
    settled_move(action)
    now = a_client(client_groups_id=str(group_id)) if group_id else None
    assert hides_move(Change(account_id="demo", client_id=7), now) is hides


def test_a_read_from_before_two_moves_does_not_show_the_last_one():
    """The client was moved from 9 to 1 and then from 1 to 4."""
    settled_move()
    assert not hides_move(Change(account_id="demo", client_id=7), a_client(client_groups_id="9"))
    earlier = timezone.now() - timedelta(seconds=9)
    settled_move(before={"group_id": 9}, intended={"group_id": 1}, created_at=earlier, settled_at=earlier)
    assert hides_move(Change(account_id="demo", client_id=7), a_client(client_groups_id="9"))


def test_an_older_move_or_one_that_was_not_made_hides_nothing():
    settled_move(settled_at=timezone.now() - timedelta(hours=1))
    settled_move(state=State.FAILED)
    assert not hides_move(Change(account_id="demo", client_id=7), a_client(client_groups_id="1"))


def test_a_list_has_what_was_made_here_and_poster_does_not_show_yet(staff, sandbox):
    created = execute(command_of(staff, Change.Action.CREATE, intended=BARISTA))
    gone = execute(command_of(staff, Change.Action.CREATE, intended=BARISTA.replace(name="Гості"))).group_id
    assert execute(edit_of(staff, percent=Decimal(12))).state == State.APPLIED
    assert execute(removal_of(staff, gone)).state == State.APPLIED
    sandbox.lag("behind", writes=4)
    assert created.group_id not in [group.id for group in list_groups_now(staff.credentials).groups]
    groups = {group.id: group for group in current_groups(staff.credentials).groups}
    assert sorted(groups) == [1, 4, 5, created.group_id]
    assert groups[1].percent == 12
    assert groups[created.group_id].name == BARISTA.name
    sandbox.catch_up()
    sandbox.lag("behind", writes=1)
    assert gone in [group.id for group in list_groups_now(staff.credentials).groups]
    assert gone not in [group.id for group in current_groups(staff.credentials).groups]


def test_what_a_group_has_is_certain_unless_it_is_a_copy_or_a_change_is_open(staff, sandbox):
    assert execute(edit_of(staff, percent=Decimal(12))).state == State.APPLIED
    sandbox.console().edit(1, client_groups_discount="10")
    read = list_groups_now(staff.credentials)
    certain = certain_groups(staff.credentials, read, [1, 4, 99])
    assert {group_id: group.percent for group_id, group in certain.items()} == {1: 12, 4: 10}
    assert certain_groups(staff.credentials, replace(read, is_awaited=True), [1, 4]) == {}
    write_down(staff, group_id=4, target="group:4", state=State.UNKNOWN)
    del staff.credentials.unsettled_changes
    assert certain_groups(staff.credentials, read, [1, 4]).keys() == {1}


def test_the_changes_of_others_say_nothing_of_a_group_or_a_client(staff, sandbox):
    created = execute(command_of(staff, Change.Action.CREATE, intended=BARISTA))
    assert unseen_change("demo", 4, None) is None
    assert unseen_change("demo", created.group_id, None) == created
    mine = settled_move()
    settled_move(client_id=8, before={"group_id": 9})
    assert replaced_by_others(mine, client_id=mine.client_id) == []
    settled_move(before={"group_id": 3})
    assert replaced_by_others(mine, client_id=mine.client_id) == [{"group_id": 3}]


def test_only_clients_who_have_come_lately_are_perhaps_not_counted_yet():
    settled_move(state=State.FAILED)
    settled_move(settled_at=timezone.now() - timedelta(hours=1))
    settled_move(intended={"group_id": 5})
    assert not have_moved(account="demo", intended__group_id=4)
    settled_move()
    assert have_moved(account="demo", intended__group_id=4)
