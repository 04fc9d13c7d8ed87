"""Test in a browser, in Ukrainian, what is seen of a Poster that is slow or hangs, on a server of its own.

Only a real server sends a page and then goes on with the call that the page did not wait for.
"""

import contextlib
import re
import time
from functools import partial

import pytest
from playwright.sync_api import expect

from poster_admin.devtools.sandbox import Sandbox
from tests.support.browser import strike
from tests.support.dashboard.killing import Dashboard, wait_until

pytestmark = pytest.mark.slow

SLOW, VERY_SLOW = 1.5, 6
CONTENT = "performance.getEntriesByType('navigation')[0].responseEnd"
LATEST_PLACES = """() => {
  const asked = performance.getEntriesByType("resource").findLast(({ name }) => name.endsWith("/go/"));
  return asked.duration;
}"""
ROW = "tr[data-group='4']"
PERCENT_OF_ITS_PAGE = re.compile(r'<dl class="facts">.*?<dd>([\d.]+)', re.DOTALL)
PERCENT = re.compile(r'<tr data-group="4".*?<td>([\d.]+)[^%<]*%', re.DOTALL)


@contextlib.contextmanager
def served(directory, *, read_deadline="4"):
    variables = {"POSTER_READ_TIMEOUT": "8", "POSTER_READ_DEADLINE": read_deadline}
    variables |= {"POSTER_WRITE_DEADLINE": "30", "POSTER_CACHE_SECONDS": "0.2", "DEBUG": "True"}
    with (
        Sandbox(groups=60) as sandbox,
        contextlib.closing(Dashboard(directory, sandbox, language="uk", **variables)) as dashboard,
    ):
        dashboard.start()
        yield dashboard


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """Return a server for all tests in which Poster is slow, and answers."""
    with served(tmp_path_factory.mktemp("standing")) as dashboard:
        yield dashboard


@pytest.fixture
def dashboard(request, tmp_path):
    """Return that server, or one of its own for a test of an outage, which no other test may see."""
    if hasattr(request, "param"):
        with served(tmp_path, read_deadline=request.param) as dashboard:
            yield dashboard
        return
    standing = request.getfixturevalue("standing")
    yield standing
    standing.sandbox.latency = 0
    standing.sandbox.clear_faults()
    time.sleep(SLOW)  # a call that no page has waited for is over then


with_its_own_server = pytest.mark.parametrize("dashboard", ["4"], indirect=True)
as_in_production = pytest.mark.parametrize("dashboard", ["12"], indirect=True)


@pytest.fixture
def window(window_at, dashboard):
    """Return a function that opens a window of the owner."""
    return partial(window_at, dashboard.urls[0], dashboard.cookie)


@pytest.fixture
def slow(dashboard):
    """Let Poster become slow after the list was read, and let a colleague edit group 4 meanwhile."""
    sandbox = dashboard.sandbox
    poster = sandbox.console("demo")
    poster.edit(4, client_groups_discount="10")
    # A read keeps a copy once in a while, and always after a write; an older copy has another percent.
    dashboard.send_form(*dashboard.open_form(dashboard.plan("create", "")))
    wait_until(lambda: PERCENT.search(dashboard.look("/groups/?refresh=1"))[1] == "10", 0.1)
    poster.edit(4, client_groups_discount="44")
    time.sleep(0.3)
    sandbox.latency = SLOW
    return sandbox


def test_nothing_moves_when_the_answer_takes_the_place_of_the_copy(window, slow):
    page = window()
    page.goto("/groups/")
    assert page.evaluate(CONTENT) < SLOW * 1000
    mark = page.locator("[data-notice=stale]")
    expect(mark).to_contain_text("Станом на")
    page.locator(ROW).get_by_role("checkbox").check()
    menu = page.locator(".results-bar .more-menu")
    menu.locator("summary").click()
    page.evaluate("scrollTo(0, 200)")
    place = "row => row.getBoundingClientRect().top"
    before = page.locator(ROW).evaluate(place)
    row = page.locator(ROW).element_handle()
    expect(mark).to_have_count(0)
    expect(page.locator(ROW)).to_contain_text("44 %")
    expect(page.locator("#live")).to_have_text("Poster відповів.")
    assert row.evaluate("row => row.isConnected")
    assert page.locator(ROW).evaluate(place) == before
    assert page.evaluate("scrollY") == 200
    expect(page.locator(ROW).get_by_role("checkbox")).to_be_checked()
    expect(menu).to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_a_row_that_is_edited_stays_open_under_the_answer(window, slow):
    page = window()
    page.goto("/groups/")
    slow.latency = 0
    page.locator(f"{ROW} .row-edit").click()
    slow.latency = SLOW
    percent = page.locator(".row-form [name=percent]")
    percent.fill("17")
    expect(page.locator("[data-notice=stale]")).to_have_count(0)
    expect(percent).to_have_value("17")
    expect(percent).to_be_focused()


def test_a_search_does_not_wait_for_poster(window, slow):
    page = window()
    page.goto("/groups/")
    page.locator("#q").fill("10%")
    expect(page.locator("tbody tr")).to_have_count(1, timeout=SLOW * 1000)
    expect(page.locator("[data-notice=stale]")).to_have_count(0)
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(ROW)).to_contain_text("44 %")
    expect(page.locator("#q")).to_be_focused()


def test_the_page_of_a_group_is_filled_in(window, slow):
    page = window()
    answer = page.goto("/groups/4/")
    assert page.evaluate(CONTENT) < SLOW * 1000
    # The page itself, as it was sent: by now its facts may have been filled in.
    assert PERCENT_OF_ITS_PAGE.search(answer.text())[1] == "10"
    expect(page.locator(".facts")).to_contain_text("44 %")
    expect(page.locator("[data-notice=stale]")).to_have_count(0)
    # The parts that the page left out while it waited come after the answer.
    expect(page.locator("#first-clients li").first).to_be_visible()
    expect(page.locator("#dependents [data-promotion], #dependents.muted").first).to_be_visible()


def test_without_scripts_the_page_says_its_age_and_has_a_link_that_waits(window, slow):
    page = window(java_script_enabled=False)
    page.goto("/groups/")
    expect(page.locator("[data-notice=stale]")).to_contain_text("Станом на")
    expect(page.locator(ROW)).to_contain_text("10 %")
    page.get_by_role("link", name="Чекати на відповідь").click()
    expect(page.locator(ROW)).to_contain_text("44 %")
    expect(page.locator("[data-notice=stale]")).to_have_count(0)


@with_its_own_server
def test_a_poster_that_hangs_is_an_outage_once_its_time_is_over(window, slow):
    slow.latency = 0
    slow.script("*", "timeout", times=None, seconds=8)
    page = window()
    page.goto("/groups/")
    assert page.evaluate(CONTENT) < 2000
    expect(page.get_by_role("link", name="Нова група")).to_be_visible()
    expect(page.locator("[data-notice=stale]")).to_contain_text(
        "Доки Poster не відповість, нічого змінити не можна."
    )
    expect(page.get_by_role("link", name="Нова група")).to_have_count(0)
    expect(page.locator(ROW)).to_contain_text("10 %")


# Playwright looks at no page that is about to be left, so it notes itself what it shows.
NOTES_ITS_WORDS = """() => setInterval(() => {
  const words = document.querySelector(".loading-words");
  const { opacity, visibility } = getComputedStyle(words);
  if (opacity === "1" && visibility === "visible") sessionStorage.setItem("shown", words.textContent);
}, 50)"""


@with_its_own_server
def test_who_opens_a_form_is_told_that_poster_is_asked(window, slow):
    page = window()
    page.goto("/groups/4/")
    expect(page.locator("[data-notice=stale]")).to_have_count(0)
    slow.latency = 8
    page.evaluate(NOTES_ITS_WORDS)
    page.get_by_role("link", name="Змінити групу").click(timeout=20_000)
    page.wait_for_url("**/groups/4/edit/")
    assert page.evaluate("sessionStorage.getItem('shown')") == "Чекаємо на Poster …"
    expect(page.locator(".loading")).to_be_hidden()


@as_in_production
def test_at_six_seconds_a_call_a_copy_is_there_long_before_the_answer(window, slow):
    slow.latency = VERY_SLOW
    page = window()
    for path in ("/groups/4/", "/groups/", "/groups/?promotion=yes"):
        page.goto(path)
        assert page.evaluate(CONTENT) < VERY_SLOW * 500
        expect(page.locator("[data-notice=stale]")).to_contain_text("Станом на")
    strike(page, code="KeyK", key="л", control=True)
    page.locator("#go-q").fill("скидочная система 10")
    expect(page.locator("#found a").first).to_contain_text("Скидочная система 10%")
    assert page.evaluate(LATEST_PLACES) < VERY_SLOW * 500
    page.keyboard.press("Escape")
    # The condition waits for the answer to both of its questions.
    expect(page.locator("[data-notice=stale]")).to_have_count(0, timeout=20_000)
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.get_by_text("Список не звужено")).to_have_count(0)


# --- A save ------------------------------------------------------------------------------------------------


def save(page, group_id):
    """Raise the percent of a group by one, and save it."""
    page.goto(f"/groups/{group_id}/edit/")
    percent = page.locator("[name=percent]")
    percent.fill(str(int(percent.input_value()) + 1))
    page.get_by_role("button", name="Зберегти зміни").click()


# The parts of the head, and of the bar that stays, that the words lie over.
COVERS = """words => {
  const { left, top, right, bottom } = words.getBoundingClientRect();
  const covered = (other) => {
    const box = other.getBoundingClientRect();
    return box.width && box.left < right && box.right > left && box.top < bottom && box.bottom > top;
  };
  return [...document.querySelectorAll("header :is(a, button), .actions.stays *")]
    .filter(covered).map((other) => other.textContent.trim());
}"""


@pytest.mark.parametrize(("width", "group_id"), [(1280, 5), pytest.param(360, 6, marks=pytest.mark.thorough)])
def test_a_save_says_its_steps(window, slow, width, group_id):
    page = window()
    page.set_viewport_size({"width": width, "height": 740})
    save(page, group_id)
    words = page.locator(".loading-words")
    words.wait_for(state="visible")
    page.evaluate("scrollTo(0, 0)")
    assert words.evaluate(COVERS) == []
    for step in ("Питаємо, що має Poster", "надсилаємо", "надіслали · перевіряємо"):
        expect(words).to_contain_text(step)
    expect(page.locator(".toast")).to_contain_text(re.compile(r"\d\s%\s→\s\d"))
    expect(page.locator(".toast")).to_have_count(1)
    expect(words).to_have_text("Чекаємо на Poster …")


def undo_of_a_save(page, slow, group_id):
    """Save a group while Poster is quick, and return the button that takes it back."""
    slow.latency = 0
    save(page, group_id)
    undo = page.locator(".toast").get_by_role("button", name="Повернути")
    expect(undo).to_be_visible()
    return undo


def test_an_undo_says_its_steps_and_is_told_once(window, slow):
    page = window()
    undo = undo_of_a_save(page, slow, 7)
    slow.latency = SLOW
    page.evaluate(NOTES_ITS_WORDS)
    undo.click()
    page.wait_for_url("**/groups/7/")
    expect(page.locator(".toast")).to_have_count(1)
    assert "Можна йти далі" in page.evaluate("sessionStorage.getItem('shown')")
    page.wait_for_function("() => localStorage.getItem('left') === ''")


@pytest.mark.thorough
def test_an_undo_that_failed_is_told_by_its_page_alone(window, slow):
    page = window()
    undo = undo_of_a_save(page, slow, 7)
    slow.script("clients.updateGroup", "error_number", code=36, when="before")
    undo.click()
    expect(page.locator("#main [data-notice=error]")).to_contain_text("Poster відмовив у зміні")
    page.wait_for_function("() => localStorage.getItem('left') === ''")
    expect(page.locator("#messages > .notice")).to_have_count(0)


def test_an_undo_that_is_left_tells_its_outcome_wherever_the_person_is(window, slow):
    page = window()
    undo = undo_of_a_save(page, slow, 8)
    slow.latency = SLOW
    # Playwright touches no page that is about to be left.
    undo.evaluate("undo => { undo.click(); setTimeout(() => location.assign('/settings/'), 1000); }")
    page.wait_for_url("**/settings/")
    toast = page.locator("#messages > .notice")
    expect(toast).to_have_attribute("data-outcome", "applied")
    expect(toast).to_have_count(1)


@pytest.mark.parametrize(
    ("group_id", "fault"), [(1, ""), pytest.param(4, "error_number", marks=pytest.mark.thorough)]
)
def test_a_save_that_is_left_tells_its_outcome_wherever_the_person_is(window, slow, group_id, fault):
    if fault:
        slow.script("clients.updateGroup", fault, code=36, when="before")
    slow.latency = 0.6
    page = window()
    save(page, group_id)
    expect(page.locator("form[data-sent]")).to_be_visible()
    page.get_by_role("link", name="Налаштування").first.click()
    page.wait_for_url("**/settings/")
    toast = page.locator("#messages > .notice")
    expect(toast).to_contain_text("Poster відмовив у зміні. Нічого не змінено." if fault else "10 % → 11 %")
    expect(toast.locator("a, form")).to_have_count(1)
    # It is told once.
    with page.expect_response("**/help/"):
        page.goto("/help/")
    page.wait_for_timeout(200)
    expect(toast).to_have_count(0)


def test_a_save_that_is_left_before_it_is_written_down_is_told_too(window, slow):
    slow.script("clients.createGroup", "error_number", code=36, when="before")
    page = window()
    page.goto("/groups/new/")
    page.fill("[name=name]", "Осінь")
    page.check("[name=loyalty_type][value='2']")
    page.fill("[name=percent]", "7")
    # Poster is asked for groups of this name first; Playwright touches no page that is about to be left.
    page.evaluate(
        """() => {
          document.querySelector("form[hx-post] .actions .button").click();
          setTimeout(() => location.assign("/settings/"), 700);
        }"""
    )
    page.wait_for_url("**/settings/")
    expect(page.locator("#messages > .notice")).to_contain_text("Нічого не змінено")


def test_what_is_taken_back_in_the_list_and_left_is_told_wherever_the_person_is(window, slow):
    slow.latency = 0
    page = window()
    page.goto("/groups/")
    row = page.locator("tr[data-group='9']")
    row.locator(".row-edit").click(force=True)
    percent = row.locator("[name=percent]")
    percent.fill(str(int(percent.input_value()) + 1))
    percent.press("Enter")
    undo = page.locator(".toast").get_by_role("button", name="Повернути")
    expect(undo).to_be_visible()
    slow.latency = SLOW
    undo.evaluate("undo => { undo.click(); setTimeout(() => location.assign('/settings/'), 1000); }")
    page.wait_for_url("**/settings/")
    expect(page.locator("#messages > .notice")).to_have_attribute("data-outcome", "applied")
