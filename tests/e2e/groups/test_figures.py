"""Test the year of a group in a browser, in Ukrainian: on a phone, in the dark, and as a table."""

import pytest
from playwright.sync_api import expect

from tests.support.figures import changed, put_nights


@pytest.mark.parametrize("size", [(1280, 900), (360, 740)])
def test_the_picture_of_a_year_fits_and_its_words_can_be_read(page_for, owner, sandbox, size):
    put_nights(owner, 1, 200, owed="1234.5", clients=50)
    for days_ago, percents in ((150, ("5", "7")), (140, ("7", "9")), (2, ("9", "10"))):
        changed(owner, 1, days_ago, percents)
    page = page_for(owner, language="uk")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark")
    page.goto("/groups/1/")
    expect(page.locator("[data-owed='1234.50']")).to_contain_text("1 235 ₴")
    card = page.locator(".year")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    # Each flag has its words inside its label, and no label covers another one.
    labels = card.locator(".flag-back").evaluate_all(
        "found => found.map(each => each.getBoundingClientRect())"
    )
    words = card.locator(".flag-words").evaluate_all(
        "found => found.map(each => each.getBoundingClientRect())"
    )
    assert len(labels) == len(words) == 3
    for label, word in zip(labels, words, strict=True):
        assert label["left"] <= word["left"]
        assert word["right"] <= label["right"] <= size[0]
        assert word["height"] >= 12
    for number, one in enumerate(labels):
        for other in labels[number + 1 :]:
            apart = one["right"] <= other["left"] or other["right"] <= one["left"]
            assert apart or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
    card.get_by_text("Таблицею").click()
    expect(card.locator("tbody tr")).to_have_count(28)
    expect(card.locator("tbody tr").first).to_contain_text("9 → 10")
