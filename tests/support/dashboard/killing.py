"""A dashboard in a real server process, and writes during which it is killed.

The sandbox stays alive in the calling process: Poster's data is known even if the dashboard dies.
"""

import contextlib
import html
import json
import os
import random
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass, field

import psycopg
import requests
from cryptography.fernet import Fernet
from psycopg.rows import dict_row

from tests.support.databases import made_once, migrated
from tests.support.environment import ROOT, inherited
from tests.support.ports import free_port

POINTS = ("journal row", "before the send", "while Poster works", "before settling")
ACTIONS = ("create", "update", "remove")
READ = {"create": "clients.getGroups", "update": "clients.getGroup", "remove": "clients.getGroup"}
WRITE = {"create": "clients.createGroup", "update": "clients.updateGroup", "remove": "clients.removeGroup"}
# The reads of a submit: the page of a removal makes one before the row is written.
BEFORE = {"create": 1, "update": 1, "remove": 2}
LOST = ("answer_lost", "late", "lost_before", "timeout")
CSRF = secrets.token_hex(16)
HOLD = 30.0
SECONDS = {
    "POSTER_WRITE_DEADLINE": "4",
    "POSTER_GRACE_SECONDS": "1",
    "POSTER_SETTLE_SECONDS": "3",
    "POSTER_LAG_SECONDS": "3",
}


@dataclass
class Write:
    """A requested change, and the point at which the server was killed."""

    action: str
    point: str
    group_id: int | None
    name: str
    percent: str
    operation: str = field(default_factory=lambda: str(uuid.uuid4()))

    def sent(self, posts):
        """Return the POSTs that were sent for this change."""
        if self.action == "create":
            return [call for call in posts if call.form.get("client_groups_name") == self.name]
        field = "client_groups_id" if self.action == "update" else "group_id"
        mine = [call for call in posts if call.method == WRITE[self.action]]
        return [call for call in mine if call.form.get(field) == str(self.group_id)]

    def is_in_force(self, groups):
        """Return True if the sandbox has the change."""
        if self.action == "create":
            return self.name in {row["client_groups_name"] for row in groups.values()}
        if self.action == "update":
            return groups[self.group_id]["client_groups_discount"] == self.percent
        return self.group_id not in groups


OPEN = {"pending", "unknown"}


SERVE = """
from poster_admin.common.serving import web_server
web_server(host="127.0.0.1", port={}, workers=1).serve()
"""


class Dashboard:
    """A database, its servers and its workers, which can be killed and restarted."""

    def __init__(
        self,
        directory,
        sandbox,
        *,
        database_url="",
        disk=None,
        lock_timeout=10,
        servers=1,
        language="en",
        **variables,
    ):
        self.sandbox = sandbox
        self._ports = [free_port() for _ in range(servers)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports]
        self.database = (disk or directory) / "db.sqlite3"
        self._postgres = database_url if database_url.startswith("postgres:") else ""
        self._servers = {}
        self._workers = []
        self._taken = set()
        self.environment = {
            **inherited(),
            "DEBUG": "False",
            "HTTPS": "False",
            "DATABASE_URL": database_url or f"sqlite:///{self.database}?timeout={lock_timeout}",
            "CACHE_URL": f"filecache://{disk or directory}/cache",
            "POSTER_API_URL": sandbox.url,
            "DJANGO_SETTINGS_MODULE": "tests.support.settings",
            **SECONDS,
            **variables,
        }
        session = self._prepare() if database_url else self._take_prepared()
        self._log = (directory / "log").open("ab")
        self._cookies = {"sessionid": session, "csrftoken": CSRF, "language": language}

    def _prepare(self):
        """Migrate the database and make its owner; return the key of the owner's session."""
        self.environment |= {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
        }
        token = self.sandbox.accounts["demo"].token
        return self.run("-m", "tests.support.dashboard.owner", stdin=token).strip()

    def _take_prepared(self):
        """Copy the SQLite database that a first dashboard has prepared; return the key of the session."""
        token = self.sandbox.accounts["demo"].token
        with made_once(f"owner-{token[-8:]}.json") as (path, is_new):
            prepared = path.with_suffix(".sqlite3")
            if is_new:
                shutil.copy(migrated(), self.database)
                session = self._prepare()
                shutil.copy(self.database, prepared)
                keys = {name: self.environment[name] for name in ("SECRET_KEY", "POSTER_TOKEN_KEYS")}
                path.write_text(json.dumps({"session": session, "keys": keys}), encoding="utf-8")
        kept = json.loads(path.read_text(encoding="utf-8"))
        self.environment |= kept["keys"]
        shutil.copy(prepared, self.database)
        return kept["session"]

    @property
    def cookie(self):
        """The header that signs in its owner."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def run(self, *command, stdin=""):
        """Run Python on this installation and return its output."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            check=True,
            input=stdin,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def start(self):
        """Start the production servers that do not run, and wait until they answer."""
        for number, port in enumerate(self._ports):
            if number not in self._servers:
                self._servers[number] = self._start(port)
        for url in self.urls:
            wait_until(lambda url=url: _answers(url), 0.02, 60)

    def _start(self, port):
        return subprocess.Popen(
            [sys.executable, "-c", SERVE.format(port)],
            cwd=ROOT,
            env=self.environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def start_worker(self):
        """Start a worker, which does the jobs and reconciles; return its process."""
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=self.environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._workers.append(worker)
        return worker

    def kill(self, *numbers):
        """Kill all servers, or those of these numbers, with their workers: nothing in them runs again."""
        for number in numbers or list(self._servers):
            _kill(self._servers.pop(number))

    def kill_workers(self):
        """Kill all workers that still run."""
        while self._workers:
            worker = self._workers.pop()
            if worker.poll() is None:
                _kill(worker)

    def close(self):
        """Stop all processes that still run."""
        self.kill()
        self.kill_workers()
        self._log.close()

    # --- Rows of the journal -------------------------------------------------------------------------------

    def rows(self):
        """Return the journal by operation, read without Django."""
        return {str(uuid.UUID(str(row["id"]))): row for row in self.table("groups_change")}

    def table(self, name):
        """Return all rows of a table, read without Django."""
        if self._postgres:
            with psycopg.connect(self._postgres, row_factory=dict_row) as database:
                return database.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - ours
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f"SELECT * FROM {name}")]  # noqa: S608 - ours

    def wait_for_sent(self, write):
        """Return as soon as the journal says that the change is being sent."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as database:
            query = "SELECT 1 FROM groups_change WHERE id = ? AND sent_at IS NOT NULL"
            wait_until(lambda: database.execute(query, [uuid.UUID(write.operation).hex]).fetchone(), 0.0002)

    def wait_until_settled(self, seconds=60):
        """Return when a worker has settled every change on its own."""
        wait_until(lambda: {row["state"] for row in self.rows().values()}.isdisjoint(OPEN), 0.2, seconds)

    # --- A write -------------------------------------------------------------------------------------------

    def plan(self, action, point):
        """Return a change of a group that no other change concerns."""
        if action == "create":
            return Write(action, point, None, f"Нова {uuid.uuid4().hex[:8]}", "7")
        rows = self.sandbox.accounts["demo"].groups
        group_id = next(number for number, row in rows.items() if self._is_free(number, row))
        self._taken.add(group_id)
        percent = f"{float(rows[group_id]['client_groups_discount']) + 0.5:g}"
        return Write(action, point, group_id, html.unescape(rows[group_id]["client_groups_name"]), percent)

    def _is_free(self, number, row):
        return row["loyalty_type"] == "2" and number not in self._taken

    def open_form(self, write):
        """Open the form of a change as a browser does, and return its path and fields."""
        paths = {"create": "new/", "update": f"{write.group_id}/edit/", "remove": f"{write.group_id}/delete/"}
        path = f"/groups/{paths[write.action]}"
        version = re.search(r'name="version" value="([^"]*)"', self.look(path))
        form = {
            "csrfmiddlewaretoken": CSRF,
            "version": html.unescape(version[1]),
            "operation": write.operation,
            "confirmed": "1",
        }
        if write.action == "remove":
            form["confirm_name"] = write.name
        else:
            form |= {"name": write.name, "percent": write.percent}
            form |= {"loyalty_type": "2", "birthday_bonus": "0"}
        return path, form

    def look(self, path, *, server=0):
        """Open a page and return it."""
        return self.get(path, server=server).text

    def get(self, path, *, server=0):
        """Open a page and return the answer."""
        return requests.get(self.urls[server] + path, cookies=self._cookies, timeout=60)

    def send_form(self, path, form, *, server=0):
        """Send a form, and return the response; None if the server is dead."""
        with contextlib.suppress(requests.RequestException):
            url = self.urls[server] + path
            return requests.post(url, form, cookies=self._cookies, timeout=30, allow_redirects=False)
        return None


def _kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answers(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=5):
        return True
    return False


def wait_until(condition, every=0.001, seconds=20.0):
    """Return as soon as the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("what was waited for did not come")
        time.sleep(every)


def kill_during(dashboard, write, chance=random):
    """Start a change, kill the server when it reaches the point of the change, and clean up."""
    sandbox = dashboard.sandbox
    form = dashboard.open_form(write)
    asking = threading.Thread(target=dashboard.send_form, args=form, daemon=True)
    known = len(sandbox.log)
    read, sent = READ[write.action], WRITE[write.action]
    before = BEFORE[write.action]

    def held(method):
        return any(call.fault and call.method == method for call in sandbox.log[known:])

    match write.point:
        case "journal row":
            sandbox.script(read, "timeout", call=before, seconds=HOLD)
            asking.start()
            wait_until(lambda: held(read))
        case "before the send":
            sandbox.script(sent, "lost_before", seconds=HOLD)
            asking.start()
            dashboard.wait_for_sent(write)
        case "while Poster works":
            fault = chance.choice(LOST)
            options = {"seconds": 1.0, "hang": HOLD} if fault == "late" else {"seconds": HOLD}
            sandbox.script(sent, fault, when=chance.choice(("before", "after")), **options)
            asking.start()
            wait_until(lambda: held(sent))
        case "before settling":
            sandbox.script(read, "timeout", call=before + 1, seconds=HOLD)
            asking.start()
            wait_until(lambda: held(read))
    dashboard.kill()
    asking.join(HOLD)
    sandbox.clear_faults()


def faults_found(write, row, sandbox):
    """Return the errors of a settled change as a text; an empty one if all is right."""
    sent = write.sent(sandbox.posts())
    in_force = write.is_in_force(sandbox.accounts["demo"].groups)
    if row is None:
        return ["sent, and not written down"] if sent else []
    found = []
    if len(sent) > 1:
        found.append("sent twice")
    if sent and not row["sent_at"]:
        found.append("sent, and not written down as sent")
    if row["state"] in OPEN:
        found.append("not settled")
    if row["state"] == "review":
        found.append("left for a person")
    if row["state"] in {"applied", "differs"} and not in_force:
        found.append("told applied, and is not")
    if row["state"] in {"failed", "refused"} and in_force:
        found.append("told failed, and is applied")
    return found
