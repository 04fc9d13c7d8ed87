"""Test what only a picture shows: contrasts that no rule of axe measures, and words that need room."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from groups.features.approvals.services.approvals import ask_for
from groups.features.bulk.services import EditPlan
from groups.features.saved_views.services import save_view
from groups.models import Job
from tests.support.browser import (
    MOSTLY_NO_SCRIPT,
    OVERFLOW,
    PAINTED,
    heading,
    new_group,
    open_row,
    row,
    show_in,
    show_list,
)


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


@pytest.mark.thorough
def test_the_chosen_segment_stands_out_from_the_others(page_for, staff):
    page = page_for(staff)
    show_list(page)
    colour = "(element, name) => getComputedStyle(element)[name]"
    for scheme in ("light", "dark"):
        show_in(page, scheme)
        track = page.locator(".results-bar .choices").evaluate(colour, "backgroundColor")
        chosen = page.locator(".results-bar .choices [aria-current]")
        assert contrast(chosen.evaluate(colour, "borderTopColor"), track) >= 3
        assert contrast(chosen.evaluate(colour, "color"), chosen.evaluate(colour, "backgroundColor")) >= 4.5


@pytest.mark.thorough
def test_the_error_of_a_row_has_room_for_its_words(page_for, staff):
    page = page_for(staff, language="uk")
    show_list(page)
    heading(page, "Групи клієнтів")
    open_row(page, 4)
    page.locator(".row-form [name=percent]").fill("101")
    page.locator(".row-form .button:not(.plain)").click()
    error = page.locator(".row-form .error")
    expect(error).to_be_visible()
    line = float(error.evaluate("element => parseFloat(getComputedStyle(element).lineHeight)"))
    assert error.bounding_box()["height"] < 1.5 * line


# Pixels between two blocks of a form or a card that stand below each other.
ROOM = 12


def bottom(box):
    return box["y"] + box["height"]


@pytest.mark.thorough
def test_the_reason_of_a_change_stands_apart_from_the_field_above(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/new/")
    for kind, above in (("1", "[name=birthday_bonus]"), ("2", ".if-discount")):
        page.locator(f"[name=loyalty_type][value='{kind}']").check()
        label = page.locator("label[for=id_note]").bounding_box()
        assert label["y"] - bottom(page.locator(above).bounding_box()) >= ROOM


@pytest.mark.thorough
def test_the_refusal_of_a_token_stands_apart_from_the_connection_below(page_for, staff):
    staff.credentials.refused_at = timezone.now()
    staff.credentials.save()
    page = page_for(staff)
    page.goto("/account/")
    refusal = page.locator("[data-notice=error]").bounding_box()
    assert page.locator(".pairs").bounding_box()["y"] - bottom(refusal) >= ROOM


@pytest.mark.thorough
def test_who_set_the_limits_stands_apart_from_the_last_field(page_for, owner):
    Limits.objects.create(account_id="demo", max_percent=20, set_by="owner")
    page = page_for(owner)
    page.goto("/account/limits/")
    words = page.get_by_text("Set by owner").bounding_box()
    assert words["y"] - bottom(page.locator("[name=max_clients]").bounding_box()) >= ROOM


@pytest.mark.thorough
def test_the_error_of_a_choice_stands_below_its_name(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/new/")
    page.get_by_role("button", name="Create group").click()
    name, error = page.locator(".wrong > legend"), page.locator("fieldset.wrong .error")
    assert error.bounding_box()["y"] - bottom(name.bounding_box()) >= 4


@pytest.mark.thorough
def test_values_are_corrected_above_the_dependents_of_a_group(page_for, staff):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    page.fill("#id_percent", "45")
    page.get_by_role("button", name="Save changes").click()
    correct = page.get_by_text("Correct the values")
    # The dependents of the first page are shown until then.
    expect(correct).to_be_visible()
    expect(page.locator("#dependents [data-promotion]")).to_be_visible()
    assert bottom(correct.bounding_box()) < page.locator("#dependents").bounding_box()["y"]


def test_values_are_either_confirmed_or_corrected(page_for, staff, sandbox):
    page = page_for(staff)
    page.goto("/groups/1/edit/")
    page.fill("#id_percent", "45")
    page.get_by_role("button", name="Save changes").click()
    confirm = page.get_by_role("button", name="Yes, save changes")
    expect(confirm).to_be_visible()
    correct = page.get_by_text("Correct the values")
    place = correct.bounding_box()
    correct.click()
    expect(page.locator("main .actions .button:not(.plain)").filter(visible=True)).to_have_count(1)
    expect(confirm).to_be_hidden()
    assert correct.bounding_box() == place
    correct.click()
    expect(confirm).to_be_visible()
    assert not sandbox.posts()


@pytest.mark.thorough
def test_the_rules_of_a_password_are_its_description(page_for, staff):
    page = page_for(staff)
    page.goto("/accounts/password/")
    expect(page.locator("[name=new_password1]")).to_have_accessible_description(re.compile("12 characters"))


# --- The phone ---------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_name_of_a_saved_view_is_not_covered_by_its_buttons(page_for, staff):
    save_view(staff, "Empty ones", "only=empty")
    page = page_for(staff, width=360, height=780)
    page.goto("/account/views/")
    page.locator("[data-view] summary").click()
    name = page.locator("[data-view] [name=name]")
    name.evaluate("field => scrollTo(0, scrollY + field.getBoundingClientRect().bottom - innerHeight)")
    assert page.locator("[data-view] [value=rename]").bounding_box()["y"] > bottom(name.bounding_box())


@pytest.mark.thorough
def test_the_menu_is_one_line_and_shows_the_page_that_is_open(page_for, staff):
    page = page_for(staff, language="ru", width=360, height=780)
    page.goto("/account/")
    assert page.locator(".nav").bounding_box()["height"] < 50
    here = page.locator(".nav [aria-current]").bounding_box()
    assert here["x"] + here["width"] <= 360
    assert page.evaluate(OVERFLOW) <= 0


@pytest.mark.thorough
def test_the_head_has_room_for_all_of_its_entries(page_for, owner, staff):
    ask_for(Job(account_id="demo", kind="edit", group_name="", wanted=EditPlan().to_json()), staff, ())
    page = page_for(owner, language="ru")
    show_list(page)
    expect(page.locator("[data-to-decide]")).to_be_visible()
    for width in (320, 360, 640, 712, 768, 820, 920, 1280):
        page.set_viewport_size({"width": width, "height": 780})
        page.evaluate(PAINTED)
        assert page.evaluate(OVERFLOW) <= 0, width
        assert page.locator(".top").bounding_box()["height"] < (70 if width > 704 else 100), width


@pytest.mark.thorough
def test_on_a_tablet_too_a_group_is_edited_at_the_edge_of_its_card(page_for, staff):
    page = page_for(staff, language="uk", width=800)
    show_list(page)
    with_bonus, without = (row(page, group_id).locator(".row-edit").bounding_box() for group_id in (1, 4))
    assert with_bonus["x"] == without["x"]


@pytest.mark.thorough
def test_the_tools_of_a_stale_list_stand_apart(page_for, manager, sandbox):
    page = page_for(manager, language="uk", width=360, height=780)
    show_list(page)
    sandbox.script("*", "fin_before_headers", times=None)
    show_list(page, "/groups/?refresh=1")
    expect(page.locator("[data-notice=stale]")).to_be_visible()
    order = page.locator("[name=sort]").bounding_box()
    more = page.locator(".end .more-menu").bounding_box()
    assert more["x"] - order["x"] - order["width"] >= 4


# --- The list at work --------------------------------------------------------------------------------------


@pytest.fixture
def many_groups(sandbox):
    for number in range(40):
        name = (
            f"Гості та друзі № {number} з дуже довгою назвою, яку ніхто не скоротив, бо нащо її скорочувати"
        )
        new_group(sandbox, name, clients=number)


def middle_of(locator):
    box = locator.bounding_box()
    return box["y"] + box["height"] / 2


@pytest.mark.thorough
def test_sixteen_rows_of_one_line_fit_on_a_page(page_for, staff, many_groups):
    page = page_for(staff, language="uk")
    show_list(page)
    rows = page.locator("tr[data-group]")
    assert rows.nth(15).bounding_box()["y"] + rows.nth(15).bounding_box()["height"] <= 900
    assert {round(rows.nth(number).bounding_box()["height"]) for number in range(16)} <= {36, 37, 38, 39, 40}
    name = rows.nth(10).locator("th a")
    assert "бо нащо її скорочувати" in name.get_attribute("title")


@pytest.mark.thorough
def test_search_types_and_tools_are_one_line(page_for, staff):
    page = page_for(staff, language="uk")
    show_list(page)
    line = middle_of(page.locator("#q"))
    for each in (".results-bar .choices", ".results-bar .end", ".end .more-menu summary"):
        assert abs(middle_of(page.locator(each)) - line) <= 2


@pytest.mark.thorough
def test_the_head_of_the_table_stays_in_sight(page_for, staff, many_groups):
    page = page_for(staff)
    show_list(page)
    page.locator("tr[data-group]").last.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 300
    assert abs(page.locator("#percent").bounding_box()["y"]) < 30


def test_numbers_sort_downwards_first_and_names_upwards(page_for, staff):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    for key, first in (("percent", "descending"), ("clients", "descending"), ("name", "ascending")):
        other = {"descending": "ascending", "ascending": "descending"}[first]
        for order in (first, other):
            page.locator(f"#{key}").click()
            expect(page.locator(f"th:has(#{key})")).to_have_attribute("aria-sort", order)


def test_a_double_click_on_a_number_opens_the_row_with_the_percent_selected(page_for, staff):
    page = page_for(staff)
    show_list(page)
    heading(page, "Loyalty groups")
    row(page, 4).locator("td").nth(2).dblclick()
    percent = row(page, 4).locator("[name=percent]")
    expect(percent).to_be_focused()
    page.keyboard.type("7")
    expect(percent).to_have_value("7")
    expect(page).to_have_url(re.compile("/groups/$"))


def test_more_has_import_and_export_beside_each_other_and_no_form(page_for, owner):
    page = page_for(owner, width=360, height=780)
    show_list(page)
    heading(page, "Loyalty groups")
    page.get_by_text("More", exact=True).click()
    panel = page.locator(".end .menu-panel")
    for words in ("Import groups from a file", "Save 3 groups as CSV"):
        expect(panel.get_by_text(words)).to_be_visible()
    assert panel.locator(".menu-item:not(.on-phone)").count() <= 5
    assert panel.locator("input, select").count() == 0
    box = panel.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


@pytest.mark.thorough
def test_the_pictures_are_below_the_table_until_there_is_room_beside_it(page_for, staff):
    page = page_for(staff, width=1280)
    show_list(page)
    table, pictures = page.locator(".groups"), page.locator("#pictures")
    assert pictures.bounding_box()["y"] > table.bounding_box()["y"] + table.bounding_box()["height"]
    pictures.locator("summary").click()
    expect(pictures.locator(".ladder")).to_be_hidden()
    page.set_viewport_size({"width": 1500, "height": 900})
    assert pictures.bounding_box()["x"] > table.bounding_box()["x"] + table.bounding_box()["width"]


@MOSTLY_NO_SCRIPT
def test_the_filters_are_chosen_beside_the_type(page_for, staff, javascript):
    page = page_for(staff, javascript=javascript)
    show_list(page, "/groups/?type=2")
    heading(page, "Loyalty groups")
    page.get_by_role("link", name="Filters", exact=True).click()
    page.get_by_label("Percent, from", exact=True).fill("п'ять")
    page.get_by_role("button", name="Show").click()
    if javascript:
        expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Percent, from", exact=True)).to_have_value("п'ять")
    page.get_by_role("link", name="Enter a number from 0 to 100.").click()
    expect(page.get_by_label("Percent, from", exact=True)).to_be_focused()
    page.get_by_label("Percent, from", exact=True).fill("15")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-group]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"percent_from=15"))
    page.locator(".chip:visible").click()
    expect(page.locator("tr[data-group]")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/groups/\?type=2$"))


# --- The typeface ------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_one_typeface_draws_all_letters_and_figures_and_is_small(page_for, staff):
    page = page_for(staff, language="uk", new=True)
    with page.expect_response(lambda answer: answer.url.endswith(".woff2")) as fetched:
        show_list(page)
    typeface = fetched.value
    assert typeface.status == 200
    assert len(typeface.body()) < 100_000
    # No page waits for it: the first one may do without, and the next one has it.
    show_list(page)
    page.wait_for_function("document.fonts.check('16px Inter')")
    assert page.evaluate("[...document.fonts].map(face => [face.family, face.status])") == [
        ["Inter", "loaded"]
    ]
    # A letter that the file has is as wide whatever stands behind it; one that it lacks is not.
    lacking = page.evaluate(
        """() => {
          const pen = document.createElement("canvas").getContext("2d");
          const width = (letter, behind) => {
            pen.font = `40px Inter, ${behind}`;
            return pen.measureText(letter).width;
          };
          return [..."AzЖщіїєґІЇЄҐёъ₴€№«»’“”–—…·×−→←↑↓0123456789"].filter(
            letter => width(letter, "serif") !== width(letter, "monospace"));
        }"""
    )
    assert lacking == []


@pytest.mark.thorough
def test_figures_of_a_column_are_of_one_width_and_hyphens_of_names_are_narrow(page_for, staff, sandbox):
    group_id = new_group(sandbox, "Бізнес-ланч")
    page = page_for(staff, language="uk")
    show_list(page)
    widths = "element => getComputedStyle(element).fontVariantNumeric"
    assert row(page, group_id).locator("th a").evaluate(widths) == "normal"
    assert row(page, group_id).locator("td").last.evaluate(widths) == "tabular-nums"


def test_a_name_of_one_long_word_leaves_room_for_its_numbers(page_for, staff, sandbox):
    group_id = new_group(sandbox, "Щ" * 100)
    page = page_for(staff, width=768)
    show_list(page)
    percent = row(page, group_id).locator("td").nth(2)
    for media in ("screen", "print"):
        page.emulate_media(media=media)
        box = percent.bounding_box()
        assert box["x"] + box["width"] <= 768
    page.emulate_media(media="null")
    page.goto("/groups/edit/")
    box = page.locator(f"[name=percent_{group_id}]").bounding_box()
    assert box["x"] + box["width"] <= 768
    page.goto(f"/groups/{group_id}/edit/")
    page.fill("[name=percent]", "7")
    page.get_by_role("button", name="Save changes").click()
    page.wait_for_url("**/groups/*/")
    for width in (768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("/history/")
        assert page.locator("tbody tr").count()
        assert not page.evaluate(OVERFLOW)


def test_paper_is_light_where_dark_is_chosen(page_for, staff, live):
    page = page_for(staff, scheme="dark")
    page.context.add_cookies([{"name": "theme", "value": "dark", "url": live}])
    page.goto("/groups/1/")
    muted = page.locator("main .muted").first
    expect(muted).to_have_css("color", "rgb(165, 168, 166)")
    page.emulate_media(media="print")
    expect(muted).to_have_css("color", "rgb(97, 93, 87)")
    page.emulate_media(media="null")
