"""Test editing in a row of the list: the row stays where it is, and keeps the focus."""

import re

import pytest
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from tests.support.browser import (
    OVERFLOW,
    SEED,
    heading,
    new_group,
    open_row,
    row,
    show_list,
)


@pytest.fixture
def long_list(sandbox):
    """Fill the account up to a list that has to be scrolled."""
    for number in range(30):
        new_group(sandbox, f"Гурт {number}")


def save_row(page, percent):
    page.locator(".row-form [name=percent]").fill(percent)
    page.locator(".row-form [name=percent]").press("Enter")


def test_a_saved_row_keeps_its_place_and_the_focus(page_for, staff, sandbox, long_list):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    group_id = int(page.locator("tr[data-group]").nth(20).get_attribute("data-group"))
    row(page, group_id).scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#rows').dataset.here = 'still the same list'")
    open_row(page, group_id)
    before = row(page, group_id).bounding_box()["y"]
    assert page.evaluate("scrollY") > 100
    save_row(page, "7,5")
    expect(row(page, group_id)).to_contain_text("7.5%")
    expect(row(page, group_id).locator(".row-edit")).to_be_focused()
    expect(row(page, group_id)).to_have_class("saved")
    assert abs(row(page, group_id).bounding_box()["y"] - before) < 2
    expect(page.locator("#rows")).to_have_attribute("data-here", "still the same list")
    expect(page.locator("[data-outcome=applied]")).to_have_count(1)
    expect(page.locator("html.busy")).to_have_count(0)
    assert sandbox.accounts["demo"].groups[group_id]["client_groups_discount"] == "7.5"

    page.keyboard.press("Enter")
    expect(row(page, group_id).locator("[name=percent]")).to_have_value("7.5")
    page.keyboard.press("Escape")
    expect(page.locator(".row-form")).to_have_count(0)
    expect(row(page, group_id).locator(".row-edit")).to_be_focused()


def test_a_risky_percent_is_asked_about_over_its_row(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page, "/groups/?sort=name")
    heading(page, "Loyalty groups")
    open_row(page, 1)
    save_row(page, "45")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Save these changes?")).to_be_focused()
    expect(dialog).to_contain_text("125 clients")
    expect(page).to_have_url(re.compile(r"/groups/\?sort=name$"))
    expect(page).to_have_title(re.compile("^Loyalty groups"))
    assert not sandbox.posts()

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".row-form [name=percent]")).to_have_value("45")
    page.locator(".row-form [name=percent]").press("Enter")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Yes, save changes").click()
    expect(dialog).to_have_count(0)
    expect(row(page, 1)).to_contain_text("45%")
    expect(row(page, 1).locator(".row-edit")).to_be_focused()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "45"


def test_a_question_that_lacks_its_reason_is_asked_again(page_for, owner, sandbox):
    Limits.objects.create(account_id="demo", max_percent=20)
    page = page_for(owner)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    save_row(page, "45")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Yes, save changes").click()
    expect(dialog.locator("[name=reason][aria-invalid=true]")).to_be_visible()
    assert not sandbox.posts()
    dialog.locator("[name=reason]").fill("For Friday")
    dialog.get_by_role("button", name="Yes, save changes").click()
    expect(dialog).to_have_count(0)
    expect(row(page, 1)).to_contain_text("45%")


def test_a_conflict_stays_with_its_row_and_theirs_is_taken(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    sandbox.console("demo").edit(1, client_groups_discount="12")
    save_row(page, "14")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="The group was changed meanwhile")).to_be_focused()
    dialog.get_by_role("link", name="Take theirs").click()
    expect(dialog).to_have_count(0)
    expect(row(page, 1)).to_contain_text("12%")
    expect(row(page, 1).locator(".row-edit")).to_be_focused()
    expect(page).to_have_url(re.compile("/groups/$"))
    assert not sandbox.posts()


# --- Taken back --------------------------------------------------------------------------------------------


def test_a_saved_row_is_taken_back_where_it_stands(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page, "/groups/?sort=name")
    heading(page, "Loyalty groups")
    open_row(page, 1)
    save_row(page, "12")
    toast = page.locator(".toast")
    expect(toast).to_contain_text("10% → 12%")
    page.evaluate("document.querySelector('#rows').dataset.here = 'still the same list'")
    toast.get_by_role("button", name="Take back").click()
    expect(row(page, 1)).to_contain_text("10%")
    expect(toast).to_contain_text("12% → 10%")
    expect(row(page, 1).locator(".row-edit")).to_be_focused()
    expect(page.locator("#rows")).to_have_attribute("data-here", "still the same list")
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)


def test_a_good_message_goes_by_itself_but_not_from_under_the_focus(page_for, staff):
    page = page_for(staff, new=True)
    page.clock.install()
    page.goto("/groups/1/edit/")
    page.get_by_label("Percent, %").fill("12")
    page.get_by_role("button", name="Save changes").click()
    heading(page, SEED)
    toast = page.locator(".toast")
    toast.get_by_role("button", name="Take back").focus()
    page.clock.run_for(40_000)
    expect(toast).to_be_visible()
    page.locator("h1").click()
    page.clock.run_for(16_000)
    expect(toast).to_have_count(0)


def test_on_a_phone_the_percent_is_edited_in_a_sheet(page_for, staff, sandbox):
    page = page_for(staff, width=360, height=780)
    show_list(page)
    heading(page, "Loyalty groups")
    link = row(page, 1).locator(".row-edit")
    assert link.bounding_box()["height"] >= 44
    link.click()
    sheet = page.locator("tr.editing")
    percent = sheet.get_by_label("Percent, %")
    expect(percent).to_be_focused()
    box = sheet.bounding_box()
    assert (box["x"], box["width"], round(box["y"] + box["height"])) == (0, 360, 780)
    for button in sheet.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44
    assert page.evaluate(OVERFLOW) <= 0
    percent.fill("12")
    sheet.get_by_role("button", name="Save").click()
    expect(row(page, 1)).to_contain_text("12%")
    expect(row(page, 1).locator(".row-edit")).to_be_focused()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "12"


def test_a_new_group_that_has_to_be_corrected_shows_its_errors_first(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/new/")
    expect(page.locator("[name=name]")).to_be_focused()
    page.locator("[name=name]").fill("Друзі")
    page.locator("[name=name]").press("Enter")
    expect(page.locator(".summary")).to_be_focused()
    # Nothing takes the focus away while the page settles.
    page.wait_for_function("!document.querySelector('.htmx-settling, .htmx-swapping, .htmx-request')")
    expect(page.locator(".summary")).to_be_focused()
