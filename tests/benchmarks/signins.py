"""Many wrong sign-ins at once: what they take of memory, and how long an honest one among them waits.

`make bench ARGS=signins`. The names are all different and unknown, so that no lock spares a hashing; with
`--old` they are users whose passwords are kept by the parameters of before, which take the most memory.
"""

import argparse
import collections
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

from tests.benchmarks.setup import running
from tests.support.environment import ROOT
from tests.support.ports import free_port

PASSWORD = "an-honest-password"
MOST_MEMORY = 120
LONGEST_WAIT = 3.0
USERS = """
import sys, django
django.setup()
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.models import User
User.objects.create_user("honest", password=sys.argv[1])
encoded = Argon2PasswordHasher().encode("another-password", "some-salt-of-before")
User.objects.bulk_create(User(username=f"guessed-{n}", password=encoded) for n in range(int(sys.argv[2])))
"""


def processes(parent):
    """Return the ids of a process and all below it."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return [parent, *(pid for child in map(int, children) for pid in processes(child))]


def resident(pids):
    """Return the resident memory of some processes in MB."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


class Peak(threading.Thread):
    """The most memory that the processes have had together."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.before, self.ended = pids, resident(pids), threading.Event()
        self.most = self.before

    def run(self):
        while not self.ended.wait(0.005):
            self.most = max(self.most, resident(self.pids))


def sign_in(port, name, password):
    """Return the status of a sign-in, and the seconds that it took."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Cookie": f"csrftoken={running.CSRF}", "Content-Type": "application/x-www-form-urlencoded"}
    form = {"username": name, "password": password, "csrfmiddlewaretoken": running.CSRF}
    started = time.monotonic()
    connection.request("POST", "/accounts/login/", urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, time.monotonic() - started


def storm(port, count):
    """Send wrong sign-ins at once and an honest one among them; return their statuses, and its own."""
    statuses, honest, gate = collections.Counter(), [], threading.Barrier(count + 1)

    def guess(number):
        gate.wait()
        statuses[sign_in(port, f"guessed-{number}", "wrong")[0]] += 1

    def be_honest():
        gate.wait()
        time.sleep(0.05)
        honest.append(sign_in(port, "honest", PASSWORD))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(count)]
    threads.append(threading.Thread(target=be_honest))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, honest[0]


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=signins", description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--old", action="store_true")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        running.dashboard(Path(directory), free_port()) as site,
    ):
        command = [sys.executable, "-c", USERS, PASSWORD, str(options.count if options.old else 0)]
        subprocess.run(command, cwd=ROOT, env=site.environment, check=True)
        for _ in range(8):  # each process has read its code
            sign_in(site.port, "", "")
        peak = Peak(processes(site.process.pid))
        peak.start()
        statuses, (status, seconds) = storm(site.port, options.count)
        peak.ended.set()
        peak.join()
    more = peak.most - peak.before
    sys.stdout.write(
        f"{options.count} wrong sign-ins at once: {dict(sorted(statuses.items()))}\n"
        f"memory of {len(peak.pids)} processes: {peak.before:.0f} MB before, {peak.most:.0f} MB at most, "
        f"{more:.0f} MB more (at most {MOST_MEMORY})\n"
        f"the honest one: {status} after {seconds:.2f} s (at most {LONGEST_WAIT:.0f})\n"
    )
    return 0 if status == 302 and seconds <= LONGEST_WAIT and more <= MOST_MEMORY else 1
