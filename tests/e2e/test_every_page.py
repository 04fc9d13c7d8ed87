"""Each page in each language, narrow and wide, light and dark: nothing that a person would trip over."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.support import pairwise
from tests.support.browser import OVERFLOW, PAINTED, show_in
from tests.support.scenes import SCENES, Stage, signed_in

# 640 px are what is left of 1280 px at a zoom of 200 %.
SIZES = ((1280, 900), (640, 450), (360, 900))
LANGUAGES = ("uk", "ru", "en")
# In the dark nothing but the colours is another, so only they are looked at again.
LOOKS = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
# Words that are the same in every language: names, and what is written in Latin letters everywhere.
LATIN = {"poster", "admin", "demo", "joinposter", "com", "csv", "xlsx", "yaml", "jsonl",
         "olena", "ivan", "maria", "iphone", "example", "kopecks", "eng", "pin", "id",
         "javascript", "https", "telegram", "botfather", "start", "email", "url"}  # fmt: skip

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
# Scenes that together draw every template: `make test-all` sees each page in each language, and its states in
# the two into which texts are translated. `make test` sees one page of each kind once, since pages of a kind
# are made of the same pieces.
KINDS = {"account", "chart", "clients_of_all_groups", "criteria", "criteria_preview",
         "dependents_page", "filters", "job_running", "list_with_sales", "locked", "no_right",
         "notices", "people", "percents", "plan_a_change", "row_check", "scheme_compare",
         "settings"}  # fmt: skip
PAGES = {"audit", "came_and_left", "chosen_clients_move", "cost_of_a_year", "criteria_to_read",
         "draft", "first_steps", "installation", "jobs", "ladder", "limits", "list_of_clients",
         "listed_clients", "locked_detail", "long_list", "movements", "not_found", "person",
         "planned_changes", "saved_views", "security", "set_up", "snapshots", "view_tabs"}  # fmt: skip
STATES = {"beyond_the_limits", "block_a_person", "blocked_person", "check_of_a_name",
          "check_of_an_undo", "chosen_groups", "criteria_beyond_the_limits",
          "criteria_held_at_night", "criteria_saved_by_two", "criteria_that_nobody_has_set",
          "criteria_with_mistakes", "criteria_without_sales", "disconnect",
          "file_of_another_account", "file_planned", "go_page", "invitation",
          "invitation_not_sent", "job_to_undo", "filters_in_the_dialog", "members_504",
          "members_without_a_match", "move_of_several_groups",
          "movements_before_the_first_look", "movements_without_the_watch",
          "new_password_for_a_person", "new_person_refused", "no_passkeys_here", "no_requests",
          "no_worker", "no_such_setting", "nothing_is_new", "pin_is_removed", "plan_of_several_groups",
          "plan_of_several_groups_held", "planned_twice", "request_of_a_group_that_changed",
          "restore_a_group_that_is_gone", "retire_while_a_job_is_at_it", "scheme_looked_at",
          "scheme_planned", "second_factor_of_a_person", "set_up_refused", "sign_a_person_out",
          "snapshot_without_its_key", "telegram_refused", "where_clients_lie"}  # fmt: skip
EVERY_TEMPLATE = KINDS | PAGES | STATES
# Languages and looks take turns over the scenes.
TURN = {name: turn for turn, name in enumerate(sorted(SCENES, key=lambda name: name not in EVERY_TEMPLATE))}


def languages_of(name):
    """Return the languages in which a scene is looked at.

    A state adds words to a page; English ones are the shortest, and all are right. A state that draws no
    template of its own is looked at in one of the other two: each shows what is not translated.
    """
    if name in KINDS | PAGES:
        return LANGUAGES
    return LANGUAGES[:2] if name in EVERY_TEMPLATE else (LANGUAGES[TURN[name] % 2],)


CASES = [(name, language) for name in SCENES for language in languages_of(name)]
QUICK = [(name, LANGUAGES[TURN[name] % 3]) for name in KINDS]


def looks_at(name, language):
    """Return the looks at a scene in a language; colours do not need each width."""
    turn, languages = TURN[name], languages_of(name)
    if language == languages[turn % len(languages)]:
        return [EVERY_LOOK[turn // 2 % 4]]
    if language == languages[(turn + 1) % len(languages)]:
        return [("light", 360), ("light", 1280), ("dark", (360, 1280)[turn % 2])]
    return []


@pytest.mark.parametrize(("name", "language"), pairwise.marked(CASES, QUICK, name="-".join))
def test_a_page_has_nothing_to_trip_over(page_for, browse, sandbox, settings, name, language):
    play, role, account, shows = SCENES[name]
    user = signed_in(role, account, sandbox)
    page = page_for(user, language=language)
    play(Stage(page, browse, user, sandbox, language, settings))
    expect(page.locator(shows).first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", language)
    look_at(page, language, looks_at(name, language))


def look_at(page, language, looks):
    """Look at a page in three widths for what scrolls, and with axe in these looks.

    Texts and their lengths differ by language. Elements, roles and colours come from the same templates and
    styles: axe looks at each scene once, and in `make test-all` at each template in light and dark, narrow
    and wide.
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


@pytest.mark.thorough  # a tool of developers
def test_the_gallery_for_developers_has_nothing_to_trip_over(page_for, staff, styleguide):
    page = page_for(staff)
    page.goto(styleguide)
    expect(page.get_by_role("heading", level=1, name="Styleguide")).to_be_visible()
    look_at(page, "en", EVERY_LOOK[:1])
