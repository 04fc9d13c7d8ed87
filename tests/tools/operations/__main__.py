"""Follow docs/operations.md to the letter on a bare Debian: `make operations`, as root.

    python -m tests.tools.operations [--release COMMIT]

Every block of commands of the page is run as it stands there, by the systemd, nginx, PostgreSQL and Redis
of a Debian that is installed for it; between them somebody uses the dashboard. Only two words are replaced:
ADDRESS and PASSWORD. The release to begin with is the newest tag, or else the commit that has put the newest
version into the changelog.
"""

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme

from tests.support.environment import ROOT
from tests.tools.operations import page
from tests.tools.operations.machine import Failed, Machine, missing

SITE = "loyalty.example.com"
HOME = "/srv/poster-admin"
ORIGIN = "/var/lib/origin.git"
POSTER = "http://127.0.0.1:8001"
UNITS = "poster-admin poster-admin-worker@1 poster-admin-worker@2"


class Operator:
    """The person at the terminal, who reads the page and does what it says."""

    def __init__(self, machine):
        self.machine = machine
        self.password = secrets.token_hex(12)
        self.followed = []
        self.answers = {
            "[Y/n]": "y",
            "(leave blank to use": "owner",
            "Email address:": "owner@example.com",
            "Email адреса:": "owner@example.com",
            "Password:": self.password,
            "Password (again):": self.password,
            "Enter password for new role:": self.password,
            "Enter it again:": self.password,
            "Type yes to go on:": "yes",
        }

    def follow(self, title, *, folder=HOME, variables=None, **words):
        """Run the commands under a title of the page."""
        say(f"“{title}”")
        self.followed.append(title)
        return self.machine.run(
            page.commands(title, **words), self.answers, folder=folder, **(variables or {})
        )

    def do(self, script):
        """Run a command that the page names in a sentence, or that only looks."""
        say(script)
        return self.machine.run(script, self.answers, folder=HOME)

    def use(self, *action, expected):
        """Use the dashboard, and end the run if it does not show what is expected."""
        say(f"Use it: {action[0]}")
        words = " ".join(
            (f"{HOME}/.venv/bin/python /root/visitor.py https://{SITE} owner {self.password}", *action)
        )
        try:
            said = self.machine.run(words, REQUESTS_CA_BUNDLE="/root/authority.pem").strip()
        except Failed:
            self.do("journalctl --no-pager --lines=40 --unit='poster-admin*'")
            raise
        if not re.fullmatch(expected, said):
            raise SystemExit(f"That is not {expected}")


def say(what):
    print(f"\n=== {what}", flush=True)


def give(machine, release):
    """Give the machine all that the page takes for granted: a name, its certificate, the code."""
    machine.write("/etc/hosts", f"127.0.0.1 localhost loyalty {SITE}\n")
    machine.write("/root/visitor.py", Path(__file__).with_name("visitor.py").read_text(encoding="utf-8"))
    authority = trustme.CA()
    certificate = authority.issue_cert(SITE)
    machine.write("/root/authority.pem", authority.cert_pem.bytes().decode())
    chain = "".join(blob.bytes().decode() for blob in certificate.cert_chain_pems)
    machine.write(f"/etc/ssl/certs/{SITE}.pem", chain)
    machine.write(f"/etc/ssl/private/{SITE}.key", certificate.private_key_pem.bytes().decode(), 0o600)
    origin = machine.root / ORIGIN.removeprefix("/")
    git("clone", "--quiet", "--bare", str(ROOT), str(origin))
    git("--git-dir", str(origin), "update-ref", "refs/heads/now", "HEAD")
    git("--git-dir", str(origin), "update-ref", "HEAD", release)
    machine.write("/etc/gitconfig", "[safe]\n\tdirectory = *\n")
    return origin


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def last_release():
    """Return the newest version's tag, or the commit that has put it into the changelog."""
    if tags := git("tag", "--merged", "HEAD", "--sort=-version:refname", "--list", "v*"):
        return tags.splitlines()[0]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## \[\d+\.\d+\.\d+\]", changelog, flags=re.MULTILINE)[0]
    return git("log", "--format=%H", f"-S{heading}", "--", "CHANGELOG.md").splitlines()[-1]


def walk(operator, origin):
    """Follow the whole page: install, use, upgrade, grow, back up, restore, change the keys."""
    machine = operator.machine
    operator.follow("install", folder="/", ADDRESS=ORIGIN)
    say("Give it a Poster: the sandbox, on this machine")
    machine.run(f"echo POSTER_API_URL={POSTER}/{{account}}/api/ >> {HOME}/.env")
    machine.run(
        f"systemd-run --quiet --unit=poster --uid=poster-admin --working-directory={HOME} --setenv=DEBUG=True"
        " .venv/bin/python manage.py sandbox --groups 30 --clients 300 --quiet",
        folder=HOME,
    )
    operator.follow("start")
    token = re.search(r"^\S*demo (\S+)$", machine.ask("journalctl --unit=poster --output=cat"), re.MULTILINE)
    operator.use("connect", token[1], expected="30 groups; history: empty")
    operator.use("edit", "1", "11", expected="30 groups; history: applied")
    operator.do("systemctl reload poster-admin")
    git("--git-dir", str(origin), "update-ref", "HEAD", "refs/heads/now")
    operator.follow("upgrade")
    operator.use("look", expected="30 groups; history: applied")
    operator.use("undo", "1", expected="30 groups; history: applied, applied")
    operator.follow("each night")
    operator.do("systemctl start poster-admin-nightly poster-admin-backup poster-admin-reconcile")
    operator.follow("Redis")
    operator.follow("PostgreSQL", PASSWORD=operator.password)
    operator.follow("more workers")
    operator.use("edit", "1", "12", expected="30 groups; history: applied, applied, applied")
    operator.follow("look at everything")
    backup = operator.follow("back up").split()[-1]
    operator.use("edit", "1", "13", expected="30 groups; history: applied, applied, applied, applied")
    operator.follow("restore", variables={"BACKUP": backup})
    operator.do("systemctl start poster-admin-worker@1 poster-admin-worker@2")
    operator.use("look", expected="30 groups; history: applied, applied, applied")
    operator.follow("change the keys")
    operator.use("edit", "1", "14", expected="30 groups; history: applied, applied, applied, applied")
    operator.follow("look at everything")
    operator.do(
        f"ps -o user,rss,args -C python,granian; systemctl is-active {UNITS} nginx postgresql redis-server"
    )
    operator.do("systemctl list-timers --no-pager 'poster-admin-*'; systemctl --failed --no-pager")


def start_by_hand(operator):
    """Start the server as an ordinary user, from another copy."""
    operator.machine.run("systemctl stop poster-admin 'poster-admin-*'; useradd --create-home anna")
    operator.machine.run(f"sudo -u anna git clone --quiet {ORIGIN} /home/anna/dashboard")
    script = page.commands("start by hand").replace("make serve", "timeout --signal=INT 180 make serve &")
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/healthz').read().decode())"
    script += f'for _ in $(seq 170); do sleep 1; python3 -c "{ask}" 2>/dev/null && exit; done; exit 1'
    operator.machine.write("/home/anna/by-hand", script)
    say("“start by hand”")
    operator.followed.append("start by hand")
    operator.machine.run("sudo -u anna --login bash -ec 'cd dashboard && . ~/by-hand'", operator.answers)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--release", default=None, help="the commit or tag to begin with")
    options = parser.parse_args()
    if os.geteuid() or missing():
        sys.exit(f"This needs root, and these packages: {' '.join(missing()) or 'all are there'}.")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        say("Install a bare Debian")
        with Machine(Path(folder)) as machine:
            release = options.release or last_release()
            origin = give(machine, release)
            operator = Operator(machine)
            say(f"Begin with {git('log', '-1', '--format=%h of %ad', release)}")
            walk(operator, origin)
            start_by_hand(operator)
    left = set(page.BLOCKS) - set(operator.followed)
    took = time.monotonic() - began
    say(f"{len(operator.followed)} blocks followed in {took:.0f} s; left out: {left or 'none'}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
