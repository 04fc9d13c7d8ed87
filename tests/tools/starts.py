"""An installation of one's own, with a `.env` beside its code, and the starts that went wrong in one.

    python -m tests.tools.starts [CHECKOUT]

prints of this or another checkout how many lines each wrong value makes, and how many of three servers die
that start at once.
"""

import argparse
import os
import runpy
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import requests
from cryptography.fernet import Fernet

from groups.management.defaults import documented_defaults
from tests import environment
from tests.services import empty_database
from tests.tools.ports import free_port

CODE = ("manage.py", "uv.lock", ".env.example", "poster_admin", "groups", "templates", "static")
COMMANDS = ("check", "migrate", "worker", "demo", "serve")
UTF_16 = "SECRET".encode("utf-16")
# What a `.env` has by mistake. Bytes are what a NAME_FILE holds; None: there is no such file.
WRONG = (
    ("a host with a scheme", "ALLOWED_HOSTS", "https://loyalty.example.com"),
    ("a host with a port", "ALLOWED_HOSTS", "loyalty.example.com:8000"),
    ("hosts with a space", "ALLOWED_HOSTS", "loyalty.example.com localhost"),
    ("no host", "ALLOWED_HOSTS", ""),
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
    ("no time to settle", "POSTER_SETTLE_SECONDS", "0"),
    ("no lease", "JOB_LEASE_SECONDS", "0"),
    ("no days", "SNAPSHOT_DAYS", "0"),
    ("days beyond the calendar", "SNAPSHOT_DAYS", "999999999999"),
    ("no such place", "TIME_ZONE", "Europe/Kiew"),
    ("a role without =", "COMPANY_ROLES", "loyalty-owners"),
    ("a broken address", "POSTER_API_URL", "https://[poster/api/"),
    ("a port beyond all", "PORT", "80000"),
    ("no file", "SECRET_KEY", None),
    ("a file in UTF-16", "METRICS_TOKEN", UTF_16),
)


class Installation:
    """The code alone in a folder of its own, with a `.env`; the variables of the tests do not reach it."""

    def __init__(self, directory, code=environment.ROOT):
        self.directory = directory
        self.env_file = directory / ".env"
        self.values = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
            "HTTPS": "False",
            "DATABASE_URL": f"sqlite:///{directory}/db.sqlite3",
        }
        for name in CODE:
            source = code / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("*.mo", "__pycache__")
                shutil.copytree(source, directory / name, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source, directory)
        self.write(self.values)

    def write(self, values):
        """Write the `.env` anew."""
        lines = [f"{name}={value}\n" for name, value in values.items()]
        self.env_file.write_text("".join(lines), encoding="utf-8")

    def wrong(self, name, value):
        """Put one wrong value into the `.env`, or into a file that it names; return where that is."""
        if isinstance(value, str):
            self.write(self.values | {name: value})
            return self.env_file
        path = self.directory / f"{name.lower()}.secret"
        if value is not None:
            path.write_bytes(value)
        self.write({key: old for key, old in self.values.items() if key != name} | {f"{name}_FILE": path})
        return path

    def settings(self):
        """Read the settings in this process, past Django, and return them."""
        with patch.dict(os.environ, self._environment({}), clear=True):
            return runpy.run_path(self.directory / "poster_admin" / "settings.py")

    def start(self, *command, **variables):
        """Start a command of manage.py."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=self.directory,
            env=self._environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _environment(self, variables):
        names = documented_defaults()
        ours = {*names, *(f"{name}_FILE" for name in names), "DJANGO_ALLOW_ASYNC_UNSAFE"}
        return {name: value for name, value in os.environ.items() if name not in ours} | variables

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


def at_once(starts, answers, seconds=90):
    """Wait for servers that were started at once, stop them, and return what those said that had died."""
    deadline = time.monotonic() + seconds
    waiting = dict(zip(starts, answers, strict=True))
    while waiting and time.monotonic() < deadline:
        waiting = {
            process: url for process, url in waiting.items() if process.poll() is None and not _answers(url)
        }
        time.sleep(0.1)
    late = list(waiting)
    dead = []
    for process in starts:
        died = process.poll() is not None
        process.terminate()
        said, _ = process.communicate()
        if died or process in late:
            dead.append(said)
    return dead


def _answers(url):
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def three_at_once(installation, database_url, command="serve", count=3):
    """Start three over an empty database; return what those said that died."""
    ports = [free_port() for _ in range(count)]
    starts = [
        installation.start(command, PORT=str(port), WORKERS="1", JOB_WORKERS="0", DATABASE_URL=database_url)
        for port in ports
    ]
    return at_once(starts, [f"http://127.0.0.1:{port}/readyz" for port in ports])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, nargs="?", default=environment.ROOT)
    parser.add_argument("--commands", nargs="*", default=COMMANDS)
    parser.add_argument("--tries", type=int, default=4)
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (scratch / "code").mkdir()
        installation = Installation(scratch / "code", options.checkout)
        print(f"{'Lines of output':48}" + "".join(f"{command:>9}" for command in options.commands))
        for what, name, value in WRONG:
            installation.wrong(name, value)
            lines = []
            for command in options.commands:
                variables = {} if name == "PORT" else {"PORT": str(free_port())}
                code, said = installation.output(command, seconds=12, **variables)
                lines.append("runs" if not code else str(len(said.splitlines())))
            print(f"{f'{name}: {what}':48}" + "".join(f"{each:>9}" for each in lines), flush=True)
        installation.write(installation.values)
        for number in range(options.tries):
            (scratch / str(number)).mkdir()
            on_sqlite = three_at_once(installation, f"sqlite:///{scratch}/{number}/db.sqlite3")
            with empty_database(environment.POSTGRES_URL) as url:
                on_postgresql = three_at_once(installation, url)
            print(
                f"Dead of three servers: {len(on_sqlite)} on SQLite, {len(on_postgresql)} on PostgreSQL",
                flush=True,
            )


if __name__ == "__main__":
    main()
