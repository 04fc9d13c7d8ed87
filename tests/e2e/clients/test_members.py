"""Test the clients of a group in a browser: pages, search, order; with and without JavaScript."""

import re

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


def test_all_pages_there_and_back(page_for, staff, somebody):
    page = page_for(staff)
    opened(page)
    expect(rows(page)).to_have_count(49)
    for number in (2, 3):
        page.get_by_role("link", name="Next page").click()
        expect(page.locator("[data-announce]")).to_have_text(f"125 clients, page {number} of 3")
        expect(page).to_have_url(re.compile(rf"\?page={number}$"))
    expect(page).to_have_title(re.compile("page 3 of 3"))
    expect(page.get_by_role("link", name="Next page")).to_have_count(0)
    row = page.get_by_role("row", name=somebody)
    expect(row).to_contain_text("25%own, the group has 10%")
    page.go_back()
    expect(page.locator("[data-announce]")).to_have_text("125 clients, page 2 of 3")
    page.reload()
    expect(page.locator("[data-announce]")).to_have_text("125 clients, page 2 of 3")


def test_go_to_asks_for_no_chosen_client(page_for, staff):
    page = page_for(staff)
    opened(page)
    rows(page).first.locator("[name=client]").check()
    with page.expect_request("**/go/**") as asked:
        page.keyboard.press("Control+k")
    expect(page.locator("#go-q")).to_be_focused()
    assert asked.value.url.endswith("/go/")


def test_somebody_is_found_and_no_address_tells_whom(page_for, staff, somebody):
    page = page_for(staff, new=True)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
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
    assert not [url for url in asked if "%D0" in url or "q=" in url]


def test_the_bar_of_moves_is_there_without_a_choice_and_on_each_page(page_for, staff, sandbox):
    page = page_for(staff)
    opened(page)
    expect(page.get_by_role("link", name="Move all 125…")).to_be_visible()
    rows(page).first.get_by_role("checkbox").check()
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_url(re.compile(r"\?page=2$"))
    expect(page.locator("#chosen output")).to_have_text("1")
    expect(page.get_by_role("button", name="Move the chosen ones…")).to_be_visible()


def test_on_a_phone_all_of_the_bar_of_moves_is_in_sight(page_for, staff, sandbox):
    page = page_for(staff, language="uk", width=360)
    page.goto("/groups/1/clients/")
    for button in page.locator("#chosen .button").all():
        box = button.bounding_box()
        assert box["x"] + box["width"] <= 360


@pytest.mark.thorough
@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_on_a_phone_the_order_is_chosen_from_a_list(page_for, staff, sandbox, javascript):
    sandbox.console().edit_client(77, bonus="99999999")
    page = page_for(staff, width=360, javascript=javascript)
    opened(page)
    page.get_by_label("Sort by").select_option("-bonus")
    if not javascript:
        page.get_by_role("button", name="Search", exact=True).click()
    expect(rows(page).first).to_have_attribute("data-client", "77")
    expect(page).to_have_url(re.compile(r"\?sort=-bonus$"))
