"""Test requests beyond the limits in a browser, in Ukrainian: staff ask, an owner approves or refuses."""

import pytest
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from tests.support import pairwise
from tests.support.browser import OVERFLOW
from tests.support.pages import group_form


@pytest.mark.parametrize(
    ("width", "javascript"), pairwise.marked([(360, True), (1280, False)], [(360, True)])
)
def test_staff_ask_and_an_owner_approves(page_for, staff, owner, sandbox, width, javascript):
    Limits.objects.create(account_id="demo", max_percent=20)
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


def test_back_from_a_request_that_was_approved_after_all_leads_to_its_page(
    page_for, staff, owner, browse, sandbox
):
    Limits.objects.create(account_id="demo", max_percent=20)
    client, url = browse(staff), "/groups/1/edit/"
    client.post(url, group_form(client, url, percent="25"))
    page = page_for(owner, language="uk")
    page.goto("/requests/")
    page.locator("tr[data-request] a").click()
    page.get_by_role("button", name="Відхилити").click()
    expect(page.locator(".summary")).to_be_focused()
    page.get_by_role("button", name="Погодити").click()
    expect(page.locator("[data-request]")).to_have_attribute("data-state", "approved")
    page.go_back()
    expect(page.locator("[data-request]")).to_have_attribute("data-state", "approved")


@pytest.mark.parametrize("javascript", [True, False])
def test_enter_in_the_reason_of_a_move_starts_it(page_for, owner, javascript):
    Limits.objects.create(account_id="demo", max_clients=1)
    page = page_for(owner, javascript=javascript)
    page.goto("/groups/1/clients/move/?client=1,2")
    page.select_option("[name=target]", "4")
    page.get_by_role("button", name="Move 2 clients").click()
    page.fill("[name=reason]", "A new house")
    page.press("[name=reason]", "Enter")
    page.wait_for_url("**/jobs/**")


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
