"""Test what only a picture shows: contrasts that no rule of axe measures, and words that need room."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.test_tour import heading, row, show_list


def luminance(colour):
    """Return the relative luminance of an rgb() colour: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chosen_segment_stands_out_from_the_others(page_for, staff, scheme):
    page = page_for(staff, scheme=scheme)
    show_list(page)
    colour = "(element, name) => getComputedStyle(element)[name]"
    track = page.locator(".results-bar .choices").evaluate(colour, "backgroundColor")
    chosen = page.locator(".results-bar .choices [aria-current]")
    assert contrast(chosen.evaluate(colour, "borderTopColor"), track) >= 3
    assert contrast(chosen.evaluate(colour, "color"), chosen.evaluate(colour, "backgroundColor")) >= 4.5


def test_the_error_of_a_row_has_room_for_its_words(page_for, staff):
    page = page_for(staff, language="uk")
    show_list(page)
    heading(page, "Групи клієнтів")
    row(page, 4).locator(".row-edit").click()
    page.locator(".row-form [name=percent]").fill("101")
    page.locator(".row-form .button:not(.plain)").click()
    error = page.locator(".row-form .error")
    expect(error).to_be_visible()
    line = float(error.evaluate("element => parseFloat(getComputedStyle(element).lineHeight)"))
    assert error.bounding_box()["height"] < 1.5 * line
