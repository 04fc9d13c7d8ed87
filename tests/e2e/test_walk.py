"""Walk from the first page by links, as each role, and hold each address to the same rules."""

import itertools
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve

from tests.e2e.looks import FILES, READ_TEXTS, english, show_in, violations
from tests.support import pairwise
from tests.support.addresses import rows_of
from tests.support.browser import OVERFLOW, PAINTED
from tests.support.people import make_user

MOST_OF_AN_OWNER = 38
"""Addresses that an owner can open, each kind of record once."""
LINKS = "() => [...document.querySelectorAll('a[href]')].map(({href}) => href)"
# Targets of a finger or a pointer, with its smaller side; a link in a line is as high as the line.
TARGETS = """(least) => [...document.querySelectorAll(
  "main :is(a, button, select, summary, textarea, input:not([type=hidden])), header :is(a, button, summary)"
)].filter((each) => each.checkVisibility({visibilityProperty: true, opacityProperty: true})
  && !each.closest(".visually-hidden, svg, table caption")
  && !(each.matches("a, button") && getComputedStyle(each).display === "inline")
).map((each) => {
  const box = (each.matches("input") && each.closest("label") || each).getBoundingClientRect();
  return [(each.innerText || each.name || each.className || each.tagName).trim().slice(0, 40),
    Math.round(Math.min(box.width, box.height) * 10) / 10,
    each.matches("main .actions .button:not(.quiet, .plain)")];
}).filter(([_words, size, isMain]) => size > 1 && size < (isMain ? least : 24) - 0.1)"""
WAY_BACK = "a.crumb, header nav a[href], header a[href='/groups/'], header a[href='/']"
# `make test` has each role, width and colour once at least, `make test-all` the whole product.
WALKS = [
    pytest.param(
        role,
        width,
        scheme,
        id=f"{role}-{width}-{scheme}",
        marks=() if turn in {0, 6, 9} else pytest.mark.thorough,
    )
    for turn, (role, width, scheme) in enumerate(
        itertools.product(("Managers", "Staff", "Owners"), (360, 1280), ("light", "dark"))
    )
]


def faults_of(page, width, *, by_axe):
    """Yield what a person would trip over on the page, in words."""
    if not page.title().removesuffix("Poster Admin").strip(" ·"):
        yield "it has no title"
    if not page.locator(WAY_BACK).count():
        yield "there is no way back"
    if texts := english(page.evaluate(READ_TEXTS)):
        yield f"not translated: {texts}"
    if (over := page.evaluate(OVERFLOW)) > 0:
        yield f"it scrolls sideways by {over} px"
    if small := page.evaluate(TARGETS, 44 if width == 360 else 24):
        yield f"too small: {small}"
    if by_axe and (found := violations(page)):
        yield f"axe: {found}"


def walk(page, width):
    """Yield each address that links lead to, the first of each kind, with the faults of its page."""
    waiting, seen = ["/"], set()
    turns = itertools.cycle((True, *[pairwise.takes_all] * 2))
    while waiting:
        url = waiting.pop(0)
        answer = page.goto(url)
        kind = kind_of(page.url)
        if kind in seen and url != "/":
            continue
        seen.add(kind)
        page.evaluate(PAINTED)
        faults = [f"answered with {answer.status}"] if answer.status >= 400 else []
        yield url, faults + list(faults_of(page, width, by_axe=next(turns)))
        for link in page.evaluate(LINKS):
            path = urlsplit(link).path
            if urlsplit(link).netloc == urlsplit(page.url).netloc and not FILES.search(path):
                kind = kind_of(link)
                if kind and kind not in seen and kind not in {kind_of(each) for each in waiting}:
                    waiting.append(link)


def kind_of(url):
    """Return the name of an address, which all records of a kind share; empty for Django's admin."""
    try:
        name = resolve(urlsplit(url).path).view_name
    except Resolver404:
        return urlsplit(url).path
    return "" if name.startswith("admin:") else name


@pytest.mark.parametrize(("role", "width", "scheme"), WALKS)
def test_no_address_that_links_lead_to_has_a_fault(page_for, staff, browse, sandbox, role, width, scheme):
    rows_of(staff, browse)
    user = make_user("olena", role=role, account="demo", sandbox=sandbox)
    page = page_for(user, language="uk", width=width, scheme=scheme)
    show_in(page, scheme)
    found = dict(walk(page, width))
    print(f"{role} {width} {scheme}: {len(found)} addresses")  # noqa: T201 - the table of a walk
    assert {url: faults for url, faults in found.items() if faults} == {}
    if role == "Owners":
        assert len(found) <= MOST_OF_AN_OWNER, sorted(found)
