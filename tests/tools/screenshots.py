"""Take the README's screenshots, two pixels a point: `make screenshots`, from the data of a fresh demo."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support import demo
from tests.support.environment import ROOT
from tests.tools import chromium

PICTURES = ROOT / "docs" / "pictures"
GROUP = "/groups/1/"


def open_at(path):
    """Return the steps of a picture that only opens an address."""
    return lambda page, _other: page.goto(path)


def show_toast(page, _other):
    page.goto("/groups/?sort=-clients")
    page.locator("tr[data-group] .row-edit").first.click()
    row = page.locator("tr.editing:not(.htmx-added):not(.htmx-settling)")
    row.locator("[name=percent]").fill("2.5")
    row.locator("button.button").first.click()
    page.wait_for_selector("[data-outcome=applied]")


def show_detail(page, _other):
    save(page, GROUP, percent="12")
    page.wait_for_load_state("networkidle")


def show_cost(page, _other):
    page.goto(f"{GROUP}edit/")
    page.fill("#id_percent", "15")
    page.wait_for_selector("[data-cost]")


def show_conflict(page, other):
    page.goto(f"{GROUP}edit/")
    save(other, GROUP, percent="14")
    page.fill("#id_name", "Постійні відвідувачі")
    page.locator("#form .button").first.click()
    page.wait_for_selector("[data-notice=conflict]")


def show_schedules(page, _other):
    page.goto("/groups/9/schedule/")
    today = datetime.now(UTC)
    monday = today + timedelta(days=7 - today.weekday())
    page.fill("#id_percent", "20")
    page.fill("#id_starts_at", f"{monday + timedelta(days=2):%Y-%m-%dT18:00}")
    page.fill("#id_ends_at", f"{monday + timedelta(days=4):%Y-%m-%dT23:59}")
    page.locator("form .button").first.click()
    page.wait_for_selector("[data-schedule]")
    page.goto("/schedules/")


def show_commands(page, _other):
    page.goto("/groups/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] #go-q")
    page.keyboard.type("5% barista", delay=20)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)


@dataclass(frozen=True)
class View:
    """One picture: the user, the window, and the steps before it is taken."""

    user: str
    height: int
    show: Callable
    width: int = 1280
    colours: str = "light"
    language: str = "en"


# They are taken in this order, each with the changes of those before it.
VIEWS = {
    "list": View("staff", 800, show_toast),
    "phone": View("staff", 780, open_at("/groups/?sort=-percent"), width=360, colours="dark", language="uk"),
    "detail": View("staff", 900, show_detail),
    "edit": View("owner", 900, show_cost),
    "conflict": View("staff", 700, show_conflict),
    "remove": View("owner", 1050, open_at(f"{GROUP}delete/")),
    "many": View("staff", 760, open_at("/groups/edit/")),
    "schedules": View("staff", 760, show_schedules),
    "scheme": View("owner", 800, open_at("/groups/ladder/")),
    "commands": View("staff", 700, show_commands, language="uk"),
    "history": View("staff", 700, open_at("/history/"), language="uk", colours="dark"),
    "settings": View("owner", 800, open_at("/settings/")),
    "people": View("owner", 520, open_at("/people/")),
}


def save(page, group, **values):
    """Change a group through its form."""
    page.goto(f"{group}edit/")
    for name, value in values.items():
        page.fill(f"#id_{name}", value)
    page.locator("#form .button").first.click()
    page.wait_for_selector("[data-outcome=applied]")


def signed_in(browser, served, user):
    """Sign a user in, and return the cookies."""
    context = browser.new_context(base_url=served.url)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("[name=username]", user)
    page.fill("[name=password]", served.passwords[user])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/groups/")
    state = context.storage_state()
    context.close()
    return state


def page_of(browser, served, view, state):
    """Open a browser of a user's own."""
    context = browser.new_context(
        base_url=served.url,
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=2,
        color_scheme=view.colours,
        locale=view.language,
        reduced_motion="reduce",
        storage_state=state,
    )
    return context.new_page()


def take(browser, served, name, states):
    view = VIEWS[name]
    page, other = (page_of(browser, served, view, states[user]) for user in (view.user, "owner"))
    view.show(page, other)
    if name != "commands":
        page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")
    for each in (page, other):
        each.context.close()


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        demo.running(Path(directory)) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        states = {user: signed_in(browser, served, user) for user in ("staff", "owner")}
        for name in VIEWS:
            take(browser, served, name, states)
            print(f"docs/pictures/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
