"""How long a person waits, in Chromium: `make bench ARGS=waits`.

Each line is one step of a person: the median milliseconds from the click to the first byte of the answer, to
what is waited for (the page's own element, or the row that says applied), and to the first and the largest
paint of a new page. Beside them stand the calls to Poster that the step makes, with those of the parts that
the page loads afterwards, and how long Poster takes for each of them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.setup.lab import Lab
from tests.support.environment import ROOT
from tests.tools import chromium

LATENCIES = (50, 300)
TIMES = 5
PATIENCE = 60_000
NOW = "performance.timeOrigin + performance.now()"
# Each page notes when it first has the element that is waited for: Playwright's own look comes later.
WATCH = f"""new MutationObserver(() => {{
  const css = sessionStorage.getItem("end");
  if (css && !sessionStorage.getItem("there") && document.querySelector(css)) {{
    sessionStorage.setItem("there", {NOW});
  }}
}}).observe(document, {{childList: true, subtree: true, attributes: true}})"""
BEGIN = f"""(css) => {{
  sessionStorage.setItem("end", css);
  sessionStorage.removeItem("there");
  return {NOW};
}}"""
THERE = "() => Number(sessionStorage.getItem('there'))"
# A new page itself, without the parts that it loads afterwards; on the same page the answer that came last.
FIRST_BYTE = """(isNewPage) => {
  const asked = performance.getEntriesByType("resource");
  const byHtmx = asked.filter(({initiatorType}) => initiatorType == "xmlhttprequest");
  const answer = isNewPage ? performance.getEntriesByType("navigation")[0] : byHtmx.at(-1);
  return performance.timeOrigin + answer.responseStart;
}"""
FIRST_PAINT = """() => performance.timeOrigin
  + performance.getEntriesByName("first-contentful-paint")[0].startTime"""
LARGEST_PAINT = """() => new Promise((done) => {
  new PerformanceObserver((list) => done(performance.timeOrigin + list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true});
})"""
ROLE = """
import sys, django
django.setup()
from django.contrib.auth.models import Group, User
User.objects.get(username=sys.argv[1]).groups.add(Group.objects.get(name="Owners"))
"""


@dataclass(frozen=True)
class Step:
    """A step of a person: the page it begins on, what is done there, and the element that ends the wait."""

    name: str
    start: str
    act: Callable[[Page], object]
    end: str
    prepare: Callable[[Page], object] = lambda _page: None
    new_page: bool = True


def link(css):
    return lambda page: page.click(css)


def type_percents(page):
    """Type five other percents into the table of many groups, and look at the changes."""
    for number in range(5):
        field = page.locator("tr[data-group] .with-unit input").nth(2 * number)
        field.fill(str((int(float(field.input_value())) + 1) % 40))
    page.click("main form .actions .button:not(.plain)")
    page.wait_for_selector("form[action*='/groups/plan/']")


def open_row(page):
    page.click("tr[data-group='7'] .row-edit")
    page.wait_for_selector("tr.editing:not(.htmx-added):not(.htmx-settling) [name=percent]")
    _another_percent(page.locator(".row-form [name=percent]"))


def _another_percent(field):
    field.fill(str((int(float(field.input_value())) + 1) % 40))


STEPS = (
    Step("the list", "/history/", link(".nav a[href='/groups/']"), "#rows tr[data-group]"),
    Step("a group", "/groups/", link("tr[data-group='7'] th a"), "main .facts"),
    Step("its form", "/groups/7/", link("a[data-key=e]"), "main [name=percent]"),
    Step(
        "the form saved",
        "/groups/7/edit/",
        link("main form .actions .button:not(.plain)"),
        "[data-outcome=applied]",
        lambda page: _another_percent(page.locator("main [name=percent]")),
    ),
    Step(
        "a percent saved in its row",
        "/groups/",
        lambda page: page.press(".row-form [name=percent]", "Enter"),
        "tr.saved, [data-outcome=applied]",
        open_row,
        new_page=False,
    ),
    Step(
        "five percents saved",
        "/groups/edit/",
        link("form[action*='/groups/plan/'] .button:not(.plain)"),
        "[data-job][data-state=done]",
        type_percents,
        new_page=False,
    ),
    Step("the people", "/groups/", lambda page: page.evaluate("location = '/people/'"), "[data-user]"),
    Step("the history", "/groups/", link(".nav a[href='/history/']"), "tr[data-change]"),
)


def main(arguments):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=waits", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args(arguments)
    if not chromium.find():
        print("Waits are not measured: there is no Chromium")
        return 0
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    print("| step | Poster | calls | first byte | what is waited for | first paint | largest paint |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        lab = Lab(stack, Path(directory))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=list(chromium.ARGUMENTS), headless=True
        )
        for latency in LATENCIES:
            account = f"n50-l{latency}"
            page = _page(browser, lab, account)
            for step in STEPS:
                print(_line(step, page, lab, account, latency, options.times), flush=True)
    return 0


def _page(browser, lab, account):
    """Return a page of an owner of this account."""
    site = lab.warm
    site.add_people([account])
    subprocess.run([sys.executable, "-c", ROLE, account], cwd=ROOT, env=site.environment, check=True)
    context = browser.new_context(base_url=f"http://127.0.0.1:{site.port}", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    pairs = (pair.split("=", 1) for pair in site.cookie(account).split("; "))
    context.add_cookies(
        [{"name": name, "value": value, "url": f"http://127.0.0.1:{site.port}"} for name, value in pairs]
    )
    context.add_init_script(WATCH)
    return context.new_page()


def _line(step, page, lab, account, latency, times):
    """Take a step as often as said, and return its line of the table."""
    found = [_times(step, page, lab, account) for _ in range(times + 1)][1:]  # the first one warms up
    calls, *medians = (
        statistics.median(each) if None not in each else None for each in zip(*found, strict=True)
    )
    cells = [
        step.name,
        f"{latency} ms",
        f"{calls:.0f}",
        *("–" if ms is None else f"{ms:.0f}" for ms in medians),
    ]
    return f"| {' | '.join(cells)} |"


def _times(step, page, lab, account):
    """Take a step once; return its calls, and the milliseconds to each of the four moments."""
    page.goto(step.start, wait_until="networkidle")
    step.prepare(page)
    lab.calls(account)
    began = page.evaluate(BEGIN, step.end)
    step.act(page)
    page.wait_for_selector(step.end, state="attached")
    page.wait_for_load_state("networkidle")
    there = page.evaluate(THERE)
    first_byte = page.evaluate(FIRST_BYTE, step.new_page) if step.name != "five percents saved" else None
    paints = [page.evaluate(each) if step.new_page else None for each in (FIRST_PAINT, LARGEST_PAINT)]
    moments = (first_byte, there, *paints)
    return len(lab.calls(account)), *(None if moment is None else moment - began for moment in moments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
