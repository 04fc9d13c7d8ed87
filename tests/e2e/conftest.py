"""Fixtures of a real browser and a real server: `page_for(staff).goto("/groups/")`."""

import os
import threading
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from groups.services.installation import maintenance
from tests.e2e import chromium

PATIENCE = 10_000
expect.set_options(timeout=PATIENCE)
ERROR_ANSWERS = ("Failed to load resource", "Response Status Error Code", "htmx:")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # Playwright's event loop stays in this thread, and Django would take the tests for asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=list(chromium.ARGUMENTS), headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def live(transactional_db, live_server, sandbox):
    """Return the address of a server in this process, with the test's own database and sandbox."""
    return live_server.url


@pytest.fixture
def worker(live):
    """Reconcile as a worker does, in a thread of this process with the test's own database."""
    stop = threading.Event()

    def work():
        maintenance.repeat("reconcile", maintenance.reconcile, 0.2, stop)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def open_window(browser, url, problems, **options):
    """Return a page in a context of its own; errors in its scripts and its console go into `problems`."""

    def note(message):
        # Chromium and HTMX also report every response with an error status, which many tests cause on
        # purpose.
        if message.type == "error" and not message.text.startswith(ERROR_ANSWERS):
            problems.append(message.text)

    context = browser.new_context(base_url=url, reduced_motion="reduce", **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", note)
    return page


def sign_in(page, url, settings, user, language):
    """Give the page the cookies of a user, or of nobody, and of a language."""
    cookies = {settings.LANGUAGE_COOKIE_NAME: language}
    if user is not None:
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
        cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])


@pytest.fixture
def page_for(browser, live, settings):
    """Return a function that opens a page as a user: `page_for(staff, width=360)`.

    A script error, a violation of the content security policy, or any other error in the console fails the
    test at its end.
    """
    contexts, problems = [], []

    def page_for(user=None, *, language="en", width=1280, height=900, scheme="light", javascript=True):
        page = open_window(
            browser,
            live,
            problems,
            locale=language,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=javascript,
        )
        contexts.append(page.context)
        sign_in(page, live, settings, user, language)
        return page

    yield page_for
    for context in contexts:
        context.close()
    assert not problems
