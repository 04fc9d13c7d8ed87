"""Test a change in Poster's console in a browser, in Ukrainian: found, told on the list, read, and undone."""

import re
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.elsewhere.models import Watch
from groups.features.elsewhere.services import watch as watching
from groups.features.elsewhere.services.watch import look_where_due
from groups.features.notices.services import deliveries
from groups.management.commands.worker import new_worker
from poster_admin.users.models import SecurityEvent, UserSession
from tests.support.browser import OVERFLOW, heading, sign_in_when_asked


def look(times=3):
    """Look as a worker does, so many times."""
    for _ in range(times):
        Watch.objects.update(next_look_at=timezone.now())
        look_where_due()


@pytest.mark.parametrize("width", [1280, pytest.param(360, marks=pytest.mark.thorough)])
def test_a_change_in_the_console_is_told_read_and_undone(
    page_for, owner, staff, browse, sandbox, settings, width
):
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 0, 0
    page = page_for(owner, language="uk")
    page.goto("/account/")
    page.get_by_role("button", name="Увімкнути").click()
    expect(page.locator("[data-watch=on]")).to_contain_text("Увімкнено, з токеном користувача owner.")
    look()
    browse(staff)
    long_ago = timezone.now() - timedelta(days=2)
    UserSession.objects.filter(user=staff).update(seen_at=long_ago)
    QuerySet.update(SecurityEvent.objects.all(), at=long_ago)
    sandbox.console().edit(1, client_groups_discount="12.5")
    look()

    page = page_for(language="uk", width=width)
    page.goto("/groups/")
    sign_in_when_asked(page)
    line = page.locator("[data-news]")
    expect(line).to_contain_text(re.compile("(З|Із) .*: 1 зміна, з них 1 у Poster, не тут"))
    line.get_by_role("link").click()
    heading(page, "Що нового")
    row = page.locator("li[data-state=elsewhere]")
    expect(row).to_contain_text("10 %→12,5 %")
    page.get_by_role("link", name="Тут", exact=True).click()
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Не тут").click()
    row.locator("a", has=page.locator("time")).click()
    heading(page, "Зроблено не тут")
    page.get_by_role("button", name="Повернути").click()
    page.wait_for_load_state()
    look()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    page.goto("/history/")
    expect(page.locator("tr[data-change]")).to_have_count(2)
    expect(page.locator("tr[data-state=elsewhere]")).to_have_count(1)
    page.goto("/groups/")
    expect(page.locator("[data-news]")).to_have_count(0)


@pytest.mark.thorough  # as the feed and the mail without a browser
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("width", "javascript"), [(1280, True), (360, False)])
def test_a_change_in_the_console_is_in_the_feed_and_in_the_mail(
    page_for, owner, staff, browse, sandbox, settings, inbox, width, javascript
):
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 0, 0
    settings.SITE_URL = "https://loyalty.example.com"
    staff.email = "staff@example.com"
    staff.save()
    watching.switch_on(user=owner, credentials=owner.credentials)
    look()
    browse(staff)
    long_ago = timezone.now() - timedelta(days=2)
    UserSession.objects.filter(user=staff).update(seen_at=long_ago)
    QuerySet.update(SecurityEvent.objects.all(), at=long_ago)
    page = page_for(staff, language="uk", width=width, javascript=javascript)
    page.goto("/account/notices/")
    heading(page, "Сповіщення")
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_label("Групу змінено не тут").select_option("Одразу")
    page.get_by_role("button", name="Зберегти зміни").click()
    expect(page.get_by_label("Групу змінено не тут")).to_have_value("at_once")

    sandbox.console().edit(1, client_groups_discount="12.5")
    look()
    deliveries.tell_events()
    new_worker(deliveries.QUEUE, batch=True).run()
    (message,) = inbox.mail
    assert message["To"] == "staff@example.com"
    words = "У Poster, не тут: змінено «Постоянный посетитель»: відсоток 10 % → 12,5 %."
    assert message["Subject"] == f"Poster Admin: {words}"
    (link,) = re.findall(r"https://loyalty\.example\.com(/history/\S+)", message.get_content())
    page.goto("/history/new/")
    expect(page.locator("li[data-state=elsewhere]")).to_contain_text("10 %→12,5 %")
    page.goto(link)
    heading(page, "Зроблено не тут")
