"""Look up a list of clients in a real browser, and move those who were found."""

import re

from playwright.sync_api import expect

from groups.models import Job


def test_a_pasted_list_leads_to_one_move_with_those_who_were_ticked(staff, page_for, sandbox):
    sandbox.console().edit_client(2, card_number="129")
    page = page_for(staff)
    page.goto("/clients/")
    page.get_by_role("link", name="From a list…").click()
    page.fill("#id_text", "1\n129\n0509999999")
    page.check("[name=numbers]")
    page.select_option("#id_target", "5")
    page.get_by_role("button", name="Check the file").click()
    expect(page.locator("h1")).to_be_focused()
    assert page.url.endswith("/upload/")
    # The lines that need a decision come first.
    expect(page.locator("tbody tr").first).to_have_attribute("data-state", "ambiguous")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Move 1 client and the ticked ones").click()
    page.wait_for_url(re.compile("/jobs/"))
    assert set(Job.objects.get().wanted["clients"]) == {1, 2}
