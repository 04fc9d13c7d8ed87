"""Test the figures of clients: one a day and group, from lists that are read anyway, and for nobody else."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from groups.features.elsewhere import services as watching
from groups.features.insights.models import ClientCount
from groups.models import GroupsCopy, PosterAccount
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db


def counted(group_id=1):
    return list(ClientCount.objects.filter(group_id=group_id).values_list("day", "clients"))


def days_ago(number):
    return timezone.localdate() - timedelta(days=number)


def put(user, *figures, group_id=1):
    """Write figures down as if a worker had: pairs of days ago and clients."""
    account = user.credentials.account
    for ago, clients in figures:
        ClientCount.objects.create(account=account, group_id=group_id, day=days_ago(ago), clients=clients)


def test_a_worker_keeps_one_figure_a_day_from_the_list_that_a_page_has_read(staff, browse, sandbox):
    assert ClientCount.objects.keep_of_copies() == 0
    browse(staff).get("/groups/")
    asked = len(sandbox.log)
    assert ClientCount.objects.keep_of_copies() == len(GroupsCopy.objects.get().groups) > 1
    assert counted() == [(days_ago(0), 125)]
    sandbox.console().edit(1, count_groups_clients="130")
    browse(staff).get("/groups/?refresh=1")
    asked += 1
    assert ClientCount.objects.keep_of_copies() == 0
    assert counted() == [(days_ago(0), 125)]
    assert len(sandbox.log) == asked


def test_a_group_that_the_first_list_of_a_day_leaves_out_gets_its_figure_from_a_later_one(
    staff, browse, sandbox
):
    sandbox.console().edit(1, delete="1")
    browse(staff).get("/groups/")
    assert ClientCount.objects.keep_of_copies() == 2
    sandbox.console().edit(1, delete="0")
    cache.clear()  # a copy is taken at most every 30 seconds
    browse(staff).get("/groups/")
    assert ClientCount.objects.keep_of_copies() == 1
    assert counted() == [(days_ago(0), 125)]


def test_a_copy_that_another_token_has_read_is_no_figure_of_this_account(staff, browse):
    browse(staff).get("/groups/")
    GroupsCopy.objects.update(fingerprint="of a token that was replaced during the read")
    assert ClientCount.objects.keep_of_copies() == 0


def test_a_copy_of_yesterday_is_no_figure_of_today(staff, browse):
    browse(staff).get("/groups/")
    GroupsCopy.objects.update(fetched_at=timezone.now() - timedelta(days=1))
    assert ClientCount.objects.keep_of_copies() == 0
    assert not ClientCount.objects.exists()


def test_a_look_for_changes_made_elsewhere_keeps_the_figures_too(owner, sandbox):
    watching.switch_on(owner.credentials)
    watching.look_where_due()
    assert counted() == [(days_ago(0), 125)]
    assert not GroupsCopy.objects.exists()


def test_old_figures_are_forgotten(staff):
    put(staff, (401, 1), (400, 2), (0, 3))
    assert ClientCount.objects.forget_old() == 1
    assert [clients for _day, clients in counted()] == [2, 3]


def test_the_page_of_a_group_draws_the_figures_and_lists_the_days_on_which_they_changed(manager, browse):
    put(manager, (90, 100), (60, 100), (30, 140), (0, 125))
    put(manager, (3, 7), group_id=4)
    put(manager, (3, 1307), (0, 7), group_id=5)
    page = browse(manager).get("/groups/1/")
    words = text_of(page)
    assert "100 → 125" in words
    assert "(+25)" in words
    assert "The fewest were 100, the most 140." in words
    drawn = page.context["counts"]
    assert drawn["points"] == "0.00,22.00 33.33,22.00 66.67,2.00 100.00,9.50"
    assert drawn["steps"] == ((days_ago(0), 125), (days_ago(30), 140), (days_ago(90), 100))
    assert "(−1,300)" in text_of(browse(manager).get("/groups/5/"))
    assert "Clients over time" not in text_of(browse(manager).get("/groups/4/"))


def test_figures_of_another_account_are_not_shown(manager, browse):
    other = PosterAccount.objects.create(name="other")
    for ago, clients in ((5, 11), (0, 12)):
        ClientCount.objects.create(account=other, group_id=1, day=days_ago(ago), clients=clients)
    assert browse(manager).get("/groups/1/").context["counts"] is None
