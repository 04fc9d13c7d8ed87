"""Count the instructions of pages by callgrind: they do not depend on the load of the machine.

Each page is answered without a server, by one thread: the dashboard with its list cached, and Django's admin
over the same rows. Shown are the millions of instructions of a page, their ratio to the admin's, and the
functions of Python that took the largest shares of a list and of a form.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.setup import running
from tests.benchmarks.setup.running import FLOOR
from tests.support.environment import ROOT

ACCOUNT = "n50-l0"
PAGES = {
    "list": "/groups/",
    "detail": "/groups/7/",
    "form": "/groups/7/edit/",
    "history": "/history/",
    "nothing": FLOOR,
}
CHANGES = 1000
BOUNDS = Path(__file__).with_suffix(".json")
AIR = 1.05
WARM_UP, COUNTED = 4, 3
# The database of the journal, the static files, and a worker that seems to run.
PREPARE = f"""
import django
django.setup()
from django.core.cache import cache
from groups.services.installation import maintenance
from poster_admin.common.serving import collect_static
from tests.benchmarks.setup import journal
collect_static()
journal.fill("{ACCOUNT}", {CHANGES})
cache.set(maintenance.WORKER_ALIVE, True, timeout=None)
"""


class Counted:
    """A process under callgrind that answers pages."""

    def __init__(self, process, directory):
        self._process = process
        self._files = directory

    def say(self, line):
        """Return the answer to a line."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def count(self, paths):
        """Return how many million instructions each page takes, by its name."""
        for path in paths.values():
            self._ask(path, WARM_UP)
        self._tell("instrumentation on")
        counts = {}
        for number, (name, path) in enumerate(paths.items(), start=1):
            self._ask(path, 1)
            self._tell("zero")
            self._ask(path, COUNTED)
            self._tell("dump")
            counts[name] = self._total(number) / COUNTED / 1e6
        self._tell("instrumentation off")
        return counts

    def _ask(self, path, times):
        if not self.say(f"{path} {times}").startswith("200"):
            raise RuntimeError(f"{path} is not answered with 200: {self._files / 'log'}")

    def _tell(self, command):
        vgdb = ["vgdb", f"--pid={self._process.pid}", f"--vgdb-prefix={self._files}/gdb", *command.split()]
        subprocess.run(vgdb, check=True, capture_output=True)

    def _total(self, number):
        dump = (self._files / f"count.{number}").read_text(encoding="utf-8")
        return int(re.search(r"^(?:totals|summary): (\d+)", dump, re.MULTILINE)[1])


@contextmanager
def counted(directory, module, session, environment):
    """Start a process that answers pages under callgrind."""
    directory.mkdir()
    command = [
        "valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet", f"--vgdb-prefix={directory}/gdb",
        f"--callgrind-out-file={directory}/count", sys.executable, "-m", "tests.benchmarks.setup.counted",
        module, session,
    ]  # fmt: skip
    # Python would begin each process with other hashes.
    environment = environment | {"PYTHONHASHSEED": "0"}
    with (
        (directory / "log").open("wb") as log,
        running.process(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        yield Counted(process, directory)


def measure(directory, *, profiled):
    """Return the millions of instructions of each page and of the admin's, and the dearest functions."""
    with running.upstream() as port:
        environment = running.environment_of(
            directory,
            port,
            POSTER_CACHE_SECONDS="600",
            DJANGO_SETTINGS_MODULE="tests.benchmarks.setup.settings",
        )
        site = running.Site(0, None, environment)
        site.add_people([ACCOUNT])
        subprocess.run([sys.executable, "-c", PREPARE], cwd=ROOT, env=environment, check=True)
        admin_environment, session = running.admin_environment(directory)
        with (
            counted(directory / "admin", "tests.benchmarks.setup.admin", session, admin_environment) as admin,
            counted(
                directory / "site", "tests.benchmarks.setup.site", site.sessions[ACCOUNT], environment
            ) as ours,
        ):
            counts = ours.count(PAGES) | admin.count({"admin": "/admin/auth/loyaltygroup/"})
            return counts, {name: ours.say(f"{PAGES[name]} profile") for name in profiled}


def main(arguments):
    """Print the table; with `--hold`, return 1 if a page takes more than its bound."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=instructions", description=__doc__)
    parser.add_argument("--hold", action="store_true", help=f"only hold pages to the ratios of {BOUNDS.name}")
    options = parser.parse_args(arguments)
    try:
        running.need("valgrind")
    except running.Missing as missing:
        print(f"Instructions are not counted: {missing}")
        return 0
    os.environ["DJANGO_SETTINGS_MODULE"] = "poster_admin.settings"
    with tempfile.TemporaryDirectory() as directory:
        counts, dear = measure(Path(directory), profiled=() if options.hold else ("list", "form"))
    bounds = json.loads(BOUNDS.read_text(encoding="utf-8"))
    broken = 0
    for name, count in counts.items():
        ratio = count / counts["admin"]
        line = f"{name:8} {count:6.1f} million instructions, {ratio:.3f} of the admin's"
        if name in bounds:
            highest = bounds[name] * AIR
            broken += ratio > highest
            line += f"; at most {highest:.3f}{': TOO MANY' if ratio > highest else ''}"
        print(line)
    for name, functions in dear.items():
        print(f"\nThe dearest functions of {name}, by their own time:", *functions.split("; "), sep="\n  ")
    return 1 if options.hold and broken else 0
