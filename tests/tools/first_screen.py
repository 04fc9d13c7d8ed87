"""Count actions and words on the first screen of six pages: `python -m tests.tools.first_screen`.

As owner, in Ukrainian, 1280×900; with an address and a password in a demo that runs. Actions are links,
buttons, fields, summaries; `beside` leaves out those of the frame and of rows, and counts a choice as one.
"""

import re
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

from playwright.sync_api import sync_playwright

from tests.support import demo
from tests.tools import chromium
from tests.tools.screenshots import View, page_of, signed_in

OWNER = View("owner", 900, None, language="uk")
PAGES = ("/groups/", "/groups/1/", "/groups/1/edit/", "/settings/", "/criteria/", "/history/")
COUNT = r"""() => {
  const inWindow = (rect) => rect.width > 1 && rect.height > 1 && rect.bottom > 0 && rect.top < innerHeight;
  const isClipped = (element) =>
    element && (getComputedStyle(element).clipPath !== "none" || isClipped(element.parentElement));
  const isSeen = (element, rects) => [...rects].some(inWindow)
    && !isClipped(element)
    && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const named = new Map();
  for (const each of document.querySelectorAll("a[href], button, input, select, textarea, summary"))
    if (isSeen(each, each.getClientRects())) named.set(each.type === "radio" ? each.name : each, each);
  const rows = ".skip, .top, tbody, .plain-rows, .latest, [data-rows], .choices > a ~ a";
  const beside = [...named.values()].filter((each) => !each.closest(rows));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  let words = 0;
  while (texts.nextNode()) {
    range.selectNodeContents(texts.currentNode);
    if (isSeen(texts.currentNode.parentElement, range.getClientRects()))
      words += (texts.currentNode.data.match(/[\p{L}\p{N}]+/gu) ?? []).length;
  }
  return [named.size, beside.length, words];
}"""
LINKS = "() => [...document.links].filter((a) => a.origin === location.origin).map((a) => a.pathname)"


def addresses(page):
    """Follow a link of each kind, and count the kinds of addresses that have a page."""
    known, kinds = ["/groups/"], {}
    for path in known:
        kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "…", path)
        if kind in kinds or re.search(r"\.\w+$|logout|^/admin/", path):
            continue
        response = page.request.get(path)
        kinds[kind] = response.ok and "text/html" in response.headers["content-type"]
        if kinds[kind]:
            page.goto(path, wait_until="domcontentloaded")
            known += page.evaluate(LINKS)
    return sum(kinds.values())


def main():
    url, password = sys.argv[1:] or ("", "")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        running = SimpleNamespace(url=url, passwords={"owner": password})
        with nullcontext(running) if url else demo.running(Path(directory)) as served:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
            page = page_of(browser, served, OWNER, signed_in(browser, served, "owner"))
            for path in PAGES:
                page.goto(path, wait_until="networkidle")
                actions, beside, words = page.evaluate(COUNT)
                print(f"{path:15} {actions:3} actions, {beside:3} beside, {words:4} words")
            print(addresses(page), "addresses that links lead to, without ids")
            browser.close()


if __name__ == "__main__":
    main()
