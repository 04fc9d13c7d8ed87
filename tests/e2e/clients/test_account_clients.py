"""Choose clients in a real browser: over searches of the whole account, and over pages of a group."""

from playwright.sync_api import expect

from tests.support.browser import new_group


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
