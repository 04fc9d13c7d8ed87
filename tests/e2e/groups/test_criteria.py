"""Set criteria in a real browser, look at what they would do, and run them."""

import re

from django.utils import timezone
from playwright.sync_api import expect

from groups.features.criteria.models import Criteria
from groups.features.criteria.services.judging import Table
from groups.models import Job
from tests.support.criteria import save


def stored():
    return [
        (row.group_id, row.days, row.birthday_in)
        for row in Table.from_json(Criteria.objects.get().table).rows
    ]


def test_an_owner_comes_from_nothing_to_the_first_run(owner, page_for, sandbox):
    today = timezone.localdate()
    sandbox.console().edit_client(1, birthday=f"1990-{today:%m-%d}", client_groups_id="1")
    page = page_for(owner)
    page.goto("/groups/")
    page.locator(".results-bar .more-menu summary").click()
    page.get_by_role("link", name="Automatic groups").click()
    page.select_option("#id_rows-0-group", "5")
    page.get_by_text("condition", exact=True).click()
    page.fill("#id_rows-0-birthday_in", "0")
    page.select_option("#id_otherwise", "4")
    page.fill("#id_max_moves", "500")
    page.locator("#table").get_by_role("button", name="Save the table").last.click()
    expect(page.locator("[data-criterion='1']")).to_have_attribute("data-group", "5")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("[data-moves]")).to_be_visible()
    page.locator("[data-from='5'] .button").click()
    expect(page.locator("[data-from='5'] [data-client]").first).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^Move \d+ clients?$")).click()
    page.wait_for_url(re.compile("/jobs/"))
    assert Job.objects.get().kind == "criteria"


def test_rows_are_added_moved_and_removed_without_the_server(owner, page_for):
    save(owner, {"group_id": 4, "days": 30, "receipts_min": 1}, {"group_id": 5, "birthday_in": 7})
    page = page_for(owner, new=True)
    page.goto("/criteria/")
    requests = []
    page.on("request", lambda request: requests.append(request.url) if request.method == "POST" else None)
    second = page.locator("[data-row]").nth(1)
    second.locator("[data-handle] summary").click()
    second.get_by_role("button", name="Move the row up").click()
    expect(page.locator("#id_rows-0-birthday_in")).to_have_value("7")
    expect(page.locator("#id_rows-1-days")).to_have_value("30")
    page.get_by_role("button", name="Add a group").click()
    expect(page.locator("#id_rows-2-group")).to_be_focused()
    third = page.locator("[data-row]").nth(2)
    third.locator("[data-handle] summary").click()
    third.get_by_role("button", name="Remove the row").click()
    expect(page.locator("[data-row]")).to_have_count(2)
    assert not requests
    page.locator("#table").get_by_role("button", name="Save the table").last.click()
    expect(page.locator("[data-criterion='1']")).to_have_attribute("data-group", "5")
    assert stored() == [(5, None, 7), (4, 30, None)]


def test_a_row_is_dragged_by_its_handle(owner, page_for):
    save(owner, {"group_id": 4, "days": 30, "receipts_min": 1}, {"group_id": 5, "birthday_in": 7})
    page = page_for(owner)
    page.goto("/criteria/")
    handle = page.locator("[data-handle] summary")
    handle.nth(1).drag_to(handle.nth(0), target_position={"x": 4, "y": 1})
    expect(page.locator("#id_rows-0-birthday_in")).to_have_value("7")
    expect(page.locator("[data-handle][open]")).to_have_count(0)


def test_a_threshold_that_is_typed_redraws_the_picture_and_asks_poster_nothing(
    owner, page_for, browse, sandbox
):
    save(owner, {"group_id": 4, "days": 30, "bought_min": 0}, otherwise=1)
    browse(owner).post("/criteria/preview/")
    page = page_for(owner)
    page.goto("/criteria/")
    picture = page.locator("#spread")
    expect(picture.locator("rect.in").first).to_be_visible()
    before = picture.locator("rect.in").count()
    sandbox.log.clear()
    page.fill("#id_rows-0-bought_min", "3 000")
    expect(picture.locator(".flag-words")).to_have_text("3,000 ₴")
    expect(picture.locator("rect.in")).not_to_have_count(before)
    # Its flag moves the bound back: the field and the picture follow.
    flag, box = picture.locator("[data-threshold] circle"), picture.locator(".spread-picture").bounding_box()
    flag.hover()
    page.mouse.down()
    page.mouse.move(box["x"] - 5, box["y"] + 60)
    page.mouse.up()
    expect(page.locator("#id_rows-0-bought_min")).to_have_value("0")
    expect(picture.locator("rect.in")).to_have_count(before)
    assert not sandbox.calls()


def test_what_is_typed_in_the_table_outlives_a_pin(owner, page_for, sandbox):
    save(owner, {"group_id": 4, "days": 30, "receipts_min": 1})
    page = page_for(owner)
    page.goto("/criteria/")
    page.fill("#id_rows-0-receipts_min", "7")
    page.get_by_text("Pin a client").click()
    page.fill("#pins [name=client]", "987654321")
    page.fill("#pins [name=reason]", "A friend")
    page.get_by_role("button", name="Pin the client").click()
    expect(page.locator("#pins .summary")).to_be_focused()
    page.fill("#pins [name=client]", "1")
    page.get_by_role("button", name="Pin the client").click()
    expect(page.locator("[data-pin='1']")).to_contain_text("A friend")
    expect(page.locator("#messages [data-notice=success]")).to_be_visible()
    expect(page.locator("#pins h2")).to_be_focused()
    page.locator("[data-pin] summary").click()
    page.get_by_role("button", name="Remove the pin").click()
    expect(page.locator("[data-pin]")).to_have_count(0)
    expect(page.locator("#id_rows-0-receipts_min")).to_have_value("7")
