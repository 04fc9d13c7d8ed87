"""Start what is measured, each in processes of its own: the upstream, and the dashboard behind nginx."""

import contextlib
import http.client
import itertools
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from cryptography.fernet import Fernet

from tests.support.databases import migrated
from tests.support.environment import ROOT, inherited
from tests.support.ports import free_port

CSRF = secrets.token_hex(16)
FLOOR = "/floor/"
ACCEPT_ENCODING = "gzip, deflate, br, zstd"
"""The encodings that a browser accepts over TLS, where the dashboard belongs."""


class Missing(SystemExit):
    """Says which program a benchmark needs that is not installed."""


def need(program):
    """Raise `Missing` unless a program is installed."""
    if not shutil.which(program):
        raise Missing(f"{program} is not installed: apt-get install {program}")


def wait_for(port, process, path="/healthz", log=None):
    """Return once the process answers there; if it does not, say what its log says."""
    until = time.monotonic() + 180  # on a busy machine it migrates and collects for a minute
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.1)
    ended = "runs" if process.poll() is None else f"ended with {process.returncode}"
    said = log.read_text(encoding="utf-8", errors="replace") if log else ""
    raise RuntimeError(f"Nothing answers at port {port}; its server {ended}. {said}".rstrip())


@contextlib.contextmanager
def process(command, **options):
    """Run a process of this project to the end of the block."""
    with subprocess.Popen(command, cwd=ROOT, **options) as running:
        try:
            yield running
        finally:
            running.terminate()
            running.wait(60)


@contextlib.contextmanager
def upstream():
    """Run the stand-in for Poster and yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.setup.upstream", str(port)]
    with process(command, stdin=subprocess.PIPE) as running:
        wait_for(port, running, "/log/n1-l0")
        yield port


@dataclass
class Site:
    """A dashboard that runs, and the session of each of its people by account."""

    port: int
    process: subprocess.Popen
    environment: dict
    sessions: dict = field(default_factory=dict)

    def add_people(self, names, *, token="", account=""):
        """Add a user for each account of these names; or, with these names, for the one account.

        Users that are there already stay as they are.
        """
        names = [name for name in names if name not in self.sessions]
        if not names:
            return
        command = [sys.executable, "-m", "tests.benchmarks.setup.people", *names]
        environment = {**self.environment, "BENCHMARK_TOKEN": token, "BENCHMARK_ACCOUNT": account}
        made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        self.sessions |= json.loads(made.stdout)

    def cookie(self, account):
        return f"sessionid={self.sessions[account]}; csrftoken={CSRF}; language=en"


def workers_of(server):
    """Return the ids of the processes that serve, and that do jobs."""
    found = []
    for task in Path(f"/proc/{server}/task").iterdir():
        # A thread or a process may just have ended.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children = (task / "children").read_text(encoding="ascii").split()
            for child in children:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    # Not the tracker of resources, which Python starts beside.
                    if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
    return found


def environment_of(directory, upstream_port, **more):
    """Return the environment of a dashboard in this directory, with a database of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    if "DATABASE_URL" not in more and not (directory / "db.sqlite3").exists():
        shutil.copy(migrated(), directory / "db.sqlite3")
    own = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
        "HTTPS": "False",
        "DEBUG": "False",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": f"sqlite:///{directory / 'db.sqlite3'}",
        "CACHE_URL": f"filecache://{directory / 'cache'}",
        "POSTER_API_URL": f"http://127.0.0.1:{upstream_port}/{{account}}/api/",
        "DJANGO_SETTINGS_MODULE": "poster_admin.settings",
    }
    return {**inherited(), **own, **more}


@contextlib.contextmanager
def dashboard(directory, upstream_port, *, cache_seconds="30", workers="2", **more):
    """Run the dashboard as `make serve` does."""
    port, log = free_port(), directory / "log"
    environment = environment_of(
        directory,
        upstream_port,
        **{"POSTER_CACHE_SECONDS": cache_seconds, "WORKERS": workers, "PORT": str(port), **more},
    )
    command = [sys.executable, "manage.py", "serve"]
    with (
        log.open("wb") as output,
        process(command, env=environment, stdout=output, stderr=output) as running,
    ):
        wait_for(port, running, log=log)
        yield Site(port, running, environment)


def admin_environment(directory):
    """Make the database of Django's admin, and return its environment and the session of its superuser."""
    environment = {
        **os.environ,
        "ADMIN_DATABASE": str(directory / "admin.sqlite3"),
        "ADMIN_SECRET_KEY": secrets.token_urlsafe(50),
    }
    prepare = [sys.executable, "-m", "tests.benchmarks.setup.admin"]
    made = subprocess.run(prepare, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return environment, made.stdout.strip()


@contextlib.contextmanager
def nginx(directory, *ports, more="access_log off;", authority=None):
    """Run nginx with `deploy/nginx.conf` before these ports; yield its own port.

    It has TLS if a `trustme` authority is there to issue its certificate. `more` are settings for all of it.
    """
    need("nginx")
    front = free_port()
    site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    upstream, *servers = re.split(r"^(?=server )", site, flags=re.MULTILINE)
    turns = itertools.cycle(ports)
    upstream = re.sub(r"(?<=127\.0\.0\.1:)8000", lambda _: str(next(turns)), upstream)
    served = re.sub(r" *(listen|ssl_certificate\w*|server_name|access_log) .*\n", "", servers[-1])
    listen = f"listen 127.0.0.1:{front}"
    if authority:
        pem = directory / "nginx.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
        listen += f" ssl; ssl_certificate {pem}; ssl_certificate_key {pem}"
    served = served.replace("server {", f"server {{ {listen};", 1)
    paths = " ".join(
        f"{kind}_temp_path {directory}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log {directory}/nginx.log; "
        f"events {{ worker_connections 4096; }} http {{ {more} {paths}\n{upstream}{served} }}",
        encoding="utf-8",
    )
    with process(["nginx", "-c", str(config)]) as running:
        wait_for(front, running)
        yield front


class Caller:
    """A browser, or the raw client, on one connection."""

    def __init__(self, port, cookie=""):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Cookie": cookie, "Accept-Encoding": ACCEPT_ENCODING} if cookie else {}

    def get(self, path, **headers):
        return self._ask("GET", path, None, headers)

    def post(self, path, form, **headers):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        return self._ask("POST", path, form if isinstance(form, str) else urlencode(form), headers)

    def _ask(self, verb, path, body, headers):
        self._connection.request(verb, path, body, self._headers | headers)
        answer = self._connection.getresponse()
        if answer.status >= 400:
            raise RuntimeError(f"{path} is answered with {answer.status}")
        return answer.read()


def edited(page, number):
    """Return the form of a group's page, filled in with other values."""

    def value(name):
        field = re.search(rf'<input[^>]*name="{name}"[^>]*>', page.decode())[0]
        return re.search(r'value="([^"]*)"', field)[1]

    return {
        "csrfmiddlewaretoken": value("csrfmiddlewaretoken"),
        "version": value("version"),
        "operation": str(uuid.uuid4()),
        "name": f"Group {number}",
        "loyalty_type": "1",
        "percent": "7",
        "birthday_bonus": "25",
        "confirmed": "1",
    }
