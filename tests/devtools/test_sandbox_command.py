"""`manage.py sandbox`, in a separate process and without the site."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from tests.support.environment import ROOT

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


def test_the_sandbox_says_where_it_is_serves_and_ends():
    with running("--groups", "12") as process:
        url, accounts = head(process)
        assert next(iter(accounts)) == "demo"
        assert "kavarnia" in accounts
        token = accounts["demo"]
        with urlopen(f"{url.format(account='demo')}clients.getGroups?token={token}", timeout=5) as answer:  # noqa: S310
            assert len(json.load(answer)["response"]) == 12
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=10)
    assert line.startswith("GET clients.getGroups 200 - ")
    assert token not in line
    assert (rest, errors, process.returncode) == ("", "", 0)


def test_the_sandbox_plays_what_is_disputed():
    with running("--dispute", "right.groups=refused", "--dispute", "speed=1", "--quiet") as process:
        url, accounts = head(process)
        address = f"{url.format(account='demo')}clients.getGroups?token={accounts['demo']}"
        with urlopen(address, timeout=5) as answer:  # noqa: S310
            assert json.load(answer)["error"]["code"] == 54
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def test_what_cannot_be_disputed_is_one_line():
    with running("--dispute", "receipts.order=upwards") as process:
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert (output, len(errors.splitlines())) == ("", 1)
    assert "receipts.order is ascending or descending or mixed, not upwards" in errors


def test_the_sandbox_starts_on_a_machine_that_has_no_secret():
    command = [sys.executable, "manage.py", "sandbox", "--port", "0"]
    bare = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(command, cwd=ROOT, env=bare, stdout=subprocess.PIPE, text=True) as process:
        try:
            url, accounts = head(process)
        finally:
            process.terminate()
    assert url.startswith("http://127.0.0.1:")
    assert "demo" in accounts
