"""Prepare and run the production server: web workers of granian, and the job workers."""

import errno
import fcntl
import hashlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands import migrate as django_migrate
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader

from poster_admin import VERSION
from poster_admin.common import backups
from poster_admin.common.checks import missing_migrations, unknown_migrations
from poster_admin.common.locks import held, migration_lock

if TYPE_CHECKING:
    from granian.server import MPServer

STOP_SECONDS = 45
"""A write may take half a minute: an end waits for it, but no longer than this."""
# Variables with the files of TLS, under the names that granian's own command reads.
TLS = ("GRANIAN_SSL_CERTIFICATE", "GRANIAN_SSL_KEYFILE")


# --- Prepare: each step runs only if it is needed ----------------------------------------------------------


def prepare(*, static: bool = True) -> None:
    try:
        compile_catalogues(settings.LOCALE_PATHS[0])
        migrate()
        if static:
            collect_static()
    except OSError as error:
        raise CommandError(str(error)) from None


def compile_catalogues(root: Path) -> None:
    """Compile each catalogue that has changed, without gettext, which most machines do not have."""
    for source in sorted(root.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        from babel.messages.mofile import write_mo  # noqa: PLC0415 - most starts compile nothing
        from babel.messages.pofile import read_po  # noqa: PLC0415

        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        # Write under another name and rename: a process that reads meanwhile gets a whole file, old or new.
        unfinished = target.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as file:
            write_mo(file, catalogue)
        unfinished.replace(target)


@contextmanager
def ready_to_migrate(alias: str, *, only_looks: bool = False) -> Iterator[int]:
    """Hold the lock of a database that may be migrated, and is backed up; yield how many are missing."""
    with migration_lock(alias):
        if unknown := unknown_migrations(alias):
            raise CommandError(
                f"The database at DATABASE_URL is of a newer version than {VERSION}, and is left as it is: "
                f"it has {', '.join(unknown)}. Start that version, or restore a backup from before it."
            )
        missing = missing_migrations(alias)
        if missing and not only_looks and alias == DEFAULT_DB_ALIAS:
            applied = MigrationLoader(connections[alias]).applied_migrations
            # A first start that was killed has left nothing to keep, and no backup that could be restored.
            is_ours = any(app == "groups" for app, _name in applied)
            if is_ours and (folder := backups.default_folder()):
                backups.back_up(folder, note=f"before-migrating-from-{len(applied)}")
        yield missing


def migrate() -> None:
    with ready_to_migrate(DEFAULT_DB_ALIAS) as missing:
        if missing:
            call_command(django_migrate.Command(), interactive=False, verbosity=0)


def collect_static() -> None:
    """Hash and compress the static files, unless that was done for exactly these files and packages."""
    digest = hashlib.sha256((settings.BASE_DIR / "uv.lock").read_bytes())
    # With DEBUG the names of the files have no hashes.
    digest.update(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            file = Path(storage.path(name)).stat()
            # The name counts, not the path: an installation that was moved need not collect its files again.
            digest.update(f"{name} {file.st_size} {file.st_mtime_ns}\n".encode())
    settings.VAR_DIR.mkdir(exist_ok=True)
    collected = settings.VAR_DIR / "static.lock"
    # Two processes at once would delete each other's files just before they are read.
    with held(collected, fcntl.LOCK_EX):
        # A container begins without those files, on the folder that its predecessor has left.
        if collected.read_text() == digest.hexdigest() and any(Path(settings.STATIC_ROOT).glob("*")):
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        collected.write_text(digest.hexdigest())


# --- Run ---------------------------------------------------------------------------------------------------


def refuse_taken_port(host: str, port: int) -> None:
    """Stop with one clear line if the port is taken: two servers of granian would share it silently."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As servers do: a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CommandError(f"Nothing can listen on {host}:{port}: {error.strerror}.") from None
        other = port + 1 if port < 65535 else port - 1
        raise CommandError(f"Port {port} is taken. Choose another one: PORT={other}.") from None


def web_server(*, host: str, port: int, workers: int) -> "MPServer":
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415 - job workers import none of it
    from granian.log import LogLevels  # noqa: PLC0415
    from granian.server import MPServer  # noqa: PLC0415

    # A forked worker would have the code of before at a reload, and lose a SIGTERM while it starts.
    multiprocessing.set_start_method("spawn")
    certificate, key = (Path(path) if (path := os.environ.get(name)) else None for name in TLS)
    try:
        return MPServer(
            "poster_admin.asgi:application",
            address=host,
            port=port,
            workers=workers,
            interface=Interfaces.ASGINL,
            # If HTTP/2 is possible, granian never closes an idle connection.
            http=HTTPModes.http1,
            websockets=False,
            backpressure=2048,  # idle connections that are kept alive count too
            workers_kill_timeout=STOP_SECONDS,
            respawn_failed_workers=True,
            # Seconds between the start of a new worker and the stop of the old one: on a busy machine a
            # worker needs more than granian's 3.5 to listen.
            respawn_interval=15,
            # Three times the memory of a busy worker: a larger one is replaced after its current requests.
            workers_max_rss=450,
            log_level=LogLevels.error,
            ssl_cert=certificate,
            ssl_key=key,
        )
    except OSError as error:
        raise CommandError(f"{' and '.join(TLS)} cannot be used: {error}") from None


def keep_job_workers(count: int, processes: list[subprocess.Popen[bytes]], ending: threading.Event) -> None:
    """Start so many workers, and again each that has ended; at the end wait for the writes under way."""
    # A session of its own: only this process ends it, not Ctrl-C.
    command = [sys.executable, "manage.py", "worker", "--parent", str(os.getpid())]
    # glibc returns the memory of a list of megabytes at once; otherwise it keeps that for the next one.
    environment = {"MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024), **os.environ}
    while not ending.is_set():
        processes[:] = [process for process in processes if process.poll() is None]
        while len(processes) < count:
            processes.append(
                subprocess.Popen(  # noqa: S603 - ours
                    command,
                    cwd=settings.BASE_DIR,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        ending.wait(2.0)  # before one that has ended is started again
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(
    *,
    host: str,
    port: int,
    workers: int,
    job_workers: int,
    when_listening: Callable[[], None],
    reloads: bool = True,
) -> None:
    """Serve until SIGTERM or Ctrl-C; call `when_listening` in a thread once a web worker takes connections.

    If it `reloads`, SIGHUP replaces all workers one by one; else it ends the server.
    """
    server = web_server(host=host, port=port, workers=workers)

    @server.on_startup
    def start() -> None:
        processes: list[subprocess.Popen[bytes]] = []
        ending = threading.Event()
        keep = (job_workers, processes, ending)
        keeper = threading.Thread(target=keep_job_workers, args=keep, name="job workers", daemon=True)
        keeper.start()

        @server.on_reload
        def let_go() -> None:
            """Let the job workers release their jobs and end, after the writes that are under way."""
            for process in processes:
                process.terminate()

        @server.on_shutdown
        def wait_for_jobs() -> None:
            ending.set()
            keeper.join()

        end_web_workers = signal.getsignal(signal.SIGTERM)  # of granian, set just before

        def end(number: int, frame: FrameType | None) -> None:
            ending.set()  # both kinds of workers end at the same time
            if callable(end_web_workers):
                end_web_workers(number, frame)

        for number in (signal.SIGINT, signal.SIGTERM, *(() if reloads else (signal.SIGHUP,))):
            signal.signal(number, end)
        threading.Thread(target=notify, daemon=True).start()

    def notify() -> None:
        while True:
            with suppress(OSError), socket.create_connection((host, port), timeout=1):
                break
            time.sleep(0.05)
        when_listening()

    server.serve()


def end_with_parent(parent: int) -> None:
    """End as at SIGTERM, with what is under way, as soon as the process of this number is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
