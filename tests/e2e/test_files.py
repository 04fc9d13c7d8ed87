"""Test links to files in a browser: a page that comes instead of the file is shown, and not saved."""

import pytest
from playwright.sync_api import expect

from groups.models import Change
from poster_admin.users.models import UserSession
from tests.support.browser import SCRIPT, heading, open_row, show_list, sign_in_when_asked
from tests.support.changes import write_down

LINKS = {
    "list": ("/groups/?type=2", "a[href*='/groups/export.csv']"),
    "scheme": ("/groups/", "a[href='/groups/export.yaml']"),
    "import": ("/groups/import/", "main a[href*='export.xlsx']"),
    "compare": ("/groups/compare/", "main a[href='/groups/export.yaml']"),
    "clients": ("/groups/1/clients/?page=2", "a[href*='clients/export.csv']"),
    "history": ("/history/?state=applied", "a[href*='/history/export.csv']"),
}
of_links = pytest.mark.parametrize(
    "link",
    [pytest.param(name, marks=() if name in ("list", "history") else pytest.mark.thorough) for name in LINKS],
)


def open_page(page, link):
    """Open the page that has the link, and return the link."""
    path, selector = LINKS[link]
    page.goto(path)
    page.wait_for_load_state()
    entry = page.locator(selector).first
    menu = page.locator("details", has=entry)
    if menu.count():
        menu.locator("summary").first.click()
    return entry


@of_links
@pytest.mark.parametrize("javascript", SCRIPT)
def test_a_link_to_a_file_leads_to_the_sign_in_once_the_session_has_ended(page_for, staff, link, javascript):
    write_down(staff, state=Change.State.APPLIED)
    page = page_for(staff, javascript=javascript)
    entry = open_page(page, link)
    UserSession.objects.all().delete()
    entry.click()
    sign_in_when_asked(page)
    # Not to the file: it would be saved, and the sign-in would stay.
    assert page.url.endswith(LINKS[link][0])
    entry = open_page(page, link)
    with page.expect_download():
        entry.click()
    expect(page.locator(".loading")).to_be_hidden()


def test_a_file_that_poster_does_not_answer_for_is_a_page_that_leads_back(page_for, staff, sandbox):
    page = page_for(staff)
    entry = open_page(page, "clients")
    sandbox.script("clients.getClients", "status_500", times=None)
    entry.click()
    heading(page, "Poster does not answer")
    sandbox.clear_faults()
    page.get_by_role("link", name="Try again").click()
    page.wait_for_url("**/groups/1/clients/?page=2")


def test_a_file_leaves_what_is_typed(page_for, staff):
    page = page_for(staff)
    show_list(page)
    open_row(page, 4)
    page.locator(".row-form [name=percent]").fill("12")
    page.locator("summary", has_text="More").first.click()
    entry = page.locator(LINKS["list"][1])
    with page.context.expect_event("page"):
        entry.click()
    UserSession.objects.all().delete()
    with page.context.expect_event("page") as beside:
        entry.click()
    expect(beside.value.locator("[name=username]")).to_be_visible()
    expect(page.locator("#row-4 [name=percent]")).to_have_value("12")
