"""Grade six pages with Lighthouse: `make lighthouse`. It requires npm and nginx, outside of CI.

A production server runs with a sandbox of 50 groups behind nginx, with the TLS and HTTP/2 of
`deploy/nginx.conf`. Each page is loaded several times in the desktop and the phone profile, and the median
counts, so that other load on the machine does not matter. The bytes of the list's first load are those on the
wire, for a browser with an empty cache.

The browser itself holds the cookies: a header of Lighthouse is missing where a page loads its parts later.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import trustme
from playwright.sync_api import sync_playwright

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup.running import nginx
from tests.support.dashboard.killing import Dashboard, wait_until
from tests.support.environment import ROOT
from tests.support.ports import free_port
from tests.tools import chromium

PACKAGE = "lighthouse@13.5.0"
FOLDER = ROOT / "var" / "lighthouse"
GROUPS, CLIENTS = 50, 5000
PAGES = {
    "list": "/groups/",
    "detail": "/groups/1/",
    "edit": "/groups/1/edit/",
    "percents": "/groups/edit/",
    "settings": "/settings/",
    "people": "/people/",
}
DEVICES = {"desktop": ["--preset=desktop"], "mobile": []}
CATEGORIES = ("performance", "accessibility", "best-practices")
RUNS = 3
ATTEMPTS = 3
LONGEST_LOAD = 120
LARGEST_LOAD, LARGEST_WITHOUT_TYPEFACE = 160_000, 60_000


def install():
    """Install Lighthouse if it is missing: without scripts, since one of them would fetch a browser."""
    if (FOLDER / "node_modules" / "lighthouse" / "package.json").is_file():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    quietly = ["--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(["npm", "install", *quietly, "--prefix", FOLDER, PACKAGE], check=True)


@contextlib.contextmanager
def signed_in(folder, url, cookie):
    """Run a browser with the cookies of the dashboard, and yield the port by which Lighthouse reaches it."""
    port = free_port()
    executable = chromium.find(whole=True) or chromium.find()
    pairs = [pair.split("=", 1) for pair in cookie.split("; ")]
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=executable,
            args=[*chromium.ARGUMENTS, "--ignore-certificate-errors", f"--remote-debugging-port={port}"],
        )
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in pairs])
        yield port
        context.close()


def load(url, port, device):
    """Load a page, and return Lighthouse's report; load it again where it missed its start or its end."""
    command = [
        *("node", FOLDER / "node_modules" / "lighthouse" / "cli" / "index.js", url, *DEVICES[device]),
        *("--quiet", "--output=json", f"--only-categories={','.join(CATEGORIES)}", f"--port={port}"),
    ]
    for _ in range(ATTEMPTS):
        with contextlib.suppress(subprocess.SubprocessError):
            ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST_LOAD)
            return json.loads(ran.stdout)
    raise RuntimeError(f"Lighthouse could not load {url} in {ATTEMPTS} attempts")


def grade(url, port, device):
    """Return the last report of a page, and the median of each score."""
    reports = [load(url, port, device) for _ in range(RUNS)]
    for report in reports:
        if report["finalDisplayedUrl"] != url:
            raise RuntimeError(f"{url} led to {report['finalDisplayedUrl']}")
    scores = {
        name: round(100 * statistics.median(report["categories"][name]["score"] for report in reports))
        for name in CATEGORIES
    }
    return reports[-1], scores


def shortcomings(report):
    """Yield audits that lower a score, worst first."""
    for name in CATEGORIES:
        for part in report["categories"][name]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                yield f"{audit['title']}: {audit.get('displayValue', '')} ({audit['score']:.2f})"


def first_load(report):
    """Return the bytes on the wire by kind."""
    sizes = Counter()
    for request in report["audits"]["network-requests"]["details"]["items"]:
        sizes[request["resourceType"]] += request["transferSize"]
    return sizes


def main():
    for program in ("npm", "nginx"):
        if not shutil.which(program):
            sys.exit(f"{program} is not here, and Lighthouse needs it.")
    install()
    # The command of the server is that of the settings.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "poster_admin.settings")
    failed = []
    with (
        tempfile.TemporaryDirectory() as name,
        Sandbox(groups=GROUPS, clients=CLIENTS) as sandbox,
        contextlib.closing(Dashboard(Path(name), sandbox)) as dashboard,
        contextlib.ExitStack() as browsers,
    ):
        dashboard.start()
        dashboard.start_worker()
        wait_until(lambda: dashboard.table("groups_workerheartbeat"), 0.1, 60)
        backend = urlsplit(dashboard.urls[0]).port
        front = browsers.enter_context(nginx(Path(name), backend, authority=trustme.CA()))
        url = f"https://127.0.0.1:{front}"
        port = browsers.enter_context(signed_in(Path(name) / "browser", url, dashboard.cookie))
        sizes = None
        for page, path in PAGES.items():
            for device in DEVICES:
                report, scores = grade(url + path, port, device)
                print(
                    f"{page:10}{device:9}", *(f"{name} {score}" for name, score in scores.items()), flush=True
                )
                for line in shortcomings(report):
                    print(f"    {line}")
                failed += [page for score in scores.values() if score < 100]
                sizes = sizes or first_load(report)
    total = sum(sizes.values())
    for kind, size in sizes.most_common():
        print(f"{kind:12}{size:8,} bytes")
    without_typeface = total - sizes["Font"]
    print(f"{'in all':12}{total:8,} bytes, of {LARGEST_LOAD:,}")
    print(f"{'of these':12}{without_typeface:8,} bytes without the typeface, of {LARGEST_WITHOUT_TYPEFACE:,}")
    if failed or total >= LARGEST_LOAD or without_typeface >= LARGEST_WITHOUT_TYPEFACE:
        sys.exit("Less than 100, or too many bytes.")


if __name__ == "__main__":
    main()
