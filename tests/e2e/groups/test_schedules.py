"""Test a planned change in a browser, in Ukrainian: planned, seen to come and to go, and ended early."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from groups.features.schedules.models import Schedule
from groups.features.schedules.services.steps import run_due
from tests.support.browser import OVERFLOW, open_menu
from tests.support.schedules import GROUP, at, percent_of

FORMAT = "%Y-%m-%dT%H:%M"
DAYS = ("пн", "вт", "ср", "чт", "пт", "сб", "нд")


def short(moment):
    """Return a time as the list shows it: «нд 23:59»."""
    local = timezone.localtime(moment)
    return f"{DAYS[local.weekday()]} {local:%H:%M}"


def plan(page, *, starts, ends):
    page.goto(f"/groups/{GROUP}/")
    page.get_by_role("link", name="Запланувати зміну").click()
    page.get_by_label("Відсоток на цей час").fill("20")
    page.get_by_label("Від", exact=True).fill(timezone.localtime(starts).strftime(FORMAT))
    page.get_by_label("До", exact=True).fill(timezone.localtime(ends).strftime(FORMAT))
    page.get_by_role("button", name="Запланувати").click()
    page.wait_for_url(f"**/groups/{GROUP}/")


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.thorough), 360])
def test_plan_a_change_see_it_come_and_go(page_for, staff, sandbox, width):
    before = percent_of(sandbox)
    page = page_for(staff, language="uk", width=width)
    starts, ends = at(2), at(50)
    plan(page, starts=starts, ends=ends)
    expect(page.locator("#messages")).to_contain_text("Заплановано: 20 % замість")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "planned")
    row = page.locator(f'tr[data-group="{GROUP}"]')
    page.goto("/groups/")
    expect(row).to_contain_text(f"20 % з {short(starts)}")
    run_due(at(3))
    page.goto("/groups/")
    expect(row).to_contain_text(f"20 % до {short(ends)}")
    page.goto("/schedules/")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "active")
    expect(page.locator(".week-table td.on").first).to_contain_text("20 %")
    assert page.evaluate(OVERFLOW) <= 0
    run_due(at(51))
    assert percent_of(sandbox) == before
    page.goto("/schedules/")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "done")
    page.get_by_role("link", name="Повернення в історії").click()
    expect(page.locator("[data-outcome]")).to_have_attribute("data-outcome", "applied")


@pytest.mark.thorough
def test_end_it_early_from_the_page_of_the_group(page_for, staff, owner, sandbox):
    before = percent_of(sandbox)
    plan(page_for(staff, language="uk"), starts=at(-1), ends=at(50))
    run_due()
    assert percent_of(sandbox) == 20
    page = page_for(owner, language="uk")
    page.goto(f"/groups/{GROUP}/")
    open_menu(page)
    expect(page.get_by_role("link", name="Дублювати")).to_be_visible()
    expect(page.get_by_role("link", name="Видалити")).to_have_count(0)
    page.get_by_role("button", name="Повернути попередні значення зараз").click()
    expect(page.locator("#messages")).to_contain_text("група знову має попередні значення")
    expect(page.locator("[data-schedule]")).to_have_attribute("data-state", "cancelled")
    assert percent_of(sandbox) == before


def test_a_wrong_time_is_said_in_words_and_keeps_what_was_typed(page_for, staff, sandbox):
    page = page_for(staff, language="uk")
    page.goto(f"/groups/{GROUP}/schedule/")
    page.get_by_label("Відсоток на цей час").fill("20")
    page.get_by_label("Від", exact=True).fill("2027-03-28T03:30")
    page.get_by_role("button", name="Запланувати").click()
    expect(page.get_by_role("alert")).to_contain_text("Такого часу немає")
    expect(page.get_by_label("Відсоток на цей час")).to_have_value("20")
    assert not Schedule.objects.exists()


@pytest.mark.thorough  # as a form that the test client sends
def test_a_script_less_browser_plans_too(page_for, staff, sandbox):
    page = page_for(staff, language="uk", javascript=False)
    plan(page, starts=at(2), ends=at(50))
    assert Schedule.objects.get().ends_at - timezone.now() > timedelta(hours=49)
