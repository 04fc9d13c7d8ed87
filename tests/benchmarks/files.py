"""Pages of others while files are made and read: `make bench ARGS=files`.

One process serves all. While some save 5,000 groups or 5,000 changes, or upload a file that was made to take
memory, another one opens pages of a small account; their times stand beside those of the same pages in quiet.
"""

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openpyxl import Workbook

from tests.benchmarks.setup import running
from tests.benchmarks.setup.lab import expect
from tests.support.environment import ROOT

MANY, FEW = "n5000-l50", "n50-l50"
CHANGES = 5000
LONGEST = 1.0
PAUSE = 0.02
PAGES = ("/groups/", "/groups/4/", "/history/")
EXPORTS = {
    "CSV of 5,000 groups": "/groups/export.csv",
    "XLSX of 5,000 groups": "/groups/export.xlsx",
    "CSV of 5,000 changes": "/history/export.csv",
    "XLSX of 5,000 changes": "/history/export.xlsx",
}
BOUNDARY = "a-boundary-of-the-form"


def workbook(name, before, xml):
    """Return a workbook of one cell that has some XML in one of its parts."""
    book, file, changed = Workbook(), io.BytesIO(), io.BytesIO()
    book.active["A1"] = "Id"
    book.save(file)
    with zipfile.ZipFile(file) as plain, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in plain.namelist():
            content = plain.read(each)
            archive.writestr(each, content.replace(before, xml + before) if each == name else content)
    return changed.getvalue()


UPLOADS = {
    "a workbook of open tags": ("xl/worksheets/sheet1.xml", b"</worksheet>", b"<a>" * 5_000_000),
    "a workbook of cells": ("xl/worksheets/sheet1.xml", b"</row>", b"<c/>" * 3_900_000),
    "a workbook of formats": ("xl/styles.xml", b"</cellXfs>", b"<xf/>" * 3_000_000),
    "a workbook of sheets": ("xl/workbook.xml", b"</sheets>", b'<sheet name="x" sheetId="2"/>' * 500_000),
}


def upload_of(content):
    """Return the body of the form of an import."""
    lines = [
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="csrfmiddlewaretoken"',
        "",
        running.CSRF,
        f"--{BOUNDARY}",
        'Content-Disposition: form-data; name="file"; filename="groups.xlsx"',
        "Content-Type: application/octet-stream",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


class Pages:
    """Ask for pages as others do, to the end of the block, and note the seconds that each took."""

    def __init__(self, site):
        self.times = []
        self._caller = running.Caller(site.port, site.cookie(FEW))
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self):
        self._asking = self._pool.submit(self._ask)
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._asking.result()

    def _ask(self):
        while not self._ended.is_set():
            for path in PAGES:
                began = time.monotonic()
                self._caller.get(path)
                expect(self._caller, 200, path)
                self.times.append(time.monotonic() - began)
                self._ended.wait(PAUSE)


def peak_memory(site):
    """Return the most memory that the process of the pages has had, in MB."""
    (pid,) = site.servers()
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def busy(site, ask, seconds, at_once):
    """Return the times of the pages and of the files, while so many threads make files."""
    until, took = time.monotonic() + seconds, []

    def work():
        caller = running.Caller(site.port, site.cookie(MANY))
        while time.monotonic() < until:
            began = time.monotonic()
            ask(caller)
            took.append(time.monotonic() - began)

    with Pages(site) as pages, ThreadPoolExecutor(at_once) as pool:
        for each in [pool.submit(work) for _ in range(at_once)]:
            each.result()
    return pages.times, took


def told(name, times, quiet, took, site):
    """Print a line; return True if no page took longer than it may."""
    usual, slower = statistics.median(times), statistics.median(times) / statistics.median(quiet)
    print(
        f"{name:24} in {statistics.median(took):5.2f} s; pages {slower:4.1f} × quiet, {usual * 1000:.0f} ms, "
        f"longest {max(times) * 1000:4.0f} ms; peak of the process {peak_memory(site):4.0f} MB",
        flush=True,
    )
    return max(times) < LONGEST


def main(arguments):
    parser = argparse.ArgumentParser(prog="make bench ARGS=files", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="for each kind of file")
    parser.add_argument("--at-once", type=int, default=2, help="files that are made or read at once")
    options = parser.parse_args(arguments)
    good = True
    with (
        tempfile.TemporaryDirectory() as directory,
        running.upstream() as upstream,
        running.dashboard(Path(directory), upstream, workers="1") as site,
    ):
        site.add_people([MANY, FEW])
        command = [sys.executable, "-m", "tests.benchmarks.setup.journal", MANY, str(CHANGES)]
        subprocess.run(command, cwd=ROOT, env=site.environment, check=True)
        with Pages(site) as pages:
            time.sleep(options.seconds)
        quiet = pages.times[len(PAGES) :]  # without the first ones, which warm up
        print(
            f"quiet: pages p50 {statistics.median(quiet) * 1000:.0f} ms, longest {max(quiet) * 1000:.0f} ms"
        )

        def get(path, caller):
            caller.get(path)
            expect(caller, 200, path)

        def post(body, caller):
            kind = f"multipart/form-data; boundary={BOUNDARY}"
            caller.post("/groups/import/", body, **{"Content-Type": kind})
            expect(caller, 422, "a file that is refused")

        for name, path in EXPORTS.items():
            times, took = busy(
                site, lambda caller, path=path: get(path, caller), options.seconds, options.at_once
            )
            good &= told(name, times, quiet, took, site)
        for name, xml in UPLOADS.items():
            body = upload_of(workbook(*xml)).decode("latin-1")
            times, took = busy(
                site, lambda caller, body=body: post(body, caller), options.seconds, options.at_once
            )
            good &= told(name, times, quiet, took, site)
    return 0 if good else 1
