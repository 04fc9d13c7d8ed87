"""Test the cards on many receipts in a browser, in Ukrainian: they open to what is read then."""

import pytest
from playwright.sync_api import expect

from groups.features.figures.models import yesterday
from tests.support.cards import put_finding, put_use, sell
from tests.support.figures import DAY, watched


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_finding_opens_to_its_receipts_and_fits(page_for, owner, sandbox, width, scheme):
    day = yesterday()
    watched(owner)
    sell(sandbox.console(), 3, day, 5, waiter=4)
    for days_ago in (1, 4, 9):
        put_use(owner, 3, days_ago, waiter_id=4, in_cash=4, receipts=4)
    put_finding(owner, 3, "waiter", waiter_id=4, since=day - 8 * DAY, receipts=12)
    finding = put_finding(owner, 3, "day", waiter_id=4, receipts=5)
    page = page_for(owner, language="uk", width=width, scheme=scheme)
    page.goto("/cards/")
    expect(page.locator("h1")).to_have_text("Одна картка, багато чеків")
    line = page.locator("[data-rule='day']")
    line.locator("summary").first.click()
    expect(line.locator("[data-receipt]")).not_to_have_count(0)
    expect(line).to_contain_text("готівка")
    expect(page.locator("[data-rule='waiter'] .tick")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    block = page.get_by_role("region").filter(has=line)
    block.get_by_text("Так і має бути…").click()
    block.locator("input[name=reason]").fill("Блогери")
    block.get_by_text("Не рахувати цю картку").click()
    expect(page.locator("[data-shared='3']")).to_contain_text("Блогери")
    expect(page.locator(f"#receipts-{finding.pk}")).to_have_count(0)
