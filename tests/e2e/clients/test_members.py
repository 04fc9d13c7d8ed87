"""Test the clients of a group in a browser: pages, search, order; with and without JavaScript."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import heading


@pytest.fixture
def somebody(sandbox):
    """Return the name of a client on the third page."""
    sandbox.console().edit_client(
        120, lastname="Кам&#39;янецька", firstname="Ёлка", patronymic="", discount_per="25"
    )
    return "Кам'янецька Ёлка"


def rows(page):
    return page.locator("#rows tr[data-client]")


def opened(page):
    """Open the clients from the page of their group."""
    page.goto("/groups/1/")
    page.get_by_role("link", name="Show all 125 clients").click()
    heading(page, "Clients of the group")


def test_a_client_is_found_and_no_address_names_them(page_for, staff, somebody):
    page = page_for(staff, new=True)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    opened(page)
    search = page.get_by_label("Search by name, phone or card")
    search.fill("елка камʼянецька")
    search.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("[data-announce]")).to_have_text("1 client found, 125 searched")
    expect(rows(page)).to_contain_text(somebody)
    expect(page.locator("#live")).to_have_text("1 client found, 125 searched")
    expect(search).to_be_focused()
    page.get_by_role("button", name="Own percent").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Own percent")
    expect(rows(page)).to_have_count(1)
    search.fill("ніхто такий")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="Nobody matches")).to_be_visible()
    page.get_by_role("link", name="Show all clients").click()
    expect(page.locator("[data-announce]")).to_have_text("125 clients, page 1 of 3")
    expect(search).to_have_value("")
    move = page.get_by_role("button", name="Move the chosen ones…")
    expect(move).to_be_hidden()
    rows(page).first.get_by_role("checkbox").check()
    expect(move).to_be_visible()
    assert not [url for url in requests if "%D0" in url or "q=" in url]
