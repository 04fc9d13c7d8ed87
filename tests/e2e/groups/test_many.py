"""Test bulk edits in a browser, in Ukrainian on a phone: with and without JavaScript."""

import re

from playwright.sync_api import expect

from groups.models import Job
from tests.support.browser import OVERFLOW, heading
from tests.support.jobs import run


def fits(page):
    assert page.evaluate(OVERFLOW) <= 0, "the page scrolls sideways"


def stored(sandbox):
    return list(sandbox.accounts["demo"].snapshot().values())


def test_an_import_without_scripts(page_for, staff, sandbox, tmp_path):
    page = page_for(staff, language="uk", width=360, javascript=False)
    page.goto("/groups/")
    page.locator("summary", has_text="Ще").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV$")).click()
    page.get_by_role("link", name="Завантажити з файлу…").click()
    heading(page, "Завантажити з файлу")
    fits(page)
    text = download.value.path().read_text(encoding="utf-8-sig")
    file = tmp_path / "groups.csv"

    def send(text):
        file.write_text(text, encoding="utf-8")
        page.get_by_label("Файл CSV, XLSX або YAML").set_input_files(file)
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


def test_a_calculation_for_the_ticked_groups_is_marked_and_counted(page_for, staff, sandbox):
    page = page_for(staff, language="uk", width=360)
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
    first.fill("10")
    expect(page.locator("[data-changes]")).to_have_text("1 зміна")
    page.get_by_label("Бонус на день народження групи «Постоянный посетитель»").fill("60")
    expect(page.locator("[data-changes]")).to_have_text("2 зміни")
    expect(page.locator(".changed")).to_have_count(2)
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    expect(page.locator("tr[data-group='5']")).to_contain_text("22 %")
    assert not sandbox.posts()
