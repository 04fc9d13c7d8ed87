"""Test the cost of a percent in a browser, in Ukrainian: typed, read, saved, and found in the history."""

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.insights.services import sweep
from tests.support.browser import OVERFLOW, caught, heading, hold_back, new_group, open_row
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
    expect(card).to_contain_text("Не більше:")
    expect(page.locator("#live")).to_contain_text(COSTS, ignore_case=True)
    expect(page.get_by_label("Відсоток, %")).to_be_focused()
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("button", name="Зберегти зміни").click()
    page.wait_for_url("**/groups/1/")
    expect(page.locator("#messages")).to_contain_text(f"Це {COSTS}.")
    page.goto("/history/")
    expect(page.locator("tr[data-state=applied]")).to_contain_text(COSTS)
    assert len(sandbox.calls("dash.getClientsSales")) == 1


def test_an_answer_comes_to_what_was_typed_last(page_for, owner, sandbox):
    page = page_for(owner, language="uk")
    page.goto("/groups/4/edit/")
    percent = page.get_by_label("Відсоток, %")
    for typed in ("1", "12", "12,"):
        percent.fill(typed)
    expect(page.locator("#cost")).to_contain_text("Введіть число")
    percent.fill("12,5")
    cost = expected(sandbox, 4, "12.5")[0]
    expect(page.locator("[data-cost]")).to_have_attribute("data-cost", cost)


@pytest.mark.thorough
def test_the_check_page_of_a_large_account_fills_in(page_for, owner, sandbox, monkeypatch, work_queue):
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    page = page_for(owner, language="uk")
    page.goto("/groups/1/edit/")
    page.get_by_label("Відсоток, %").fill("30")
    page.get_by_role("button", name="Зберегти зміни").click()
    heading(page, "Зберегти ці зміни?")
    expect(page.locator("#cost progress")).to_be_visible()
    work_queue()
    cost = expected(sandbox, 1, 30)[0]
    expect(page.locator("[data-cost]")).to_have_attribute("data-cost", cost)


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
    page.get_by_role("button", name="Зберегти зміни").click()
    expect(row).to_contain_text("12 %")
    expect(turnover).to_have_text(before)
    page.get_by_role("link", name="Фільтри").click()
    page.get_by_label("з продажами").uncheck()
    page.get_by_role("button", name="Показати", exact=True).click()
    expect(page.locator("th", has_text="Бонус на день народження")).to_be_visible()


@pytest.mark.thorough
def test_the_sales_fit_on_a_phone_and_can_be_sorted_there(page_for, owner, sandbox):
    page = page_for(owner, language="uk", width=360)
    page.goto("/groups/?columns=sales")
    page.get_by_label("Сортувати").select_option("-given")
    page.wait_for_url("**sort=-given**")
    expect(page.locator("td[data-label='Надано']").first).to_be_visible()
    assert page.evaluate(OVERFLOW) <= 0


@pytest.mark.thorough
def test_the_progress_of_the_sales_goes_on_while_a_row_is_saved(page_for, owner, sandbox):
    new_group(sandbox, "Гості", percent="5", clients=3000)
    page = page_for(owner)
    page.goto("/groups/?columns=sales")
    open_row(page, 4)
    page.get_by_label("Percent, %").fill("12")
    held = hold_back(page, "**/groups/4/edit/")
    page.get_by_label("Percent, %").press("Enter", no_wait_after=True)
    saving = caught(page, held)
    with page.expect_response("**/groups/?columns=sales"):
        pass
    saving.continue_()
    expect(page.locator("tr[data-group='4']")).to_contain_text("12%")


@pytest.mark.thorough
def test_the_sales_are_printed_below_their_names(page_for, owner):
    page = page_for(owner)
    page.goto("/groups/?columns=sales")
    given = page.locator("td[data-label='Given']").first
    expect(given).to_be_visible()
    page.emulate_media(media="print")
    expect(given).to_be_visible()
    expect(page.locator(".groups td:visible:has(.row-edit)")).to_have_count(0)


def test_a_row_of_the_list_tells_the_cost_too(page_for, owner, sandbox):
    page = page_for(owner, language="uk")
    page.goto("/groups/")
    open_row(page, 4)
    page.get_by_label("Відсоток, %").fill("15")
    expect(page.locator("[data-cost]")).to_have_attribute("data-cost", expected(sandbox, 4, 15)[0])
    expect(page.get_by_label("Відсоток, %")).to_be_focused()
    assert page.url.endswith("/groups/")
    page.get_by_role("button", name="Зберегти зміни").click()
    expect(page.locator("tr[data-group='4']")).to_contain_text("15 %")
