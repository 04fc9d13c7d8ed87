"""Test the cost of a percent in a browser, in Ukrainian: typed, read, saved, and found in the history."""

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.support.browser import OVERFLOW, open_row
from tests.support.costs import expected

COSTS = "коштуватиме до 12 400 ₴ на місяць"


@pytest.fixture
def _costs_12400(sandbox):
    """Let the first group's clients buy so much that 15 % instead of 10 % costs 12 400 ₴ a month."""
    client = next(
        number
        for number in range(1, 126)
        if sandbox.accounts["demo"].clients.row(number)["discount_per"] == "0"
    )
    missing = Decimal(12_400) - Decimal(expected(sandbox, 1, 15)[0])
    kopecks = int(missing * 100 * 20)
    sandbox.console().sell(client, timezone.localdate(), kopecks, kopecks)


@pytest.mark.usefixtures("_costs_12400")
def test_type_fifteen_read_the_cost_save_and_find_it_in_the_history(page_for, owner, sandbox):
    page = page_for(owner, language="uk", width=360)
    page.goto("/groups/1/edit/")
    page.get_by_label("Відсоток, %").fill("15")
    card = page.locator("[data-cost]")
    expect(card).to_have_attribute("data-cost", "12400.00")
    expect(card).to_contain_text(COSTS, ignore_case=True)
    expect(page.get_by_label("Відсоток, %")).to_be_focused()
    card.get_by_text("Як пораховано").click()
    expect(card).to_contain_text("Не більше:")
    expect(page.locator("#live")).to_contain_text(COSTS, ignore_case=True)
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("button", name="Зберегти зміни").click()
    page.wait_for_url("**/groups/1/")
    expect(page.locator("#messages")).to_contain_text(f"Це {COSTS}.")
    page.goto("/history/")
    expect(page.locator("tr[data-state=applied]")).to_contain_text(COSTS)
    assert len(sandbox.calls("dash.getClientsSales")) == 1


def test_the_list_shows_sales_and_a_saved_row_keeps_them(page_for, owner, sandbox):
    page = page_for(owner, language="uk")
    page.goto("/groups/")
    page.get_by_role("link", name="Фільтри").click()
    page.get_by_label("з продажами").check()
    page.get_by_role("button", name="Показати", exact=True).click()
    page.wait_for_url("**columns=sales**")
    expect(page.locator("#sales")).to_contain_text("Оборот — це сплачене.")
    page.get_by_role("link", name="Оборот").click()
    page.wait_for_url("**sort=-turnover**")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Оборот")
    row = page.locator("tr[data-group='4']")
    turnover = row.locator("td[data-label='Оборот']")
    before = turnover.inner_text()
    open_row(page, 4)
    page.get_by_label("Відсоток, %").fill("12")
    page.get_by_role("button", name="Зберегти").click()
    expect(row).to_contain_text("12 %")
    expect(turnover).to_have_text(before)
    page.get_by_role("link", name="Фільтри").click()
    page.get_by_label("з продажами").uncheck()
    page.get_by_role("button", name="Показати", exact=True).click()
    expect(page.locator("th", has_text="Бонус на день народження")).to_be_visible()
