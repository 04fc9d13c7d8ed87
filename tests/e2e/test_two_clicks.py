"""Find each job of the day within two clicks of the list, in Ukrainian, on a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from groups.features.bulk.services import Edit
from groups.models import Job
from groups.services.jobs import queue
from tests.support.browser import heading, new_group, show_list
from tests.support.bulk import plan_edits
from tests.support.effort import Hands
from tests.support.jobs import run
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
# `make test` goes one way by links, one by a menu on a phone, and one as a manager.
CASES = [(job, width) for job in WAYS for width in (1280, 360)]


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


@pytest.mark.parametrize(("job", "width"), marked(CASES, [("plan", 1280), ("import", 360)]))
def test_a_new_owner_finds_each_job_within_two_clicks(page_for, owner, job, width):
    way, title = WAYS[job]
    page = page_for(owner, language="uk", width=width)
    assert walk(page, way) <= 2
    heading(page, title)


@pytest.mark.parametrize("job", marked(OF_MANAGERS, ["audit"]))
def test_a_new_manager_finds_each_job_within_two_clicks(page_for, manager, job):
    way, title = WAYS[job]
    page = page_for(manager, language="uk")
    assert walk(page, way) <= 2
    heading(page, title)


@pytest.mark.thorough
def test_who_came_and_who_left_is_within_two_clicks_where_the_watch_is_on(page_for, owner):
    watched(owner)
    page = page_for(owner, language="uk")
    assert walk(page, ["Постоянный посетитель", "Увесь рух"]) == 2
    heading(page, "Рух клієнтів групи «Постоянный посетитель»")


@pytest.mark.thorough  # as tests/e2e/clients/test_jobs.py
def test_five_changes_are_undone_from_a_page_two_clicks_away(page_for, owner, sandbox, settings):
    settings.POSTER_LAG_SECONDS = 0
    numbers = [1, 4, 5, *(new_group(sandbox, f"Гості {number}", percent="5") for number in (1, 2))]
    job = plan_edits(owner, dict.fromkeys(numbers, 11), kind=Edit)
    queue.start_draft(job, owner)
    assert run(job).state == Job.State.DONE
    page = page_for(owner, language="uk")
    assert walk(page, ["Історія", "Завдання"]) == 2
    page.locator(f'tr[data-job="{job.pk}"]').get_by_role("link", name="Повернути все").click()
    button = page.get_by_role("button", name="Повернути всі 5", exact=True)
    expect(button).to_be_in_viewport()
    button.click()
    page.wait_for_url("**/jobs/**")
    assert run(Job.objects.get(undo_of=job)).state == Job.State.DONE
    page.goto("/jobs/")
    # The undo itself can be taken back, the job that it has undone cannot be a second time.
    expect(page.get_by_role("link", name="Повернути все")).to_have_count(1)
