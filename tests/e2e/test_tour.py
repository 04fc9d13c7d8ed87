"""Test the main workflow in a browser: with mouse, with keyboard, and without JavaScript."""

import re

import pytest
from django.contrib.auth.models import User
from django.utils.translation import gettext, override
from playwright.sync_api import expect

from groups.models import Change, PosterCredentials
from tests.support import pairwise
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
from tests.support.pages import group_form
from tests.support.people import PASSWORD


def words_in(language):
    """Return a function that says a text of the pages in a language."""

    def say(text, **values):
        with override(language):
            return gettext(text) % values

    return say


def sign_in(page, name, path="/"):
    page.goto(path)
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")


def connect(page, sandbox, say):
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
    from_the_menu(page, "Remove").click()
    quietly_open(page, re.compile("Remove the group"))
    return page.get_by_role("dialog")


# --- The tour ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "javascript"),
    pairwise.marked([("uk", True), ("ru", True), ("en", True), ("uk", False)], [("uk", True)]),
)
def test_a_newcomer_connects_and_does_everything(page_for, newcomer, sandbox, language, javascript):
    say = words_in(language)
    page = page_for(language=language, javascript=javascript)
    sign_in(page, "newcomer")
    connect(page, sandbox, say)
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


CONSOLE = {
    "uk": ["Доступ", "Інтеграції", "Персональна інтеграція"],
    "ru": ["Доступ", "Интеграции", "Персональная интеграция"],
    "en": ["Access", "Integrations", "Personal integration"],
}


@pytest.mark.parametrize(
    ("language", "javascript"),
    pairwise.marked([("uk", True), ("ru", False), ("en", True)], [("uk", True)]),
)
def test_the_first_owner_is_led_through_three_steps(page_for, sandbox, language, javascript):
    User.objects.create_superuser("first", password=PASSWORD)
    account = sandbox.accounts["kavarnia"]
    page = page_for(language=language, width=360, javascript=javascript)
    sign_in(page, "first")
    page.wait_for_url("**/account/")
    steps = page.locator(".steps > li")
    expect(steps).to_have_count(3)
    expect(steps.nth(1).locator(".path span")).to_have_text(CONSOLE[language])

    steps.nth(0).locator("input").fill(account.name)
    steps.nth(1).locator("input").fill("0" * 32)
    steps.nth(2).get_by_role("button").click()
    expect(steps.nth(1).locator(".error")).to_be_visible()
    expect(steps.nth(0).locator("input")).to_have_value(account.name)
    assert not PosterCredentials.objects.exists()

    steps.nth(1).locator("input").fill(account.token)
    steps.nth(2).get_by_role("button").click()
    page.wait_for_url("**/groups/")
    expect(page.locator("[data-notice=success]")).to_contain_text(account.company)
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
    heading(page, "Edit group")
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


def test_escape_leaves_a_row_and_the_focus_stays_there(page_for, staff):
    page = page_for(staff)
    show_list(page)
    row(page, 4).get_by_role("link", name="Edit").focus()
    page.keyboard.press("Enter")
    expect(row(page, 4).get_by_label("Percent, %")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row(page, 4).get_by_role("link", name="Edit")).to_be_focused()


def test_the_help_lies_over_a_form_that_keeps_what_was_typed(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    page.get_by_label("Name", exact=True).fill("Half typed")
    page.locator("h1").click()
    page.keyboard.press("?")
    quietly_open(page, "Keyboard shortcuts")
    expect(page).to_have_title(re.compile("^Edit “"))
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_have_count(0)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half typed")
    page.locator("details.menu summary").click()
    page.get_by_role("link", name="Keyboard shortcuts").click()
    quietly_open(page, "Keyboard shortcuts")
    expect(page.locator("details.menu")).not_to_have_attribute("open", "")


@pytest.mark.thorough
def test_a_form_in_which_nothing_was_typed_is_left_without_a_warning_after_a_dialog(page_for, staff):
    page = page_for(staff, new=True)
    show_list(page)
    heading(page, "Loyalty groups")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    open_row(page, 1)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="History").click()
    heading(page, "History")
    assert asked == []


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


def test_a_session_that_ends_leads_to_the_sign_in_and_back(page_for, staff):
    page = page_for(staff)
    show_list(page, "/groups/?sort=percent")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("link", name=re.compile("^Discount")).click()
    page.wait_for_url("**/accounts/login/?next=**")
    page.get_by_label("Name").fill("staff")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/groups/?sort=percent")
    expect(rows(page)).to_have_count(3)


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


@pytest.mark.thorough
def test_going_back_once_more_while_a_page_loads_shows_what_its_address_says(page_for, staff):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    page.get_by_role("link", name=re.compile("^Discount")).click()
    expect(row(page, 1)).to_have_count(0)
    script = re.compile(r"/js/htmx\b.*\.js$")
    held = hold_back(page, script, times=1)
    with page.expect_request(script):
        page.reload(wait_until="commit")
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile(r"/groups/$"))
    caught(page, held).continue_()
    expect(row(page, 1)).to_be_visible()


@pytest.mark.parametrize(
    "name", ["Percent", pytest.param(re.compile("^Discount"), marks=pytest.mark.thorough)]
)
def test_the_focus_stays_on_what_the_list_was_asked_by(page_for, staff, name):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    link = page.get_by_role("link", name=name, exact=True)
    before = page.url
    link.focus()
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(before)
    expect(link).to_be_focused()


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_a_list_that_could_not_be_searched_is_not_busy_any_more(page_for, staff, sandbox):
    page = page_for(staff)
    page.goto("/groups/1/clients/")
    page.wait_for_load_state()
    sandbox.script("clients.getClients", "fin_before_headers", times=None)
    page.fill("#q", "Коваленко")
    page.press("#q", "Enter")
    expect(page.locator("#notice [data-notice=error]")).to_be_visible()
    expect(page.locator("#rows")).not_to_have_attribute("aria-busy", "true")


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


def test_a_risky_edit_is_asked_about(page_for, staff, sandbox):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    page.get_by_label("Percent, %").fill("45")
    page.get_by_role("button", name="Save changes").click()
    heading(page, "Save these changes?")
    expect(page.locator("main")).to_contain_text("125 clients")
    assert not sandbox.posts()
    page.get_by_role("button", name="Yes, save changes").click()
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "45"


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


@pytest.mark.thorough
def test_a_failure_of_a_dialog_is_shown_in_it_and_stays_when_it_is_closed(page_for, owner, sandbox):
    page = page_for(owner)
    dialog = removal_of(page, 4)
    dialog.get_by_label("Name of the group").fill("Скидочная система 10%")
    broken = "<!doctype html><title>502</title><p data-notice=error>A proxy speaks</p>"
    page.route("**/groups/4/delete/", lambda route, _: route.fulfill(status=502, body=broken), times=1)
    dialog.get_by_role("button", name="Remove group and 43 clients").click()
    expect(dialog.locator("[data-notice=error]")).to_contain_text("A proxy speaks")
    expect(dialog.locator("#live")).to_be_attached()
    expect(dialog.get_by_label("Name of the group")).to_have_value("Скидочная система 10%")
    page.keyboard.press("Escape")
    expect(page.locator("main > #notice")).to_contain_text("A proxy speaks")
    assert not sandbox.posts()


def test_an_unknown_outcome_is_followed_up_to_its_end(page_for, staff, browse, sandbox, worker):
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
    expect(page.locator("[data-outcome=applied]")).to_be_visible(timeout=30_000)
    expect(page.locator("#live")).to_contain_text("Done")
    assert len(sandbox.posts()) == 1


def test_a_half_filled_form_warns_before_it_is_left(page_for, staff):
    page = page_for(staff, new=True)
    page.goto("/groups/new/")
    page.get_by_label("Name", exact=True).fill("Ще не все")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="History").click()
    heading(page, "History")
    assert asked == ["beforeunload"]


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


def test_colours_outlive_their_cookie(page_for, staff):
    page = page_for(staff)
    show_list(page)
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Dark").click()
    page.context.clear_cookies(name="theme")
    page.goto("/history/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("details.menu summary").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Auto").click()
    page.context.clear_cookies(name="theme")
    page.goto("/groups/1/")
    heading(page, SEED)
    expect(page.locator("html")).to_have_attribute("data-theme", "")


def test_the_admin_changes_no_choice_of_colours(page_for, staff):
    page = page_for(staff)
    page.goto("/admin/login/")
    # Django's own script keeps its word for the colours of the system.
    page.wait_for_function("localStorage.getItem('theme') === 'auto'")
    page.goto("/history/")
    page.locator("details.menu summary").click()
    expect(page.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("html")).to_have_attribute("data-theme", "")
    assert [each for each in page.context.cookies() if each["name"] == "theme"] == []


@pytest.mark.thorough
def test_a_language_is_remembered_in_another_browser_too(page_for, staff):
    here = page_for(staff, language="en")
    show_list(here)
    here.locator("details.menu summary").click()
    here.get_by_role("button", name="Русский").click()
    expect(here.locator("html")).to_have_attribute("lang", "ru")

    there = page_for(language="en")
    sign_in(there, "staff")
    expect(there.locator("html")).to_have_attribute("lang", "ru")
    heading(there, "Группы клиентов")
    there.reload()
    expect(there.locator("html")).to_have_attribute("lang", "ru")
