"""Test requests beyond the limits in a browser, in Ukrainian: staff ask, an owner approves or refuses."""

import pytest
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from tests.support import pairwise
from tests.support.browser import OVERFLOW


@pytest.fixture
def limited(staff):
    return Limits.objects.create(account_id="demo", max_percent=20)


@pytest.mark.parametrize(
    ("width", "javascript"), pairwise.marked([(1280, True), (360, True), (1280, False)], [(360, True)])
)
def test_staff_ask_and_an_owner_approves(page_for, staff, owner, sandbox, limited, width, javascript):
    asks = page_for(staff, language="uk", width=width, javascript=javascript)
    asks.goto("/groups/1/edit/")
    asks.get_by_role("textbox", name="Відсоток").fill("25")
    asks.get_by_role("button", name="Зберегти зміни").click()
    asks.wait_for_url("**/requests/*/")
    expect(asks.locator("[data-request]")).to_have_attribute("data-state", "waiting")
    expect(asks.locator("#request")).to_contain_text("Відсоток став би 25 %; межа — 20 %.")
    assert not sandbox.posts()
    decides = page_for(owner, language="uk", width=width, javascript=javascript)
    decides.goto("/groups/")
    badge = decides.locator("[data-to-decide]")
    expect(badge).to_have_text("Запити 1")
    assert javascript is False or decides.evaluate(OVERFLOW) <= 0
    badge.click()
    decides.locator("tr[data-request] a").click()
    decides.get_by_role("button", name="Погодити").click()
    expect(decides.locator("[data-request]")).to_have_attribute("data-state", "approved")
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "25"
    decides.goto("/history/")
    expect(decides.locator("[data-change] .who")).to_have_text("owner, на запит staff")
    asks.reload()
    expect(asks.locator("#request")).to_contain_text("Погоджено: owner")


def test_an_owner_alone_gives_a_reason_and_is_told_in_their_language_if_it_is_missing(
    page_for, owner, sandbox
):
    Limits.objects.create(account_id="demo", max_percent=20)
    page = page_for(owner, language="uk")
    page.goto("/groups/1/edit/")
    page.get_by_role("textbox", name="Відсоток").fill("25")
    page.get_by_role("button", name="Зберегти зміни").click()
    page.get_by_role("button", name="Так, зберегти").click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Введіть причину.")
    expect(told).to_be_focused()
    assert not sandbox.posts()
    page.get_by_label("Причина", exact=True).fill("Ювілей закладу")
    page.get_by_role("button", name="Так, зберегти").click()
    page.wait_for_url("**/groups/1/")
    page.goto("/history/")
    expect(page.locator("[data-change]")).to_contain_text("Ювілей закладу")


@pytest.mark.thorough
def test_a_refusal_says_why(page_for, staff, owner, sandbox, limited):
    asks = page_for(staff, language="uk")
    asks.goto("/groups/1/edit/")
    asks.get_by_role("textbox", name="Відсоток").fill("25")
    asks.get_by_role("button", name="Зберегти зміни").click()
    asks.wait_for_url("**/requests/*/")
    decides = page_for(owner, language="uk")
    decides.goto(asks.url)
    decides.get_by_label("Причина", exact=True).fill("Задорого")
    decides.get_by_role("button", name="Відхилити").click()
    asks.reload()
    expect(asks.locator("[data-request]")).to_have_attribute("data-state", "refused")
    expect(asks.locator("#request")).to_contain_text("Задорого")
    assert not sandbox.posts()
