"""Search all that a job leaves behind for secrets and people: log, reports, mail, Telegram and files."""

import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller

from poster_admin.devtools.sandbox import Sandbox
from tests.support.canary import forms_of
from tests.support.dashboard.killing import Dashboard
from tests.support.environment import ROOT
from tests.support.mail import Inbox
from tests.support.ports import free_port
from tests.support.reports import events_in, report_server
from tests.support.telegram import CHAT, TOKEN, telegram_server

FROM, TO, CRASHING = 7, 1, 13
# Move a group while Poster fails, then another one in a worker with a fault of its own; tell all of it.
WORK = """
import logging
import sys
import django
django.setup()
import sentry_sdk
from django.contrib.auth.models import User
from django.core.management import call_command

from groups.services import clients
from groups.services.installation import maintenance
from groups.features.moves import services as moves
from groups.services.events import event_sources
from groups.services.groups import read_now
from groups.services.jobs import queue
from groups.features.notices import services as notices
from groups.features.notices.models import Notice
from tests.support.dashboard import mover

token, chat, group_id, target_id, crashing = *sys.argv[1:3], *map(int, sys.argv[3:6])
owner = User.objects.get()
owner.email = "owner@example.com"
owner.save()
kinds = [source.kind for source in event_sources]
notices.choose_notices(owner, dict.fromkeys(kinds, "at_once"))
notices.tell_events()

mover.start([group_id], target_id)
queue.run_due_jobs()

def crash(job, lease):
    token = owner.credentials.token.reveal()
    group = read_now(owner.credentials, crashing).group
    everybody = clients.list_members(owner.credentials, group)
    logging.getLogger("groups.jobs").info("the first of %s", everybody)
    raise RuntimeError(f"/api/clients.updateClient?token={token}&format=json")

moves.Move.work = crash
mover.start([crashing], target_id)
queue.run_due_jobs()
notices.tell_events()
notices.send_due(str(owner.pk))
# The same once more, in the chat.
Notice.objects.all().delete()
notices.set_chat(owner, token=token, chat=chat)
notices.tell_events()
notices.send_due(str(owner.pk))
sentry_sdk.flush(10)
"""


@pytest.fixture
def inbox():
    """Return the inbox of a mail server of this machine, and its port."""
    inbox, port = Inbox(), free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    yield inbox, port
    server.stop()


# The fraction of a second may happen to be the number of a card.
SECOND = re.compile(r"(?<=:\d\d)\.\d{6}")


def people_in(rows):
    """Return what these clients are known by, in each form in which it may be written."""
    found = set()
    for row in rows:
        digits = re.sub(r"\D", "", row["phone"])
        found |= {digits, row["phone"], quote(row["phone"]), row["card_number"], row["email"], row["comment"]}
        found |= {row["lastname"], quote(row["lastname"]), ascii(row["lastname"])[1:-1]}
    return {text for text in found if len(text) > 4}


def plain(message):
    return "".join(part.get_content() for part in message.walk() if not part.is_multipart()) + str(message)


def test_a_job_that_fails_in_every_way_leaves_neither_secrets_nor_people(tmp_path, inbox):
    mails, port = inbox
    with (
        Sandbox(groups=12, clients=40) as sandbox,
        report_server() as (dsn, reports),
        telegram_server() as telegram,
    ):
        account = sandbox.accounts["demo"]
        rows = [row for group in (FROM, TO, CRASHING) for row in account.clients.rows(group)]
        dashboard = Dashboard(
            tmp_path,
            sandbox,
            SENTRY_DSN=dsn,
            EMAIL_URL=f"smtp://127.0.0.1:{port}",
            SITE_URL="http://127.0.0.1:8000",
            TELEGRAM_URL=telegram.url,
            LOG_FORMAT="json",  # tests/test_canary.py has both formats, which one filter masks
        )
        named = f"{rows[0]['lastname']} {rows[0]['phone']} {account.token}"
        for call, fault, options in (
            (2, "error_echo", {"code": 42}),
            (3, "error_number_field", {"code": 42, "message": named}),
            (4, "html_echo", {}),
            (5, "error_unknown_code", {"message": named}),
        ):
            sandbox.script("clients.updateClient", fault, call=call, when="before", **options)
        done = subprocess.run(
            [sys.executable, "-c", WORK, TOKEN, CHAT, str(FROM), str(TO), str(CRASHING)],
            cwd=ROOT,
            env=dashboard.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        jobs = {row["group_id"]: (row["state"], row["reason"]) for row in dashboard.table("groups_job")}
        changes = dashboard.table("groups_change")
        dashboard.close()
    places = {
        "the log": done.stderr,
        "a report": b"\n".join(reports).decode(),
        "a mail": "".join(map(plain, mails.mail)),
        "a chat": "".join(fields["text"] for _path, fields in telegram.messages),
    }
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    files = {name: SECOND.sub("", file.decode("latin-1")).encode("latin-1") for name, file in files.items()}
    # All of it has happened.
    assert done.returncode == 0, done.stderr
    assert jobs[CRASHING] == ("stopped", "error")
    assert {"applied", "refused"} <= {row["state"] for row in changes}
    assert "RuntimeError: /api/clients.updateClient?token=[token]" in places["the log"].replace("\\n", "\n")
    (event,) = events_in(places["a report"])
    assert event["exception"]["values"][-1]["value"] == "/api/clients.updateClient?token=[token]&format=json"
    assert len(mails.mail) == 1
    assert len(telegram.messages) == 1
    # And nobody is named.
    secrets = {
        "the token": forms_of(account.token),
        "the bot or its chat": {TOKEN, quote(TOKEN), CHAT},
        "a key": {dashboard.environment["SECRET_KEY"], dashboard.environment["POSTER_TOKEN_KEYS"]},
        "somebody": people_in(rows),
    }
    for what, forms in secrets.items():
        for where, text in places.items():
            for form in forms:
                assert form not in SECOND.sub("", text), f"{what} is in {where}"
        found = {name for name, file in files.items() if any(form.encode() in file for form in forms)}
        assert not found, f"{what} is in a file"
