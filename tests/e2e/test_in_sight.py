"""Test that what people need is in sight: the button of a form, the first group, whole rows on a tablet."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.saved_views.models import SavedView
from groups.features.saved_views.services import save_view
from groups.models import Change
from tests.support.browser import OVERFLOW, PAINTED, heading, new_group, row, show_list
from tests.support.changes import write_down
from tests.support.pairwise import marked
from tests.support.scenes import SCENES, Stage, signed_in

FORMS = {
    "/groups/1/edit/": "Зберегти зміни",
    "/groups/new/": "Створити групу",
    "/groups/1/schedule/": "Запланувати",
    "/groups/1/clients/move/?client=1,2": "Перемістити 2 клієнтів",
    "/account/limits/": "Встановити межі",
    "/account/notices/": "Зберегти зміни",
    "/people/new/": "Додати людину",
    "/groups/import/": "Перевірити файл",
    "/groups/filters/": "Показати",
    "/clients/list/": "Знайти клієнтів",
    "/criteria/": "Зберегти критерії",
    "/account/notices/telegram/": "Зберегти й надіслати пробу",
    "/accounts/password/": "Змінити пароль",
    "/accounts/second-factor/": "Перевірити й налаштувати",
}
SCREENS = [(1366, 768), (1280, 800), (360, 740)]
CLIPPED = """() => [...document.querySelectorAll(".data")].filter(
  (card) => card.querySelector("table").scrollWidth > card.clientWidth).length"""
# The room between the label of a cell of a card, which its style draws, and what stands in the cell.
ROOM_AFTER_LABEL = """(cell) => {
  const { fontSize, letterSpacing } = getComputedStyle(cell, "::before");
  const label = Object.assign(document.createElement("span"), { textContent: cell.dataset.label });
  Object.assign(label.style, { fontSize, letterSpacing, position: "absolute" });
  cell.append(label);
  const { width } = label.getBoundingClientRect();
  label.remove();
  const words = document.createRange();
  words.selectNodeContents(cell);
  return words.getBoundingClientRect().left - cell.getBoundingClientRect().left - width;
}"""
LANGUAGES = ("uk", "ru", "en")
ONE_LONG_WORD = (
    "Постійнівідвідувачізподвійнимибонусамитазнижкоюнасніданкищосуботийщонеділідлявсіхдрузівнарозі"
)
NAMES_GROUPS = ["jobs", "job_running", "locked_detail", "audit", "cost_of_a_year", "planned_changes"]
SHIFTS = """() => {
  window.shifts = 0;
  const add = (list) => { for (const entry of list.getEntries()) window.shifts += entry.value; };
  new PerformanceObserver(add).observe({type: "layout-shift", buffered: true});
}"""


@pytest.mark.parametrize(
    "path", marked(list(FORMS), ["/groups/1/edit/", "/accounts/second-factor/"], name=str)
)
def test_the_button_of_a_form_is_in_sight(page_for, owner, path):
    page = page_for(owner, language="uk")
    button = page.get_by_role("button", name=FORMS[path], exact=True)
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path)
        page.wait_for_load_state()
        page.evaluate(PAINTED)
        assert page.evaluate("scrollY") == 0, f"{width} × {height}"
        box = button.bounding_box()
        assert box["y"] + box["height"] <= height, f"{width} × {height}"


@pytest.mark.parametrize("path", ["/history/", "/account/limits/"])
def test_a_page_opens_at_its_top(page_for, owner, path):
    for _ in range(12):
        write_down(owner, state="applied")
    for language in LANGUAGES:
        page = page_for(owner, language=language)
        for width in (900, 768, 360):
            page.set_viewport_size({"width": width, "height": 700})
            page.goto(path)
            page.wait_for_load_state()
            page.evaluate(PAINTED)
            assert page.evaluate("scrollY") == 0, f"{language}, {width}"
            tabs = page.locator("main .tabs a, .settings-nav > a").all()
            assert len({tab.bounding_box()["height"] for tab in tabs}) == 1, f"{language}, {width}"


NARROWED = "?type=1&percent_from=5&clients_from=1&bonus=yes"


@pytest.mark.parametrize("query", ["", NARROWED])
@pytest.mark.parametrize("has_views", [False, True])
def test_the_first_group_stands_in_the_upper_half_of_a_phone(page_for, staff, sandbox, has_views, query):
    if has_views:
        save_view(staff, "Порожні групи", "clients_to=0")
        save_view(staff, "Великі знижки", "type=2&percent_from=10")
    for language in LANGUAGES:
        page = page_for(staff, language=language, width=360, height=740)
        show_list(page, f"/groups/{query}")
        assert row(page, 1).bounding_box()["y"] < 740 / 2, language
        assert page.locator("h1").bounding_box()["height"] < 44, language
        assert page.evaluate(OVERFLOW) <= 0, language
    expect(page.locator(".chip:visible")).to_have_count(4 if query else 0)


def test_the_type_is_chosen_in_the_filters_where_a_phone_has_no_room_for_it(page_for, staff, sandbox):
    page = page_for(staff, language="uk", width=360, height=740)
    show_list(page, "/groups/?percent_from=5")
    expect(page.get_by_role("navigation", name="Тип")).to_be_hidden()
    page.get_by_text("Фільтри", exact=True).click()
    kind = page.get_by_role("combobox", name="Тип", exact=True)
    expect(kind.locator("option")).to_have_text(["усі", "Бонусна", "Знижкова"])
    kind.select_option("Знижкова")
    page.get_by_role("button", name="Показати").click()
    expect(page.locator("tr[data-group]")).to_have_count(2)
    page.get_by_role("link", name="Прибрати фільтр Знижкові").click()
    expect(page.locator("tr[data-group]")).to_have_count(3)


def test_the_tools_of_a_list_have_words_on_a_phone(page_for, owner, sandbox):
    page = page_for(owner, language="uk", width=360, height=740)
    show_list(page)
    expect(page.locator(".page-head").get_by_text("Схема", exact=True)).to_be_visible()
    for tool in page.locator(".page-head a:visible:not([data-key=n]), .results-bar .tool:visible").all():
        assert tool.inner_text(), tool.get_attribute("href")
    page.get_by_text("Ще", exact=True).click()
    for words in ("Завантажити з Poster ще раз", "Змінити кілька відсотків", "Критерії"):
        expect(page.get_by_role("link", name=words, exact=True)).to_be_visible()


def test_the_tools_of_a_list_stand_in_one_line_of_a_phone(page_for, staff, sandbox):
    page = page_for(staff, language="uk", width=360, height=740)
    show_list(page)
    for choice in page.locator(".choices a").all():
        assert choice.bounding_box()["height"] >= 44
    tools = [
        page.get_by_text("Фільтри", exact=True),
        page.locator("[name=sort]"),
        page.get_by_text("Ще", exact=True),
    ]
    middles = [box["y"] + box["height"] / 2 for box in (tool.bounding_box() for tool in tools)]
    assert max(middles) - min(middles) < 8


CUT = """(select) => {
  const whole = select.cloneNode();
  whole.append(new Option(select.selectedOptions[0].text));
  whole.style.cssText = "position: absolute; width: auto";
  select.after(whole);
  const cut = Math.max(0, whole.offsetWidth - select.offsetWidth);
  whole.remove();
  return cut;
}"""


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["/groups/", "/groups/1/clients/"])
def test_the_order_of_a_list_is_read_in_full_on_a_phone(page_for, owner, sandbox, path):
    for language in LANGUAGES:
        page = page_for(owner, language=language, width=360, height=740)
        page.goto(path)
        page.evaluate("document.fonts.load('1em Inter')")
        page.reload()
        assert page.locator("[name=sort]").evaluate(CUT) == 0, language


@pytest.mark.parametrize("name", marked(NAMES_GROUPS, ["jobs"], name=str))
def test_a_name_of_one_long_word_is_read_in_full_on_a_phone(page_for, browse, sandbox, settings, name):
    play, role, account, shows = SCENES[name]
    user = signed_in(role, account, sandbox)
    for group_id in (1, 4, 5):
        sandbox.console().edit(group_id, client_groups_name=ONE_LONG_WORD)
    page = page_for(user, language="uk", width=360, height=740)
    play(Stage(page, browse, user, sandbox, "uk", settings))
    expect(page.locator(shows).first).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(CLIPPED) == 0


def test_the_label_of_a_cell_stands_apart_from_it_on_a_phone(page_for, browse, sandbox, settings):
    user = signed_in("Staff", "demo", sandbox)
    page = page_for(user, language="uk", width=360, height=740)
    SCENES["movements"][0](Stage(page, browse, user, sandbox, "uk", settings))
    assert min(cell.evaluate(ROOM_AFTER_LABEL) for cell in page.locator("tr td[data-label]").all()[:3]) > 2


@pytest.mark.thorough
@pytest.mark.parametrize("width", [1280, 360])
def test_the_filters_are_read_in_full(page_for, owner, sandbox, width):
    page = page_for(owner, language="uk", width=width, height=740)
    show_list(page)
    page.get_by_text("Фільтри", exact=True).click()
    choices = page.locator("dialog[open] select")
    expect(choices.first).to_be_visible()
    assert [choice.evaluate(CUT) for choice in choices.all()] == [0] * choices.count()
    # Nothing is seen below the bar with the button, however far the dialog is scrolled.
    lowest = page.evaluate(
        """() => {
          const { left, bottom, width } = document.querySelector("dialog").getBoundingClientRect();
          return document.elementFromPoint(left + width / 2, bottom - 8).className;
        }"""
    )
    assert lowest == "actions stays"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path",
    ["/groups/", "/groups/?columns=sales", "/groups/1/clients/", "/groups/edit/"],
)
def test_a_tablet_shows_rows_and_cuts_no_column_off(page_for, owner, sandbox, path):
    for language in ("uk", "ru"):  # English words are shorter
        page = page_for(owner, language=language, width=768, height=900)
        page.goto(path)
        # The first page of an empty browser may have the system's typeface, which can be wider.
        page.evaluate("document.fonts.load('1em Inter')")
        page.reload()
        expect(page.locator(".data thead th").first).to_be_visible()
        assert (
            page.locator(".data tbody tr").first.evaluate("row => getComputedStyle(row).display")
            == "table-row"
        )
        assert page.evaluate(CLIPPED) == 0


def test_a_phone_number_takes_two_lines_on_a_tablet(page_for, owner, sandbox):
    for language in LANGUAGES:
        page = page_for(owner, language=language, width=768, height=900)
        page.goto("/groups/1/clients/")
        page.evaluate("document.fonts.load('1em Inter')")
        page.reload()
        lines = page.locator(".phone-number").evaluate_all(
            "all => all.map((one) => one.offsetHeight / parseFloat(getComputedStyle(one).lineHeight))"
        )
        assert lines
        assert max(lines) < 2.5, language
        assert page.evaluate(CLIPPED) == 0, language


def test_a_tablet_gives_a_change_more_room_than_its_ways_back(page_for, staff):
    write_down(staff, state="applied")
    write_down(staff, state="applied", action="remove", intended=None)
    page = page_for(staff, language="ru", width=768, height=900)
    page.goto("/history/")
    page.evaluate("document.fonts.load('1em Inter')")
    page.reload()
    expect(page.get_by_role("button", name="Создать заново, без клиентов")).to_be_visible()
    assert page.evaluate(CLIPPED) == 0
    change = page.locator("[data-change]").first.locator("td").nth(1)
    assert change.bounding_box()["width"] > 150


def test_the_fields_of_a_filter_stand_in_one_line(page_for, staff):
    page = page_for(staff, language="uk", width=1440, height=900)
    page.goto("/history/")
    page.locator(".filter-box summary").click()
    fields = page.locator(".filters :is(input:not([type=hidden]), select)")
    expect(page.locator(".filters output").first).to_be_attached()
    assert len({round(field.bounding_box()["y"]) for field in fields.all()}) == 1


@pytest.mark.thorough
def test_the_letters_of_the_scheme_are_no_larger_than_its_headings(page_for, owner, sandbox):
    sandbox.console("demo").set_rules({"rule_id": 1, "loyalty_type": 1, "value": 50000, "group_id": 4})
    page = page_for(owner, language="uk")
    page.goto("/groups/scheme/")
    for width in (360, 690, 768, 1000, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(PAINTED)
        expect(page.locator(".stairs:visible text").first).to_be_visible()
        letters, words = page.evaluate(
            """() => {
              const texts = [...document.querySelectorAll(".stairs text")];
              const text = texts.find((each) => each.getBoundingClientRect().width);
              const letters = 15 * text.ownerSVGElement.getScreenCTM().a;
              return [letters, parseFloat(getComputedStyle(document.body).fontSize)];
            }"""
        )
        assert letters <= words + 0.1, width


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["/history/", "/groups/"])
def test_a_page_does_not_move_when_its_typeface_comes_late(page_for, staff, sandbox, path):
    page = page_for(staff, language="uk", width=360, height=740, new=True)
    page.add_init_script(f"({SHIFTS})()")
    page.route(re.compile(r"\.woff2"), lambda route: (page.wait_for_timeout(700), route.continue_()))
    page.goto(path)
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.wait_for_timeout(200)
    assert page.evaluate("window.shifts") < 0.01


@pytest.mark.parametrize(
    ("path", "field"), marked([("/groups/new/", "name"), ("/clients/", "q")], [("/clients/", "q")])
)
def test_a_page_with_one_thing_to_do_has_the_focus_there(page_for, staff, path, field):
    for javascript in (True, False):
        page = page_for(staff, language="uk", javascript=javascript)
        page.goto(path)
        expect(page.locator(f"main [name={field}]")).to_be_focused()


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/groups/1/edit/", "percent"),
        ("/groups/1/schedule/", "percent"),
        ("/groups/schedule/?id=1,4", "percent"),
        ("/settings/", "q"),
    ],
)
def test_a_keyboard_types_at_once_and_a_phone_sees_the_page(page_for, staff, path, field):
    page = page_for(staff, language="uk")
    page.goto(path)
    typed = page.locator(f"main [name={field}]")
    expect(typed).to_be_focused()
    page.keyboard.type("7")
    expect(typed).to_have_value("7")
    page = page_for(staff, language="uk", width=360, height=740, new=True)
    page.add_init_script(
        """const asked = matchMedia.bind(window);
        window.matchMedia = (q) => (q.includes("pointer: fine") ? { matches: false } : asked(q));"""
    )
    page.goto(path)
    page.wait_for_load_state()
    expect(page.locator(f"main [name={field}]")).not_to_be_focused()


@pytest.mark.thorough
def test_the_number_of_groups_is_said_once(page_for, staff, sandbox):
    new_group(sandbox, "Гості")
    page = page_for(staff, language="uk")
    show_list(page)
    page.evaluate("document.querySelectorAll('.visually-hidden').forEach((each) => each.remove())")
    assert re.findall(r"\b4\b", page.locator("main").inner_text()) == ["4"]
    page.goto("/groups/?q=гості")
    expect(page.locator("[data-announce]")).to_have_text("1 з 4 груп")


@pytest.mark.thorough
def test_a_row_offers_its_form_when_it_is_pointed_at_and_to_a_finger(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    show_list(page)
    edit = row(page, 4).locator(".row-edit")
    expect(edit).to_have_css("opacity", "0")
    row(page, 4).hover()
    expect(edit).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    expect(edit).to_have_css("opacity", "0")
    edit.focus()
    expect(edit).to_have_css("opacity", "1")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(row(page, 5).locator(".row-edit")).to_have_css("opacity", "1")


def test_a_time_that_is_typed_before_the_page_is_ready_is_said_in_words(page_for, staff):
    page = page_for(staff, language="uk")
    page.goto("/groups/1/schedule/")
    words = page.locator(".field", has=page.locator("[name=starts_at]")).locator("output")
    expect(words).to_be_attached()
    words.evaluate("words => words.remove()")
    page.fill("[name=starts_at]", "2099-12-04T18:00")
    expect(words).to_contain_text("грудня 2099")


@pytest.mark.thorough
def test_a_planned_change_leaves_the_percent_of_its_group_in_sight(page_for, staff, sandbox):
    page = page_for(staff, language="uk", width=360, height=740)
    page.goto("/groups/1/schedule/")
    page.fill("[name=percent]", "15")
    page.fill("[name=starts_at]", "2099-12-04T18:00")
    expect(page.locator(".field", has=page.locator("[name=starts_at]")).locator("output")).to_contain_text(
        "грудня 2099"
    )
    page.get_by_role("button", name="Запланувати", exact=True).click()
    heading(page, "Постоянный посетитель")
    expect(page.locator("[data-schedule]")).to_be_visible()
    percent = page.locator(".facts dd").first.bounding_box()
    assert percent["y"] + percent["height"] < 740
    assert percent["y"] < page.locator("[data-schedule]").bounding_box()["y"]


def test_fields_that_the_browser_draws_speak_the_language_of_the_page(page_for, staff, tmp_path):
    page = page_for(staff, language="uk")
    page.goto("/groups/import/")
    field = page.locator(".field", has=page.locator("[name=file]"))
    expect(field.locator("output")).to_have_text("Файл не вибрано.")
    expect(field.locator("label.button")).to_have_text("Вибрати файл")
    file = tmp_path / "groups.csv"
    file.write_text("x")
    page.locator("[name=file]").set_input_files(file)
    expect(field.locator("output")).to_have_text("groups.csv")
    page.goto("/clients/list/")
    expect(page.locator("label.button", has_text="Вибрати файл")).to_be_visible()
    page.goto("/history/?since=2026-11-01")
    expect(page.locator("output").first).to_contain_text("лист")


@pytest.mark.thorough
def test_djangos_admin_has_our_name_and_colours(page_for, admin_user, live):
    page = page_for(admin_user)
    page.goto("/admin/")
    expect(page.locator("#site-name")).to_have_text("Poster Admin")
    expect(page.locator("#header")).to_have_css("background-color", "rgb(12, 100, 120)")


# --- Tabs --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [360, 1280])
def test_saved_views_are_tabs_over_the_list_with_their_counts(page_for, staff, width):
    for name, query in (("Знижки", "type=2"), ("Порожні гурти", "clients_to=0")):
        SavedView.objects.create(user=staff, name=name, query=query)
    page = page_for(staff, language="uk", width=width, height=800)
    show_list(page)
    tabs = page.get_by_role("navigation", name="Збережені вигляди").get_by_role("link")
    expect(tabs).to_have_text(
        [re.compile(r"^Усі групи$"), re.compile(r"^Знижки 2$"), re.compile(r"^Порожні гурти 0$")]
    )
    save = page.get_by_role("link", name="Зберегти вигляд", exact=True)
    expect(save).to_have_count(0)
    tabs.nth(1).click()
    expect(page.locator("tr[data-group]")).to_have_count(2)
    expect(tabs.nth(1)).to_have_attribute("aria-current", "page")
    expect(page).to_have_url(re.compile(r"/groups/\?type=2$"))
    expect(save).to_have_count(0)
    # It is offered once a filter is on that no view has.
    page.get_by_label("Пошук за назвою").fill("10")
    expect(page.locator("tr[data-group]")).to_have_count(1)
    expect(save).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_what_is_new_has_a_dot_until_somebody_has_opened_it(page_for, staff, owner, sandbox, width):
    write_down(owner, state=Change.State.APPLIED, settled_at=timezone.now())
    page = page_for(staff, language="uk", width=width)
    page.goto("/history/")
    tab = page.get_by_role("navigation", name="Історія та що поруч із нею").get_by_role(
        "link", name="Що нового"
    )
    expect(tab).to_be_in_viewport()
    dot = tab.locator(".dot")
    expect(dot).to_be_in_viewport()
    tab.click()
    heading(page, "Що нового")
    expect(page.locator("li[data-change]")).to_have_count(1)
    page.goto("/history/")
    expect(tab).to_be_visible()
    expect(dot).to_have_count(0)
