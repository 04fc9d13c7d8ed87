"""Test the loyalty scheme in a browser, in Ukrainian: from a group to its ladder, the audit and the chart."""

import re

import pytest
from playwright.sync_api import expect

from groups.features.insights.services import sweep
from tests.support.browser import (
    OVERFLOW,
    caught,
    heading,
    hold_back,
    new_group,
    open_row,
)

RULES = (
    {"rule_id": 4, "loyalty_type": 2, "value": 1000, "group_id": 4},
    {"rule_id": 5, "loyalty_type": 2, "value": 2000, "group_id": 5},
)


@pytest.fixture(autouse=True)
def _rules(sandbox):
    sandbox.console().set_rules(*RULES)
    sandbox.console().edit(5, client_groups_name="VIP")


def test_a_manager_on_a_phone_sees_where_clients_come_from(page_for, manager):
    page = page_for(manager, language="uk", width=360)
    page.goto("/groups/4/")
    dependents = page.locator("#dependents")
    expect(dependents.locator("[data-rule='4']")).to_have_text("хто сплатив 1 000 ₴, переходить сюди")
    expect(dependents.locator("[data-rule='5']")).to_have_text("звідси переходять до VIP від 2 000 ₴")
    expect(dependents.locator("[data-promotion='2']")).to_have_text("Друга кава — подарунок")
    dependents.get_by_role("link", name="Усі сходинки").click()
    heading(page, "Сходинки")
    expect(page.locator("tr[data-rule]")).to_have_count(2)
    expect(page.locator("main")).to_contain_text("Клієнтів пораховано")
    page.get_by_role("link", name="Перевірка").click()
    heading(page, "Перевірка відсотків")
    expect(page.locator("[data-audit=own] tr[data-group='1'] [data-own=above]")).to_have_text(
        re.compile(r"\d+")
    )
    page.get_by_role("link", name="Схема", exact=True).click()
    heading(page, "Схема лояльності")
    expect(page.locator(".stairs.phone").first).to_be_visible()
    expect(page.locator(".stairs.desk").first).to_be_hidden()
    assert page.evaluate(OVERFLOW) <= 0


def test_what_is_typed_stays_while_the_dependents_come(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    held = hold_back(page, "**/groups/4/dependents/")
    page.goto("/groups/4/edit/")
    page.fill("#id_percent", "12")
    expect(page.locator("#dependents")).to_have_attribute("aria-busy", "true")
    caught(page, held).continue_()
    expect(page.locator("#dependents [data-rule='4']")).to_be_visible()
    expect(page.locator("#id_percent")).to_have_value("12")
    expect(page.locator("#id_percent")).to_be_focused()


def test_a_risky_edit_in_the_list_names_the_dependents_before_it_is_confirmed(page_for, staff):
    page = page_for(staff, language="uk")
    page.goto("/groups/")
    open_row(page, 4)
    page.locator("#row-4 [name=percent]").fill("45")
    page.locator("#row-4 .button:not(.plain)").click()
    expect(page.locator("[data-notice=conflict]")).to_be_visible()
    expect(page.locator("#dependents [data-rule='4']")).to_be_visible()
    expect(page.locator("#dependents [data-promotion='2']")).to_be_visible()


@pytest.mark.thorough
def test_a_large_account_fills_in(page_for, staff, monkeypatch, work_queue):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    page = page_for(staff, language="uk")
    page.goto("/groups/audit/")
    expect(page.locator("#figures")).to_contain_text("чекає на свою чергу")
    work_queue()
    expect(page.locator("main")).to_contain_text("Клієнтів пораховано")
    expect(page.locator("#live")).to_contain_text("Клієнтів пораховано")
    page.locator("[data-audit=own] tr[data-group='1'] [data-own=above] a").click()
    expect(page.locator(".chip")).to_contain_text("власний відсоток вищий за груповий")
    shown = page.locator("tr[data-client]").count()
    assert shown > 0
    page.get_by_label("Пошук за").fill("ко")
    page.get_by_role("button", name="Шукати", exact=True).click()
    expect(page.locator(".chip")).to_have_count(2)
    assert page.locator("tr[data-client]").count() < shown


@pytest.mark.thorough
def test_a_percent_of_many_groups_is_readable_on_a_phone(page_for, manager, sandbox):
    for number in range(5):
        new_group(sandbox, f"Постійні гості кав'ярні на площі {number}", loyalty_type="1", percent="5")
    page = page_for(manager, language="uk", width=360)
    page.goto("/groups/audit/")
    percent = page.locator("[data-audit=unled] li > :first-child", has_text="5 %").first
    expect(percent).to_contain_text("Бонусна")
    assert percent.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert page.evaluate(OVERFLOW) <= 0


@pytest.mark.thorough
@pytest.mark.parametrize("groups", [3, 24])
def test_the_scheme_is_printed_on_one_page(page_for, owner, sandbox, groups):
    for number in range(3, groups):
        name = f"Постійні гості на площі {number}"
        new_group(sandbox, name, loyalty_type="1", percent=str(number), birthday_bonus="5000")
    page = page_for(owner, language="uk")
    page.goto("/groups/scheme/")
    expect(page.locator("[data-turnover]")).to_have_count(groups)
    for printed in (page.pdf(format="A4", landscape=True), page.pdf(prefer_css_page_size=True)):
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
