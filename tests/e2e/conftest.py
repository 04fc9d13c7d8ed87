"""Fixtures of a real browser and a real server: `page_for(staff).goto("/groups/")`."""

import asyncio
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from tests.support import people
from tests.tools import chromium

MAX_WAIT = 10_000
expect.set_options(timeout=MAX_WAIT)
# Errors in the console that tests cause on purpose: Chromium and HTMX report every answer with an error
# status and every request without an answer, and HTMX every request that a newer one replaces.
ALLOWED_ERRORS = (
    *("Failed to load resource", "Response Status Error Code"),
    *("htmx:afterRequest, ", "htmx:sendAbort, ", "htmx:sendError, "),
)


def pytest_collection_modifyitems(items):
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.needs("chromium"))
            item.add_marker(pytest.mark.once)  # the pages are asked of each database without a browser


@pytest.fixture(scope="session")
def browser():
    # Playwright's event loop stays in this thread until the end. Django would take all later tests for
    # asynchronous code, and asyncio would refuse them a loop of their own.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright, mock.patch("asyncio.run", run_apart):
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=list(chromium.ARGUMENTS), headless=True
        )
        yield browser
        browser.close()


def run_apart(coroutine, run=asyncio.run):
    """Run a coroutine in a thread, and return its result."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run, coroutine).result()


@pytest.fixture
def live(transactional_db, live_server, sandbox):
    """Return the address of a server in this process, with the test's own database and sandbox."""
    return live_server.url


def open_window(browser, url, problems, **options):
    """Return a page in a context of its own; errors in its scripts and its console go into `problems`."""

    def note(message):
        if message.type == "error" and not message.text.startswith(ALLOWED_ERRORS):
            problems.append(message.text)

    def note_error(error):
        # A page that is left while it fetches a module says so; one that is missing fails other tests.
        if not str(error).startswith("Failed to fetch dynamically imported module"):
            problems.append(str(error))

    context = browser.new_context(base_url=url, reduced_motion="reduce", **options)
    context.set_default_timeout(MAX_WAIT)
    page = context.new_page()
    page.on("pageerror", note_error)
    page.on("console", note)
    return page


def sign_in(page, url, settings, user, language):
    """Give the page the cookies of a user, or of nobody, and of a language."""
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    if user is not None:
        people.sign_in(client, user)
    page.context.add_cookies(
        [{"name": name, "value": cookie.value, "url": url} for name, cookie in client.cookies.items()]
    )


@pytest.fixture(scope="session")
def windows(browser):
    """Keep the windows that no test shows, and the errors in all of them."""
    windows, problems = {}, []
    yield windows, problems
    for window in itertools.chain(*windows.values()):
        window.context.close()


def empty(page):
    """Let a window forget what a test did in it."""
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.unroute_all(behavior="ignoreErrors")
    # A page that is still on its way would take the place of the next.
    page.evaluate("stop()")
    # Stay at the same address: for a blank page, and after it, Chromium starts another process.
    page.goto("/healthz")
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    page.context.clear_cookies()


@pytest.fixture
def window_at(browser):
    """Return a function that opens a window at a server of its own, with the cookies of somebody there.

    An error in its console fails the test, as for `page_for`.
    """
    problems, opened = [], []

    def window_at(url, cookie, *, height=600, **options):
        page = open_window(browser, url, problems, viewport={"width": 1280, "height": height}, **options)
        cookies = [each.split("=", 1) for each in cookie.split("; ")]
        page.context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
        opened.append(page)
        return page

    yield window_at
    for page in opened:
        page.context.close()
    assert not problems


@pytest.fixture
def page_for(browser, windows, live, settings):
    """Return a function that opens a page as a user: `page_for(staff, width=360)`.

    A script error, a violation of the content security policy, or any other error in the console fails the
    test at its end.

    Each call has a window of its own, which may have been another test's: a new one costs more than a page.
    A test that listens to the events of its page, sets the clock, adds a device or counts what is fetched
    says `new=True`.
    """
    windows, problems = windows
    problems.clear()
    shown, closed = [], []

    def page_for(
        user=None, *, language="en", width=1280, height=900, scheme="light", javascript=True, new=False
    ):
        free = windows.setdefault((live, language, javascript), [])
        if free and not new:
            page = free.pop()
        else:
            page = open_window(browser, live, problems, locale=language, java_script_enabled=javascript)
        if new:
            closed.append(page)
        else:
            shown.append((page, free))
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(media="null", color_scheme=scheme, reduced_motion="reduce")
        sign_in(page, live, settings, user, language)
        return page

    yield page_for
    for page in closed:
        page.context.close()
    for page, free in shown:
        empty(page)
        free.append(page)
    assert not problems
