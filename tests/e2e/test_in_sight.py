"""Test that what people need is in sight: the button of a form, the first group, whole rows, the focus."""

import re

from playwright.sync_api import expect

from groups.features.saved_views.models import SavedView
from tests.support.browser import OVERFLOW, PAINTED, heading, row, show_list

FORMS = {
    "/groups/1/edit/": "Зберегти зміни",
    "/groups/new/": "Створити групу",
    "/groups/1/schedule/": "Запланувати",
    "/groups/1/clients/move/?client=1,2": "Перемістити 2 клієнтів",
    "/account/limits/": "Встановити ліміти",
    "/account/notices/": "Зберегти зміни",
    "/people/new/": "Додати людину",
    "/upload/": "Перевірити файл",
    "/accounts/sessions/?set=app": "Перевірити й налаштувати",
}
FOCUS = {
    "/groups/new/": "name",
    "/clients/": "q",
    "/groups/1/edit/": "percent",
    "/groups/1/schedule/": "percent",
    "/groups/schedule/?id=1,4": "percent",
    "/settings/": "q",
}
CLIPPED = """() => [...document.querySelectorAll(".data")].filter(
  (card) => card.querySelector("table").scrollWidth > card.clientWidth).length"""


def test_the_button_of_a_form_is_in_sight(page_for, owner, subtests):
    page = page_for(owner, language="uk")
    for path, name in FORMS.items():
        button = page.get_by_role("button", name=name, exact=True)
        for width, height in ((1280, 800), (360, 740)):
            page.set_viewport_size({"width": width, "height": height})
            page.goto(path)
            page.wait_for_load_state()
            page.evaluate(PAINTED)
            with subtests.test(path=path, width=width):
                assert page.evaluate("scrollY") == 0
                box = button.bounding_box()
                assert box["y"] + box["height"] <= height


def test_a_keyboard_types_at_once(page_for, staff, subtests):
    page = page_for(staff, language="uk")
    for path, field in FOCUS.items():
        with subtests.test(path=path):
            page.goto(path)
            typed = page.locator(f"main [name={field}]")
            expect(typed).to_be_focused()
            page.keyboard.type("7")
            expect(typed).to_have_value("7")
            # A page with something half typed asks before it is left.
            typed.evaluate("field => field.form.reset()")


def test_the_first_group_stands_in_the_upper_half_of_a_phone(page_for, staff):
    for name, query in (("Порожні групи", "clients_to=0"), ("Великі знижки", "type=2&percent_from=10")):
        SavedView.objects.create(user=staff, name=name, query=query)
    page = page_for(staff, language="uk", width=360, height=740)
    show_list(page, "/groups/?type=1&percent_from=5&clients_from=1&bonus=yes")
    assert row(page, 1).bounding_box()["y"] < 740 / 2
    assert page.locator("h1").bounding_box()["height"] < 44
    assert page.evaluate(OVERFLOW) <= 0
    expect(page.locator(".chip:visible")).to_have_count(4)


def test_a_phone_shows_the_first_group_below_three_lines(page_for, owner, subtests):
    for language in ("uk", "ru", "en"):
        with subtests.test(language=language):
            page = page_for(owner, language=language, width=360, height=740)
            show_list(page, "/groups/")
            assert row(page, 1).bounding_box()["y"] <= 340
            assert page.evaluate(OVERFLOW) <= 0
            search, choice = page.locator("#q").bounding_box(), page.locator(".results-bar > .choices a")
            assert search["height"] >= 44
            for each in choice.all():
                box = each.bounding_box()
                assert box["x"] >= search["x"] + search["width"]
                assert min(box["width"], box["height"]) >= 44
                assert each.evaluate("link => link.scrollWidth <= link.clientWidth")
            page.locator("#q").focus()
            choice.nth(1).click()
            expect(choice.nth(1)).to_have_attribute("aria-current", "true")


def test_a_tablet_shows_rows_and_cuts_no_column_off(page_for, owner, subtests):
    page = page_for(owner, language="ru", width=768)
    for path in ("/groups/", "/groups/?columns=sales", "/groups/1/clients/", "/groups/edit/"):
        with subtests.test(path=path):
            page.goto(path)
            expect(page.locator(".data thead th").first).to_be_visible()
            # The first page of an empty browser may have the system's typeface, which can be wider.
            page.evaluate("document.fonts.load('1em Inter')")
            page.evaluate(PAINTED)
            expect(page.locator(".data tbody tr").first).to_have_css("display", "table-row")
            assert page.evaluate(CLIPPED) == 0


def test_the_filters_of_the_dialog_are_corrected_shown_and_taken_away(page_for, staff):
    page = page_for(staff)
    show_list(page, "/groups/?type=2")
    heading(page, "Loyalty groups")
    page.get_by_role("link", name="Filters", exact=True).click()
    percent = page.get_by_label("Percent, from", exact=True)
    percent.fill("п'ять")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(percent).to_have_value("п'ять")
    page.get_by_role("link", name="Enter a number from 0 to 100.").click()
    expect(percent).to_be_focused()
    percent.fill("15")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-group]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"percent_from=15"))
    page.locator(".chip:visible").click()
    expect(page.locator("tr[data-group]")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/groups/\?type=2$"))


def test_paper_is_light_where_dark_is_chosen(page_for, staff, live):
    page = page_for(staff, scheme="dark")
    page.context.add_cookies([{"name": "theme", "value": "dark", "url": live}])
    page.goto("/groups/1/")
    muted = page.locator("main .muted").first
    expect(muted).to_have_css("color", "rgb(165, 168, 166)")
    page.emulate_media(media="print")
    expect(muted).to_have_css("color", "rgb(97, 93, 87)")
