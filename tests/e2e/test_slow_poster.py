"""Test in a browser, in Ukrainian, what is seen while Poster has not answered, without a clock."""

from contextvars import ContextVar

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from groups.services import groups as reads
from groups.views import http
from poster_admin.common import threaded
from tests.support.browser import caught, heading, hold_back, open_row, row, show_list
from tests.support.dashboard.killing import wait_until

STALE = "[data-notice=stale]"
# A page asks again with this parameter, and waits for the answer of Poster then.
WAITS = "**/*wait=1*"


@pytest.fixture
def page(page_for, staff, browse, sandbox, monkeypatch):
    """Return the window of staff: a colleague edited group 4 since, and pages wait for no answer."""
    browse(staff).get("/groups/")
    cache.clear()
    sandbox.console().edit(4, client_groups_discount="44")
    left = []
    monkeypatch.setattr(threaded, "left_over", ContextVar("left_over", default=left))
    for module in (http, reads):
        monkeypatch.setattr(module, "MAX_WAIT", 0)
    sandbox.latency = 0.2
    return page_for(staff, language="uk")


def test_nothing_moves_when_the_answer_takes_the_place_of_the_copy(page):
    held = hold_back(page, WAITS)
    show_list(page)
    expect(page.locator(STALE)).to_contain_text("Станом на")
    expect(row(page, 4)).to_contain_text("10 %")
    row(page, 4).get_by_role("checkbox").check()
    menu = page.locator(".results-bar .more-menu")
    menu.locator("summary").click()
    place = row(page, 4).bounding_box()["y"]
    the_same = row(page, 4).element_handle()
    caught(page, held).continue_()
    expect(page.locator(STALE)).to_have_count(0)
    expect(row(page, 4)).to_contain_text("44 %")
    expect(page.locator("#live")).to_have_text("Poster відповів.")
    assert the_same.evaluate("row => row.isConnected")
    assert row(page, 4).bounding_box()["y"] == place
    expect(row(page, 4).get_by_role("checkbox")).to_be_checked()
    expect(menu).to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_a_row_that_is_edited_stays_open_under_the_answer(page):
    held = hold_back(page, WAITS)
    show_list(page)
    open_row(page, 4)
    percent = page.locator(".row-form [name=percent]")
    percent.fill("17")
    caught(page, held).continue_()
    expect(page.locator(STALE)).to_have_count(0)
    expect(percent).to_have_value("17")
    expect(percent).to_be_focused()


def save(page):
    page.goto("/groups/1/edit/")
    page.fill("main [name=percent]", "12")
    page.get_by_role("button", name="Зберегти зміни").click(no_wait_after=True)


def test_a_save_says_its_steps(page_for, staff):
    page = page_for(staff, language="uk", new=True)
    page.clock.install()
    held = hold_back(page, "**/groups/1/edit/")
    page.route("**/history/*/", lambda route, _: route.fulfill(body="надсилаємо"))
    page.route("**/groups/1/edit/", lambda route, _: route.continue_(), times=1)
    save(page)
    sent = caught(page, held)
    page.clock.run_for(2_000)
    expect(page.locator(".loading-words")).to_have_text("надсилаємо")
    sent.continue_()
    heading(page, "Постоянный посетитель")
    expect(page.locator(".toast")).to_contain_text("10 % → 12 %")
    expect(page.locator(".toast")).to_have_count(1)


def test_a_save_that_is_left_shows_its_outcome_once_on_any_page(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    sandbox.latency = 0.3
    save(page)
    wait_until(lambda: sandbox.calls("clients.getGroup"), 0.01)
    page.get_by_role("link", name="Налаштування").first.click()
    page.wait_for_url("**/settings/")
    toast = page.locator("#messages > .notice")
    expect(toast).to_contain_text("10 % → 12 %")
    assert page.evaluate("localStorage.getItem('left')") == ""
