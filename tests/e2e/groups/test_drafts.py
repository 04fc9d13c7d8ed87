"""Test drafts: input is restored in the same tab after the session has ended and the user signs in again."""

import json
import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from groups.features.approvals.models import Limits
from groups.models import Change, Job
from poster_admin.users.models import UserSession
from poster_admin.users.sessions import SessionStore
from poster_admin.users.sign_in.reauthentication import CONFIRMED_AT
from tests.support.browser import (
    SEED,
    caught,
    heading,
    hold_back,
    new_group,
    open_row,
    show_list,
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


@pytest.mark.thorough  # as a form does
def test_a_row_comes_back_with_what_was_typed(page, staff, sandbox):
    show_list(page, "/groups/?sort=name")
    heading(page, "Групи клієнтів")
    open_row(page, 4)
    page.locator(".row-form [name=percent]").fill("12")
    end_sessions(page)
    page.locator(".row-form [name=percent]").press("Enter")
    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(r"/groups/\?sort=name$"))
    told(page)
    expect(page.locator("#row-4 [name=percent]")).to_have_value("12")
    page.locator("#row-4 [name=percent]").press("Enter")
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert sandbox.accounts["demo"].groups[4]["client_groups_discount"] == "12"


@pytest.mark.thorough
def test_a_new_group_comes_back_with_what_was_typed(page, staff):
    page.goto("/groups/new/")
    field(page, "name").fill("Нова")
    page.locator("label[for=id_loyalty_type_1]").click()
    field(page, "percent").fill("7")
    end_sessions(page)
    save(page, "Створити групу")
    sign_in_when_asked(page)
    told(page)
    expect(field(page, "name")).to_have_value("Нова")
    expect(page.locator("#id_loyalty_type_1")).to_be_checked()
    expect(page.locator(".if-discount")).to_be_visible()
    save(page, "Створити групу")
    heading(page, "Нова")


@pytest.mark.thorough
def test_a_form_that_is_sent_as_a_page_comes_back_too(page, staff):
    page.goto("/groups/edit/?type=2")
    field(page, "percent_4").fill("12")
    end_sessions(page)
    save(page, "Переглянути зміни")
    expect(page.locator("main")).to_contain_text(ENDED)
    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(r"/groups/edit/\?type=2$"))
    told(page)
    expect(field(page, "percent_4")).to_have_value("12")
    expect(field(page, "percent_5")).to_have_value("20")
    expect(page.locator("[data-changes]")).to_have_text("1 зміна")
    save(page, "Переглянути зміни")
    heading(page, "Змінити ці відсотки?")
    assert stored(page) == []
    assert Job.objects.get().total == 1


@pytest.mark.parametrize(
    ("url", "typed"),
    [
        ("/groups/?type=2", "20%"),
        pytest.param("/groups/1/clients/", "кам", marks=pytest.mark.thorough),
    ],
)
def test_a_search_comes_back_with_its_results(page, staff, sandbox, url, typed):
    sandbox.console().edit_client(7, lastname="Кам&#39;янецька")
    page.goto(url)
    expect(page.locator("#rows")).to_be_visible()
    page.wait_for_load_state()
    end_sessions(page)
    page.fill("#q", typed)
    page.press("#q", "Enter")
    sign_in_when_asked(page)
    note = page.get_by_role("alert").filter(has_text=ENDED)
    expect(note).to_contain_text(BACK)
    assert note.bounding_box()["width"] > 700
    expect(page.locator("#q")).to_have_value(typed)
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    assert stored(page) == []


def test_the_clients_that_were_chosen_in_a_search_come_back_with_it(page, staff, sandbox):
    for number in (7, 8):
        sandbox.console().edit_client(number, lastname=f"Камінська {number}")
    page.goto("/clients/")
    page.fill("#q", "камінськ")
    page.press("#q", "Enter")
    page.locator('[data-client="7"] [name=client]').check()
    end_sessions(page)
    page.locator("[data-choice] button").click()
    sign_in_when_asked(page)
    told(page)
    expect(page.locator('[data-client="7"] [name=client]')).to_be_checked()
    expect(page.locator('[data-client="8"] [name=client]')).not_to_be_checked()
    page.locator("[data-choice] button").click()
    page.wait_for_url(re.compile(r"/clients/move/\?client=7-1$"))
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


@pytest.mark.parametrize(
    ("path", "button", "name", "typed"),
    [
        ("/people/new/", "Додати людину", "full_name", "Олена Бойко"),
        ("/groups/1/schedule/", "Запланувати", "percent", "12,5"),
        pytest.param("/account/limits/", "Встановити межі", "max_percent", "33", marks=pytest.mark.thorough),
        pytest.param("/criteria/", "Зберегти критерії", "max_moves", "44", marks=pytest.mark.thorough),
    ],
)
def test_a_form_that_keeps_no_draft_comes_back_too(page_for, owner, path, button, name, typed):
    page = page_for(owner, language="uk")
    page.goto(path)
    field(page, name).fill(typed)
    page.wait_for_load_state()
    end_sessions(page)
    page.get_by_role("button", name=button).last.click()
    expect(page.get_by_text(KEPT)).to_be_visible()
    sign_in_when_asked(page, "owner")
    expect(page).to_have_url(re.compile(f"{path}$"))
    told(page)
    expect(field(page, name)).to_have_value(typed)
    # It came back once.
    page.goto(path)
    expect(field(page, name)).not_to_have_value(typed)


def test_a_part_that_finds_the_session_ended_keeps_the_criteria(page_for, owner):
    page = page_for(owner, language="uk")
    page.goto("/criteria/")
    field(page, "rows-0-days").fill("30")
    expect(page.locator("#rows-0-spread")).not_to_be_empty()
    UserSession.objects.all().delete()
    field(page, "rows-0-bought_min").fill("1 000")
    sign_in_when_asked(page, "owner")
    told(page)
    expect(field(page, "rows-0-days")).to_have_value("30")
    expect(field(page, "rows-0-bought_min")).to_have_value("1 000")


def test_a_part_of_the_page_that_is_late_leaves_the_words_of_the_sign_in(page_for, owner):
    page = page_for(owner, language="uk", new=True)
    page.goto("/groups/1/schedule/")
    parts, sign_ins = [], []
    page.route("**/cost/**", lambda route: parts.append(route))  # noqa: PLW0108 - Playwright marks it
    page.route(
        "**/accounts/login/**", lambda route: route.continue_() if sign_ins else sign_ins.append(route)
    )
    field(page, "percent").fill("12,5")
    wait_for_one(page, parts)
    end_sessions(page)
    page.get_by_role("button", name="Запланувати").last.click(no_wait_after=True)
    wait_for_one(page, sign_ins)
    with page.expect_response("**/cost/**"):
        parts[0].continue_()
    page.wait_for_timeout(200)
    sign_ins[0].continue_()
    expect(page.get_by_text(KEPT)).to_be_visible()


def wait_for_one(page, held):
    """Wait until a request is held."""
    for _ in range(200):
        if held:
            return
        page.wait_for_timeout(50)
    raise TimeoutError


def test_a_choice_comes_back_too(page_for, owner):
    page = page_for(owner, language="uk")
    page.goto("/account/notices/")
    choice = page.get_by_label("Групу змінено не в цій панелі")
    choice.select_option("Одразу")
    end_sessions(page)
    save(page)
    sign_in_when_asked(page, "owner")
    told(page)
    expect(choice).to_have_value("at_once")


def ask_for_the_password(page, owner):
    """Send a new person a quarter of an hour after the sign-in."""
    page.goto("/people/new/")
    field(page, "full_name").fill("Олена Бойко")
    session = SessionStore(UserSession.objects.get(user=owner).session_key)
    session[CONFIRMED_AT] = 0
    session.save()
    page.get_by_role("button", name="Додати людину").click()
    expect(page.get_by_text(KEPT)).to_be_visible()


def test_a_person_comes_back_after_the_password_that_was_asked_for(page_for, owner):
    page = page_for(owner, language="uk")
    ask_for_the_password(page, owner)
    expect(page.get_by_role("alert")).to_contain_text("Ще нічого не зроблено.")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/people/new/")
    expect(field(page, "full_name")).to_have_value("Олена Бойко")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_the_password_was_not_given_for_is_gone(page_for, owner):
    page = page_for(owner, language="uk")
    ask_for_the_password(page, owner)
    page.get_by_role("link", name="Скасувати").click()
    wait_until_nothing_is_kept(page)


def test_a_person_that_was_typed_is_gone_where_somebody_else_signs_in(page_for, owner, staff):
    page = page_for(owner, language="uk")
    page.goto("/people/new/")
    field(page, "full_name").fill("Олена Бойко")
    end_sessions(page)
    save(page, "Додати людину")
    expect(page.get_by_text(KEPT)).to_be_visible()
    sign_in_when_asked(page)  # who may not open the form
    wait_until_nothing_is_kept(page)


@pytest.mark.thorough
def test_the_answer_to_a_question_brings_the_form_back(page, staff):
    page.goto(EDIT)
    field(page, "percent").fill("45")
    save(page)
    heading(page, "Зберегти ці зміни?")
    end_sessions(page)
    save(page, "Так, зберегти зміни")
    sign_in_when_asked(page)
    told(page)
    expect(field(page, "percent")).to_have_value("45")


@pytest.mark.thorough
def test_a_part_that_finds_the_session_ended_keeps_what_was_typed(page, staff):
    page.goto(EDIT)
    field(page, "percent").fill("45")
    wait_for_parts(page)
    held = hold_back(page, "**/dependents/", times=1)
    save(page)
    asked = caught(page, held)
    UserSession.objects.all().delete()
    asked.continue_()
    sign_in_when_asked(page)
    told(page)
    expect(field(page, "percent")).to_have_value("45")
    assert not Change.objects.exists()


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


def test_without_scripts_the_sign_in_says_that_nothing_was_saved(page_for, staff, sandbox):
    page = page_for(staff, language="uk", javascript=False)
    page.goto(EDIT)
    page.fill("#id_percent", "12")
    UserSession.objects.all().delete()
    save(page)
    expect(page.locator("main")).to_contain_text(ENDED)
    expect(page.locator("[data-kept]")).to_be_hidden()
    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(f"{EDIT}$"))
    assert not sandbox.posts()


def test_a_limit_that_came_back_is_a_conflict_with_what_somebody_set_meanwhile(page_for, owner):
    page = page_for(owner, language="uk")
    Limits.objects.create(account_id="demo", max_percent=30, max_clients=500)
    page.goto("/account/limits/")
    field(page, "max_percent").fill("25")
    end_sessions(page)
    save(page, "Встановити межі")
    Limits.objects.update(max_percent=20, max_clients=400)
    sign_in_when_asked(page, "owner")
    told(page)
    expect(field(page, "max_percent")).to_have_value("25")
    save(page, "Встановити межі")
    expect(page.locator("[data-theirs]")).to_be_visible()
    save(page, "Встановити межі")
    expect(page.get_by_text("Межі встановлено.")).to_be_visible()
    assert Limits.objects.values_list("max_percent", "max_clients").get() == (25, 400)


def test_a_pasted_list_of_clients_comes_back(page, staff):
    page.goto("/clients/list/?target=4")
    page.fill("#id_text", "0671112233\nОксана")
    page.select_option("#id_target", "5")
    end_sessions(page)
    save(page, "Знайти клієнтів")
    expect(page.locator("main")).to_contain_text(KEPT)
    assert "Оксана" not in unquote(page.url)
    sign_in_when_asked(page)
    expect(page).to_have_url(re.compile(r"/clients/list/\?target=4$"))
    told(page)
    expect(page.locator("#id_text")).to_have_value("0671112233\nОксана")
    expect(page.locator("#id_target")).to_have_value("5")


def test_a_list_that_was_looked_up_comes_back_when_the_move_finds_the_session_ended(page, staff):
    page.goto("/clients/list/?target=5")
    page.fill("#id_text", "129\n0509999999")
    save(page, "Знайти клієнтів")
    expect(page.locator("tr[data-state=found]")).to_be_visible()
    end_sessions(page)
    page.locator("#move .button").click()
    sign_in_when_asked(page)
    told(page)
    expect(page.locator("#id_text")).to_have_value("129\n0509999999")
    expect(page.locator("#id_target")).to_have_value("5")
    save(page, "Знайти клієнтів")
    page.locator("#move .button").click()
    page.wait_for_url("**/jobs/**")
    assert Job.objects.get().total == 1


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


@pytest.mark.parametrize(
    "path",
    [
        "/clients/move/?client=1-1%2C129-4",
        pytest.param("/groups/4/clients/move/", marks=pytest.mark.thorough),
        pytest.param("/groups/4/retire/", marks=pytest.mark.thorough),
    ],
)
def test_the_target_of_a_move_comes_back(page_for, owner, sandbox, path):
    page = page_for(owner, language="uk")
    page.goto(path)
    page.select_option("#id_target", "5")
    expect(page.locator("#effect p").first).to_be_visible()
    end_sessions(page)
    page.locator("#id_target").locator("xpath=ancestor::form").locator(".actions .button").first.click()
    expect(page.locator("main")).to_contain_text(KEPT)
    sign_in_when_asked(page, "owner")
    told(page)
    expect(page.locator("#id_target")).to_have_value("5")
    expect(page.locator("#effect p").first).to_be_visible()
    assert not Job.objects.exists()
    assert not sandbox.posts()


def test_the_first_group_of_a_long_list_of_targets_comes_back(page, sandbox):
    for number in range(9):
        new_group(sandbox, f"Гості {number}")
    page.goto("/groups/4/clients/move/?client=129")
    page.select_option("#id_target", "1")
    expect(page.locator("#effect p").first).to_be_visible()
    end_sessions(page)
    page.locator("#form .actions .button").first.click()
    sign_in_when_asked(page)
    told(page)
    expect(page.locator("#id_target")).to_have_value("1")


def open_again(page, path):
    """End the session of a page that has answered a form without scripts, and come back to it."""
    UserSession.objects.all().delete()
    page.locator("#form .actions .button").first.click()
    expect(page.locator("main")).to_contain_text(ENDED)
    sign_in_when_asked(page)
    assert unquote(page.url).endswith(path)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/clients/move/?client=1-1,129-4", "Перемістити 2 клієнтів"),
        pytest.param(
            "/groups/4/clients/move/?client=129,130",
            "Перемістити 2 клієнтів групи «Скидочная система 10%»",
            marks=pytest.mark.thorough,
        ),
        pytest.param("/groups/move/?id=1,4", "Перемістити 168 клієнтів", marks=pytest.mark.thorough),
    ],
)
def test_without_scripts_a_move_that_was_looked_at_comes_back_with_its_clients(page_for, staff, path, title):
    page = page_for(staff, language="uk", javascript=False)
    page.goto(path)
    page.select_option("#id_target", "5")
    page.get_by_role("button", name="Показати, що зміниться").click()
    expect(page.locator("#effect p").first).to_be_visible()
    open_again(page, path)
    heading(page, title)


def test_without_scripts_a_plan_that_was_refused_comes_back_with_its_groups(page_for, staff):
    page = page_for(staff, language="uk", javascript=False)
    page.goto("/groups/schedule/?id=1&id=4")
    save(page, "Запланувати")
    expect(page.locator(".summary")).to_be_visible()
    open_again(page, "/groups/schedule/?id=1,4")
    heading(page, "Запланувати зміну 2 груп")


def test_without_scripts_a_view_that_was_refused_comes_back_with_its_filters(page_for, staff):
    page = page_for(staff, language="uk", javascript=False)
    page.goto("/account/views/?type=2")
    save(page, "Зберегти цей список")
    expect(page.locator(".summary")).to_be_visible()
    UserSession.objects.all().delete()
    save(page, "Зберегти цей список")
    sign_in_when_asked(page)
    expect(page.get_by_text("Знижкова", exact=True)).to_be_visible()


def look_up(page, text):
    page.goto("/clients/list/?target=5")
    page.fill("#id_text", text)
    save(page, "Знайти клієнтів")


@pytest.mark.parametrize("javascript", [True, False])
def test_the_ticked_clients_of_a_list_come_back_where_the_move_was_not_started(
    page_for, staff, sandbox, javascript
):
    sandbox.console().edit_client(2, card_number="129")
    page = page_for(staff, language="uk", javascript=javascript)
    look_up(page, "1\n129")
    page.get_by_role("checkbox").first.check()
    sandbox.console().edit(5, client_groups_discount="21")
    page.locator("#move .button").click()
    heading(page, "Перемістити 2 клієнтів")
    open_again(page, "/clients/move/?client=1-1,2-1")
    heading(page, "Перемістити 2 клієнтів")
    if javascript:
        told(page)
        expect(page.locator("#id_target")).to_have_value("5")


def test_more_clients_than_an_address_has_room_for_come_back(page, staff, monkeypatch, sandbox):
    monkeypatch.setattr("groups.presenters.clients.account_clients.MOST_CHOSEN", 2)
    look_up(page, "1\n2\n129")
    sandbox.console().edit(5, client_groups_discount="21")
    page.locator("#move .button").click()
    heading(page, "Перемістити 3 клієнтів")
    open_again(page, "/clients/move/")
    told(page)
    heading(page, "Перемістити 3 клієнтів")
    expect(page.locator("#id_target")).to_have_value("5")
    page.locator("#form .actions .button").first.click()
    page.wait_for_url("**/jobs/**")
    assert Job.objects.get().total == 3
