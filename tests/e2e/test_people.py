"""Test in a browser, in Ukrainian, that what takes something from a person asks first and says what ends."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import heading

LINKS = {"block": "Заблокувати", "password": "Новий пароль"}
# The question, what ends, and the button of each.
QUESTIONS = {
    "block": ("Заблокувати: staff?", "Людина більше не зможе ввійти в жоден спосіб", "Заблокувати"),
    "password": ("Новий пароль: staff?", "Теперішній пароль перестане діяти", "Дати новий пароль"),
}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("step", QUESTIONS)
def test_a_block_and_a_new_password_ask_first_and_what_ends_is_in_sight(
    page_for, owner, staff, browse, step, width
):
    theirs, page = browse(staff), page_for(owner, language="uk", width=width, height=800)
    question, ends, button = QUESTIONS[step]
    page.goto(f"/people/{staff.pk}/")
    page.get_by_role("link", name=LINKS[step], exact=True).click()
    heading(page, question)
    for words in ("Що припиниться", "Зараз відкрито 1 сеанс.", ends):
        expect(page.get_by_text(re.compile(re.escape(words)))).to_be_in_viewport()
    expect(page.get_by_role("button", name=button, exact=True)).to_be_visible()
    page.get_by_role("link", name="Скасувати", exact=True).click()
    heading(page, "staff")
    assert theirs.get("/groups/").status_code == 200


def test_a_block_is_undone_on_top_of_the_page(page_for, owner, staff, browse):
    theirs, page = browse(staff), page_for(owner, language="uk", width=360, height=740)
    page.goto(f"/people/{staff.pk}/block/")
    page.get_by_role("button", name="Заблокувати", exact=True).click()
    expect(page.locator("[data-notice=success]")).to_contain_text(
        "«staff» заблоковано, усі сеанси завершено."
    )
    assert theirs.get("/groups/").status_code == 302
    back = page.get_by_role("button", name="Розблокувати", exact=True)
    expect(back).to_be_in_viewport()
    assert back.bounding_box()["y"] < page.locator("[name=full_name]").bounding_box()["y"]
    back.click()
    expect(page.locator("[data-notice=success]")).to_contain_text("staff")
    expect(back).to_have_count(0)
    assert browse(staff).get("/groups/").status_code == 200


def test_a_new_password_is_shown_once_and_says_which_sessions_ended(page_for, owner, staff, browse):
    theirs, page = browse(staff), page_for(owner, language="uk")
    page.goto(f"/people/{staff.pk}/password/")
    page.get_by_role("button", name="Дати новий пароль", exact=True).click()
    expect(page.locator("[data-password]")).to_have_text(re.compile(r"^\w{4}(-\w{4}){3}$"))
    expect(page.locator("main")).to_contain_text("Усі попередні сеанси завершено.")
    assert theirs.get("/groups/").status_code == 302
