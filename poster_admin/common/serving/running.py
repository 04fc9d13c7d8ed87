"""Run the web workers of granian, and the job workers beside them, until this process is told to end."""

import errno
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management.base import CommandError

if TYPE_CHECKING:
    from granian.server import MPServer

STOP_SECONDS = 45
"""A write may take half a minute: an end waits for it, but no longer than this."""
# Variables with the files of TLS, under the names that granian's own command reads.
TLS = ("GRANIAN_SSL_CERTIFICATE", "GRANIAN_SSL_KEYFILE")


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
    """Return the server of the site, to be started by `serve()`.

    Backpressure also counts idle connections that are kept alive, so it is far higher than the number of
    threads.
    """
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
            backpressure=2048,
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


class JobWorkers:
    """Processes of `manage.py worker`; one that ends on its own is started again."""

    def __init__(self, count: int) -> None:
        self.ending = threading.Event()
        self._count = count
        self._processes: list[subprocess.Popen[bytes]] = []
        self._keeper = threading.Thread(target=self._keep, name="job workers", daemon=True)
        self._keeper.start()

    def let_go(self) -> None:
        """Tell the workers to release their jobs and to end, after the writes that are under way."""
        for process in self._processes:
            process.terminate()

    def end(self) -> None:
        self.ending.set()
        self._keeper.join()

    def _keep(self) -> None:
        # A session of its own: only this process tells it to end, not Ctrl-C.
        command = [sys.executable, "manage.py", "worker", "--parent", str(os.getpid())]
        while not self.ending.is_set():
            running = [process for process in self._processes if process.poll() is None]
            while len(running) < self._count:
                running.append(
                    subprocess.Popen(  # noqa: S603 - ours
                        command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, start_new_session=True
                    )
                )
            self._processes = running
            self.ending.wait(2.0)  # before one that has ended is started again
        self.let_go()
        for process in self._processes:
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

    If it `reloads`, SIGHUP replaces all workers one by one, and no request is lost; else it ends the server,
    as at a terminal that is closed.
    """
    server = web_server(host=host, port=port, workers=workers)

    @server.on_startup
    def start() -> None:
        jobs = JobWorkers(job_workers)
        server.on_reload(jobs.let_go)
        server.on_shutdown(jobs.end)
        end_web_workers = signal.getsignal(signal.SIGTERM)  # of granian, set just before

        def end(number: int, frame: FrameType | None) -> None:
            jobs.ending.set()  # both kinds of workers end at the same time
            if callable(end_web_workers):
                end_web_workers(number, frame)

        for number in (signal.SIGINT, signal.SIGTERM, *(() if reloads else (signal.SIGHUP,))):
            signal.signal(number, end)
        threading.Thread(target=tell, daemon=True).start()

    def tell() -> None:
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
