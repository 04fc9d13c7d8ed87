"""Test that Back brings back what was typed: into forms, into many percents, and into searches of people."""

import re

import pytest
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from groups.features.saved_views.services import save_view
from groups.models import Job
from tests.support.browser import MOSTLY_SCRIPT, heading, open_row, show_list, sign_in_when_asked
from tests.support.criteria import save as save_criteria
from tests.support.jobs import run

KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('typed '))"


def go_back(page):
    page.go_back()
    page.wait_for_load_state()


@MOSTLY_SCRIPT
def test_back_from_the_plan_has_every_number(page_for, staff, sandbox, javascript):
    page = page_for(staff, language="uk", javascript=javascript)
    page.goto("/groups/edit/")
    page.fill("[name=percent_1]", "12,5")
    page.fill("[name=percent_4]", "11")
    page.fill("[name=bonus_1]", "60")
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    go_back(page)
    expect(page.locator("[name=percent_1]")).to_have_value("12,5")
    expect(page.locator("[name=percent_4]")).to_have_value("11")
    expect(page.locator("[name=bonus_1]")).to_have_value("60")
    if javascript:
        expect(page.locator("[data-changes]")).to_have_text("3 зміни")
        expect(page.locator(".changed")).to_have_count(3)
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    # Opened again, the form has what Poster has.
    page.goto("/groups/edit/")
    expect(page.locator("[name=percent_1]")).to_have_value("10")


@pytest.mark.parametrize(
    ("path", "field", "typed", "javascript"),
    [
        ("/groups/1/edit/", "percent", "12", True),
        pytest.param("/groups/new/", "name", "Гості", False, marks=pytest.mark.thorough),
        pytest.param("/groups/1/schedule/", "percent", "12", True, marks=pytest.mark.thorough),
        pytest.param("/account/limits/", "max_percent", "12", True, marks=pytest.mark.thorough),
        ("/account/views/?percent_from=5", "name", "Великі", True),
    ],
)
def test_back_brings_back_a_form(page_for, owner, javascript, path, field, typed):
    page = page_for(owner, language="uk", javascript=javascript)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(path)
    page.fill(f"main [name={field}]", typed)
    page.goto("/history/")
    go_back(page)
    expect(page.locator(f"main [name={field}]")).to_have_value(typed)


def test_back_brings_back_a_pin_and_the_new_name_of_a_view(page_for, owner, sandbox):
    save_criteria(owner, {"group_id": 4, "days": 30, "receipts_min": 1})
    save_view(owner, "Порожні групи", "clients_to=0")
    page = page_for(owner, language="uk")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/criteria/")
    page.get_by_text("Закріпити клієнта", exact=True).first.click()
    page.fill("[name=client]", "17")
    page.fill("[name=reason]", "Друг дому")
    page.goto("/account/views/")
    page.get_by_text("Змінити «Порожні групи»").click()
    page.locator("[data-view] [name=name]").fill("Без клієнтів")
    page.goto("/history/")
    go_back(page)
    expect(page.locator("[data-view] [name=name]")).to_have_value("Без клієнтів")
    go_back(page)
    expect(page.locator("[name=client]")).to_have_value("17")
    expect(page.locator("[name=reason]")).to_have_value("Друг дому")


@pytest.mark.parametrize("way", ["plan", "undo"])
def test_a_page_with_a_reason_for_a_job_asks_before_it_is_left(page_for, owner, sandbox, way):
    page, asked = page_for(owner, language="uk", new=True), []
    page.goto("/groups/edit/")
    page.fill("[name=percent_1]", "5")
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    if way == "undo":
        page.get_by_role("button", name="Змінити 1 групу").click()
        page.wait_for_url("**/jobs/**")
        run(Job.objects.get())
        page.reload()
    Limits.objects.create(account_id="demo", max_clients=1)
    main = page.locator("main form:not(.toast form)")
    main.get_by_role("button", name="Змінити 1 групу" if way == "plan" else "Повернути").last.click()
    page.fill("[name=reason]", "Свято")
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Історія", exact=True).first.click()
    heading(page, "Історія")
    assert asked == ["beforeunload"]


def test_what_came_back_is_a_conflict_with_what_somebody_changed_meanwhile(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto("/groups/1/edit/")
    page.fill("main [name=percent]", "12")
    page.goto("/history/")
    sandbox.console().edit(1, client_groups_discount="11")
    go_back(page)
    expect(page.locator("main [name=percent]")).to_have_value("12")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Тим часом групу змінили")
    assert not sandbox.posts()


def test_rows_of_criteria_come_back_in_the_order_that_they_were_given(page_for, owner, sandbox):
    save_criteria(owner, {"group_id": 4, "days": 30, "receipts_min": 1}, {"group_id": 5, "birthday_in": 7})
    page = page_for(owner)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/criteria/")
    page.locator("[data-row]").nth(0).get_by_role("button", name="Remove the row").click()
    page.get_by_role("button", name="Add a row").click()
    page.get_by_role("button", name="Add a row").click()
    page.select_option("[name=rows-1-group]", "1")
    page.fill("[name=rows-1-days]", "60")
    page.locator("[data-row]").nth(1).get_by_role("button", name="Move the row up").click()
    page.goto("/history/")
    go_back(page)
    expect(page.locator("[data-row]")).to_have_count(3)
    expect(page.locator("[name=rows-0-group]")).to_have_value("1")
    expect(page.locator("[name=rows-0-days]")).to_have_value("60")
    expect(page.locator("[name=rows-1-group]")).to_have_value("5")
    expect(page.locator("[name=rows-1-birthday_in]")).to_have_value("7")
    expect(page.locator("[name=rows-2-days]")).to_have_value("")


def test_what_was_saved_does_not_come_back(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto("/groups/1/edit/")
    page.fill("main [name=percent]", "12")
    page.get_by_role("button", name="Зберегти зміни").click()
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert page.evaluate(KEPT) == []


@pytest.mark.parametrize("path", ["/groups/1/edit/", "/groups/1/edit/?percent=45"])
def test_back_from_the_check_of_an_edit_leads_to_its_form_with_what_was_typed(page_for, staff, sandbox, path):
    page = page_for(staff, language="uk")
    page.goto("/groups/1/")
    page.goto(path)
    page.fill("main [name=percent]", "46")
    page.fill("main [name=note]", "Свято")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Зберегти ці зміни?")
    go_back(page)
    heading(page, "Змінити групу")
    assert page.url.endswith(path)
    expect(page.locator("main [name=percent]")).to_have_value("46")
    expect(page.locator("main [name=note]")).to_have_value("Свято")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Зберегти ці зміни?")
    assert not sandbox.posts()
    page.get_by_role("button", name="Так, зберегти зміни").click()
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert page.evaluate(KEPT) == []
    go_back(page)
    expect(page.locator("main [name=percent]")).to_have_value(path.partition("=")[2] or "46")


@pytest.mark.parametrize(
    "path", ["/clients/", pytest.param("/groups/1/clients/", marks=pytest.mark.thorough)]
)
def test_a_search_of_clients_survives_back(page_for, staff, sandbox, path):
    sandbox.console().edit_client(7, lastname="Камінська")
    page = page_for(staff, language="uk")
    page.goto(path)
    page.fill("#q", "камінськ")
    page.press("#q", "Enter")
    expect(page.locator("#rows tr[data-client]")).to_have_count(1)
    page.goto("/history/")
    go_back(page)
    expect(page.locator("#q")).to_have_value("камінськ")
    expect(page.locator("#rows tr[data-client]")).to_have_count(1)
    assert page.url.endswith(path)
    # A visit of its own begins without it.
    page.goto("/history/")
    page.goto(path)
    expect(page.locator("#q")).to_have_value("")


def test_the_chosen_clients_come_back_from_the_move(page_for, staff, sandbox):
    for number in (7, 8):
        sandbox.console().edit_client(number, lastname=f"Камінська {number}")
    page = page_for(staff, language="uk")
    page.goto("/clients/")
    page.fill("#q", "камінськ")
    page.press("#q", "Enter")
    page.locator('[data-client="7"] [name=client]').check()
    page.locator("[data-choice] button").click()
    page.wait_for_url("**/clients/move/**")
    go_back(page)
    expect(page.locator('[data-client="7"] [name=client]')).to_be_checked()
    expect(page.locator('[data-client="8"] [name=client]')).not_to_be_checked()
    expect(page.locator("[data-choice] output")).to_have_text("1")
    page.locator('[data-client="7"] [name=client]').uncheck()
    page.locator('[data-client="8"] [name=client]').check()
    page.locator("[data-choice] button").click()
    page.wait_for_url(re.compile(r"/clients/move/\?client=8-1$"))


def test_a_search_is_gone_with_the_sign_out(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto("/clients/")
    page.fill("#q", "камінськ")
    page.goto("/history/")
    assert page.evaluate(KEPT) == ["typed /clients/"]
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Вийти", exact=True).click()
    page.wait_for_url("**/accounts/login/**")
    assert page.evaluate(KEPT) == []
    page.goto("/clients/")
    sign_in_when_asked(page)
    expect(page.locator("#q")).to_have_value("")


def test_no_browser_covers_a_row_with_what_was_typed_before(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    show_list(page)
    open_row(page, 4)
    expect(page.locator(".row-form [name=percent]")).to_have_attribute("autocomplete", "off")
    page.goto("/groups/1/edit/")
    expect(page.locator("main [name=percent]")).to_have_attribute("autocomplete", "off")
