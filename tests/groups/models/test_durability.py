"""Test that each commit waits for the disk: after a power failure no write to Poster may lack its row."""

import pytest
from django.db import connection

from tests.support.environment import UNSYNCED
from tests.support.pages import group_form

FULL = 2
EDIT = "/groups/1/edit/"


@pytest.fixture
def as_in_production(transactional_db, monkeypatch):
    """Open the database as production does."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL waits where nobody has told it otherwise")
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "init_command", options["init_command"].removesuffix(UNSYNCED))
    connection.close()
    yield
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_every_commit_of_a_write_waits_for_the_disk(as_in_production, staff, browse):
    client = browse(staff)
    form = group_form(client, EDIT, percent="11")
    statements = []
    connection.ensure_connection()
    connection.connection.set_trace_callback(statements.append)
    try:
        assert client.post(EDIT, form).status_code == 302
    finally:
        connection.ensure_connection()
        connection.connection.set_trace_callback(None)
    levels = [each for each in statements if each.startswith("PRAGMA synchronous")]
    assert all(each.endswith("=FULL;") for each in levels)
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == FULL
