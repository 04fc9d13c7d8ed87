"""Test the cost on the pages of plans: one sum for all groups, and none for new ones."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from groups.features.insights.services import sweep
from groups.models import Change
from tests.support.costs import ask, expected, told
from tests.support.pages import fragment, hidden, text_of

pytestmark = [pytest.mark.django_db]
METHOD = "dash.getClientsSales"


def open_percents(client):
    page = client.get("/groups/edit/")
    html = page.content.decode()
    shown = re.findall(r'<input[^>]*name="(percent_[0-9]+)"[^>]*value="([^"]*)"', html)
    shown += [
        (name, value) for value, name in re.findall(r'value="([^"]*)"[^>]*name="(percent_[0-9]+)"', html)
    ]
    return {**hidden(page, "version"), **dict(shown)}


@pytest.mark.django_db(transaction=True)
def test_a_bulk_edit_shows_one_sum_and_keeps_the_parts(owner, browse, sandbox, work_queue):
    client = browse(owner)
    form = open_percents(client) | {"percent_1": "12", "percent_4": "5"}
    url = client.post("/groups/edit/", form)["Location"]
    page = client.get(url)
    parts = [expected(sandbox, 1, 12), expected(sandbox, 4, 5)]
    exact = sum(Decimal(part[0]) for part in parts)
    assert abs(Decimal(told(page)[0]) - exact) <= Decimal("0.01")
    assert told(page)[1:3] == tuple(str(sum(int(part[place]) for part in parts)) for place in (1, 2))
    alone = client.get(url, headers=fragment("cost", url))
    assert alone.content.decode().strip().startswith('<div id="cost"')
    assert told(alone) == told(page)
    client.post(url)
    work_queue()
    kept = {change.group_id: f"{change.monthly_cost:.2f}" for change in Change.objects.all()}
    assert kept == {1: parts[0][0], 4: parts[1][0]}


def test_an_import_shows_one_sum_too_and_new_groups_cost_nothing(owner, browse, sandbox):
    client = browse(owner)
    text = "Id,Name,Type,Percent,Birthday bonus\n4,,,15,\n5,,,12,\n,Нова,2,50,\n"
    file = SimpleUploadedFile("groups.csv", text.encode())
    page = client.post("/groups/import/", {"file": file}, follow=True)
    parts = [expected(sandbox, 4, 15), expected(sandbox, 5, 12)]
    assert abs(Decimal(told(page)[0]) - sum(Decimal(part[0]) for part in parts)) <= Decimal("0.01")
    assert told(page)[2] == str(sum(int(part[2]) for part in parts))


def test_an_import_of_birthday_bonuses_tells_their_sum_apart(owner, browse, sandbox):
    console, today = sandbox.console(), timezone.localdate()
    row = {"client_groups_name": "Сусіди", "loyalty_type": "1", "client_groups_discount": "5"}
    group_id = console.put(row | {"birthday_bonus": "3000", "count_groups_clients": "0"})
    born = f"1988-{today:%m-%d}"
    for _client in range(2):
        console.put_client(group_id, birthday=born)
    console.put_client(group_id, birthday=born, delete="1")
    days = {f"{today - timedelta(days=back):%m-%d}" for back in range(30)}
    first = sum(
        client["delete"] == "0" and client["birthday"][5:] in days
        for client in sandbox.accounts["demo"].clients.rows(1)
    )
    text = f"Id,Name,Type,Percent,Birthday bonus\n1,,,,80\n{group_id},,,,20\n"
    file = SimpleUploadedFile("groups.csv", text.encode())
    page = browse(owner).post("/groups/import/", {"file": file}, follow=True)
    assert told(page)[0] == "0.00"
    words = text_of(page)
    assert "Will cost nothing more, apart from birthday bonuses" in words
    before, after = first * 50 + 60, first * 80 + 40
    assert (
        f"Birthday bonuses are apart: {after:,}.00 ₴ instead of {before:,}.00 ₴ for {first + 2} clients "
        f"with a birthday in these days = {after - before:,}.00 ₴."
    ) in words


def test_a_plan_in_a_large_account_waits_for_no_sales_and_leads_to_them(
    owner, browse, sandbox, monkeypatch, work_queue
):
    monkeypatch.setattr(sweep, "AT_ONCE", 100)
    client = browse(owner)
    url = client.post("/groups/edit/", open_percents(client) | {"percent_4": "15"})["Location"]
    page = client.get(url)
    assert told(page) is None
    assert not sandbox.calls(METHOD)
    link = re.search(rf'<a href="({url}[^"]+)"', page.content.decode())[1]
    assert "waiting for its turn" in text_of(client.get(link))
    work_queue()
    assert told(client.get(link)) == expected(sandbox, 4, 15)


def test_staff_see_no_sum_of_a_bulk_edit(staff, owner, browse):
    ask(browse(owner), 1, 15)
    client = browse(staff)
    form = open_percents(client) | {"percent_1": "12"}
    url = client.post("/groups/edit/", form)["Location"]
    assert 'id="cost"' not in client.get(url).content.decode()


def test_an_export_with_sales_can_be_imported_again(owner, browse):
    client = browse(owner)
    content = client.get("/groups/export.csv?columns=sales").content.replace(b'"10"', b'"12"', 1)
    page = client.post("/groups/import/", {"file": SimpleUploadedFile("groups.csv", content)}, follow=True)
    assert page.status_code == 200
    assert "are left out" not in text_of(page)
    assert "1 group changes" in text_of(page)
