"""Test the shortcuts with the keys of other layouts, as Chromium reports them."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import caught, heading, show_list

UKRAINIAN = {"n": ("KeyN", "т"), "e": ("KeyE", "у"), "/": ("Slash", "."), "?": ("Digit7", "?")}
RUSSIAN = {"n": ("KeyN", "т"), "e": ("KeyE", "у"), "/": ("Slash", "."), "?": ("Slash", ",")}


def strike(page, *, code, key, shift=False, control=False):
    """Press a key as a keyboard of any layout reports it: its place, and the text it types."""
    session = page.context.new_cdp_session(page)
    event = {"code": code, "key": key, "modifiers": 8 * shift + 2 * control}
    session.send("Input.dispatchKeyEvent", event | {"type": "keyDown"} | ({} if control else {"text": key}))
    session.send("Input.dispatchKeyEvent", event | {"type": "keyUp"})
    session.detach()


def press(page, layout, name):
    """Press the key that has this name on a Latin layout."""
    code, key = layout[name]
    strike(page, code=code, key=key, shift=name == "?")


@pytest.mark.parametrize("layout", [UKRAINIAN, RUSSIAN], ids=["uk", "ru"])
def test_the_shortcuts_work_on_a_cyrillic_layout(page_for, staff, layout):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    press(page, layout, "/")
    expect(page.locator("#q")).to_be_focused()
    page.locator("h1").click()

    press(page, layout, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    press(page, layout, "n")
    heading(page, "New group")
    page.goto("/groups/1/")
    heading(page, "Постоянный посетитель")
    press(page, layout, "e")
    heading(page, "Edit “Постоянный посетитель”")
    # A letter that is typed into a field is no shortcut.
    page.fill("#id_name", "")
    press(page, layout, "n")
    expect(page.locator("#id_name")).to_have_value("т")


def test_brackets_lead_through_the_groups_of_the_list(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/?sort=-clients")
    page.get_by_role("link", name="Постоянный посетитель", exact=True).click()
    heading(page, "Постоянный посетитель")
    strike(page, code="BracketRight", key="ї")
    heading(page, "Скидочная система 10%")
    expect(page).to_have_url(re.compile(r"/groups/4/\?sort=-clients$"))
    strike(page, code="BracketLeft", key="х")
    heading(page, "Постоянный посетитель")


# --- Go to -------------------------------------------------------------------------------------------------


def test_ctrl_k_works_while_something_is_typed_and_gives_the_focus_back(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    heading(page, "Edit “Постоянный посетитель”")
    page.get_by_label("Name", exact=True).fill("Half typed")
    strike(page, code="KeyK", key="л", control=True)
    expect(page.locator("#go-q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#go")).to_have_count(0)
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half typed")


def test_arrows_walk_through_the_places(page_for, owner):
    page = page_for(owner, language="uk")
    show_list(page)
    heading(page, "Групи клієнтів")
    strike(page, code="KeyK", key="л", control=True)
    expect(page.locator("#go-q")).to_be_focused()
    page.keyboard.type("люди")
    expect(page.locator("#found")).to_have_attribute("data-text", "люди")
    expect(page.locator("#found a")).to_have_count(2)
    page.keyboard.press("ArrowUp")
    expect(page.locator("#found button")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#go-q")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found a").first).to_be_focused()
    page.keyboard.press("Enter")
    heading(page, "Люди")


def test_places_that_come_once_more_keep_the_focus(page_for, owner):
    page = page_for(owner)
    page.goto("/go/")
    page.fill("#go-q", "people")
    expect(page.locator("#found")).to_have_attribute("data-text", "people")
    for key in ("ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        focused = page.evaluate("document.activeElement.id")
        page.evaluate("""async () => {
          document.getElementById("found").dataset.before = "";
          (await import("/static/js/go.js")).askForPlaces(document.querySelector("[data-go]"));
        }""")
        expect(page.locator("#found[data-before]")).to_have_count(0)
        expect(page.locator(f"#{focused}")).to_be_focused()


def test_a_percent_is_filled_in_from_there_by_keys_alone_and_not_sent(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto("/history/")
    strike(page, code="KeyK", key="л", control=True)
    expect(page.locator("#go-q")).to_be_focused()
    page.keyboard.type("7,5 % постоянный")
    expect(page.locator("#found a")).to_have_text([re.compile("^7,5.% для .* Постоянный посетитель")])
    page.keyboard.press("Enter")
    expect(page.locator("[name=percent]")).to_be_focused()
    expect(page.locator("[name=percent]")).to_have_value("7,5")
    assert not sandbox.posts()
    page.keyboard.press("Enter")
    heading(page, "Постоянный посетитель")
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "7.5"


def open_search(page):
    heading(page, "Loyalty groups")
    strike(page, code="KeyK", key="k", control=True)
    expect(page.locator("#go-q")).to_be_focused()
    expect(page.locator("#found")).to_be_attached()


@pytest.mark.parametrize("goes_on", [True, False])
def test_letters_and_enter_typed_before_the_search_has_come_are_not_lost(page_for, staff, goes_on):
    page, held = page_for(staff), []
    show_list(page)
    heading(page, "Loyalty groups")
    page.route("**/go/", lambda route: route.continue_() if held else held.append(route))
    strike(page, code="KeyK", key="k", control=True)
    page.keyboard.type("Histo")
    if goes_on:
        page.keyboard.press("Enter")
    caught(page, held).continue_()
    if not goes_on:
        expect(page.locator("#found a")).to_have_text([re.compile("History")])
        page.keyboard.type("ry")
        expect(page.locator("#found")).to_have_attribute("data-text", "History")
        page.keyboard.press("Enter")
    heading(page, "History")


def test_enter_pressed_before_the_script_of_the_search_has_come_is_not_lost(page_for, staff):
    page, held = page_for(staff, new=True), []
    page.route("**/js/go*.js", lambda route: held.extend([route]))
    show_list(page)
    strike(page, code="KeyK", key="k", control=True)
    script = caught(page, held)
    page.keyboard.type("Histo")
    page.keyboard.press("Enter")
    script.continue_()
    heading(page, "History")


def test_no_letter_that_is_typed_there_gets_into_an_address(page_for, staff):
    page = page_for(staff, new=True)
    show_list(page)
    requests = []
    page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    open_search(page)
    page.keyboard.type("Koval")
    expect(page.locator("#found button")).to_contain_text("Koval")
    page.keyboard.press("Enter")
    heading(page, "Clients")
    assert [line for line in requests if line.startswith("POST") and line.endswith("/go/")]
    assert not [line for line in requests if "Koval" in line]
