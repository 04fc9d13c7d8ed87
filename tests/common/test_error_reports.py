"""Test reports of errors: they arrive, and hold neither a secret nor a person."""

import json
import shutil
import subprocess
import sys

import pytest
import sentry_sdk

from tests.support.databases import migrated
from tests.support.installation import Installation
from tests.support.reports import events_in, report_server

# Invented, in the format of Poster's tokens.
TOKEN = "ab12" * 8
PHONE = "380501234567"
NAME, ABOUT, ADDRESS = "olena.koval", "taras.bondar", "203.0.113.9"
BREAK = f"""
import django
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
django.setup()
import logging
import sentry_sdk
from django.test import Client, RequestFactory
from types import SimpleNamespace
from poster_admin.common import monitoring
from poster_admin.users import security_log
from poster_admin.users.models import EventKind
from groups.poster import PosterClient, PosterError, Transport

def away():
    password = "a-password-in-a-variable"
    try:
        PosterClient("demo", "{TOKEN}", url="http://127.0.0.1:9/").get_clients(phone="{PHONE}")
    except PosterError:
        logging.getLogger("groups").info("looked for somebody", extra={{"event": {{"who": "{NAME}"}}}})
    request = RequestFactory().get("/", REMOTE_ADDR="{ADDRESS}")
    security_log.record(EventKind.USER_ADDED, request=request, name="{NAME}", about="{ABOUT}")
    raise RuntimeError("the token {TOKEN} is in the message")

monitoring.connection = SimpleNamespace(cursor=away)
client = Client(raise_request_exception=False, headers={{"Cookie": "sessionid=a-session"}})
assert client.get("/readyz?phone={PHONE}").status_code == 500
sentry_sdk.flush(10)
"""


@pytest.fixture
def reports():
    with report_server() as server:
        yield server


def test_a_report_has_the_error_and_neither_secrets_nor_people(reports, tmp_path):
    dsn, got = reports
    installation = Installation(tmp_path)
    shutil.copy(migrated(), installation.directory / "db.sqlite3")
    done = subprocess.run(
        [sys.executable, "-c", BREAK],
        cwd=tmp_path,
        env=installation.environment(
            {
                "SENTRY_DSN": dsn,
                "DJANGO_SETTINGS_MODULE": "poster_admin.settings",
                "ALLOWED_HOSTS": "testserver",
            }
        ),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    text = b"\n".join(got).decode()
    events = events_in(text)
    (error,) = events[0]["exception"]["values"]
    assert (error["type"], error["value"]) == ("RuntimeError", "the token [token] is in the message")
    assert [frame["function"] for frame in error["stacktrace"]["frames"]][-1] == "away"
    assert "looked for somebody" in json.dumps(events[0]["breadcrumbs"])
    for secret in (TOKEN, PHONE, NAME, ABOUT, ADDRESS, "a-password-in-a-variable", "a-session"):
        assert secret not in text
    assert not {"request", "user", "extra", "server_name"} & events[0].keys()


def test_without_an_address_nothing_is_reported(settings):
    assert settings.SENTRY_DSN == ""
    assert not sentry_sdk.is_initialized()
