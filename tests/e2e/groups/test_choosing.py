"""Choose groups in the list, by keys of a Ukrainian layout and without scripts, and act on the chosen."""

import pytest
from playwright.sync_api import expect

from groups.models import Job
from tests.support.browser import heading, row, show_list
from tests.support.jobs import run

BOX = "[name=id]"
CHOSEN = ".groups [name=id]:checked"


@pytest.fixture
def page(page_for, staff):
    page = page_for(staff, language="uk")
    show_list(page)
    heading(page, "Групи клієнтів")
    return page


def bar(page):
    return page.locator("#chosen")


def press_x(page, *, shift=False):
    """Press the key of x on a Ukrainian layout, where it types «ч»."""
    session = page.context.new_cdp_session(page)
    event = {"code": "KeyX", "key": "Ч" if shift else "ч", "modifiers": 8 * shift}
    session.send("Input.dispatchKeyEvent", event | {"type": "keyDown", "text": event["key"]})
    session.send("Input.dispatchKeyEvent", event | {"type": "keyUp"})
    session.detach()


def test_keys_choose_rows_and_a_range_of_them(page):
    expect(bar(page)).to_be_hidden()
    row(page, 1).get_by_role("link").first.focus()
    press_x(page)
    expect(bar(page).locator("output")).to_have_text("1")
    row(page, 5).get_by_role("link").first.focus()
    press_x(page, shift=True)
    expect(bar(page).locator("output")).to_have_text("3")
    press_x(page)
    expect(bar(page).locator("output")).to_have_text("2")
    expect(page.locator(CHOSEN)).to_have_count(2)
    page.locator("#q").focus()
    press_x(page)
    expect(page.locator("#q")).to_have_value("ч")


def test_the_chosen_stay_while_one_searches_and_their_percents_alone_are_edited(page, sandbox):
    row(page, 4).locator(BOX).check()
    page.locator("#q").fill("посетитель")
    expect(page.locator("tr[data-group]")).to_have_count(1)
    row(page, 1).locator(BOX).check()
    expect(bar(page).locator("output")).to_have_text("2")
    bar(page).get_by_role("button", name="Відсотки").click()
    heading(page, "Змінити кілька відсотків")
    expect(page.locator("tr[data-group]")).to_have_count(2)
    page.get_by_role("link", name="Групи клієнтів").click()
    expect(page.locator(CHOSEN)).to_have_count(2)
    expect(bar(page).locator("output")).to_have_text("2")


def test_without_scripts_the_boxes_and_buttons_are_a_form(page_for, staff, sandbox):
    for number in (4, 5):
        sandbox.console().edit(number, count_groups_clients="2")
    page = page_for(staff, language="uk", javascript=False)
    page.goto("/groups/?sort=name")
    expect(bar(page)).to_be_hidden()
    row(page, 4).locator(BOX).check()
    row(page, 5).locator(BOX).check()
    with page.expect_download() as download:
        bar(page).get_by_role("button", name="CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(";")[0] for line in lines[1:]] == ['"4"', '"5"']
    bar(page).get_by_role("button", name="Перемістити").click()
    heading(page, "Перемістити 4 клієнтів")
    page.locator("[name=target]").select_option("1")
    page.get_by_role("button", name="Перемістити вибраних клієнтів").click()
    page.wait_for_url("**/jobs/**")
    assert run(Job.objects.get()).state == Job.State.DONE
    groups = sandbox.accounts["demo"].groups
    assert [groups[number]["count_groups_clients"] for number in (4, 5)] == ["0", "0"]
