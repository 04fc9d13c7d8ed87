"""Open a row of the list for typing."""

from playwright.sync_api import expect


def open_row(page, group_id):
    """Open a row, and wait until HTMX has processed it: before that it is sent as a page."""
    page.locator(f"[data-group='{group_id}'] .row-edit").click()
    expect(page.locator(".row-form [name=percent]")).to_be_focused()
    expect(page.locator("tr.editing:not(.htmx-added):not(.htmx-settling)")).to_be_visible()
