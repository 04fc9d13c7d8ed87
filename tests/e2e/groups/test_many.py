"""Test bulk edits in a browser, in Ukrainian on a phone: with and without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from groups.models import Job
from tests.support.browser import MOSTLY_NO_SCRIPT, MOSTLY_SCRIPT, OVERFLOW, heading
from tests.support.jobs import run


@pytest.fixture
def page(page_for, staff, javascript):
    return page_for(staff, language="uk", width=360, javascript=javascript)


def fits(page):
    assert page.evaluate(OVERFLOW) <= 0, "the page scrolls sideways"


def stored(sandbox):
    return list(sandbox.accounts["demo"].snapshot().values())


@MOSTLY_SCRIPT
def test_several_percents(page, sandbox, javascript):
    page.goto("/groups/")
    page.locator("summary", has_text="Ще").click()
    page.get_by_role("link", name="Змінити кілька відсотків").click()
    heading(page, "Змінити кілька відсотків")
    fits(page)
    first = page.get_by_label("Відсоток групи «Постоянный посетитель», %")
    expect(first).to_have_value("10")
    first.fill("101")
    page.get_by_role("button", name="Переглянути зміни").click()
    expect(page).to_have_title(re.compile("^Помилка:"))
    fits(page)
    page.get_by_role("link", name="Відсоток має бути від 0 до 100.").click()
    expect(first).to_be_focused()
    first.fill("12,5")
    # Where scripts run, Enter leads to the next percent.
    first.press("Control+Enter" if javascript else "Enter")
    heading(page, "Змінити ці відсотки?")
    fits(page)
    expect(page.locator("tr[data-group='1']")).to_contain_text("12,5 %")
    expect(page.locator("tr[data-group]")).to_have_count(1)
    page.get_by_role("button", name="Змінити 1 групу").click()
    page.wait_for_url("**/jobs/**")
    assert run(Job.objects.get()).state == Job.State.DONE
    assert stored(sandbox)[0]["client_groups_discount"] == "12.5"


@MOSTLY_NO_SCRIPT
def test_an_import(page, sandbox, javascript, tmp_path):
    page.goto("/groups/")
    page.locator("summary", has_text="Ще").click()
    page.get_by_role("link", name="Імпорт груп із файлу").click()
    heading(page, "Імпорт груп із файлу")
    fits(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV$")).click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    file = tmp_path / "groups.csv"

    def send(text):
        file.write_text(text, encoding="utf-8")
        page.get_by_label("Файл CSV або XLSX").set_input_files(file)
        page.get_by_role("button", name="Перевірити файл").click()

    send(text)
    expect(page.locator("main [data-notice=success]")).to_contain_text("Змінювати нічого.")
    send(text + ";Друзі;Бонусна;101;0\r\n")
    expect(page.locator(".to-correct tr[data-line='5']")).to_contain_text("Відсоток має бути від 0 до 100.")
    fits(page)
    send(text.replace(';"10";', ';"11";', 1) + ";Друзі;Бонусна;7,5;1 000\r\n")
    heading(page, "Імпортувати ці групи?")
    fits(page)
    expect(page.locator("tr[data-line='5']")).to_contain_text("нова група")
    page.get_by_role("button", name="Імпортувати 2 групи").click()
    page.wait_for_url("**/jobs/**")
    assert run(Job.objects.get()).state == Job.State.DONE
    rows = stored(sandbox)
    assert rows[0]["client_groups_discount"] == "11"
    assert (rows[-1]["client_groups_name"], rows[-1]["birthday_bonus"]) == ("Друзі", "100000")


@MOSTLY_SCRIPT
def test_a_calculation_for_the_ticked_groups_is_marked_and_counted(page, sandbox, javascript):
    page.goto("/groups/edit/")
    page.get_by_label("Позначити «Постоянный посетитель»").check()
    page.get_by_label("Позначити «Скидочная система 20%»").check()
    page.get_by_text("Обчислити для багатьох одразу").locator("visible=true").click()
    page.get_by_label("Як", exact=True).select_option("× помножити на")
    page.get_by_label("Число").fill("1,1")
    page.get_by_role("button", name="Обчислити").click()
    first = page.get_by_label("Відсоток групи «Постоянный посетитель», %")
    expect(first).to_have_value("11")
    fits(page)
    expect(page.locator(".changed")).to_have_count(2)
    expect(page.locator("[data-changes]")).to_have_text("2 зміни")
    if javascript:
        first.fill("10")
        expect(page.locator("[data-changes]")).to_have_text("1 зміна")
        page.get_by_label("Бонус на день народження групи «Постоянный посетитель»").fill("60")
        expect(page.locator("[data-changes]")).to_have_text("2 зміни")
        expect(page.locator(".changed")).to_have_count(2)
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    expect(page.locator("tr[data-group='5']")).to_contain_text("22 %")
    assert not sandbox.posts()


@MOSTLY_NO_SCRIPT
def test_the_first_percent_is_in_sight_and_the_calculation_opens_on_demand(page, javascript):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/groups/edit/")
    percent = page.locator("[name^=percent]").first.bounding_box()
    assert percent["y"] + percent["height"] < page.locator(".actions.stays").bounding_box()["y"]
    amount = page.get_by_label("Число")
    expect(amount).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(amount).to_be_visible()


def test_a_tick_is_set_by_the_space_bar_and_enter_leads_on(page_for, staff):
    page = page_for(staff, language="uk")
    page.goto("/groups/edit/")
    ticks = page.locator(".cell-choose [name=chosen]")
    ticks.first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(ticks.nth(1)).to_be_focused()
    heading(page, "Змінити кілька відсотків")
    expect(ticks.first).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Ви нічого не змінили")).to_be_visible()


def test_without_scripts_no_number_of_changes_stands_under_the_percents(page_for, staff):
    page = page_for(staff, language="uk", javascript=False)
    page.goto("/groups/edit/")
    page.locator("[name^=percent]").first.fill("12")
    expect(page.get_by_role("button", name="Переглянути зміни").last).to_be_visible()
    expect(page.locator("[data-changes]")).to_be_hidden()


def test_enter_leads_through_the_percents_and_ctrl_enter_sends_them(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto("/groups/edit/")
    percents = page.locator("[name^=percent]")
    for number, typed in enumerate(("11", "12", "13")):
        expect(percents.nth(number)).to_be_focused()
        page.keyboard.type(typed)
        if number < 2:
            page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    expect(percents.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Переглянути зміни").last).to_be_focused()
    assert page.url.endswith("/groups/edit/")
    page.get_by_label("Число").fill("1")
    page.get_by_label("Число").press("Enter")
    expect(page.locator("[name=percent_1]")).to_have_value("12")
    percents.nth(1).press("Control+Enter")
    heading(page, "Змінити ці відсотки?")
    expect(page.locator("tr[data-group]")).to_have_count(3)
    assert not sandbox.posts()
