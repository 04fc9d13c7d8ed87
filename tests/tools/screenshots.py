"""Take the README's pictures: `make screenshots`. The data is that of a fresh demo, the same each time."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.environment import ROOT
from tests.tools import demo

PICTURES = ROOT / "docs" / "pictures"
GROUP_WITH_CLIENTS = 1
# Name, address, who, width, height, scheme.
VIEWS = (
    ("list", "/groups/?sort=-clients", "staff", 1280, 800, "light"),
    ("remove", f"/groups/{GROUP_WITH_CLIENTS}/delete/", "owner", 1280, 760, "light"),
)


def take(browser, served, name, path, who, width, height, scheme):
    context = browser.new_context(
        base_url=served.url,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="en",
        reduced_motion="reduce",
        extra_http_headers={"Accept-Language": "en"},
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("[name=username]", who)
    page.fill("[name=password]", served.passwords[who])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/groups/")
    answer = page.goto(path)
    if not answer.ok:
        raise RuntimeError(f"{path} answers {answer.status}")
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=PICTURES / f"{name}.png")
    context.close()


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        demo.running(Path(directory)) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(chromium.ARGUMENTS))
        for view in VIEWS:
            take(browser, served, *view)
            print(f"docs/pictures/{view[0]}.png")
        browser.close()


if __name__ == "__main__":
    main()
