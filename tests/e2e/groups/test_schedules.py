"""Test a planned change in a browser, in Ukrainian: planned, seen to come and to go, and ended early."""

from django.utils import timezone
from playwright.sync_api import expect

from groups.features.schedules.services import run_due_plans
from tests.support.browser import OVERFLOW, heading
from tests.support.schedules import GROUP, at, percent_of, planned

FORMAT = "%Y-%m-%dT%H:%M"
DAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "нд")


def short(moment):
    """Return a time as the list shows it: «нд», or «23:59» today."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else DAYS[local.weekday()]


def plan(page, *, starts, ends):
    page.goto(f"/groups/{GROUP}/")
    page.get_by_role("link", name="Запланувати зміну").click()
    page.get_by_label("Відсоток на цей час").fill("20")
    page.get_by_label("Від", exact=True).fill(timezone.localtime(starts).strftime(FORMAT))
    page.get_by_label("До", exact=True).fill(timezone.localtime(ends).strftime(FORMAT))
    page.get_by_role("button", name="Запланувати").click()
    page.wait_for_url(f"**/groups/{GROUP}/")


def test_plan_a_change_see_it_come_and_go(page_for, staff, sandbox):
    before = percent_of(sandbox)
    page = page_for(staff, language="uk", width=360)
    starts, ends = at(2), at(50)
    plan(page, starts=starts, ends=ends)
    expect(page.locator("#messages")).to_contain_text("Заплановано: 20 % замість")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "planned")
    row = page.locator(f'tr[data-group="{GROUP}"]')
    page.goto("/groups/")
    expect(row).to_contain_text(f"20 % з {short(starts)}")
    run_due_plans(at(3))
    page.goto("/groups/")
    expect(row).to_contain_text(f"20 % до {short(ends)}")
    page.goto("/schedules/")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "active")
    assert page.evaluate(OVERFLOW) <= 0
    run_due_plans(at(51))
    assert percent_of(sandbox) == before
    page.goto("/schedules/")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "done")
    page.get_by_role("link", name="Повернення в історії").click()
    expect(page.locator("[data-outcome]")).to_have_attribute("data-outcome", "applied")


def test_a_plan_in_force_is_ended_by_the_keyboard_after_a_question(page_for, staff, sandbox):
    before = percent_of(sandbox)
    planned(staff)
    run_due_plans(at(1.5))
    page = page_for(staff, language="uk", width=360)
    page.goto(f"/groups/{GROUP}/")
    page.get_by_role("link", name="Повернути попередні значення зараз").press("Enter")
    heading(page, "Повернути групі «Скидочная система 10%» попередні значення зараз?")
    assert percent_of(sandbox) == 20
    assert page.evaluate(OVERFLOW) <= 0
    page.get_by_role("button", name="Повернути попередні значення зараз").press("Enter")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "cancelled")
    assert percent_of(sandbox) == before
