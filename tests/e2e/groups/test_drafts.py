"""Test drafts: input is restored in the same tab after the session has ended and the user signs in again."""

import json
import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from groups.models import Change
from poster_admin.users.models import UserSession
from poster_admin.users.sessions import CONFIRMED_AT, SessionStore
from tests.support.browser import (
    SEED,
    heading,
    sign_in_when_asked,
)
from tests.support.people import PASSWORD

ENDED = "Ваш сеанс завершився; нічого не збережено."
BACK = "Усе, що ви ввели, знову тут."
KEPT = "Введене лишається в цій вкладці"
EDIT = "/groups/1/edit/"
NOTHING_TYPED = "!Object.keys(sessionStorage).some((key) => key.startsWith('typed '))"


@pytest.fixture
def page(page_for, staff):
    return page_for(staff, language="uk")


def sign_out_everywhere(page_for, user):
    """End all sessions of a user, in another browser."""
    other = page_for(user, language="uk")
    other.goto("/accounts/sessions/")
    other.get_by_role("button", name="Вийти всюди").click()
    other.wait_for_url("**/accounts/login/")
    assert not UserSession.objects.exists()


def wait_for_parts(page):
    """Wait for what the page loads on its own: if that finds the session ended, it leads to the sign-in."""
    expect(page.locator("#dependents[hx-get]")).to_have_count(0)


def end_sessions(page):
    """End all sessions, as the button does that the first test presses."""
    wait_for_parts(page)
    UserSession.objects.all().delete()


def save(page, name="Зберегти зміни"):
    page.get_by_role("button", name=name).click()


def stored(page):
    """Return the drafts that this tab keeps."""
    return page.evaluate("Object.entries(sessionStorage).filter(([key]) => key.startsWith('draft '))")


def wait_until_nothing_is_kept(page):
    # Not `wait_for_function`: at a second try it needs what the content security policy forbids.
    while not page.evaluate(NOTHING_TYPED):
        page.wait_for_timeout(10)


def field(page, name):
    return page.locator(f"main form:not([hidden]) [name={name}]:not([type=hidden])").first


def told(page):
    note = page.get_by_role("alert").filter(has_text=ENDED)
    expect(note).to_contain_text(BACK)
    expect(note).to_be_focused()


def test_a_form_comes_back_with_what_was_typed(page, page_for, staff, sandbox):
    page.goto(EDIT)
    field(page, "name").fill("Гості & <b>друзі</b>")
    field(page, "percent").fill("12,5")
    sign_out_everywhere(page_for, staff)
    save(page)
    expect(page.locator("main")).to_contain_text(ENDED)
    expect(page.locator("main")).to_contain_text(KEPT)
    ((key, draft),) = stored(page)
    assert key == f"draft {EDIT}"
    assert json.loads(draft)["typed"] == {"name": "Гості & <b>друзі</b>", "percent": "12,5"}

    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(f"{EDIT}$"))
    told(page)
    expect(field(page, "name")).to_have_value("Гості & <b>друзі</b>")
    expect(field(page, "percent")).to_have_value("12,5")
    expect(page.locator("[data-meanwhile]")).to_be_hidden()
    assert stored(page) == []
    assert not Change.objects.exists()

    save(page)
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "12.5"
    assert stored(page) == []


def test_nobody_else_sees_it(page, staff, owner):
    page.goto(EDIT)
    field(page, "percent").fill("12")
    end_sessions(page)
    save(page)
    sign_in_when_asked(page, "owner")
    expect(field(page, "percent")).to_have_value("10")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert stored(page) == []


def test_what_somebody_else_changed_meanwhile_is_shown(page, staff, sandbox):
    page.goto(EDIT)
    field(page, "percent").fill("12")
    end_sessions(page)
    sandbox.console().edit(
        1, client_groups_discount="11", client_groups_name="Хтось змінив", loyalty_type="2"
    )
    save(page)
    sign_in_when_asked(page)
    told(page)
    rows = page.get_by_role("table", name="Що змінилося тим часом").locator("tbody tr")
    expect(rows).to_have_text(
        [
            re.compile(rf"Назва.*{SEED}.*Хтось змінив.*Хтось змінив"),
            re.compile(r"Тип.*Бонусна.*Знижкова.*Знижкова"),
            re.compile(r"Відсоток,\s%.*10.*11.*12"),
        ]
    )
    expect(field(page, "name")).to_have_value("Хтось змінив")
    expect(page.locator("#id_loyalty_type_1")).to_be_checked()
    # A change that somebody makes now is a conflict, as in any form.
    sandbox.console().edit(1, client_groups_discount="13")
    save(page)
    heading(page, "Тим часом групу змінили")
    assert not sandbox.posts()


def test_a_form_that_keeps_no_draft_comes_back_too(page):
    path = "/groups/4/schedule/"
    page.goto(path)
    field(page, "percent").fill("12,5")
    page.wait_for_load_state()
    end_sessions(page)
    page.get_by_role("button", name="Запланувати").last.click()
    expect(page.get_by_text(KEPT)).to_be_visible()
    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(f"{path}$"))
    told(page)
    expect(field(page, "percent")).to_have_value("12,5")
    # It came back once.
    page.goto(path)
    expect(field(page, "percent")).not_to_have_value("12,5")


def test_a_person_comes_back_after_the_password_that_was_asked_for(page_for, owner):
    page = page_for(owner, language="uk")
    page.goto("/people/new/")
    field(page, "full_name").fill("Олена Бойко")
    session = SessionStore(UserSession.objects.get(user=owner).session_key)
    session[CONFIRMED_AT] = 0
    session.save()
    page.get_by_role("button", name="Додати людину").click()
    expect(page.get_by_text(KEPT)).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Ще нічого не зроблено.")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/people/new/")
    expect(field(page, "full_name")).to_have_value("Олена Бойко")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_tab_that_was_left_open_over_a_new_sign_in_keeps_what_was_typed(page, staff):
    page.goto(EDIT)
    field(page, "percent").fill("12")
    end_sessions(page)
    second = page.context.new_page()
    second.goto(EDIT)
    sign_in_when_asked(second)
    with page.expect_event("load"):
        save(page)
    told(page)
    expect(field(page, "percent")).to_have_value("12")


def test_nothing_is_kept_of_what_was_saved_or_refused(page, staff, sandbox):
    page.goto(EDIT)
    field(page, "percent").fill("101")
    save(page)
    expect(page.locator(".summary")).to_be_visible()
    assert stored(page) == []
    field(page, "percent").fill("12")
    save(page)
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert stored(page) == []
    page.goto("/account/")
    page.get_by_label("Акаунт Poster").fill("demo")
    page.locator("#id_token").fill(sandbox.accounts["demo"].token)
    end_sessions(page)
    page.locator(".steps .button").click()
    expect(page.locator("main")).to_contain_text(ENDED)
    expect(page.locator("[data-kept]")).to_be_hidden()
    assert stored(page) == []
    assert sandbox.accounts["demo"].token not in page.evaluate("JSON.stringify(sessionStorage)")


def test_a_pasted_list_is_gone_for_another_user_and_with_the_sign_out(page, owner, staff):
    page.goto("/clients/list/")
    page.fill("#id_text", "Оксана")
    end_sessions(page)
    save(page, "Знайти клієнтів")
    sign_in_when_asked(page, "owner")
    wait_until_nothing_is_kept(page)
    expect(page.locator("#id_text")).to_have_value("")
    page.fill("#id_text", "Оксана")
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto("/history/")
    assert not page.evaluate(NOTHING_TYPED)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Вийти", exact=True).click()
    page.wait_for_url("**/accounts/login/**")
    wait_until_nothing_is_kept(page)


def test_without_scripts_a_previewed_move_comes_back_with_its_clients(page_for, staff):
    page, path = page_for(staff, language="uk", javascript=False), "/clients/move/?client=1-1,129-4"
    page.goto(path)
    page.select_option("#id_target", "5")
    page.get_by_role("button", name="Показати, що зміниться").click()
    expect(page.locator("#effect p").first).to_be_visible()
    UserSession.objects.all().delete()
    page.locator("#form .actions .button").first.click()
    expect(page.locator("main")).to_contain_text(ENDED)
    expect(page.locator("[data-kept]")).to_be_hidden()
    sign_in_when_asked(page)
    assert unquote(page.url).endswith(path)
    heading(page, "Перемістити 2 клієнтів")
