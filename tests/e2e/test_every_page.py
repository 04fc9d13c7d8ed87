"""Each page and state in Ukrainian or Russian, narrow and wide, light and dark: nothing to trip over."""

import itertools

import pytest
from playwright.sync_api import expect

from tests.e2e.looks import FILES, READ_TEXTS, english, show_in, violations
from tests.e2e.scenes import SCENES, Stage
from tests.support import pairwise
from tests.support.addresses import ONLY_POST, PRIVATE, PUBLIC, rows_of, with_their_ids
from tests.support.browser import OVERFLOW, PAINTED
from tests.support.people import make_user

# The width and the colours in which axe looks at the pages of a language; both widths are held against each.
LOOKS = {"uk": (360, "light"), "ru": (1280, "dark")}
ONE_LONG_WORD = "Постійнівідвідувачізподвійнимибонусамитазнижкоюнасніданкищосуботийщонеділідлявсіхдрузів"
# The two languages take turns over the states; `make test` lets axe look at every third of them.
CASES = [(name, list(LOOKS)[turn % 2], turn % 3 == 0) for turn, name in enumerate(SCENES)]


def look_at(page, language, *, by_axe=True):
    """Look at the texts of a page, at what scrolls sideways, and with axe."""
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert english(page.evaluate(READ_TEXTS)) == []
    width, scheme = LOOKS[language]
    for each in (1640 - width, width):
        page.set_viewport_size({"width": each, "height": 900})
        # Chromium may still have the styles of the width before.
        page.wait_for_function("(width) => matchMedia(`(width: ${width}px)`).matches", arg=each)
        page.evaluate(PAINTED)
        assert page.evaluate(OVERFLOW) <= 0, f"the page scrolls sideways at {each} px"
    if by_axe:
        show_in(page, scheme)
        assert violations(page) == []


# Each page is made of the same templates in both languages: `make test` looks at one.
@pytest.mark.parametrize("language", ["uk", pytest.param("ru", marks=pytest.mark.thorough)])
def test_no_page_has_anything_to_trip_over(page_for, owner, staff, browse, sandbox, subtests, language):
    sandbox.console().edit(5, client_groups_name=ONE_LONG_WORD)
    rows = rows_of(staff, browse)
    # `make test` lets axe look at every fourth address, `make test-all` at each.
    turns = itertools.cycle((True, *[pairwise.takes_all] * 3))
    for user, urls in ((None, sorted(PUBLIC)), (owner, PRIVATE)):
        page, looked_at = page_for(user, language=language), set()
        for url in urls:
            if url in ONLY_POST or FILES.search(url):
                continue
            with subtests.test(url=url):
                answer = page.goto(with_their_ids(url, rows))
                assert answer.status < 500
                # Several addresses lead to one page, and one page says that there is nothing.
                shown = page.url if answer.ok else answer.status
                if shown not in looked_at:
                    looked_at.add(shown)
                    look_at(page, language, by_axe=next(turns))


@pytest.mark.parametrize(("name", "language", "by_axe"), CASES)
def test_no_state_of_a_page_has_anything_to_trip_over(page_for, browse, sandbox, name, language, by_axe):
    play, role, account, shows = SCENES[name]
    user = None
    if role is not None:
        user = make_user("olena", role=role, account=account, sandbox=sandbox)
    page = page_for(user, language=language)
    play(Stage(page, browse, user, sandbox, language))
    expect(page.locator(shows).first).to_be_visible()
    look_at(page, language, by_axe=by_axe or pairwise.takes_all)
