"""Test what the history does in a browser that a test client cannot tell."""

import pytest
from playwright.sync_api import expect

from tests.support.changes import write_down


@pytest.mark.parametrize("javascript", [True, False])
def test_a_history_too_long_for_a_file_says_so(page_for, staff, monkeypatch, javascript):
    monkeypatch.setattr("groups.services.journal.history.COUNTED", 1)
    for _ in range(2):
        write_down(staff, state="applied")
    page = page_for(staff, javascript=javascript)
    page.goto("/history/")
    page.get_by_role("link", name="CSV").click()
    expect(page.locator("#messages")).to_contain_text("More than 1 changes match.")
