"""Find each job of the day within two clicks of the list, as an owner on a phone and a manager on a desk."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import heading, new_group, show_list
from tests.support.bulk import edited
from tests.support.effort import Hands
from tests.support.movements import watched
from tests.support.pairwise import marked

# The links or buttons on the way to each job, and the heading of its page.
WAYS = {
    "plan": (["Постоянный посетитель", "Запланувати зміну"], "Запланувати зміну"),
    "import": (["Ще", "Імпорт груп із файлу"], "Імпорт груп із файлу"),
    "compare": (["Ще", "Порівняти з файлом"], "Порівняти з файлом"),
    "limits": (["Налаштування", "Межі"], "Межі"),
    "criteria": (["Налаштування", "Критерії"], "Критерії"),
    "view": (["Налаштування", "Збережені вигляди"], "Збережені вигляди"),
    "audit": (["Схема лояльності", "Перевірка"], "Перевірка відсотків"),
    "what is new": (["Історія", "Що нового"], "Що нового"),
    "invite": (["Налаштування", "Нова людина"], "Нова людина"),
}
OF_MANAGERS = ("criteria", "view", "audit", "what is new")


def walk(page, way):
    """Click on what these names name, one after the other, and return the number of clicks."""
    show_list(page)
    heading(page, "Групи клієнтів")
    hands = Hands(page)
    for name in way:
        # The name of a menu is no link, and the page that a link leads to has its own links by then.
        named = page.get_by_role("link", name=name, exact=True).or_(
            page.locator("main summary", has_text=name)
        )
        hands.click(named.locator("visible=true").first)
        page.wait_for_load_state()
    return hands.clicks


@pytest.mark.parametrize("job", marked(WAYS, ["import"]))
def test_a_new_owner_finds_each_job_within_two_clicks(page_for, owner, job):
    way, title = WAYS[job]
    page = page_for(owner, language="uk", width=360)
    assert walk(page, way) <= 2
    heading(page, title)


@pytest.mark.parametrize("job", marked(OF_MANAGERS, ["audit"]))
def test_a_new_manager_finds_each_job_within_two_clicks(page_for, manager, job):
    way, title = WAYS[job]
    page = page_for(manager, language="uk")
    assert walk(page, way) <= 2
    heading(page, title)


def test_a_job_of_five_changes_goes_back_within_two_clicks(page_for, owner, sandbox):
    added = [new_group(sandbox, f"Гості {number}") for number in (1, 2)]
    edited(owner, dict.fromkeys((1, 4, 5, *added), 7))
    page = page_for(owner, language="uk", width=360)
    assert walk(page, ["Історія", "Повернути все… : Змінити кілька груп"]) == 2
    heading(page, "Змінити кілька груп")
    expect(page.get_by_role("button", name="Повернути всі 5", exact=True)).to_be_visible()


@pytest.mark.thorough
def test_who_came_and_who_left_is_within_two_clicks_where_the_watch_is_on(page_for, owner):
    watched(owner)
    page = page_for(owner, language="uk")
    assert walk(page, ["Постоянный посетитель", "Увесь рух"]) == 2
    heading(page, "Рух клієнтів групи «Постоянный посетитель»")
