"""Start a demo with fresh data, beside one that may be running."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.support.environment import ROOT, inherited
from tests.support.ports import free_port


@dataclass(frozen=True)
class Demo:
    """A running demo: its data, address, passwords and process, and its output up to them and since."""

    directory: Path
    url: str
    announced: str
    passwords: dict
    process: subprocess.Popen
    rest: list
    reader: threading.Thread

    def stop(self):
        """End the demo as Ctrl-C does; return its exit code and the output after the sign-ins."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        self.reader.join(timeout=60)
        self.process.stdout.close()
        return self.process.returncode, "".join(self.rest)


def start(directory, *options):
    """Start a demo with its data in the directory, and return as soon as the way to sign in is printed."""
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
        if line.startswith(("owner ", "The account to connect")):
            passwords = dict(re.findall(r"^(manager|staff|owner) (\S+)$", "".join(lines), flags=re.MULTILINE))
            rest = []
            # A pipe that nobody reads fills up with the access log, and then the server stands still.
            reader = threading.Thread(target=rest.extend, args=(process.stdout,), daemon=True)
            reader.start()
            return Demo(
                directory, f"http://127.0.0.1:{port}", "".join(lines), passwords, process, rest, reader
            )
    process.stdout.close()
    process.wait(timeout=60)
    raise RuntimeError("The demo did not start:\n" + "".join(lines))


@contextlib.contextmanager
def running(directory, *options):
    """Run a demo inside a `with` block."""
    demo = start(directory, *options)
    try:
        yield demo
    finally:
        demo.stop()
