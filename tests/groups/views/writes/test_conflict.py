"""Test the page of a conflict: who changed the group and when, and a choice for each value."""

import re

import pytest

from tests.support.changes import EDIT, SEED
from tests.support.pages import group_form, hidden

pytestmark = pytest.mark.django_db


def conflict_of(client, other, **changes):
    """Let `client` send an edit into which a change of `other` came; return the page of the conflict."""
    form = group_form(client, EDIT, **(SEED | changes))
    other()
    page = client.post(EDIT, form)
    assert page.status_code == 409
    return page


def chosen(page, **choices):
    """Return what the form of the page sends with these choices, or with those that it proposes."""
    fields = hidden(page, "version", "operation")
    html = page.content.decode()
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = (re.search(rf'{each}="([^"]*)"', tag) for each in ("name", "value"))
        is_sent = 'type="radio"' not in tag or " checked" in tag
        if name and value and name[1] in SEED and is_sent:
            fields[name[1]] = value[1]
    return fields | choices


def stored(sandbox):
    row = sandbox.accounts["demo"].groups[1]
    return row["client_groups_name"], row["client_groups_discount"], row["birthday_bonus"]


def test_where_both_changed_a_value_either_can_be_chosen(staff, browse, sandbox):
    client = browse(staff)
    page = conflict_of(
        client,
        lambda: sandbox.console("demo").edit(1, client_groups_discount="12", birthday_bonus="6000"),
        percent="14",
        birthday_bonus="70",
    )
    assert chosen(page)["percent"] == "14"
    assert client.post(EDIT, chosen(page, percent="12")).status_code == 302
    assert stored(sandbox) == ("Постоянный посетитель", "12", "7000")


def test_the_wallet_of_a_group_is_not_switched_off_by_a_form_whose_read_lacked_it(outsider, browse, sandbox):
    """Poster switches off what an edit does not send, and the form had nothing to send."""
    url, client = "/groups/12/edit/", browse(outsider)
    sandbox.console("kavarnia").edit(12, use_ewallet="1")
    row = sandbox.accounts["kavarnia"].groups[12]
    edit = {"name": row["client_groups_name"], "loyalty_type": row["loyalty_type"], "percent": "3"}
    edit["birthday_bonus"] = str(int(row["birthday_bonus"]) // 100)
    sandbox.script("clients.getGroup", "row_missing_field", field="use_ewallet")
    page = client.post(url, group_form(client, url, **edit))
    assert page.status_code == 409
    assert not sandbox.posts()
    form = hidden(page, "version", "operation")
    assert client.post(url, edit | form).status_code == 302
    assert sandbox.accounts["kavarnia"].groups[12] == row | {"client_groups_discount": "3"}
