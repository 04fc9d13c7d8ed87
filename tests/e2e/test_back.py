"""Test that Back brings back what was typed: into forms, into many percents, and into searches of people."""

import re

from playwright.sync_api import expect

from tests.support.browser import heading, sign_in_when_asked
from tests.support.criteria import save as save_criteria

KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('typed '))"


def go_back(page):
    page.go_back()
    page.wait_for_load_state()


def test_back_from_the_plan_has_every_number(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
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
    expect(page.locator("[data-changes]")).to_have_text("3 зміни")
    expect(page.locator(".changed")).to_have_count(3)
    page.get_by_role("button", name="Переглянути зміни").last.click()
    heading(page, "Змінити ці відсотки?")
    # Opened again, the form has what Poster has.
    page.goto("/groups/edit/")
    expect(page.locator("[name=percent_1]")).to_have_value("10")


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
    handle = page.locator("[data-handle] summary")
    handle.nth(0).click()
    page.locator("[data-row]").nth(0).get_by_role("button", name="Remove the row").click()
    page.get_by_role("button", name="Add a group").click()
    page.get_by_role("button", name="Add a group").click()
    page.select_option("[name=rows-1-group]", "1")
    page.fill("[name=rows-1-days]", "60")
    handle.nth(1).click()
    page.locator("[data-row]").nth(1).get_by_role("button", name="Move the row up").click()
    page.goto("/history/")
    go_back(page)
    expect(page.locator("[data-row]")).to_have_count(3)
    expect(page.locator("[name=rows-0-group]")).to_have_value("1")
    expect(page.locator("[name=rows-0-days]")).to_have_value("60")
    expect(page.locator("[name=rows-1-group]")).to_have_value("5")
    expect(page.locator("[name=rows-1-birthday_in]")).to_have_value("7")
    expect(page.locator("[name=rows-2-days]")).to_have_value("")


def test_back_from_the_check_of_an_edit_leads_to_its_form_with_what_was_typed(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto("/groups/1/")
    page.goto("/groups/1/edit/?percent=45")
    page.fill("main [name=percent]", "46")
    page.get_by_text("Додати причину").click()
    page.fill("main [name=note]", "Свято")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Зберегти ці зміни?")
    go_back(page)
    heading(page, "Змінити «Постоянный посетитель»")
    assert page.url.endswith("/groups/1/edit/?percent=45")
    expect(page.locator("main [name=percent]")).to_have_value("46")
    expect(page.locator("main [name=note]")).to_have_value("Свято")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Зберегти ці зміни?")
    assert not sandbox.posts()
    page.get_by_role("button", name="Так, зберегти зміни").click()
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert page.evaluate(KEPT) == []
    go_back(page)
    expect(page.locator("main [name=percent]")).to_have_value("45")


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
