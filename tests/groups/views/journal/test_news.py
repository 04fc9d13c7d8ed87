"""Test what is new: the line above the list, and the feed since the last visit."""

import re
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import Change
from groups.presenters.changes.news_page import SHOWN
from poster_admin.users.models import SecurityEvent, UserSession
from tests.support.pages import fragment, text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
OLD = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "0"}
NEW = OLD | {"percent": "12.5"}


def note(account, *, user=None, state="applied", action="update", ago=timedelta(0), **values):
    """Write a change into the history that others have made."""
    moment = timezone.now() - ago
    change = Change(
        account=account,
        user=user,
        user_name=user.get_username() if user else "",
        action=action,
        group_id=1,
        group_name="Гості",
        target="group:1",
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
    note(account, state="elsewhere")
    client = was_here(timedelta(days=9))
    words = line(client)
    assert ": 3 changes, 1 of them in Poster, not here" in words


def test_the_line_names_the_weekday_in_ukrainian(was_here, staff):
    note(staff.credentials.account, user=staff)
    days = ["понеділка", "вівторка", "середи", "четверга", "п’ятниці", "суботи", "неділі"]
    since = timezone.localtime(timezone.now() - timedelta(days=3))
    words = line(was_here(timedelta(days=3), language="uk"))
    assert f"{days[since.weekday()]}: 1 зміна" in words


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
    assert ": 1 change" in line(client)
    assert client.get("/history/new/").content.decode().count("data-change=") == 1


def test_a_first_visit_has_no_line_and_a_feed_of_a_week(staff, manager, browse):
    note(staff.credentials.account, user=staff, ago=timedelta(days=6))
    note(staff.credentials.account, user=staff, ago=timedelta(days=8))
    client = browse()
    sign_in(client, "manager")
    assert line(client) == ""
    assert client.get("/history/new/").content.decode().count("data-change=") == 1


def test_the_feed_is_grouped_by_day_and_ends_the_line(was_here, staff):
    account = staff.credentials.account
    note(account, user=staff, ago=timedelta(days=3))
    note(account, state="elsewhere")
    client = was_here(timedelta(days=5))
    assert line(client)
    page = client.get("/history/new/")
    html, text = page.content.decode(), text_of(page)
    assert html.count('<h2 class="section-title">') == 2
    assert text.index("Today") < text.index("12.5") < text.index("staff")
    assert 'data-state="elsewhere"' in html
    assert "in Poster, not here" in text
    assert "between" in text
    assert line(client) == ""
    note(account, user=staff)
    assert ": 1 change" in line(client)
    assert client.get("/history/new/").content.decode().count("data-change=") == 3


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 3), ("?made=elsewhere", 1), ("?made=here", 2), ("?action=create", 1), ("?made=odd&action=odd", 3),
     ("?made=elsewhere&action=create", 0)],
)  # fmt: skip
def test_the_feed_has_filters(was_here, staff, query, count):
    account = staff.credentials.account
    note(account, user=staff)
    note(account, user=staff, action="create")
    note(account, state="elsewhere")
    client = was_here(timedelta(days=1))
    page = client.get(f"/history/new/{query}", headers=fragment("rows", "/history/new/"))
    assert page.content.decode().count("data-change=") == count
    assert "<html" not in page.content.decode()


def test_a_long_feed_leads_to_the_history(was_here, staff):
    for _ in range(SHOWN + 1):
        note(staff.credentials.account, user=staff)
    page = was_here(timedelta(days=1)).get("/history/new/")
    assert page.content.decode().count("data-change=") == SHOWN
    assert "Older ones are in the history" in text_of(page)
    assert f"more than {SHOWN} changes" in text_of(page)


def test_another_account_has_other_news(was_here, outsider):
    note(outsider.credentials.account, user=outsider)
    assert line(was_here(timedelta(days=1))) == ""


def test_a_user_whose_token_is_refused_sees_none(was_here, manager, staff):
    note(staff.credentials.account, user=staff)
    client = was_here(timedelta(days=1))
    type(manager.credentials).objects.update(refused_at=timezone.now())
    assert client.get("/history/new/").status_code == 424


def test_a_sign_out_counts_as_a_visit(manager, staff, browse):
    client = browse()
    sign_in(client, "manager")
    client.post("/accounts/logout/")
    note(staff.credentials.account, user=staff)
    client = browse()
    sign_in(client, "manager")
    assert ": 1 change" in line(client)


# --- The tab beside the history ----------------------------------------------------------------------------


def has_dot(client, path="/history/"):
    tabs = client.get(path).content.decode().partition('<nav class="tabs"')[2].partition("</nav>")[0]
    assert 'href="/history/new/"' in tabs
    return "there is something new" in tabs


def test_the_tab_has_a_dot_from_the_first_session_on_until_it_is_opened(manager, staff, browse):
    client = browse(manager)
    assert not has_dot(client)
    note(staff.credentials.account, user=staff)
    assert line(client) == ""
    assert has_dot(client)
    assert has_dot(client, "/jobs/")
    assert not has_dot(client, "/history/new/")
    assert not has_dot(client)
    note(staff.credentials.account, user=staff)
    assert has_dot(client)


def test_own_and_old_changes_have_no_dot(manager, staff, browse):
    account = staff.credentials.account
    note(account, user=manager)
    note(account, user=staff, ago=timedelta(days=8))
    assert not has_dot(browse(manager))


def test_each_tab_of_the_history_has_the_others_beside_it(owner, manager, browse):
    def tabs(user, path):
        html = browse(user).get(path).content.decode()
        nav = html.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        assert re.findall(r'href="([^"]+)" aria-current="page"', nav) == [path]
        return re.findall(r'href="([^"]+)"', nav)

    of_all = ["/history/", "/history/new/", "/schedules/", "/requests/", "/jobs/"]
    for path in of_all:
        assert tabs(manager, path) == of_all
    assert tabs(owner, "/history/snapshots/") == [*of_all, "/history/snapshots/"]
