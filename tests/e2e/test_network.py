"""Test pages in a browser whose way to the dashboard breaks off and comes back."""

import pytest
from playwright.sync_api import expect

from groups.models import Job
from tests.support.jobs import start

# As nginx writes it: without a doctype.
OF_A_PROXY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
GOES_ON = "This page tries again automatically"
FAILURES = {
    "no connection": lambda route: route.abort(),
    "proxy": lambda route: route.fulfill(status=502, content_type="text/html", body=OF_A_PROXY),
}


def follow(page, job):
    """Open the page of a job, on a clock that the test moves on."""
    page.clock.install()
    page.goto(f"/jobs/{job.pk}/")
    expect(page.locator("#job")).to_have_attribute("data-state", "waiting")


def end(job):
    Job.objects.filter(pk=job.pk).update(state=Job.State.CANCELLED)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_job_is_followed_on_after_a_failure(page_for, staff, failure):
    job, page = start(staff), page_for(staff, new=True)
    follow(page, job)
    page.route("**/jobs/**", lambda route, _: FAILURES[failure](route), times=2)
    page.clock.run_for(2_000)
    expect(page.locator("#live")).to_contain_text(GOES_ON)
    expect(page.locator("#job")).to_have_attribute("data-state", "waiting")
    told = page.locator("#notice .notice").element_handle()
    end(job)
    with page.expect_event("requestfailed" if failure == "no connection" else "requestfinished"):
        page.clock.run_for(5_000)
    assert told.evaluate("notice => notice.isConnected")
    page.clock.run_for(5_000)
    expect(page.locator("#job")).to_have_attribute("data-state", "cancelled")
    expect(page.locator("#notice")).to_be_empty()


def test_the_error_of_a_proxy_leaves_a_form_as_it_is(page_for, staff, sandbox):
    page, late = page_for(staff, new=True), []
    page.clock.install()
    page.route("**/groups/1/dependents/", lambda route, _: late.append(route))
    page.goto("/groups/1/edit/")
    percent = page.get_by_label("Percent, %")
    percent.fill("12")
    page.route("**/groups/1/edit/", lambda route, _: FAILURES["proxy"](route), times=1)
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#notice")).to_contain_text("What you typed is still here")
    # A part of the page that fails only now, and then comes, takes nothing back.
    with page.expect_event("requestfailed"):
        late.pop().abort()
    page.unroute("**/groups/1/dependents/")
    page.clock.run_for(5_000)
    expect(page.locator("[data-promotion]")).to_be_visible()
    expect(page.locator("#notice")).to_contain_text("What you typed is still here")
    expect(percent).to_have_value("12")
    assert not sandbox.posts()
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("[data-outcome=applied]")).to_be_visible()
    assert len(sandbox.posts()) == 1
