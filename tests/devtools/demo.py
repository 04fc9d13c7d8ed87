"""Start a demo with fresh data, beside one that may be running."""

import contextlib
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

from tests.environment import ROOT, inherited
from tests.tools.ports import free_port


@dataclass(frozen=True)
class Demo:
    """A running demo: its address, the password of each sign-in, and its process."""

    url: str
    passwords: dict
    process: subprocess.Popen

    def stop(self):
        """End the demo as Ctrl-C does; return its exit code and the output after the sign-ins."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


def start(directory, *options):
    """Start a demo with its data in the directory, and return as soon as the sign-ins are printed."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--directory", str(directory), *options],
        cwd=ROOT,
        env={**inherited(), "DEBUG": "True", "PORT": str(port)},
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
    """Run a demo inside a `with` block."""
    demo = start(directory, *options)
    try:
        yield demo
    finally:
        demo.stop()
