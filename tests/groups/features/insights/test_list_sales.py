"""Sales by group: columns of the list and of its export, for users who may see them, from one call."""

import csv
import io
import re
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from tests.support.costs import ask, sold
from tests.support.pages import group_ids, text_of

pytestmark = pytest.mark.django_db
URL = "/groups/?columns=sales"
METHOD = "dash.getClientsSales"


def figures_of(sandbox, group_id):
    """Compute turnover, average receipt and what was given in another way, from the sandbox."""
    state = sandbox.accounts["demo"]
    row = state.groups[group_id]
    totals, given = {"sum": 0, "revenue": 0, "receipts": 0}, 0
    for client_id, sums in sold(state, 30).items():
        client = state.clients.row(client_id)
        if client and client["delete"] == "0" and client["client_groups_id"] == str(group_id):
            totals = {name: totals[name] + sums[name] for name in totals}
            given += sums["revenue"] * max(
                Decimal(client["discount_per"]), Decimal(row["client_groups_discount"])
            )
    revenue = Decimal(totals["revenue"]) / 100
    if row["loyalty_type"] == "2":
        given = Decimal(totals["sum"] - totals["revenue"]) * 100
    return tuple(
        round_half_up(amount) for amount in (revenue, revenue / totals["receipts"], Decimal(given) / 10_000)
    )


def round_half_up(amount):
    return f"{amount.quantize(Decimal('0.01'), 'ROUND_HALF_UP'):.2f}"


def shown(page, group_id):
    """Return the three figures of a row."""
    row = re.search(rf'(?s)<tr data-group="{group_id}">.*?</tr>', page.content.decode())[0]
    names = ("Turnover", "Average receipt", "Given")
    cells = [re.search(rf'data-label="{name}">([^<]*)<', row)[1] for name in names]
    return tuple(cell.replace(",", "").partition("\N{NO-BREAK SPACE}")[0] for cell in cells)


def test_the_columns_are_those_of_another_computation_and_come_from_one_call(owner, browse, sandbox):
    client = browse(owner)
    assert "Turnover" not in text_of(client.get("/groups/"))
    assert not sandbox.calls(METHOD)
    page = client.get(URL)
    assert page.status_code == 200
    for group_id in (1, 4, 5):
        assert shown(page, group_id) == figures_of(sandbox, group_id)
    assert "Turnover is what was paid" in text_of(page)
    client.get(URL)
    ask(client, 1, 15)
    assert len(sandbox.calls(METHOD)) == 1


def test_the_columns_sort_as_numbers(owner, browse, sandbox):
    client = browse(owner)
    for place, key in enumerate(("turnover", "receipt", "given")):
        rising = sorted((1, 4, 5), key=lambda group_id: Decimal(figures_of(sandbox, group_id)[place]))
        assert group_ids(client.get(f"{URL}&sort=-{key}")) == rising[::-1]
    # Without the columns it is no order of the list.
    assert group_ids(client.get("/groups/?sort=turnover")) == [1, 4, 5]


@pytest.mark.parametrize("name", ["manager", "staff"])
def test_nobody_else_sees_them(request, browse, sandbox, owner, name):
    browse(owner).get(URL)
    sandbox.log.clear()
    client = browse(request.getfixturevalue(name))
    page = client.get(f"{URL}&sort=-turnover")
    assert page.status_code == 200
    assert "Turnover" not in text_of(page)
    assert "columns=sales" not in re.sub(r'value="[^"]*"', "", client.get("/groups/").content.decode())
    assert b"Turnover" not in client.get("/groups/export.csv?columns=sales").content
    assert not sandbox.calls(METHOD)


def test_the_export_has_them_where_the_list_has(owner, browse, sandbox):
    client = browse(owner)
    assert b"Turnover" not in client.get("/groups/export.csv").content
    text = client.get("/groups/export.csv?columns=sales&sort=-turnover").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        assert (row["Turnover"], row["Average receipt"], row["Given"]) == figures_of(sandbox, int(row["Id"]))
    sheet = load_workbook(io.BytesIO(client.get("/groups/export.xlsx?columns=sales").content)).active
    header, *cells = sheet.iter_rows(values_only=True)
    assert header[-3:] == ("Turnover", "Average receipt", "Given")
    for values in cells:
        assert tuple(f"{value:.2f}" for value in values[-3:]) == figures_of(sandbox, values[0])
