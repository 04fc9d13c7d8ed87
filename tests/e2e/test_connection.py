"""Test the first minutes in a browser, on a phone and in Ukrainian: connect, follow the check, go on."""

from playwright.sync_api import expect

from groups.features.connection.services import checks
from groups.models import PosterCredentials
from groups.services.facts import WRITTEN
from tests.support.browser import heading


def test_the_first_check_is_followed_and_its_report_is_copied(page_for, owner, sandbox):
    PosterCredentials.objects.filter(user=owner).delete()
    page = page_for(owner, language="uk", width=360, height=740)
    page.goto("/account/")
    page.locator("[name=account]").fill("demo")
    page.locator("[name=token]").fill(sandbox.accounts["demo"].token)
    page.locator("#form form button").click()
    page.wait_for_url("**/account/check/")
    expect(page.locator("[data-check=running]")).to_contain_text("Перевіряємо, як працює цей Poster…")
    expect(page.get_by_role("link", name="Продовжити")).to_be_visible()

    checks.check_due("demo")
    expect(page.locator("[data-check=done]")).to_be_visible()
    page.get_by_text("Звіт для розробників", exact=True).click()
    page.get_by_role("button", name="Скопіювати звіт").click()
    expect(page.get_by_role("button", name="Скопійовано")).to_be_visible()
    report = page.locator("#report").inner_text()
    assert '"receipts.order"' in report
    assert sandbox.accounts["demo"].token not in report

    plain = page_for(owner, language="uk", javascript=False)
    plain.goto("/account/check/")
    plain.get_by_text("Звіт для розробників", exact=True).click()
    expect(plain.locator("#report")).to_have_text(report)
    expect(plain.locator("[data-copy]")).to_be_hidden()

    page.get_by_role("button", name="Перевірити на порожній групі").click()
    expect(page.locator("[data-check=running]")).to_contain_text("Перевіряємо запис на порожній групі…")
    checks.check_due("demo")
    expect(page.locator("[data-check=done]")).to_be_visible()
    expect(page.locator("[data-fact='birthday_bonus.unit']")).to_have_attribute("data-value", "hryvnia")
    assert page.locator("[data-fact]").count() >= len(WRITTEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="Продовжити").click()
    heading(page, "Групи клієнтів")
