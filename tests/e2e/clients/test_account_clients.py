"""Choose clients in a real browser: over searches of the whole account, and over pages of a group."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import new_group


def test_three_clients_found_by_phone_come_to_one_move(staff, page_for, sandbox):
    for number in (1, 2, 3):
        sandbox.console().edit_client(
            number, phone=f"+380 44 555 66 0{number}", phone_number=f"38044555660{number}"
        )
    page = page_for(staff)
    page.goto("/clients/")
    for number in (1, 2, 3):
        page.fill("#q", f"044 555 66 0{number}")
        page.keyboard.press("Enter")
        page.locator(f'[data-client="{number}"] [name=client]').check()
        expect(page.locator("[data-choice] output")).to_have_text(str(number))
        assert page.url.endswith("/clients/")
    page.locator("[data-choice] button").click()
    page.wait_for_url(re.compile("/clients/move/"))
    expect(page.locator("h1")).to_contain_text("Move 3 clients")


def test_without_scripts_it_is_said_who_was_chosen_before_and_nothing_counts_ticks(staff, page_for):
    page = page_for(staff, language="uk", javascript=False)
    page.goto("/clients/")
    page.fill("#q", "Олена")
    page.keyboard.press("Enter")
    page.locator("[name=client][type=checkbox]").first.check()
    expect(page.locator("[data-choice] span:visible")).to_have_count(0)
    page.fill("#q", "Іван")
    page.keyboard.press("Enter")
    expect(page.locator("[data-choice] span:visible")).to_have_text("Вибрано раніше: 1")
    page.locator("[name=client][type=checkbox]").first.check()
    page.locator("[data-choice] button").click()
    expect(page.locator("h1")).to_contain_text("Перемістити 2 клієнтів")


def test_the_choice_among_the_clients_of_a_group_is_kept_over_pages(staff, page_for, sandbox):
    page = page_for(staff)
    page.goto("/groups/1/clients/")
    page.locator('[data-client="1"] [name=client]').check()
    page.locator("nav.pages [rel=next]").click()
    for number in (51, 52):
        page.locator(f'[data-client="{number}"] [name=client]').check()
    expect(page.locator("[data-choice] output")).to_have_text("3")
    # Something else on the page comes from the server: the choice is the same.
    page.keyboard.press("Control+k")
    page.locator("#go-q").fill("Постоян")
    expect(page.locator("#found a")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator("[data-choice] output")).to_have_text("3")
    page.locator("nav.pages [rel=prev]").click()
    expect(page.locator('[data-client="1"] [name=client]')).to_be_checked()
    page.locator('[data-client="1"] [name=client]').uncheck()
    page.locator('[data-client="2"] [name=client]').check()
    # However many are chosen, the address has no more values than a form may have.
    expect(page.locator("#chosen [name=client]")).to_have_count(1)
    page.locator("[data-choice] button").click()
    expect(page.locator("h1")).to_contain_text("Move 3 clients")
    assert set(page.locator("[name=clients]").input_value().split(",")) == {"2", "51", "52"}


def test_the_new_group_is_searched_by_its_name_and_says_what_it_changes(staff, page_for, sandbox):
    for number in range(9):
        new_group(sandbox, f"Гості {number}")
    page = page_for(staff)
    page.goto("/groups/1/clients/move/?client=1,2")
    page.get_by_label("Search the groups").fill("гості 7")
    options = page.locator("#id_target option")
    expect(options).to_have_count(1)
    page.select_option("#id_target", index=0)
    expect(page.locator("#effect")).to_contain_text("10% · Bonus → 3% · Discount, 2 clients")
    page.get_by_label("Search the groups").fill("такої немає")
    expect(options).to_have_count(1)  # the one that is chosen stays
    assert page.url.endswith("/clients/move/?client=1,2")


@pytest.mark.thorough  # as by its name
def test_the_new_group_is_found_in_another_spelling_and_enter_sends_nothing(staff, page_for, sandbox):
    for number in range(9):
        new_group(sandbox, f"Гості {number}")
    found = new_group(sandbox, "Кур'єри ґанку")
    page = page_for(staff)
    page.goto("/groups/1/clients/move/?client=1,2")
    search = page.get_by_label("Search the groups")
    search.fill("кур’ёры ганку")
    expect(page.locator("#id_target option:not([value=''])")).to_have_attribute("value", str(found))
    search.press("Enter")
    page.select_option("#id_target", str(found))
    expect(page.locator("#effect")).to_contain_text("3% · Discount")
    expect(search).to_have_value("кур’ёры ганку")
    expect(page.get_by_role("alert")).to_have_count(0)
