"""Take the README's screenshots: `make screenshots`. The data is that of a fresh demo, the same each time."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.devtools import demo
from tests.e2e import chromium
from tests.environment import ROOT

PICTURES = ROOT / "docs" / "pictures"
GROUP = "/groups/1/"


def show_list(page, _other):
    page.goto("/groups/?sort=-clients")


def show_detail(page, _other):
    save(page, GROUP, percent="12")


def show_edit(page, _other):
    page.goto(f"{GROUP}edit/")


def show_conflict(page, other):
    page.goto(f"{GROUP}edit/")
    save(other, GROUP, percent="15")
    page.fill("#id_name", "Постійні гості")
    page.locator("#form .button").first.click()
    page.wait_for_selector("[data-notice=conflict]")


def show_remove(page, _other):
    page.goto(f"{GROUP}delete/")


# User, height, and steps before the screenshot, in this order.
VIEWS = {
    "list": ("staff", 800, show_list),
    "detail": ("staff", 680, show_detail),
    "edit": ("staff", 780, show_edit),
    "conflict": ("staff", 600, show_conflict),
    "remove": ("owner", 740, show_remove),
}


def save(page, group, **values):
    """Change a group through its form."""
    page.goto(f"{group}edit/")
    for name, value in values.items():
        page.fill(f"#id_{name}", value)
    page.locator("#form .button").first.click()
    page.wait_for_selector("[data-outcome=applied]")


def page_of(browser, served, who, height):
    """Sign a user in, in a browser of their own."""
    context = browser.new_context(
        base_url=served.url,
        viewport={"width": 1280, "height": height},
        color_scheme="light",
        locale="en",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("[name=username]", who)
    page.fill("[name=password]", served.passwords[who])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/groups/")
    return page


def take(browser, served, name):
    who, height, show = VIEWS[name]
    page, other = page_of(browser, served, who, height), page_of(browser, served, "owner", height)
    show(page, other)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.mouse.move(0, 0)
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
        for name in VIEWS:
            take(browser, served, name)
            print(f"docs/pictures/{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
