"""Test what pages are like in a browser without scripts, where the one with scripts is like another."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import new_group, show_list

ONE_PAGE = "Враховуються лише позначки на цій сторінці."


@pytest.mark.parametrize("width", [1280, 360])
def test_the_search_of_the_list_has_its_button_beside_it(page_for, staff, width):
    page = page_for(staff, language="uk", width=width, height=800, javascript=False)
    show_list(page)
    field, button = (
        page.locator("#q").bounding_box(),
        page.get_by_role("button", name="Шукати").bounding_box(),
    )
    assert button["y"] == field["y"]
    assert button["x"] > field["x"] + field["width"]


def test_the_words_about_ticks_fit_a_phone(page_for, staff):
    page = page_for(staff, language="uk", width=360, height=800, javascript=False)
    page.goto("/groups/1/clients/")
    words, bar = page.get_by_text(ONE_PAGE).bounding_box(), page.locator("#chosen").bounding_box()
    assert words["x"] + words["width"] <= bar["x"] + bar["width"]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_list_in_pages_says_which_ticks_count(page_for, staff, sandbox, javascript):
    page = page_for(staff, language="uk", javascript=javascript)
    page.goto("/groups/1/clients/")
    expect(page.get_by_text(ONE_PAGE)).to_be_visible(visible=not javascript)
    show_list(page)
    page.locator("#rows [name=id]").first.check()
    expect(page.get_by_text(ONE_PAGE)).to_have_count(0)
    for number in range(100):
        new_group(sandbox, f"Гості {number}")
    show_list(page, "/groups/?refresh=1")
    page.locator("#rows [name=id]").first.check()
    expect(page.get_by_text(ONE_PAGE)).to_be_visible(visible=not javascript)
