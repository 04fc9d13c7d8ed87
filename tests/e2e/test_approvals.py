"""Test requests beyond the limits in a browser, in Ukrainian: staff ask, an owner approves or refuses."""

from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from tests.support.browser import OVERFLOW


def test_staff_ask_and_an_owner_approves(page_for, staff, owner, sandbox):
    Limits.objects.create(account_id="demo", max_percent=20)
    asks = page_for(staff, language="uk", width=360)
    asks.goto("/groups/1/edit/")
    note = asks.locator("[name=note]")
    expect(note).to_be_hidden()
    asks.get_by_role("textbox", name="Відсоток").fill("25")
    expect(note).to_be_visible()
    asks.get_by_role("button", name="Зберегти зміни").click()
    asks.wait_for_url("**/requests/*/")
    expect(asks.locator("[data-request]")).to_have_attribute("data-state", "waiting")
    expect(asks.locator("#request")).to_contain_text("Відсоток став би 25 %; ліміт — 20 %.")
    assert not sandbox.posts()
    decides = page_for(owner, language="uk", width=360)
    decides.goto("/groups/")
    badge = decides.locator("[data-to-decide]")
    expect(badge).to_have_text("На погодженні 1")
    assert decides.evaluate(OVERFLOW) <= 0
    badge.click()
    decides.locator("tr[data-request] a").click()
    decides.get_by_role("button", name="Погодити").click()
    expect(decides.locator("[data-request]")).to_have_attribute("data-state", "approved")
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "25"
    decides.goto("/history/")
    expect(decides.locator("[data-change] .who")).to_have_text("owner, на запит staff")
    asks.reload()
    expect(asks.locator("#request")).to_contain_text("Погоджено: owner")
