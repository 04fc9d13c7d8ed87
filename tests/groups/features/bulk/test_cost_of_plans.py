"""Test the cost on the pages of plans: one sum for all groups, and none for new ones."""

import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.models import Change
from tests.support.costs import cost_of, expected
from tests.support.pages import fragment, hidden

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
    assert abs(Decimal(cost_of(page)[0]) - exact) <= Decimal("0.01")
    assert cost_of(page)[1:3] == tuple(str(sum(int(part[place]) for part in parts)) for place in (1, 2))
    alone = client.get(url, headers=fragment("cost", url))
    assert alone.content.decode().strip().startswith('<div id="cost"')
    assert cost_of(alone) == cost_of(page)
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
    assert abs(Decimal(cost_of(page)[0]) - sum(Decimal(part[0]) for part in parts)) <= Decimal("0.01")
    assert cost_of(page)[2] == str(sum(int(part[2]) for part in parts))
