"""Test the loyalty scheme in a browser, in Ukrainian: from a group to its ladder, and on paper."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import (
    OVERFLOW,
    heading,
    new_group,
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
    heading(page, "Схема лояльності")
    expect(page.locator("tr[data-rule]")).to_have_count(2)
    expect(page.locator("main")).to_contain_text("Клієнтів пораховано")
    own = page.locator("[data-audit=own]")
    own.locator("summary").click()
    expect(own.locator("tr[data-group='1'] [data-own=above]")).to_have_text(re.compile(r"\d+"))
    expect(page.locator(".stairs").first).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0


def test_the_scheme_is_printed_on_one_page(page_for, owner, sandbox):
    for number in range(3, 24):
        name = f"Постійні гості на площі {number}"
        new_group(sandbox, name, loyalty_type="1", percent=str(number), birthday_bonus="5000")
    page = page_for(owner, language="uk")
    page.goto("/groups/ladder/")
    expect(page.locator("[data-turnover]")).to_have_count(24)
    for printed in (page.pdf(format="A4", landscape=True), page.pdf(prefer_css_page_size=True)):
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    page.locator("[data-audit=empty] summary").click()
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) > 1
