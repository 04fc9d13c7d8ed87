"""`manage.py demo`: start the dashboard with a sandbox behind it.

All data is in `var/demo/` and outlives a restart. Delete that folder to begin again. With `--fresh` it is
as a server that has just been installed: nobody is there, and the link for the first owner is printed.
"""

import fcntl
import json
import logging
import os
import secrets
import sys
import time
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import quote

import requests
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from groups.services import credentials as credentials_service
from poster_admin.common import serving
from poster_admin.common.locks import held
from poster_admin.devtools import demo_year
from poster_admin.devtools.defaults import SERVER, documented_defaults
from poster_admin.devtools.management.commands.sandbox import add_disputes
from poster_admin.devtools.ports import free_port
from poster_admin.devtools.sandbox import Sandbox
from poster_admin.devtools.sandbox.accounts.disputes import points_of
from poster_admin.users import first_start, people

HOST = "127.0.0.1"
SIGN_INS = {"manager": "Managers", "staff": "Staff", "owner": "Owners"}
GROUPS, CLIENTS, SEED = 24, 1500, 1
ANOTHER = (
    "Another demo runs on the data in {}. Stop it first, or give this one a folder of its own: "
    "manage.py demo --directory DIRECTORY"
)
# The port of the sandbox. Only the second start has this variable.
SANDBOX_PORT = "DEMO_SANDBOX_PORT"


class Command(BaseCommand):
    """Start the sandbox and the dashboard, print three sign-ins, and serve until Ctrl-C."""

    help = "Start the dashboard with a sandbox behind it, and print three sign-ins. PORT is 8000 by default."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options; the pictures of the README are taken with a directory of their own."""
        parser.add_argument("--directory", type=Path, default=settings.VAR_DIR / "demo", help="of the data")
        parser.add_argument("--fresh", action="store_true", help="without users: to be set up")
        parser.add_argument("--debug", action="store_true", help="with DEBUG, and so with /styleguide/")
        add_disputes(parser)

    def handle(
        self, *_args: Any, directory: Path, debug: bool, fresh: bool, dispute: list[str], **_options: Any
    ) -> None:
        """Start again in the environment of the demo, then serve."""
        try:
            disputes = points_of(dispute)
        except ValueError as error:
            raise CommandError(str(error)) from error
        directory = directory.resolve() / "fresh" if fresh else directory.resolve()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(directory / "demo.in-use", fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            if not is_alone:
                raise CommandError(ANOTHER.format(directory))
            if fresh and SANDBOX_PORT not in os.environ:
                _empty(directory)
            kept = _remembered(directory / "secrets.json")
            serving.refuse_taken_port(HOST, settings.PORT)
            if SANDBOX_PORT not in os.environ:
                # Settings are read before any command runs, so those of the demo need a second start.
                environment = _environment(directory, kept, debug=debug)
                os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - our own
            serving.prepare(static=not debug)
            logging.disable(logging.INFO)
            self._serve(directory, {} if fresh else kept["passwords"], disputes)

    def _serve(self, directory: Path, passwords: dict[str, str], disputes: dict[str, str]) -> None:
        sandbox = Sandbox(
            groups=GROUPS,
            clients=CLIENTS,
            seed=SEED,
            host=HOST,
            port=int(os.environ[SANDBOX_PORT]),
            state_path=directory / "sandbox.json",
            stories=True,
            disputes=disputes,
        )
        url = f"http://{HOST}:{settings.PORT}"
        link = "" if passwords else first_start.new_link()

        def announce() -> None:
            while requests.get(f"{url}/readyz", timeout=60).text != "ok\n":
                time.sleep(0.1)  # until a job worker runs too: pages have a banner before
            self.stdout.write(f"Poster Admin: {url}")
            self.stdout.write(f"The sandbox that stands for Poster: {sandbox.url}")
            if settings.DEBUG:
                self.stdout.write(f"The gallery of pieces and states: {url}/styleguide/")
            if passwords:
                self.stdout.write("Sign in with a name and its password. Ctrl-C ends the demo.\n")
            else:
                self.stdout.write(f"Set up: {link}")
                token = sandbox.accounts["demo"].token
                self.stdout.write(f"The account to connect is demo, its token {token}. Ctrl-C ends the demo.")
            for name, password in passwords.items():
                self.stdout.write(f"{name} {password}")
            self.stdout.flush()

        with sandbox:
            for name, password in passwords.items():
                _sign_in(name, password, SIGN_INS[name], sandbox)
            if passwords:
                demo_year.remember(User.objects.get(username="owner"), sandbox.accounts["demo"])
            serving.run(
                host=HOST,
                port=settings.PORT,
                workers=1,
                job_workers=1,
                when_listening=announce,
                reloads=False,
            )


def _empty(directory: Path) -> None:
    """Delete the data of a demo, but not the lock that this process holds."""
    for path in directory.iterdir():
        if path.is_dir():
            rmtree(path)
        elif path.name != "demo.in-use":
            path.unlink()


def _remembered(path: Path) -> dict[str, Any]:
    """Return the keys and passwords of the demo, which its first start makes."""
    if not path.exists():
        kept = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
            "passwords": {name: people.new_password() for name in SIGN_INS},
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _environment(directory: Path, kept: dict[str, Any], *, debug: bool) -> dict[str, str]:
    """Return the environment of the demo: that of production, without any value of a real installation.

    `debug` sets DEBUG and changes nothing else.
    """
    port = str(free_port())
    own = {
        "SECRET_KEY": kept["SECRET_KEY"],
        "POSTER_TOKEN_KEYS": kept["POSTER_TOKEN_KEYS"],
        "DEBUG": str(debug),
        "HTTPS": "False",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
        "CSRF_TRUSTED_ORIGINS": "",
        "DATABASE_URL": "sqlite:///" + quote(str(directory / "db.sqlite3")),
        "CACHE_URL": f"filecache://{directory}/cache",
        "POSTER_API_URL": f"http://{HOST}:{port}/{{account}}/api/",
    }
    rest = {name: value for name, value in documented_defaults().items() if name not in SERVER}
    # An empty NAME_FILE overrides the one of a `.env`, which would win over NAME.
    return {**os.environ, **rest, **own, **{f"{name}_FILE": "" for name in rest}, SANDBOX_PORT: port}


def _sign_in(name: str, password: str, role: str, sandbox: Sandbox) -> None:
    """Make the user, or correct the one that is there: active, with this password and role, and connected."""
    user, _ = User.objects.get_or_create(username=name)
    if not user.is_active or not user.check_password(password):
        user.is_active = True
        user.set_password(password)
        user.save()
    user.groups.add(Group.objects.get(name=role))
    credentials = credentials_service.credentials_of(user)
    if credentials is None or credentials.account_id == "demo":
        credentials_service.connect(user=user, account="demo", token=sandbox.accounts["demo"].token)
