"""Test `manage.py serve`: its output at the start, and its end when it is told to stop."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from poster_admin.common import threaded
from poster_admin.common.serving import refuse_taken_port
from poster_admin.devtools.sandbox.http.certificates import identity
from tests.benchmarks.setup.running import workers_of
from tests.support.dashboard.killing import wait_until
from tests.support.databases import migrated
from tests.support.environment import ROOT, inherited
from tests.support.ports import free_port

pytestmark = pytest.mark.slow
PLAIN = "HTTPS=False: plain HTTP."
SECURE = "HTTPS=True:"
# With a CSRF cookie: without one the answer does not wait for the body.
HALF = (
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=" + b"c" * 32 + b"\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\nname="
)


def serve(tmp_path, port=None, **variables):
    shutil.copy(migrated(), tmp_path / "db.sqlite3")
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env={
            **inherited(),
            "PORT": str(port),
            "WORKERS": "1",
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return process, f"http://127.0.0.1:{port}"


def answer(url, **options):
    deadline = time.monotonic() + 120  # the first start compresses every static file
    while True:
        try:
            return requests.get(url, timeout=5, allow_redirects=False, **options)
        except (requests.ConnectionError, requests.Timeout):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


# The server that the tests below share has HTTPS=False.
def test_the_server_serves_and_ends_at_ctrl_c(tmp_path):
    process, url = serve(tmp_path, HTTPS="True", JOB_WORKERS="1")
    try:
        assert answer(f"{url}/readyz").text.startswith("ok\n")
        assert answer(f"{url}/accounts/login/").status_code == 301
        proxied = answer(f"{url}/accounts/login/", headers={"X-Forwarded-Proto": "https"})
        assert proxied.status_code == 200
        assert "Strict-Transport-Security" in proxied.headers
        assert answer(f"{url}/nowhere/", headers={"X-Forwarded-Proto": "https"}).status_code == 404
    finally:
        # As a terminal does: signal the whole process group at once.
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert said.startswith(SECURE), said
    assert " with 1 worker.\n" in said
    assert re.search(r"^Set up: https://localhost/setup/[A-Z2-7]{32}/$", said, re.MULTILINE), said
    # Lines are written in batches, the last ones before the end.
    assert "Not Found: /nowhere/" in said


@pytest.mark.parametrize("moment", ["starting", pytest.param("running", marks=pytest.mark.thorough)])
def test_a_killed_server_leaves_its_port_and_no_process(tmp_path, moment):
    process, url = serve(tmp_path, HTTPS="False", JOB_WORKERS="1")
    wait_until(lambda: len(workers_of(process.pid)) == 2, 0.01, 60)
    if moment == "running":
        wait_until(lambda: answer(f"{url}/readyz").text == "ok\n", 0.2, 60)
    left = workers_of(process.pid)
    process.kill()
    process.communicate(timeout=20)  # all of them have its output open, and close it shortly before their end
    wait_until(lambda: not any(map(is_alive, left)), 0.01, 20)
    refuse_taken_port("127.0.0.1", int(url.rpartition(":")[2]))


def is_alive(pid):
    """Return True if a process runs: it is there, and no zombie whose end nobody has read yet."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return False


@pytest.mark.thorough
def test_the_server_ends_tls_by_itself(tmp_path):
    authority = identity(tmp_path).ca_file
    files = dict.fromkeys(("GRANIAN_SSL_CERTIFICATE", "GRANIAN_SSL_KEYFILE"), str(tmp_path / "server.pem"))
    process, url = serve(tmp_path, HTTPS="True", JOB_WORKERS="0", **files)
    try:
        page = answer(url.replace("http", "https") + "/accounts/login/", verify=authority)
        assert page.status_code == 200
        assert page.cookies["__Host-csrftoken"]
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Return a server for the tests after which it still runs."""
    process, url = serve(tmp_path_factory.mktemp("running"), HTTPS="False")
    assert process.stdout.readline().startswith(PLAIN)
    assert process.stdout.readline().startswith("Serving on 127.0.0.1:")
    assert requests.get(f"{url}/healthz", timeout=60).status_code == 200  # without a second try
    port = url.rpartition(":")[2]
    said = process.stdout.readline()
    assert re.fullmatch(rf"Set up: http://localhost:{port}/setup/[A-Z2-7]{{32}}/\n", said), said
    yield process, url
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_without_tls_a_page_is_answered_and_asks_for_none(running):
    _, url = running
    page = answer(f"{url}/accounts/login/", headers={"X-Forwarded-Proto": "https"})
    assert (page.status_code, "Strict-Transport-Security" in page.headers) == (200, False)


def test_strangers_who_send_half_of_a_body_stop_no_page(running):
    _, url = running
    assert answer(f"{url}/readyz").status_code == 200
    with contextlib.ExitStack() as held:
        for _ in range(threaded.THREADS + 20):
            stranger = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
            held.enter_context(stranger)
            stranger.sendall(HALF)
        assert requests.get(f"{url}/accounts/login/", timeout=10).status_code == 200
        form = {"username": "staff", "password": "wrong"}
        assert requests.post(f"{url}/accounts/login/", form, timeout=10).status_code == 403


def test_a_job_worker_that_dies_is_started_again(running):
    process, _ = running

    def job_workers():
        children = workers_of(process.pid)
        return [pid for pid in children if b"manage.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    (first,) = job_workers()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: job_workers() not in ([], [first]), 0.1, 60)


@pytest.mark.thorough
def test_a_reload_replaces_every_worker(running):
    process, url = running
    wait_until(lambda: answer(f"{url}/readyz").text == "ok\n", 0.2, 60)  # its worker is seen
    before = set(workers_of(process.pid))
    assert len(before) == 2  # one serves, and one runs the jobs
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while before & (now := set(workers_of(process.pid))) or len(now) < 2:
        assert time.monotonic() < deadline, (before, now)
        time.sleep(0.1)
    assert answer(f"{url}/readyz").text == "ok\n"


def test_a_page_is_compressed_and_its_files_are_for_ever(running):
    _, url = running
    page = answer(f"{url}/accounts/login/").text
    stylesheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    for encoding in ("gzip", "br"):
        served = answer(url + stylesheet, headers={"Accept-Encoding": encoding})
        assert served.headers["Content-Encoding"] == encoding
        assert "immutable" in served.headers["Cache-Control"]
