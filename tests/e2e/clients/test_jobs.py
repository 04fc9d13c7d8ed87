"""Test retiring and restoring a group in a browser: in Ukrainian, with and without JavaScript."""

import re
import threading

import pytest
from django.db import connections
from playwright.sync_api import expect

from groups.models import Job
from groups.services.jobs import queue
from tests.support.browser import OVERFLOW, from_the_menu, heading
from tests.support.jobs import run, start


@pytest.fixture
def worker():
    """Return a function that runs the waiting job as a worker would, beside the browser."""
    threads = []

    def work():
        try:
            queue.run_job(Job.objects.get(state=Job.State.WAITING).pk)
        finally:
            connections.close_all()

    def begin():
        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()
        return thread

    yield begin
    for thread in threads:
        thread.join()


def test_nobody_is_lost_when_a_group_is_retired_and_restored(page_for, owner, sandbox, worker, settings):
    settings.JOB_LEASE_SECONDS = 0.5
    sandbox.console().edit(4, count_groups_clients="13")
    page = page_for(owner, language="uk", width=360)
    page.goto("/groups/4/")
    from_the_menu(page, "Закрити або видалити").click()
    page.get_by_role("link", name="Закрити групу, не втративши нікого").click()
    heading(page, re.compile("Закрити групу"))
    expect(page.locator("[data-promotion]")).to_have_text("Друга кава — подарунок")
    page.get_by_label("До групи").select_option("1")
    page.get_by_role("button", name="Перемістити 13 клієнтів і видалити групу").click()
    page.wait_for_url("**/jobs/**")
    expect(page.locator("#job")).to_have_attribute("data-state", "waiting")
    assert page.evaluate(OVERFLOW) <= 0
    # Slow answers leave the time to pause.
    sandbox.latency = 1
    first = worker()
    page.get_by_role("button", name="Призупинити").click()
    expect(page.locator("#job")).to_have_attribute("data-state", "paused")
    sandbox.latency = 0
    first.join()
    page.get_by_role("button", name="Продовжити").click()
    worker().join()
    expect(page.locator("#job")).to_have_attribute("data-state", "done")
    expect(page.locator("#job")).to_contain_text("13")
    expect(page.locator("#job [data-notice]")).to_have_attribute("data-notice", "success")
    account = sandbox.accounts["demo"]
    assert 4 not in account.groups
    assert account.clients.live(1) == 125 + 13

    page.locator(".nav").get_by_role("link", name="Історія").click()
    page.get_by_role("link", name="Відновлення клієнтів").click()
    page.locator("tr[data-snapshot]").get_by_role("link", name="Відновити").click()
    heading(page, "Відновити «Скидочная система 10%»?")
    expect(page.locator("main")).to_contain_text("13 клієнтів, які зараз в інших групах, повернуться")
    page.get_by_role("button", name="Відновити групу й 13 клієнтів").click()
    page.wait_for_url("**/jobs/**")
    worker().join()
    job = Job.objects.get(kind="restore")
    assert job.state == Job.State.DONE
    assert (account.clients.live(1), account.clients.live(job.target_id)) == (125, 13)


def test_a_job_that_goes_on_leaves_the_focus_on_its_buttons(page_for, staff):
    job = start(staff)
    page = page_for(staff)
    page.goto(f"/jobs/{job.pk}/")
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    before = page.locator("#job").element_handle()
    page.wait_for_function("job => !job.isConnected", arg=before)
    expect(pause).to_be_focused()


def test_the_end_of_a_job_is_reported_in_the_list_that_is_open_then_which_is_read_again(
    page_for, staff, sandbox
):
    sandbox.console().edit(4, count_groups_clients="3")
    job = start(staff)
    page = page_for(staff, language="uk")
    page.goto(f"/jobs/{job.pk}/")
    expect(page.locator("#job")).to_have_attribute("data-state", "waiting")
    page.goto("/groups/")
    clients = page.locator("tr[data-group='4'] td:nth-child(6)")
    expect(clients).to_have_text("31,8 %")  # 3 clients, and their share
    run(job)
    toast = page.locator("#messages > .notice")
    expect(toast).to_contain_text("3 з 3")
    expect(clients).to_have_text("00 %")
    expect(toast.get_by_role("button", name="Скасувати всі зміни: 3")).to_be_visible()
