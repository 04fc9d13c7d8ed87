"""Test what is new: the line above the list, and the history since the last visit."""

from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import Change
from poster_admin.users.models import SecurityEvent, UserSession
from tests.support.jobs import start
from tests.support.pages import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
OLD = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "0"}
NEW = OLD | {"percent": "12.5"}


def note(account, *, user=None, group_id=1, state="applied", action="update", ago=timedelta(0), **values):
    """Write a change into the history that others have made."""
    moment = timezone.now() - ago
    change = Change(
        account=account,
        user=user,
        user_name=user.get_username() if user else "",
        action=action,
        group_id=group_id,
        group_name="Гості",
        target=f"group:{group_id}",
        before=OLD,
        intended=None if state == "elsewhere" else NEW,
        after=NEW,
        state=state,
        created_at=moment,
        possible_since=moment - timedelta(minutes=5) if state == "elsewhere" else None,
        **{"settled_at": moment} | values,
    )
    change.save()
    return change


def sign_in(client, name):
    assert client.post("/accounts/login/", {"username": name, "password": PASSWORD}).status_code == 302


@pytest.fixture
def was_here(manager, browse):
    """Return a function that lets the manager have been here so long ago, and come back now."""

    def come_back(ago, *, language="en"):
        sign_in(browse(), "manager")
        moment = timezone.now() - ago
        UserSession.objects.update(seen_at=moment)
        # The log is append-only for the product; this test moves its lines into the past.
        QuerySet.update(SecurityEvent.objects.all(), at=moment)
        client = browse(language=language)
        sign_in(client, "manager")
        return client

    return come_back


def line(client):
    page = client.get("/groups/")
    return text_of(page) if "data-news" in page.content.decode() else ""


def test_a_user_who_was_away_reads_what_is_new_in_one_line(was_here, staff):
    account = staff.credentials.account
    note(account, user=staff)
    note(account, user=staff)
    note(account, state="elsewhere", group_id=4)
    client = was_here(timedelta(days=9))
    words = line(client)
    assert "2 groups were changed without you, 1 of them in Poster itself" in words


def test_own_open_failed_and_older_changes_are_no_news(was_here, manager, staff):
    account = staff.credentials.account
    note(account, user=manager)
    note(account, user=staff, state="failed")
    note(account, user=staff, state="review")
    note(account, user=staff, ago=timedelta(days=4))
    assert line(was_here(timedelta(days=3))) == ""


@pytest.mark.parametrize("state", ["applied", "elsewhere"])
def test_a_change_that_was_settled_after_the_visit_is_news(was_here, staff, state):
    user = staff if state == "applied" else None
    note(staff.credentials.account, user=user, state=state, ago=timedelta(days=4), settled_at=timezone.now())
    client = was_here(timedelta(days=3))
    assert "1 group was changed without you" in line(client)
    assert client.get("/history/?new=1").text.count("data-change=") == 1
    assert client.get("/history/export.csv?new=1").getvalue().count(b"\r\n") == 2
    assert line(client) == ""


def test_the_news_are_narrowed_as_the_history_is_and_are_without_jobs(was_here, owner, staff):
    note(staff.credentials.account, user=staff)
    note(staff.credentials.account, state="elsewhere")
    note(staff.credentials.account, user=staff, ago=timedelta(days=4))
    start(owner, client_ids=[129])
    client = was_here(timedelta(days=3))
    assert client.get("/history/?new=1").text.count("<tr data-") == 2
    assert client.get("/history/?new=1&state=elsewhere").text.count("<tr data-") == 1
    assert "Nothing new" not in text_of(client.get("/history/?new=1&user=nobody"))
