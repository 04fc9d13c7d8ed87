"""A demo of one's own, with fresh data and beside the one that may be running."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

from tests.environment import ROOT
from tests.tools.ports import free_port


@dataclass(frozen=True)
class Demo:
    """Where it is, the password of each sign-in, and the process."""

    url: str
    passwords: dict
    process: subprocess.Popen

    def stop(self):
        """End it as Ctrl-C does, and return how it ended and what it printed after the sign-ins."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


def start(directory, *options):
    """Start a demo with its data in the directory, and return when it has printed its sign-ins."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--directory", str(directory), *options],
        cwd=ROOT,
        env={**os.environ, "DEBUG": "True", "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("owner "):
            passwords = dict(re.findall(r"^(manager|staff|owner) (\S+)$", "".join(lines), flags=re.MULTILINE))
            return Demo(f"http://127.0.0.1:{port}", passwords, process)
    raise RuntimeError("The demo did not start:\n" + "".join(lines))


@contextlib.contextmanager
def running(directory, *options):
    """Run a demo for a while."""
    demo = start(directory, *options)
    try:
        yield demo
    finally:
        demo.stop()
