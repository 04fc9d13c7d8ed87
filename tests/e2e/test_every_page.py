"""Every page in every language, narrow and wide, light and dark: nothing that a person would trip over."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests import pairwise
from tests.e2e.pages import OVERFLOW, PAINTED, show_in
from tests.e2e.scenes import SCENES, Stage, signed_in

# 640 px are what is left of 1280 px at a zoom of 200 %.
SIZES = ((1280, 900), (640, 450), (360, 900))
LANGUAGES = ("uk", "ru", "en")
# In the dark nothing but the colours is another, so only they are looked at again.
LOOKS = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
# Words that are the same in every language: names, and what is written in Latin letters everywhere.
LATIN = {
    "poster",
    "admin",
    "demo",
    "joinposter",
    "com",
    "csv",
    "xlsx",
    "jsonl",
    "olena",
    "ivan",
    "maria",
    "iphone",
    "example",
    "kopecks",
    "eng",
    "pin",
    "id",
    "javascript",
    "https",
    "json",
    "slack",
    "telegram",
    "email",
    "url",
}

# All that a person reads on a page or hears of it, but for the names of groups and Poster's own words.
READ_TEXTS = """() => {
  const kept = "bdi, q, kbd, code, .mono, [lang]:not(html), script, style, template, .menu-who, option[lang]";
  const spoken = ["aria-label", "title", "placeholder", "data-label", "alt"];
  const texts = [document.title.replace(/[«“].*[»”]/, "").replace(/ · .* · /, " · ")];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(kept)) texts.push(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll(spoken.map((name) => `[${name}]`))) {
    if (!element.closest(kept)) texts.push(...spoken.map((name) => element.getAttribute(name) ?? ""));
  }
  return texts.map((text) => text.trim()).filter(Boolean);
}"""
# The rows of a long table are alike, and the contrast of each is held against all others: the first ones do.
# No more is handed over than what is told: all that axe notes of a page is many times the page.
AXE = """async (options) => (await axe.run({exclude: "tr:nth-child(n + 13)"}, options)).violations.map(
  ({id, nodes}) => [id, nodes.slice(0, 3).map(({target, failureSummary}) => [target, failureSummary])]
)"""


def english(texts):
    """Return the texts with words in Latin letters, where there should be none."""
    found = [(text, re.findall(r"[A-Za-z]{2,}", text)) for text in texts]
    return [text for text, words in found if any(word.lower() not in LATIN for word in words)]


def violations(page, options):
    """Return what axe finds, at a second look too: Chromium may repaint an element late after a switch."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE, options)
    if found:
        page.evaluate(PAINTED)
        found = page.evaluate(AXE, options)
    return found


EVERY_LOOK = [(scheme, width) for scheme in LOOKS for width in (360, 1280)]


def looks_at(name):
    """Return the looks of `make test` and of `make test-all` at a page; colours do not need each width."""
    turn = TURN[name]
    quick = EVERY_LOOK[turn % len(EVERY_LOOK)]
    every = [("light", 360), ("light", 1280), ("dark", (360, 1280)[turn % 2])]
    return [quick], [quick] if name in REPEATS else every


CASES = [(name, language) for name in SCENES for language in LANGUAGES]
# Pages made of the elements of another one, with other words or numbers: `make test` sees the other one.
REPEATED = {
    "locked": ["slowed"],
    "no_match": [
        "no_groups",
        "no_group_readable",
        "history_empty",
        "snapshots_empty",
        "no_requests",
        "nobody_in_it",
        "nothing_is_new",
    ],
    "history_without_a_match": ["members_without_a_match"],
    "stale_list": ["stale_detail"],
    "create_refused": [
        "plan_a_change_refused",
        "limits_refused",
        "percents_refused",
        "move_refused",
        "new_person_refused",
        "webhook_refused",
        "view_without_a_name",
        "file_refused",
        "remove_refused_by_poster",
    ],
    "poster_504": ["poster_424", "poster_502", "members_504", "members_unreadable"],
    "check": ["check_of_a_name", "check_of_an_undo"],
    "dependents_unread": ["ladder_unread"],
    "cost_under_way": ["list_with_sales_under_way"],
    "cost": ["cost_of_no_percent"],
    "edit_with_a_cost": ["percents_planned_with_a_cost", "history_with_a_cost"],
    "chart": ["chart_with_turnover"],
    "members": ["members_with_an_own_percent", "members_found"],
    "planned_in_the_list": ["planned_and_held"],
    "request_to_decide": ["request_of_a_group_that_changed", "request_refused"],
    "outcome_review": ["outcome_differs"],
    "account_refused": ["account_withdrawn"],
    "invitation_not_sent": ["person_invited"],
}
REPEATS = {name for names in REPEATED.values() for name in names}
# Pages that another one contains, with an error, a menu or a dialog more, or that are parts of two others:
# `make test` sees these, and `make test-all` each of them in all looks.
CONTAINED = {
    "login": ["login_refused"],
    "create": ["create_refused"],
    "edit": ["edit_not_made", "edit_with_a_cost"],
    "remove": ["remove_refused"],
    "group_list": ["menu", "views_menu"],
    "account": ["account_with_a_watch"],
    "file_import": ["file_with_errors"],
    "ladder": ["ladder_with_contradictions"],
    "dependents_page": ["detail_with_dependents"],
    "help_page": ["shortcuts"],
    "go_page": ["go_to"],
    "row_check": ["check", "remove_dialog"],
    "row_conflict": ["conflict", "remove_dialog"],
    "retire_while_a_job_is_at_it": ["retire", "locked_detail"],
    "no_right": ["not_found"],
    "invitation_too_old": ["not_found"],
    "login_after_a_lost_form": ["login_refused", "locked"],
    "busy": ["edit_not_made", "check"],
    "client_moved": ["outcome_review", "outcome_elsewhere"],
    "plan_a_change": ["planned_twice"],
    "menu_of_a_group": ["detail", "menu"],
    "disconnect": ["remove_refused"],
    "account_not_connected": ["account_refused"],
    "restore_a_group_that_is_gone": ["restore_into_a_group_that_is_there"],
    "snapshot_without_its_key": ["not_found"],
}
ELSEWHERE = REPEATS | CONTAINED.keys()
# `make test` sees each other page in one language and one look, which take turns.
TURN = {name: number for number, name in enumerate(sorted(SCENES, key=ELSEWHERE.__contains__))}
QUICK = [(name, LANGUAGES[number % 3]) for name, number in TURN.items() if name not in ELSEWHERE]


def test_a_page_that_is_repeated_is_seen_itself():
    assert SCENES.keys() >= REPEATED.keys() | ELSEWHERE
    assert ELSEWHERE.isdisjoint(name for names in CONTAINED.values() for name in names)
    assert REPEATED.keys().isdisjoint(ELSEWHERE)


@pytest.mark.parametrize(("name", "language"), pairwise.marked(CASES, QUICK, name="-".join))
def test_a_page_has_nothing_to_trip_over(page_for, browse, sandbox, settings, name, language):
    play, role, account, shows = SCENES[name]
    user = signed_in(role, account, sandbox)
    page = page_for(user, language=language)
    play(Stage(page, browse, user, sandbox, language, settings))
    expect(page.locator(shows).first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", language)
    quick, thorough, texts_alone = (LANGUAGES[(TURN[name] + turn) % 3] for turn in range(3))
    few, every = looks_at(name)
    look_at(page, language, {quick: few, thorough: every, texts_alone: []}[language])


def look_at(page, language, looks):
    """Look at a page in three widths for what scrolls, and with axe in these looks.

    Texts and their lengths differ by language. Elements, roles and colours come from the same templates and
    styles: in `make test-all` axe looks at them in light and dark, narrow and wide, in one language, and once
    in another.
    """
    if language != "en":
        assert english(page.evaluate(READ_TEXTS)) == []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(PAINTED)
        assert page.evaluate(OVERFLOW) <= 0, f"the page scrolls sideways at {width} px"
        for scheme in [scheme for scheme, at in looks if at == width]:
            show_in(page, scheme)
            assert violations(page, LOOKS[scheme]) == [], f"{width} px, {scheme}"


def test_the_gallery_for_developers_has_nothing_to_trip_over(page_for, staff, styleguide):
    page = page_for(staff)
    page.goto(styleguide)
    expect(page.get_by_role("heading", level=1, name="Styleguide")).to_be_visible()
    look_at(page, "en", EVERY_LOOK[:1])
