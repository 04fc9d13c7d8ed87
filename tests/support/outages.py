"""Cause real outages: a locked database, a full disk, a Redis or a PostgreSQL that is away."""

import contextlib
import itertools
import os
import resource
import signal
import socket
import subprocess
import sys

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.support import environment
from tests.support.dashboard.killing import wait_until
from tests.support.ports import free_port

_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def locked(path):
    """Let another process hold the lock of an SQLite database during the block."""
    command = [sys.executable, "-c", _LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "locked\n"
        yield
        holder.stdin.close()


@contextlib.contextmanager
def full_disk():
    """Let this process find no room in any file during the block, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


LOST = (False, True) if environment.ON_SERVICES else (False,)
"""The values of `is_made`: a commit of SQLite has no answer that could get lost after it."""


def let_commits_fail(monkeypatch, fails, *, is_made=False):
    """Let each commit of this process fail for whose number `fails` returns True; return the failed numbers.

    On SQLite the disk is full then. On PostgreSQL the connection is lost: before the commit, or after it if
    `is_made`.
    """
    numbers, failed, commit = itertools.count(1), [], BaseDatabaseWrapper.commit

    def commit_or_fail(ours):
        number = next(numbers)
        if not fails(number):
            commit(ours)
            return
        failed.append(number)
        if ours.vendor == "sqlite":
            with full_disk():
                commit(ours)
        else:
            lose(ours.connection, is_made=is_made)
            commit(ours)

    monkeypatch.setattr(BaseDatabaseWrapper, "commit", commit_or_fail)
    return failed


def lose(ours, *, is_made):
    """End a connection to PostgreSQL, with its transaction or after its COMMIT, without an answer to that."""
    process = ours.info.backend_pid
    if is_made:
        ours.pgconn.send_query(b"COMMIT")
    with psycopg.connect(environment.POSTGRES_URL, autocommit=True) as server:
        if is_made:
            is_idle = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'idle'"
            wait_until(lambda: server.execute(is_idle, [process]).fetchone(), 0.01)
        server.execute("SELECT pg_terminate_backend(%s)", [process])


class Disk:
    """A small file system that can be filled. Requires root."""

    def __init__(self, directory, megabytes):
        self.path = directory / "disk"
        self.path.mkdir()
        self._filling = self.path / "filling"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.path], check=True)

    def fill(self):
        """Fill the file system."""
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self):
        """Free the space again."""
        self._filling.unlink()

    def close(self):
        """Unmount the file system, even while a process has one of its files open."""
        subprocess.run(["umount", "--lazy", self.path], check=True)


class Redis:
    """A separate server, empty after each start."""

    def __init__(self, directory):
        self._port, self._directory = free_port(), directory
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self):
        """Start it, and wait until it answers."""
        command = [
            "redis-server",
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen(command, cwd=self._directory, stdout=subprocess.DEVNULL)
        wait_until(self._answers, 0.02)

    def kill(self):
        """Kill it at once."""
        self._process.kill()
        self._process.wait()

    def freeze(self):
        """Let it accept connections and commands, and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let it continue."""
        self._process.send_signal(signal.SIGCONT)

    def _answers(self):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._port), 1) as connection,
        ):
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False


def can_mount():
    """Return True if this machine can mount a file system."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0
