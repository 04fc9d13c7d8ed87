"""`manage.py sandbox`, in a separate process and without the site."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.support.environment import ROOT
from tests.support.wire import GROUP

pytestmark = pytest.mark.thorough  # a tool of developers
MANAGE = """
import sys
from django.conf import settings
settings.configure(USE_I18N=False)
from poster_admin.devtools.management.commands.sandbox import Command
Command().run_from_argv(["manage.py", "sandbox", *sys.argv[1:]])
"""


@contextmanager
def running(*arguments):
    command = [sys.executable, "-c", MANAGE, "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def head(process):
    url = process.stdout.readline().strip()
    accounts = dict(process.stdout.readline().split() for _ in range(7))
    return url, accounts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_serves_and_ends(number):
    with running("--groups", "12") as process:
        url, accounts = head(process)
        assert next(iter(accounts)) == "demo"
        assert "kavarnia" in accounts
        token = accounts["demo"]
        with urlopen(f"{url.format(account='demo')}clients.getGroups?token={token}", timeout=5) as answer:  # noqa: S310
            assert len(json.load(answer)["response"]) == 12
        line = process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
    assert line.startswith("GET clients.getGroups 200 - ")
    assert token not in line
    assert (rest, errors, process.returncode) == ("", "", 0)


def test_quiet_and_state(tmp_path):
    path = tmp_path / "state.json"
    for groups, notice in (("5", ""), ("9", "--groups 5")):
        with running("--quiet", "--state", str(path), "--groups", groups) as process:
            url, accounts = head(process)
            address = f"{url.format(account='demo')}clients.getGroups?token={accounts['demo']}"
            with urlopen(address, timeout=5) as answer:  # noqa: S310
                assert len(json.load(answer)["response"]) == 5
            process.terminate()
            rest, errors = process.communicate(timeout=10)
        assert rest == ""
        assert notice in errors
        assert bool(errors) is bool(notice)


def test_unique_names():
    for option, code in (((), None), (("--unique-names",), 38)):
        with running("--quiet", *option) as process:
            url, accounts = head(process)
            address = f"{url.format(account='demo')}clients.createGroup?token={accounts['demo']}"
            form = urlencode({**GROUP, "client_groups_name": "Постоянный посетитель"}).encode()
            with urlopen(address, form, timeout=5) as answer:  # noqa: S310
                assert json.load(answer).get("error", {}).get("code") == code


def test_a_port_that_is_taken():
    with running() as first:
        url, _ = head(first)
        port = url.split(":")[2].split("/")[0]
        with running("--port", port) as second:
            _, errors = second.communicate(timeout=10)
    assert second.returncode == 1
    assert "CommandError" in errors
    assert "Traceback" not in errors


def test_it_starts_on_a_machine_that_has_no_secret():
    command = [sys.executable, "manage.py", "sandbox", "--port", "0"]
    bare = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(command, cwd=ROOT, env=bare, stdout=subprocess.PIPE, text=True) as process:
        try:
            url, accounts = head(process)
        finally:
            process.terminate()
    assert url.startswith("http://127.0.0.1:")
    assert "demo" in accounts
