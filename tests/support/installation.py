"""An installation of one's own, with a `.env` beside its code, and the starts that go wrong in one."""

import json
import os
import runpy
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from unittest.mock import patch

import requests
from cryptography.fernet import Fernet

from poster_admin.devtools.defaults import documented_defaults
from tests.support import environment
from tests.support.databases import made_once
from tests.support.ports import free_port

# The settings find their installation by the place of their file, and a start compiles the catalogues in it.
# Nothing is written to the rest of the code: a link to it takes a tenth of the time of a copy.
COPIED = ("manage.py", "uv.lock", ".env.example", "poster_admin/settings.py", "poster_admin/locale")
LINKED = ("groups", "templates", "static")
COMMANDS = ("check", "migrate", "worker", "demo", "serve")
UTF_16 = "SECRET".encode("utf-16")
# Common mistakes in a `.env`. Bytes are the content of a NAME_FILE; None: there is no such file.
WRONG = (
    ("a host with a scheme", "ALLOWED_HOSTS", "https://loyalty.example.com"),
    ("a host with a port", "ALLOWED_HOSTS", "loyalty.example.com:8000"),
    ("hosts with a space", "ALLOWED_HOSTS", "loyalty.example.com localhost"),
    ("no host", "ALLOWED_HOSTS", ""),
    ("every host", "ALLOWED_HOSTS", "loyalty.example.com,*"),
    ("an origin without a scheme", "CSRF_TRUSTED_ORIGINS", "loyalty.example.com"),
    ("a password that is not escaped", "DATABASE_URL", "postgres://loyalty:p@ss/w#rd@127.0.0.1/loyalty"),
    ("a port that is no number", "DATABASE_URL", "postgres://loyalty:pass@127.0.0.1:port/loyalty"),
    ("a database of another kind", "DATABASE_URL", "mysql://loyalty:pass@127.0.0.1/loyalty"),
    ("a host for SQLite", "DATABASE_URL", "sqlite://var/db.sqlite3"),
    ("a database in no folder", "DATABASE_URL", "sqlite:////nowhere/db.sqlite3"),
    ("a database that is a folder", "DATABASE_URL", "sqlite:////tmp"),
    ("a cache of no kind", "CACHE_URL", "memory://"),
    ("no time to write", "POSTER_WRITE_DEADLINE", "0"),
    ("less than no time to read", "POSTER_READ_DEADLINE", "-1"),
    ("a proxy at any address", "TRUSTED_PROXY_IPS", "127.0.0.1,0.0.0.0/0"),
    ("a proxy at half of all addresses", "TRUSTED_PROXY_IPS", "128.0.0.0/1"),
    ("a proxy at any address of IPv6", "TRUSTED_PROXY_IPS", "::/0"),
    ("a proxy in the public part of IPv6", "TRUSTED_PROXY_IPS", "2000::/3"),
    ("a page that waits for hours", "POSTER_READ_DEADLINE", "10000"),
    ("a change that takes hours", "POSTER_WRITE_DEADLINE", "10000"),
    ("no days", "SNAPSHOT_DAYS", "0"),
    ("days beyond the calendar", "SNAPSHOT_DAYS", "999999999999"),
    ("no such place", "TIME_ZONE", "Europe/Kiew"),
    ("a role without =", "COMPANY_ROLES", "loyalty-owners"),
    ("a role after a blank", "COMPANY_ROLES", "loyalty-owners=Owners, loyalty-staff=Staff"),
    ("a broken address", "POSTER_API_URL", "https://[poster/api/"),
    ("a proxy without a scheme", "POSTER_PROXY", "proxy.example.com:3128"),
    ("a proxy for no HTTP", "POSTER_PROXY", "socks5://proxy.example.com:1080"),
    ("a proxy with a password that is not escaped", "POSTER_PROXY", "http://us:p@ss/w#rd@proxy.example.com"),
    ("authorities in no file", "POSTER_CA_FILE", "/nowhere/authority.pem"),
    ("authorities in a file of something else", "POSTER_CA_FILE", __file__),
    ("a mail server of no kind", "EMAIL_URL", "mail.example.com:587"),
    ("a mail server without a host", "EMAIL_URL", "smtp+tls://"),
    ("reports without a key", "SENTRY_DSN", "https://sentry.example.com/1"),
    ("reports without TLS", "SENTRY_DSN", "http://key@sentry.example.com/1"),
    ("reports of no project", "SENTRY_DSN", "https://key@sentry.example.com"),
    ("a port beyond all", "PORT", "80000"),
    ("a port that is a word", "PORT", "many"),
    ("no key for the site", "SECRET_KEY", ""),
    ("a key for tokens that is none", "POSTER_TOKEN_KEYS", "short"),
    ("a Poster without TLS", "POSTER_API_URL", "http://poster.example/{account}/api/"),
    ("no file", "SECRET_KEY", None),
    ("a file in UTF-16", "OIDC_CLIENT_SECRET", UTF_16),
)


_COLLECT = """
import django
django.setup()
from poster_admin.common.serving import collect_static
collect_static()
"""
# Runs manage.py for one command after another, each with its standard input, and prints what they said.
_ALL = """
import io, json, runpy, sys, traceback
from contextlib import redirect_stderr, redirect_stdout
results = []
commands = json.loads(sys.argv[1])
for words, answer in commands:
    sys.argv[1:], sys.stdin, said, status = words, io.StringIO(answer), io.StringIO(), 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as end:
            status = end.code
            if isinstance(status, str):
                print(status)
                status = 1
        except Exception:
            traceback.print_exc()
            status = 1
    results.append((status, said.getvalue()))
print(json.dumps(results))
"""


def _production():
    """Return the environment of the tests as a production server of this checkout has it."""
    return {**environment.inherited(), "DJANGO_SETTINGS_MODULE": "poster_admin.settings"}


class Installation:
    """The code alone in a folder of its own, with a `.env`; the variables of the tests do not reach it."""

    def __init__(self, directory, code=environment.ROOT):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.env_file = directory / ".env"
        self._started = []
        self.values = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
            "HTTPS": "False",
            "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
        }
        (directory / "poster_admin").mkdir()
        for name in COPIED:
            copy = shutil.copytree if (code / name).is_dir() else shutil.copy2
            copy(code / name, directory / name)
        for path in (*(code / name for name in LINKED), *(code / "poster_admin").iterdir()):
            link = directory / path.relative_to(code)
            if path.name != "__pycache__" and not link.exists():
                link.symlink_to(path.resolve())
        self.write(self.values)

    def take_static_files(self):
        """Copy the static files of this checkout, which one process of a run collects: it takes seconds."""
        with made_once("collected") as (path, is_new):
            if is_new:
                subprocess.run(
                    [sys.executable, "-c", _COLLECT], cwd=environment.ROOT, env=_production(), check=True
                )
                path.touch()
        shutil.copytree(environment.ROOT / "staticfiles", self.directory / "staticfiles")
        (self.directory / "var").mkdir(exist_ok=True)
        shutil.copy(environment.ROOT / "var" / "static.lock", self.directory / "var")

    def write(self, values):
        """Write the `.env` again."""
        lines = [f"{name}={value}\n" for name, value in values.items()]
        self.env_file.write_text("".join(lines), encoding="utf-8")

    def wrong(self, name, value):
        """Put one wrong value into the `.env`, or into a file that it names; return where that is."""
        if isinstance(value, str):
            values = self.values | {name: value}
            self.write(values)
            return f"{self.env_file}, line {list(values).index(name) + 1},"
        path = self.directory / f"{name.lower()}.secret"
        if value is not None:
            path.write_bytes(value)
        self.write({key: old for key, old in self.values.items() if key != name} | {f"{name}_FILE": path})
        return path

    def settings(self):
        """Read the settings in this process, past Django, and return them."""
        with patch.dict(os.environ, self.environment({}), clear=True):
            return runpy.run_path(self.directory / "poster_admin" / "settings.py")

    def start(self, *command, **variables):
        """Start a command of manage.py."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=self.directory,
            env=self.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def stop(self):
        """End what was started and was not waited for."""
        for process in self._started:
            if not process.stdout.closed:
                process.terminate()
                process.communicate()

    def environment(self, variables):
        """Return the environment of this process, without what the tests have set, with these variables."""
        names = documented_defaults()
        ours = {*names, *(f"{name}_FILE" for name in names)}
        return {
            name: value for name, value in environment.inherited().items() if name not in ours
        } | variables

    def output(self, *command, seconds=60, **variables):
        """Run a command and return its code and what it said; the code is None if it had to be stopped."""
        process = self.start(*command, **variables)
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            said, _ = process.communicate()
            return None, said
        return process.returncode, said

    def outputs(self, *commands, **variables):
        """Run several commands in one process: a start takes longer than most of them.

        Each is given as its words and its standard input. Return the code and the output of each.
        """
        done = subprocess.run(
            [sys.executable, "-c", _ALL, json.dumps(commands)],
            cwd=self.directory,
            env=self.environment({"DJANGO_SETTINGS_MODULE": "poster_admin.settings"} | variables),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return [tuple(result) for result in json.loads(done.stdout)]


def at_once(installation, database_url, *others, seconds=120):
    """Start three servers over one database at once, and other commands; return what those said that died.

    A server has to answer, and another command to end well.
    """
    started = {}
    for _ in range(3):
        url = f"http://127.0.0.1:{(port := free_port())}/readyz"
        variables = {"PORT": str(port), "WORKERS": "1", "JOB_WORKERS": "0"}
        started[installation.start("serve", DATABASE_URL=database_url, **variables)] = url
    for command in others:
        started[installation.start(*command, DATABASE_URL=database_url)] = None
    deadline = time.monotonic() + seconds
    waiting = set(started)
    while waiting and time.monotonic() < deadline:
        waiting = {each for each in waiting if each.poll() is None and not _answers(started[each])}
        time.sleep(0.1)
    dead = []
    for process, url in started.items():
        fine = process.poll() == (None if url else 0) and process not in waiting
        process.terminate()
        said, _ = process.communicate()
        if not fine:
            dead.append(said)
    return dead


def _answers(url):
    with suppress(requests.RequestException):
        return bool(url) and requests.get(url, timeout=5).ok
    return False
