"""Test the page of a conflict: who changed the group and when, and a choice for each value."""

import re

import pytest

from tests.support.changes import EDIT, SEED
from tests.support.pages import group_form, hidden, text_of

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


def test_it_says_who_changed_what_and_when(staff, owner, browse, sandbox):
    def colleague():
        client = browse(owner)
        client.post(EDIT, group_form(client, EDIT, **(SEED | {"percent": "12"})))

    words = text_of(conflict_of(browse(staff), colleague, name="Друзі"))
    assert "owner changed this group on" in words
    assert "Percent 10% → 12%" in words


def test_a_change_that_was_not_made_here_is_not_ascribed_to_anybody(staff, owner, browse, sandbox):
    client = browse(owner)
    client.post(EDIT, group_form(client, EDIT, **(SEED | {"percent": "11"})))
    page = conflict_of(
        browse(staff), lambda: sandbox.console("demo").edit(1, client_groups_discount="12"), percent="14"
    )
    assert "but not here: perhaps in Poster itself" in text_of(page)
    assert "owner changed" not in text_of(page)


def test_the_proposal_is_what_each_of_both_has_changed(staff, browse, sandbox):
    client = browse(staff)
    page = conflict_of(
        client, lambda: sandbox.console("demo").edit(1, client_groups_discount="12"), name="Друзі"
    )
    assert client.post(EDIT, chosen(page)).status_code == 302
    assert stored(sandbox)[:2] == ("Друзі", "12")


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


def test_where_both_want_the_same_there_is_nothing_to_choose_and_the_page_says_so(staff, browse, sandbox):
    page = conflict_of(
        browse(staff), lambda: sandbox.console("demo").edit(1, client_groups_discount="12"), percent="12"
    )
    words = text_of(page)
    assert "Poster has all of this already." in words
    assert "Choose where they differ" not in words
    assert "Save the chosen values" not in words
    assert "Open the group" in words


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
