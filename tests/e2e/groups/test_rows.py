"""Test editing in a row of the list: the row stays where it is, and keeps the focus."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import (
    OVERFLOW,
    SEED,
    caught,
    heading,
    hold_back,
    new_group,
    open_row,
    row,
    show_list,
)
from tests.support.pages import group_form

BROKEN = "<!doctype html><title>502</title><p data-notice=error>A proxy speaks</p>"


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


@pytest.mark.thorough
def test_a_link_that_is_heard_alone_says_its_group_and_a_name_that_is_cut_off_is_a_tooltip(page_for, staff):
    page = page_for(staff)
    show_list(page)
    name = row(page, 1).locator("th a")
    expect(name).to_have_attribute("title", name.text_content())
    expect(page.get_by_role("link", name=f"Edit {name.text_content()}")).to_have_count(1)
    open_row(page, 1)
    save_row(page, "7.5")
    expect(row(page, 1)).to_contain_text("7.5%")
    expect(page.get_by_role("link", name=f"Edit {name.text_content()}")).to_be_focused()
    expect(name).to_have_attribute("title", name.text_content())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("motion", "animation"),
    [("no-preference", "saved"), ("reduce", "none")],
)
def test_a_saved_row_lights_up_for_a_moment_where_motion_is_welcome(page_for, staff, motion, animation):
    page = page_for(staff)
    page.emulate_media(reduced_motion=motion)
    show_list(page)
    heading(page, "Loyalty groups")
    page.evaluate(
        """() => addEventListener("animationend", ({ animationName, elapsedTime, target }) => {
          if (!target.matches("tr")) return;
          document.body.dataset.lit = [animationName, elapsedTime, target.dataset.group].join(" ");
        })"""
    )
    open_row(page, 1)
    save_row(page, "12")
    expect(row(page, 1)).to_have_class("saved")
    if animation == "saved":
        expect(page.locator("body")).to_have_attribute("data-lit", "saved 0.15 1")
    assert row(page, 1).evaluate("(row) => getComputedStyle(row).animationName") == animation


@pytest.mark.thorough
def test_the_pictures_and_counts_are_those_of_a_saved_row(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    expect(page.locator("#pictures .ladder li").first).not_to_contain_text("19%")
    open_row(page, 1)
    sandbox.console("demo").edit(4, count_groups_clients="1000")
    save_row(page, "19")
    expect(page.locator("#pictures .ladder")).to_contain_text("19%")
    expect(page.locator("#figures")).to_contain_text("1,")


def test_a_row_is_saved_in_its_place_after_the_filters_were_looked_at(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page, "/groups/?sort=name")
    page.wait_for_load_state()
    page.get_by_role("link", name="Filters", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/groups/\?sort=name$"))
    open_row(page, 4)
    page.locator(".row-form [name=percent]").fill("12")
    page.keyboard.press("Enter")
    expect(row(page, 4)).to_contain_text("12%")
    expect(page.locator("main h1")).to_have_count(1)


@pytest.mark.thorough
def test_a_row_that_is_left_keeps_its_place_and_the_focus(page_for, staff, long_list):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    last = int(page.locator("tr[data-group]").last.get_attribute("data-group"))
    row(page, last).scroll_into_view_if_needed()
    open_row(page, last)
    before = page.evaluate("scrollY")
    page.keyboard.press("Escape")
    expect(row(page, last).locator(".row-edit")).to_be_focused()
    expect(page.locator(".row-form")).to_have_count(0)
    # The page became shorter by the height of the form, and ends there.
    assert before - page.evaluate("scrollY") < 150
    expect(page.locator("tr.saved")).to_have_count(0)


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


@pytest.mark.thorough
def test_what_depends_on_the_group_moves_no_button_when_it_comes(page_for, staff, sandbox):
    page = page_for(staff)
    held = hold_back(page, "**/dependents/")
    show_list(page)
    open_row(page, 1)
    save_row(page, "45")
    dialog = page.get_by_role("dialog")
    button = dialog.get_by_role("button", name="Yes, save changes")
    expect(button).to_be_visible()
    before = button.bounding_box()
    expect(dialog.get_by_text("Promotions and rules that name it")).to_be_visible()
    caught(page, held).continue_()
    expect(dialog.get_by_text("Promotions and rules that name it")).to_have_count(0)
    expect(dialog.locator("#dependents")).to_be_visible()
    assert button.bounding_box() == before


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


@pytest.mark.thorough
def test_a_saved_row_of_which_only_a_stale_copy_is_known_is_not_shown_as_if_it_were_fresh(
    page_for, staff, sandbox
):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    sandbox.script("clients.getGroups", "fin_before_headers", times=None)
    save_row(page, "12")
    expect(page.locator("[data-notice=stale]")).to_be_visible()
    expect(page.locator("[data-outcome=applied]")).to_contain_text(f"{SEED}: 10% → 12%")
    expect(page.locator(".row-form")).to_have_count(0)
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "12"


@pytest.mark.thorough
def test_a_row_that_could_not_be_fetched_can_be_sent_again(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    page.route("**/groups/", lambda route, _: route.fulfill(status=502, body=BROKEN), times=1)
    save_row(page, "12")
    expect(page.locator("#notice")).to_contain_text("A proxy speaks")
    page.locator(".row-form [name=percent]").press("Enter")
    expect(row(page, 1)).to_contain_text("12%")
    assert len(sandbox.posts()) == 1


@pytest.mark.thorough  # as that of a form in tests/e2e/test_tour.py
def test_an_unknown_outcome_of_a_row_has_its_own_address_and_back_leads_to_the_list(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page, "/groups/?sort=name")
    heading(page, "Loyalty groups")
    open_row(page, 1)
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)
    save_row(page, "12")
    expect(page.locator("[data-outcome=unknown]")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/history/[0-9a-f-]{36}/$"))
    assert page.locator("#outcome").bounding_box()["width"] < 900
    sandbox.clear_faults()
    page.reload()
    expect(page.locator("#outcome h1")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/groups/\?sort=name$"))
    expect(row(page, 1)).to_be_visible()


@pytest.mark.thorough
def test_a_second_save_of_a_row_asks_about_a_colleagues_change_too(page_for, staff, owner, browse, sandbox):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    save_row(page, "11")
    expect(row(page, 1)).to_contain_text("11%")
    open_row(page, 1)
    client = browse(owner)
    form = group_form(client, "/groups/1/edit/", name=SEED, percent="13")
    assert client.post("/groups/1/edit/", form).status_code == 302
    save_row(page, "12")
    expect(page.get_by_role("dialog")).to_contain_text("13%")


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


def test_without_scripts_a_message_stands_above_the_page_since_nothing_takes_it_away(page_for, staff):
    page = page_for(staff, width=360, height=780, javascript=False)
    page.goto("/groups/1/edit/")
    page.get_by_label("Percent, %").fill("12")
    page.get_by_role("button", name="Save changes").click()
    heading(page, SEED)
    toast, title = page.locator(".toast").bounding_box(), page.locator("h1").bounding_box()
    assert toast["y"] + toast["height"] <= title["y"]
    expect(page.locator(".toast-close")).to_be_hidden()


@pytest.mark.thorough
def test_a_message_moves_nothing_and_covers_no_end_of_the_page(page_for, staff, sandbox):
    page = page_for(staff, width=360, height=780)
    page.goto("/groups/1/edit/")
    page.get_by_label("Percent, %").fill("12")
    page.get_by_role("button", name="Save changes").click()
    heading(page, SEED)
    toast = page.locator(".toast")
    top = page.locator("h1").bounding_box()["y"]
    page.emulate_media(media="print")
    expect(toast).to_be_hidden()
    page.emulate_media(media="null")
    toast.get_by_role("button", name="Close").click()
    assert page.locator("h1").bounding_box()["y"] == top
    page.reload()
    assert page.locator("h1").bounding_box()["y"] == top


@pytest.mark.thorough
def test_a_message_without_a_way_back_leaves_no_room_for_it(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/new/")
    page.get_by_label("Name", exact=True).fill("Нова")
    page.get_by_label("Percent, %").fill("3")
    page.locator("[name=loyalty_type]").first.check()
    page.get_by_role("button", name="Create group").click()
    toast = page.locator(".toast")
    expect(toast).to_be_visible()
    expect(toast.get_by_role("button")).to_have_count(1)
    right = toast.bounding_box()["x"] + toast.bounding_box()["width"]
    close = toast.get_by_role("button", name="Close").bounding_box()
    assert right - close["x"] - close["width"] < 20


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


def test_an_error_stays(page_for, staff, sandbox):
    page = page_for(staff, new=True)
    page.clock.install()
    show_list(page)
    heading(page, "Loyalty groups")
    sandbox.script("clients.getGroup", "error_number_field", times=9)
    page.goto("/groups/1/edit/")
    notice = page.locator("[data-notice=error]").first
    expect(notice).to_be_visible()
    page.clock.run_for(60_000)
    expect(notice).to_be_visible()


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
    sheet.get_by_role("button", name="Save changes").click()
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
