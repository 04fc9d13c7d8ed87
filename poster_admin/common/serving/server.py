"""Prepare and run the production server and its job workers; each step runs only if it is needed."""

import errno
import fcntl
import hashlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate as django_migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader

from poster_admin.common import backups
from poster_admin.common.catalogues import compile_catalogues
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.version import VERSION

HIGHEST_PORT = 65535
START_SECONDS = 60.0
RESTART_SECONDS = 2.0
STOP_SECONDS = 45.0
APPLICATION = "poster_admin.asgi:application"
# Any number that no other program uses as an advisory lock in this database.
MIGRATION_LOCK = 0x504F53544552


def prepare(*, static: bool = True) -> None:
    """Do everything that a server needs before it starts."""
    try:
        compile_catalogues(settings.LOCALE_PATHS[0])
        migrate()
        if static:
            collect_static()
    except OSError as error:
        raise CommandError(str(error)) from None


@contextmanager
def locked(path: Path) -> Iterator[TextIO]:
    """Hold the lock of a file. The kernel releases it however the process ends."""
    with lock_file(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def lock_file(path: Path) -> TextIO:
    """Open a file that is there for its lock. Raises `CommandError`."""
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CommandError(str(error)) from None


@contextmanager
def migration_lock(alias: str) -> Iterator[None]:
    """Let one process at a time migrate a database, across all machines that start at once.

    A file of SQLite that is not there is made, here alone.
    """
    if connections[alias].vendor == "sqlite":
        path = sqlite_file(alias)
        with locked(Path(f"{path}.lock")) if path else nullcontext():
            if path and not path.exists():
                path.touch()
            yield
        return
    with own_session(alias) as cursor:
        # Poll: a session waiting inside pg_advisory_lock would block CREATE INDEX CONCURRENTLY for ever.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        while cursor.fetchone() != (True,):
            time.sleep(0.1)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [MIGRATION_LOCK])
        yield


def sqlite_file(alias: str) -> Path | None:
    """Return the file of an SQLite database; None for one in memory, which other processes do not see."""
    connection = connections[alias]
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or name == ":memory:" or "mode=memory" in name:
        return None
    return Path(name)


@contextmanager
def own_session(alias: str) -> Iterator[CursorWrapper]:
    """Open a session beside the pool of PostgreSQL, which ends with the block.

    One from the pool would not end, and the pool would hide why no session can be opened.
    """
    connection = connections[alias]
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    session = type(connection)({**connection.settings_dict, "OPTIONS": options}, alias)
    with closing(session), session.cursor() as cursor:
        yield cursor


def refuse_too_old(alias: str) -> None:
    """Stop with one clear line if the database was made before 1.0, whose migrations have been replaced."""
    if any(app == "people" for app, _name in MigrationLoader(connections[alias]).applied_migrations):
        raise CommandError(
            "The database at DATABASE_URL was made by a version before 1.0, and is left as it is. "
            "Name a new one; the demo's is deleted with var/demo."
        )


def refuse_newer(alias: str) -> None:
    """Stop with one clear line if a newer version has migrated the database."""
    if unknown := unknown_migrations(alias):
        raise CommandError(
            f"The database at DATABASE_URL is of a newer version than {VERSION}, and is left as it is: "
            f"it has {', '.join(unknown)}. Start that version, or restore a backup from before it."
        )


def back_up_before_migrating(alias: str) -> None:
    """Keep the database as it is, if there is a folder for backups: migrations are missing.

    A start that fails tries again: one backup of each state is enough, the newest.
    """
    applied = MigrationLoader(connections[alias]).applied_migrations
    # A first start that was killed has left nothing to keep, and no backup that could be restored.
    is_ours = any(app == "groups" for app, _name in applied)
    if alias == DEFAULT_DB_ALIAS and is_ours and (folder := backups.default_folder()):
        backups.back_up(folder, note=f"before-migrating-from-{len(applied)}")


@contextmanager
def ready_to_migrate(alias: str, *, only_looks: bool = False) -> Iterator[int]:
    """Hold the lock of a database that may be migrated, and is backed up; yield how many are missing."""
    with migration_lock(alias):
        refuse_too_old(alias)
        refuse_newer(alias)
        missing = missing_migrations(alias)
        if missing and not only_looks:
            back_up_before_migrating(alias)
        yield missing


def migrate() -> None:
    """Migrate the database, unless another process has done so meanwhile."""
    with ready_to_migrate(DEFAULT_DB_ALIAS) as missing:
        if missing:
            call_command(django_migrate.Command(), interactive=False, verbosity=0)


def collect_static() -> None:
    """Hash and compress the static files, unless that was done for exactly these files and packages.

    Two processes never do it at once: each would delete files that the other one is about to read.
    """
    settings.VAR_DIR.mkdir(exist_ok=True)
    with locked(settings.VAR_DIR / "static.lock") as lock:
        lock.seek(0)
        wanted = _static_digest()
        # A container begins without those files, on the folder that its predecessor has left.
        if lock.read() == wanted and any(Path(settings.STATIC_ROOT).glob("*")):
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        lock.truncate(0)
        lock.write(wanted)


def _static_digest() -> str:
    digest = hashlib.sha256((settings.BASE_DIR / "uv.lock").read_bytes())
    # With DEBUG the names of the files have no hashes.
    digest.update(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            file = Path(storage.path(name)).stat()
            # The name counts, not the path: an installation that was moved need not collect its files again.
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def claimed_port(host: str, port: int) -> Iterator[None]:
    """Stop with one clear line if the port is taken, or another start is about to take it.

    Two servers of granian share a port silently, so two that start at once would both find it free. Each port
    is one byte of the lock file.
    """
    with lock_file(settings.VAR_DIR / "ports.lock") as claims:
        try:
            fcntl.lockf(claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                # As servers do: a port whose last connections are still closing counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EAGAIN}:  # the second one is that of the lock
                raise CommandError(f"Nothing can listen on {host}:{port}: {error.strerror}.") from None
            other = port + 1 if port < HIGHEST_PORT else port - 1
            raise CommandError(f"Port {port} is taken. Choose another one: PORT={other}.") from None
        yield


def granian(*, host: str, port: int, workers: int) -> list[str]:
    """Return the module that serves the site, with its arguments.

    Backpressure also counts idle connections that are kept alive, so it is far higher than the number of
    threads.
    """
    options = {
        "--interface": "asginl",
        # If HTTP/2 is possible, granian never closes an idle connection.
        "--http": "1",
        "--host": host,
        "--port": str(port),
        "--workers": str(workers),
        "--backpressure": "2048",
        # A write may take half a minute: a stop waits for it, but no longer than this.
        "--workers-kill-timeout": "45",
        # Seconds between the start of a new worker and the stop of the old one: on a busy machine a worker
        # needs more than granian's 3.5 to listen.
        "--respawn-interval": "15",
        # Three times the memory of a busy worker: a larger one is replaced after its current requests.
        "--workers-max-rss": "450",
        "--log-level": "error",
    }
    flat = [word for option in options.items() for word in option]
    return ["granian", *flat, "--no-ws", "--respawn-failed-workers", APPLICATION]


class Workers:
    """The workers beside the server, which run jobs and reconcile; one that ends on its own is restarted."""

    def __init__(self, count: int) -> None:
        self._processes = [self._start() for _ in range(count)]
        self._started = time.monotonic()

    def look(self) -> None:
        """Replace workers that have ended; one that cannot start is retried only every few seconds."""
        if time.monotonic() - self._started < RESTART_SECONDS:
            return
        for place, process in enumerate(self._processes):
            if process.poll() is not None:
                self._processes[place] = self._start()
                self._started = time.monotonic()

    def let_go(self) -> None:
        """Tell the workers to release their jobs and to end, after the writes that are under way."""
        for process in self._processes:
            process.terminate()

    def stop(self) -> None:
        """Tell the workers to end, and wait for that."""
        self.let_go()
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        return _start(["manage", "worker"])


def _start(module: list[str]) -> "subprocess.Popen[bytes]":
    """Run a module in a process with a session of its own that ends with this one, even if that is killed."""
    command = [sys.executable, "-m", "poster_admin.common.serving.child", *module]
    return subprocess.Popen(  # noqa: S603 - ours
        command, cwd=settings.BASE_DIR, start_new_session=True, stdin=subprocess.PIPE
    )


def run(
    module: list[str],
    *,
    workers: int = 0,
    url: str = "",
    when_ready: Callable[[], None] | None = None,
    reloads: bool = False,
) -> None:
    """Run the server's module until this process is told to stop; call `when_ready` as soon as it is ready.

    `workers` processes of `manage.py worker` run beside it. It is ready when the address, that of `/readyz`,
    answers without a warning: then a worker runs too.

    The server runs in a session of its own and gets exactly one signal. Ctrl-C would reach granian's workers
    too, and a worker that is told to stop twice may never do it. If it `reloads`, SIGHUP replaces the
    server's workers and the job workers one by one: each finishes its current work, and no request is lost.
    """
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: told.append(number))
    deadline = time.monotonic() + START_SECONDS
    with _start(module) as server:
        beside = Workers(workers)

        def reload(number: int, _: object) -> None:
            server.send_signal(number)
            beside.let_go()

        if reloads:
            signal.signal(signal.SIGHUP, reload)
        while server.poll() is None and not told:
            beside.look()
            if when_ready and _is_ready(url):
                when_ready()
                when_ready = None
            elif when_ready and time.monotonic() > deadline:
                break
            time.sleep(0.05 if when_ready else 0.25)
        server.terminate()
        beside.stop()
        server.wait()
    if when_ready and not told:
        raise CommandError("The server or its worker did not start.")
    if not told:
        raise CommandError(f"The server ended on its own with {server.returncode}.")


def _is_ready(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
        return bool(answer.read() == b"ok\n")
    return False
