"""Test links to files in a browser: a page that comes instead of the file is shown, and not saved."""

from playwright.sync_api import expect

from poster_admin.users.models import UserSession
from tests.support.browser import open_row, show_list, sign_in_when_asked

FILE = "a[href*='/groups/export.csv']"


def open_list(page):
    """Open the list with the menu that has the link to its file, and return the link."""
    show_list(page, "/groups/?type=2")
    page.wait_for_load_state()
    page.locator("summary", has_text="More").first.click()
    return page.locator(FILE)


def test_a_link_to_a_file_leads_to_the_sign_in_once_the_session_has_ended(page_for, staff):
    page = page_for(staff)
    entry = open_list(page)
    UserSession.objects.all().delete()
    entry.click()
    sign_in_when_asked(page)
    # Not to the file: it would be saved, and the sign-in would stay.
    assert page.url.endswith("/groups/?type=2")
    entry = open_list(page)
    with page.expect_download():
        entry.click()
    expect(page.locator(".loading")).to_be_hidden()


def test_a_file_leaves_what_is_typed(page_for, staff):
    page = page_for(staff)
    entry = open_list(page)
    page.keyboard.press("Escape")
    open_row(page, 4)
    page.locator(".row-form [name=percent]").fill("12")
    page.locator("summary", has_text="More").first.click()
    UserSession.objects.all().delete()
    with page.context.expect_event("page") as beside:
        entry.click()
    expect(beside.value.locator("[name=username]")).to_be_visible()
    expect(page.locator("#row-4 [name=percent]")).to_have_value("12")
