"""Which commits wait for the disk, and which do not: those that a power failure may undo without harm."""

import re
import sqlite3

import pytest
from django.db import DatabaseError, connection, transaction

from groups.commits import unhurried
from tests.pages import group_form

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]
NORMAL, FULL = 1, 2
EDIT = "/groups/1/edit/"


def level():
    with connection.cursor() as cursor:
        return cursor.execute("PRAGMA synchronous").fetchone()[0]


def test_only_the_block_does_not_wait():
    assert level() == FULL
    with unhurried():
        assert level() == NORMAL
    assert level() == FULL


def test_what_fails_in_the_block_leaves_all_as_it_was():
    with pytest.raises(ZeroDivisionError), unhurried(), transaction.atomic():
        raise ZeroDivisionError
    assert level() == FULL


def test_a_connection_that_was_given_up_in_the_block_hides_no_error():
    def give_up():
        connection.errors_occurred = True  # as Django leaves it where even the rollback fails
        connection.close()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), unhurried():
        give_up()
    assert level() == FULL


def test_an_error_of_the_database_is_django_s():
    connection.ensure_connection()
    connection.connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
    try:
        with pytest.raises(DatabaseError), unhurried():
            pytest.fail("the block is not entered")
    finally:
        connection.connection.set_authorizer(None)


def test_a_transaction_around_it_decides():
    with transaction.atomic(), unhurried():
        assert level() == FULL


@pytest.fixture
def commits():
    """Return what was committed: the tables and columns that tell the steps apart, and the level."""
    seen, written, now = [], [], {"level": FULL, "open": False}

    def listen(statement):
        if told := re.fullmatch(r"PRAGMA synchronous=(\w+)", statement):
            now["level"] = {"NORMAL": NORMAL, "FULL": FULL}[told[1]]
        elif statement.startswith("BEGIN"):
            now["open"] = True
        elif statement.startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)
        now["open"] = now["open"] and statement not in ("COMMIT", "ROLLBACK")
        if written and not now["open"]:
            seen.append(("; ".join(written), now["level"]))
            written.clear()

    connection.ensure_connection()
    connection.connection.set_trace_callback(listen)
    yield seen
    connection.ensure_connection()
    connection.connection.set_trace_callback(None)


def levels_of(commits):
    """Return at which level each step of a write was committed."""
    steps = {'INSERT INTO "groups_change"': [], '"sent_at" =': [], '"settled_at" =': [], "people_signin": []}
    for statements, at in commits:
        for step, levels in steps.items():
            if step in statements.partition("WHERE")[0]:
                levels.append(at)
    return list(steps.values())


def test_a_write_that_was_applied_waits_once_and_that_before_it_leaves(staff, browse, commits):
    client = browse(staff)
    form = group_form(client, EDIT, percent="11")
    commits.clear()
    assert client.post(EDIT, form).status_code == 302
    assert levels_of(commits) == [[NORMAL], [FULL], [NORMAL], [NORMAL]]


def test_an_outcome_that_poster_does_not_show_again_waits(staff, browse, sandbox, commits):
    sandbox.script("clients.updateGroup", "error_number", code=11, when="before")
    client = browse(staff)
    form = group_form(client, EDIT, percent="11")
    commits.clear()
    assert client.post(EDIT, form).status_code == 424
    inserted, sent, settled, _session = levels_of(commits)
    assert (inserted, sent, settled) == ([NORMAL], [FULL], [FULL])


def test_the_end_of_a_session_waits(staff, browse, commits):
    client = browse(staff)
    commits.clear()
    assert client.post("/accounts/logout/").status_code == 302
    assert [at for statements, at in commits if statements.startswith('DELETE FROM "people_signin"')] == [
        FULL
    ]
