"""Test the main workflow in a browser: with mouse, with keyboard, and without JavaScript."""

import re

import pytest
from django.contrib.auth.models import User
from django.utils.translation import gettext, override
from playwright.sync_api import expect

from groups.models import Change, PosterCredentials
from tests.support.browser import (
    SEED,
    caught,
    from_the_menu,
    heading,
    hold_back,
    new_group,
    open_row,
    row,
    row_is_ready,
    rows,
    show_list,
)
from tests.support.changes import let_a_worker_check
from tests.support.pages import group_form
from tests.support.people import PASSWORD


def say(text, **values):
    """Say a text of the pages in Ukrainian."""
    with override("uk"):
        return gettext(text) % values


def sign_in(page, name, path="/"):
    page.goto(path)
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")


def connect(page, sandbox):
    page.wait_for_url("**/account/")
    page.get_by_label(say("Poster account")).fill("kavarnia")
    page.get_by_label(say("Token")).fill(sandbox.accounts["kavarnia"].token)
    page.get_by_role("button", name=say("Check and connect")).click()


def quietly_open(page, name):
    """Open a dialog and wait for it: keys pressed earlier go to the page behind it."""
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("heading", name=name)).to_be_focused()


def removal_of(page, group_id):
    """Open the dialog that removes a group, and return it."""
    page.goto(f"/groups/{group_id}/")
    from_the_menu(page, "Retire or remove").click()
    quietly_open(page, re.compile("Remove the group"))
    return page.get_by_role("dialog")


# --- The tour ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("javascript", [True, False])
def test_a_newcomer_connects_and_does_everything(page_for, newcomer, sandbox, javascript):
    page = page_for(language="uk", javascript=javascript)
    sign_in(page, "newcomer")
    connect(page, sandbox)
    expect(page.locator("[data-notice=success]")).to_contain_text("Кав'ярня на розі")
    show_list(page)

    search = page.get_by_label(say("Search by name"))
    search.fill("бариста")
    if not javascript:
        search.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile("q=%D0%B1"))

    page.get_by_role("link", name=say("New group")).click()
    page.get_by_label(say("Name"), exact=True).fill("Друзі бариста")
    page.locator("label[for=id_loyalty_type_0]").click()
    percent = page.get_by_label(f"{say('Percent')}, %")
    percent.fill("7,5")
    page.get_by_label(say("Birthday bonus")).fill("50")
    page.get_by_role("button", name=say("Create group")).click()
    heading(page, "Друзі бариста")
    created = say("The group “%(name)s” was created.", name="Друзі бариста")
    expect(page.locator("[data-outcome=applied]")).to_contain_text(created)
    group_id = int(page.url.rstrip("/").rpartition("/")[2])
    assert sandbox.accounts["kavarnia"].groups[group_id]["client_groups_discount"] == "7.5"

    page.get_by_role("link", name=say("Edit group")).click()
    percent.fill("8")
    page.get_by_role("button", name=say("Save changes")).click()
    expect(page.locator("[data-outcome=applied]")).to_contain_text(
        re.compile(r"Друзі бариста: 7[.,]5\s?% → 8\s?%")
    )

    if javascript:
        show_list(page, "/groups/?q=друзі")
        row(page, group_id).get_by_role("link", name=say("Edit")).click()
        row_is_ready(page)
        percent.fill("9")
        page.keyboard.press("Enter")
        expect(page.locator("[data-outcome=applied]")).to_be_visible()
        expect(row(page, group_id)).to_contain_text(re.compile(r"9\s?%"))
        expect(page).to_have_url(re.compile("q="))
        page.goto(f"/groups/{group_id}/")

    from_the_menu(page, say("Remove")).click()
    page.get_by_role("button", name=say("Remove group")).click()
    removed = say("The group “%(name)s” was removed.", name="Друзі бариста")
    expect(page.locator("[data-outcome=applied]")).to_contain_text(removed)
    expect(row(page, group_id)).to_have_count(0)
    assert sandbox.accounts["kavarnia"].groups.get(group_id, {"delete": "1"})["delete"] == "1"
    assert Change.objects.filter(state="applied").count() == (4 if javascript else 3)


def test_the_first_owner_is_led_through_three_steps(page_for, sandbox):
    User.objects.create_superuser("first", password=PASSWORD)
    account = sandbox.accounts["kavarnia"]
    page = page_for(language="uk", width=360)
    sign_in(page, "first")
    page.wait_for_url("**/account/")
    steps = page.locator(".steps > li")
    expect(steps).to_have_count(3)
    expect(steps.nth(1).locator(".path span")).to_have_text(
        ["Доступ", "Інтеграції", "Персональна інтеграція"]
    )

    steps.nth(0).locator("input").fill(account.name)
    steps.nth(1).locator("input").fill("0" * 32)
    steps.nth(2).get_by_role("button").click()
    expect(steps.nth(1).locator(".error")).to_be_visible()
    expect(steps.nth(0).locator("input")).to_have_value(account.name)
    assert not PosterCredentials.objects.exists()

    steps.nth(1).locator("input").fill(account.token)
    steps.nth(2).get_by_role("button").click()
    page.wait_for_url("**/account/check/")
    expect(page.locator("[data-notice=success]")).to_contain_text(account.company)
    page.locator("#check .actions a").first.click()
    page.wait_for_url("**/groups/")
    expect(page.locator(".menu-who")).to_contain_text(account.company)
    expect(rows(page).first).to_be_visible()


def test_by_keyboard_alone(page_for, owner, sandbox):
    page = page_for()
    press, typed = page.keyboard.press, page.keyboard.type
    page.goto("/")
    expect(page.get_by_label("Name")).to_be_focused()
    typed("owner")
    press("Tab")
    typed(PASSWORD)
    press("Enter")
    heading(page, "Loyalty groups")

    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    press("/")
    expect(page.get_by_label("Search by name")).to_be_focused()
    typed("20")
    expect(rows(page)).to_have_count(1)

    page.locator("h1").click()
    press("n")
    heading(page, "New group")
    page.locator("#id_name").focus()
    typed("Клавіатура")
    press("Tab")
    press("Space")
    press("Tab")
    typed("5")
    press("Tab")
    typed("0")
    press("Enter")
    heading(page, "Клавіатура")

    press("e")
    heading(page, "Edit “Клавіатура”")
    page.locator("#id_percent").focus()
    press("Control+a")
    typed("6")
    press("Enter")
    expect(page.locator(".facts")).to_contain_text("6")
    expect(page.locator("[data-outcome=applied]")).to_contain_text("Клавіатура: 5% → 6%")

    page.locator("main .more-menu summary").focus()
    press("Enter")
    page.get_by_role("link", name="Remove").focus()
    press("Enter")
    quietly_open(page, re.compile("Remove the group"))
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="Remove")).to_be_focused()


def test_shortcuts_can_be_switched_off(page_for, staff):
    page = page_for(staff)
    show_list(page)
    page.keyboard.press("?")
    page.get_by_label("Use the shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.locator("h1").click()
    page.keyboard.press("n")
    page.keyboard.press("/")
    expect(page.get_by_label("Search by name")).not_to_be_focused()
    expect(page).to_have_url(re.compile("/groups/$"))


# --- Two users ---------------------------------------------------------------------------------------------


def test_the_second_of_two_people_applies_theirs_on_top(page_for, staff, owner, sandbox):
    first, second = page_for(staff), page_for(owner)
    for page in (first, second):
        page.goto("/groups/1/edit/")
    first.get_by_label("Percent, %").fill("12")
    first.get_by_role("button", name="Save changes").click()
    expect(first.locator("[data-outcome=applied]")).to_be_visible()
    second.get_by_label("Name", exact=True).fill("Інша назва")
    second.get_by_role("button", name="Save changes").click()
    heading(second, "The group was changed meanwhile")
    expect(second.locator("[data-notice=conflict]")).to_contain_text("Nothing was sent")
    table = second.get_by_role("table", name="The group in three versions")
    for text in ("You opened", "Poster has now", "You want", "10%", "12%", "Інша назва"):
        expect(table).to_contain_text(text)
    second.get_by_role("button", name="Save the chosen values").click()
    heading(second, "Інша назва")
    assert len(sandbox.posts()) == 2
    stored = sandbox.accounts["demo"].groups[1]
    assert (stored["client_groups_name"], stored["client_groups_discount"]) == ("Інша назва", "12")


# --- Interruptions -----------------------------------------------------------------------------------------


def test_back_and_forward_restore_what_was_seen(page_for, staff, sandbox):
    for number in range(120):
        new_group(sandbox, f"Гурт {number}")
    page = page_for(staff)
    show_list(page)
    page.get_by_role("link", name=re.compile("^Discount")).click()
    expect(page).to_have_url(re.compile(r"type=2$"))
    page.get_by_role("link", name="Percent", exact=True).click()
    expect(page).to_have_url(re.compile(r"type=2&sort=-percent$"))
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_title(re.compile("page 2 of 3"))
    seen = rows(page).first.get_attribute("data-group")
    rows(page).first.get_by_role("link").first.click()
    expect(page.locator(".facts")).to_be_visible()

    page.go_back()
    expect(page).to_have_title(re.compile("page 2 of 3"))
    expect(rows(page).first).to_have_attribute("data-group", seen)
    page.go_back()
    expect(page).to_have_url(re.compile(r"type=2&sort=-percent$"))
    expect(page.locator("[aria-sort=descending]")).to_contain_text("Percent")
    expect(page).not_to_have_title(re.compile("page 2"))
    with page.expect_event("load"):
        page.go_back()
    expect(page.locator("[aria-sort=descending]")).to_have_count(0)
    page.go_back()
    expect(row(page, 1)).to_be_visible()
    page.go_forward()
    expect(row(page, 1)).to_have_count(0)
    expect(page.locator("nav.choices [aria-current]")).to_contain_text("Discount")


def test_of_two_quick_choices_the_address_and_the_list_are_the_later_one(page_for, staff):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    held = hold_back(page, re.compile(r"type=1"))
    with page.expect_request(re.compile(r"type=1")):
        page.get_by_role("link", name=re.compile("^Bonus")).click()
    page.get_by_role("link", name=re.compile("^Discount")).click()
    expect(page).to_have_url(re.compile(r"type=2$"))
    caught(page, held).continue_()
    expect(row(page, 1)).to_have_count(0)
    expect(row(page, 4)).to_be_visible()
    expect(page.locator("html.busy")).to_have_count(0)


def test_a_row_whose_change_is_under_way_is_not_left(page_for, staff, sandbox):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    open_row(page, 1)
    page.get_by_label("Percent, %").fill("12")
    sandbox.script("clients.updateGroup", "error_object", code=42, when="before")
    held = hold_back(page, "**/groups/1/edit/")
    with page.expect_request("**/groups/1/edit/"):
        page.get_by_label("Percent, %").press("Enter", no_wait_after=True)
    page.keyboard.press("Escape")
    page.locator("[data-leave-row]").click(no_wait_after=True)
    page.get_by_role("link", name=re.compile("^Discount")).click(no_wait_after=True)
    caught(page, held).continue_()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Percent, %")).to_have_value("12")
    expect(page.locator("html.busy")).to_have_count(0)


def test_a_dialog_whose_change_is_under_way_is_not_closed(page_for, owner, sandbox):
    page = page_for(owner)
    dialog = removal_of(page, 1)
    dialog.get_by_label("Name of the group").fill("x")
    held = hold_back(page, "**/groups/1/delete/")
    with page.expect_request("**/groups/1/delete/"):
        dialog.get_by_role("button", name="Remove group and 125 clients").click(no_wait_after=True)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    dialog.locator("[data-close]").first.click(no_wait_after=True)
    caught(page, held).continue_()
    expect(dialog.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_removal_in_a_dialog_takes_the_typed_name(page_for, owner, sandbox):
    page = page_for(owner)
    dialog = removal_of(page, 1)
    button = dialog.get_by_role("button", name="Remove group and 125 clients")
    dialog.get_by_label("Name of the group").fill("Постоянный")
    button.click()
    expect(dialog.locator(".error")).to_contain_text("exactly")
    expect(dialog.get_by_role("alert")).to_be_focused()
    assert not sandbox.posts()
    dialog.get_by_label("Name of the group").fill(SEED)
    button.click()
    expect(page.locator("[data-outcome=applied]")).to_contain_text("125")
    assert 1 not in sandbox.accounts["demo"].groups


def test_an_unknown_outcome_is_followed_up_to_its_end(page_for, staff, browse, sandbox):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    page.get_by_label("Percent, %").fill("15")
    other = group_form(browse(staff), "/groups/1/edit/")
    sandbox.script("clients.updateGroup", "fin_before_headers", when="after")
    sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("[data-outcome=unknown]")).to_contain_text("not known yet")
    assert len(sandbox.posts()) == 1
    assert browse(staff).post("/groups/1/edit/", other).status_code == 409

    sandbox.clear_faults()
    let_a_worker_check(Change.objects.get())
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    expect(page.locator("#live")).to_contain_text("Done")
    assert len(sandbox.posts()) == 1


def test_a_half_filled_form_warns_before_it_is_left(page_for, staff):
    page = page_for(staff, new=True)
    page.goto("/groups/new/")
    page.get_by_label("Name", exact=True).fill("Ще не все")
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="History").click()
    heading(page, "History")
    assert dialogs == ["beforeunload"]


# --- Choices kept in the browser ---------------------------------------------------------------------------


def test_language_and_colours_are_remembered(page_for, staff):
    page = page_for(staff)
    show_list(page, "/groups/?type=2")
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Українська").click()
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    expect(page).to_have_url(re.compile(r"/groups/\?type=2$"))
    page.goto("/history/")
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.goto("/admin/login/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
