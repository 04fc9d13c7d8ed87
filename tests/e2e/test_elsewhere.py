"""Test a change in Poster's console in a browser, in Ukrainian: found, told on the list, read, and undone."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.elsewhere.models import Watch
from poster_admin.users.models import SecurityEvent, UserSession
from tests.support.browser import heading, sign_in_when_asked
from tests.support.watch import look_where_due


def look(times=3):
    """Look as a worker does, so many times."""
    for _ in range(times):
        Watch.objects.update(next_at=timezone.now())
        look_where_due()


def test_a_change_in_the_console_is_reported_read_and_undone(
    page_for, owner, staff, browse, sandbox, settings
):
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 0, 0
    page = page_for(owner, language="uk")
    page.goto("/account/")
    page.get_by_role("button", name="Увімкнути").click()
    expect(page.locator("[data-watch=on]")).to_contain_text("Увімкнено, з ключем доступу користувача owner.")
    look()
    browse(staff)
    long_ago = timezone.now() - timedelta(days=2)
    UserSession.objects.filter(user=staff).update(seen_at=long_ago)
    QuerySet.update(SecurityEvent.objects.all(), at=long_ago)
    sandbox.console().edit(1, client_groups_discount="12.5")
    look()

    page = page_for(language="uk")
    page.goto("/groups/")
    sign_in_when_asked(page)
    line = page.locator("[data-news]")
    expect(line).to_contain_text("Без вас змінили 1 групу, з них у самому Poster — 1")
    line.get_by_role("link").click()
    heading(page, "Що нового")
    row = page.locator("tr[data-state=elsewhere]")
    expect(row).to_contain_text("10 %→12,5 %")
    row.locator("th a").click()
    heading(page, "Зроблено в самому Poster")
    page.get_by_role("button", name="Скасувати зміну").click()
    page.wait_for_load_state()
    look()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    page.goto("/history/")
    expect(page.locator("tr[data-change]")).to_have_count(2)
    expect(page.locator("tr[data-state=elsewhere]")).to_have_count(1)
    page.goto("/groups/")
    expect(page.locator("[data-news]")).to_have_count(0)
