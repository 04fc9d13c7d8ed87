"""Test the year of a group in a browser, in Ukrainian: on a phone, in the dark, and as a table."""

import pytest
from playwright.sync_api import expect

from tests.support.figures import AGO, changed, put_nights, put_year


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


@pytest.mark.parametrize(("size", "scheme"), [((1280, 900), "light"), ((360, 740), "dark")])
def test_what_a_group_was_after_a_change_fits_with_its_tables(page_for, owner, sandbox, size, scheme):
    put_year(owner, 1, by=1.3)
    put_year(owner, 4, seed=2)
    changed(owner, 1, AGO)
    page = page_for(owner, language="uk")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    page.goto("/groups/1/")
    effects = page.locator("[data-effect]")
    expect(effects).to_have_count(2)
    expect(effects.first).to_contain_text("більше за інших")
    for table in page.locator("details.more").all():
        table.locator("summary").first.click()
    expect(page.locator(".effect-weeks tbody tr")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    # The weeks of the group after the change lie above the band in which it was to be expected.
    band = page.locator(".effect-picture .band").first.bounding_box()
    points = [each.bounding_box() for each in page.locator(".effect-picture").first.locator(".point").all()]
    assert len(points) == 8
    for point in points[4:]:
        assert point["y"] + point["height"] < band["y"]
