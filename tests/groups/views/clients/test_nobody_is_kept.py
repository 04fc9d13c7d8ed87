"""Test that nothing of a client is left behind: in logs, the database, the cache, sessions and tracebacks."""

import logging
import subprocess
import uuid
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection as database

from groups.features.moves import services as moves
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job
from groups.poster import PosterError
from groups.services import clients
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.jobs import queue
from poster_admin.users.models import UserSession
from tests.support.canary import whole_database
from tests.support.pages import hidden, open_form

pytestmark = pytest.mark.django_db
URL = "/groups/1/clients/"


def logged(caplog):
    """Return the log and the arguments of its lines, without floats: a duration has any digits."""
    args = (each.args if isinstance(each.args, tuple) else (each.args,) for each in caplog.records)
    return caplog.text + repr([arg for each in args for arg in each if not isinstance(arg, float)])


# None of these may be readable anywhere, though all of it is kept encrypted.
CANARIES = ("янецька", "380445556677", "555 66 77", "C-9001", "9999999", "99999.99", "ніколи не показувати")


def left_behind(caplog):
    """Yield every place that could hold data of a client, with its content."""
    yield "a log", logged(caplog)
    yield "the database", whole_database()
    yield "the cache", repr(getattr(cache, "_cache", ""))
    yield "a session", "".join(str(row.get_decoded()) for row in UserSession.objects.all())
    if database.vendor == "sqlite":
        # The database file, its log of writes, and pages that SQLite has not overwritten yet.
        name = database.settings_dict["NAME"]
        for path in filter(Path.exists, map(Path, (name, f"{name}-wal"))):
            # Read in another process: closing the file in this one would drop the locks of its connections.
            # See https://www.sqlite.org/howtocorrupt.html, 2.2
            read = subprocess.run(["cat", path], check=True, stdout=subprocess.PIPE).stdout
            yield path.name, read.decode("utf-8", "replace")


@pytest.mark.django_db(transaction=True)
def test_reads_a_move_a_removal_and_a_restore_leave_nothing_of_a_client(
    owner, browse, sandbox, somebody, caplog
):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    client, connection = browse(owner), credentials_service.credentials_of(owner)
    for answer in (
        client.get(URL),
        client.post(URL, {"q": "Кам'янецька"}),
        client.post(URL, {"q": "380445556677"}),
        client.get(f"{URL}export.csv"),
    ):
        assert "Кам" in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
    sandbox.script("clients.getClients", "row_percent_150", group=7)
    client.get(URL)
    sandbox.console().edit(1, count_groups_clients="30")
    group, target = (read_now(connection, each).group for each in (1, 4))
    options = {"credentials": connection, "operation": uuid.uuid4(), "ids": {1: [6, 7, 8]}}
    move = queue.start(moves.plan_move(sources=[group], target=target, **options))
    queue.run_job(move.pk)
    sandbox.console().edit_client(7, client_groups_id="1")
    form = open_form(client, "/groups/1/delete/", confirm_name=group.name)
    assert client.post("/groups/1/delete/", form).status_code == 302
    snapshot = Snapshot.objects.get(job=None)
    url = f"/history/snapshots/{snapshot.pk}/"
    assert "янецька" in b"".join(client.get(f"{url}download/")).decode()
    assert "янецька" not in client.get(f"{url}restore/").content.decode()
    # The answer of this client's creation is lost, so that the field hashes are used.
    sandbox.script("clients.createClient", "fin_before_headers", when="after", call=5)
    answer = client.post(f"{url}restore/", hidden(client.get(f"{url}restore/"), "version", "operation"))
    job = Job.objects.get(kind="restore")
    assert answer["Location"] == f"/jobs/{job.pk}/"
    queue.run_job(job.pk)
    job.refresh_from_db()
    assert job.state == "done"
    rows = sandbox.accounts["demo"].clients.rows(job.target_id)
    assert sum("янецька" in row["lastname"] for row in rows) == 1
    assert Change.objects.filter(job=job, action="enrol").count() > 20
    for page in ("/history/", "/history/snapshots/", f"/history/{Change.objects.filter(job=job).last().pk}/"):
        html = client.get(page).content.decode()
        assert not any(canary in html for canary in CANARIES)
    for where, text in left_behind(caplog):
        for canary in CANARIES:
            assert canary not in text, where


def test_a_traceback_shows_no_client(staff, sandbox, somebody):
    group = read_now(staff.credentials, 1).group
    found = clients.list_members(staff.credentials, group)
    assert "янецька" not in repr(found) + repr(found.clients)
    sandbox.script("clients.getClients", "response_keyed")
    with pytest.raises(PosterError) as caught:
        clients.list_members(staff.credentials, group)
    assert "янецька" not in str(caught.value)
