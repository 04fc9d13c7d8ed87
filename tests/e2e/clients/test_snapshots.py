"""Test restoring a removed group on a phone, in Ukrainian: with and without JavaScript."""

import re

from playwright.sync_api import expect

from groups.features.snapshots.models import Snapshot
from groups.models import Job
from tests.support.browser import OVERFLOW, heading
from tests.support.jobs import run

NAME = "Скидочная система 10%"


def test_a_removed_group_comes_back(page_for, owner, sandbox):
    sandbox.console().edit(4, count_groups_clients="13")
    page = page_for(owner, language="uk", width=360)

    def at_ease():
        assert page.evaluate(OVERFLOW) <= 0

    page.goto("/history/snapshots/")
    heading(page, "Відновлення клієнтів")
    expect(page.locator(".empty")).to_contain_text("Резервних копій немає")
    page.goto("/groups/4/delete/")
    page.get_by_label("Назва групи").fill(NAME)
    page.get_by_role("button", name="Видалити групу").click()
    expect(page).to_have_url(re.compile(r"/groups/$"))
    page.locator(".nav").get_by_role("link", name="Історія").click()
    page.get_by_role("link", name="Відновлення клієнтів").click()
    row = page.locator("tr[data-snapshot]")
    expect(row).to_contain_text(NAME)
    at_ease()
    with page.expect_download() as file:
        row.get_by_role("link", name="Завантажити").click()
    assert re.fullmatch(r"snapshot-demo-4-[\d-]+\.json", file.value.suggested_filename)
    row.get_by_role("link", name="Відновити").click()
    heading(page, f"Відновити «{NAME}»?")
    expect(page.locator("main")).to_contain_text("13 клієнтів, яких уже немає в Poster")
    at_ease()
    page.get_by_role("button", name="Відновити групу й 13 клієнтів").click()
    page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
    job = run(Job.objects.get(kind="restore"))
    assert (job.state, sandbox.accounts["demo"].clients.live(job.target_id)) == (Job.State.DONE, 13)
    page.goto(f"/history/snapshots/{Snapshot.objects.get().pk}/restore/")
    expect(page.locator(".notice:not(.toast)[data-notice=success]")).to_contain_text("Повертати нікого")
    at_ease()
    page.goto("/history/snapshots/")
    until = page.locator("[data-restored]")
    assert until.locator("a").bounding_box()["x"] == until.locator("time").bounding_box()["x"]
