"""Find Chromium, or install it on a machine without one: `python -m tests.tools.chromium`."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

# The same engine without windows: a page in it takes less than half of the processor time.
SHELL = "chromium-headless-shell"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No network request may leave the machine; root may not use Chromium's sandbox.
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--no-first-run",
    *(("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()),
)


@functools.cache
def find(*, whole=False):
    """Return the path of a Chromium, or None: CHROMIUM, one of this machine, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    own = next(filter(None, map(shutil.which, NAMES if whole else (SHELL, *NAMES))), None)
    return own or _playwrights_own()


def _playwrights_own():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def get():
    """Install Chromium: as root Debian's package, else Playwright's download."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if ARGUMENTS[-1] == "--no-sandbox" and shutil.which("apt-get"):
        apt = "apt-get install -y -qq --no-install-recommends fonts-dejavu-core"
        commands = f"apt-get update -qq; {apt} {SHELL} || {apt} chromium"
        ways.insert(0, ["sh", "-c", f"export DEBIAN_FRONTEND=noninteractive; {commands}"])
    for way in ways:
        print("Chromium is missing; trying:", *way)
        done = subprocess.run(way, check=False, stdout=subprocess.DEVNULL)
        find.cache_clear()
        if done.returncode == 0 and find():
            return


if __name__ == "__main__":
    if not find():
        get()
    if not find():
        print("There is no Chromium: the browser tests will NOT be run.", file=sys.stderr)
