"""Looks at a page in a browser: its words, what axe finds, and light or dark."""

import re

from axe_playwright_python.base import AXE_SCRIPT

from tests.support.browser import PAINTED

FILES = re.compile(r"export\.|\.csv|/download/|/healthz|/readyz")
# Words that are the same in every language: names, and what is written in Latin letters everywhere.
LATIN = {"poster", "admin", "demo", "joinposter", "com", "csv", "xlsx", "yaml",
         "olena", "ivan", "maria", "iphone", "example", "kopecks", "eng", "pin", "id", "owner", "staff",
         "javascript", "https", "telegram", "botfather", "start", "email", "url",
         "aegis", "fas", "google", "authenticator", "qr"}  # fmt: skip

# All that a person reads on a page or hears of it, but for the names of groups and Poster's own words.
READ_TEXTS = """() => {
  const kept = "bdi, q, kbd, code, .mono, .initials, .menu-who, [lang]:not(html), option[lang]"
    + ", script, style, template";
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
AXE = """async () => (await axe.run(
  {exclude: "tr:nth-child(n + 13)"}, {resultTypes: ["violations"]})
).violations.map(
  ({id, nodes}) => [id, nodes.slice(0, 3).map(({target, failureSummary}) => [target, failureSummary])]
)"""


def english(texts):
    """Return the texts with words in Latin letters, where there should be none."""
    found = [(text, re.findall(r"[A-Za-z]{2,}", text)) for text in texts]
    return [text for text, words in found if any(word.lower() not in LATIN for word in words)]


def violations(page):
    """Return what axe finds, at a second look too: Chromium may repaint an element late after a switch."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE)
    if found:
        page.evaluate(PAINTED)
        found = page.evaluate(AXE)
    return found


def show_in(page, scheme):
    """Show the page in light or dark, and wait until it is painted so."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_function("(scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches", arg=scheme)
    page.evaluate(PAINTED)
