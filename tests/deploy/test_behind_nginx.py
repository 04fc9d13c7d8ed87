"""Test `deploy/nginx.conf`: nginx handles a worker that goes away."""

import contextlib
import shutil
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import trustme

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup.running import nginx
from tests.support.dashboard.killing import Dashboard, faults_found, wait_until
from tests.support.programs import NOT_RUN

pytestmark = pytest.mark.slow


class Leaving:
    """A server that keeps connections open and, once it `leaves`, closes each of them at the next request.

    So does a worker that is replaced, for the requests that arrive while it closes what is idle. It answers
    on connections that are made later, as the worker does that has taken its place.
    """

    def __init__(self):
        self.leaves = False
        self.closed = 0
        self.together = threading.Barrier(1)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection, self.leaves), daemon=True).start()

    def _serve(self, connection, is_new):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as file:
            while _read_request(file):
                if self.leaves and not is_new:
                    self.closed += 1
                    return
                self.together.wait(10)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntaken")


def _read_request(file):
    """Read a request with its body; return False at the end of the connection."""
    length = 0
    while (line := file.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    file.read(length)
    return bool(line)


def test_a_form_is_answered_however_many_connections_a_worker_closes_as_it_leaves(tmp_path):
    if not shutil.which("nginx"):
        pytest.skip(f"{NOT_RUN}: there is no nginx")
    at_once = 8
    with (
        contextlib.closing(Leaving()) as worker,
        nginx(tmp_path, worker.port) as front,
        ThreadPoolExecutor(at_once) as pool,
    ):
        url = f"http://127.0.0.1:{front}/"
        worker.together = threading.Barrier(at_once)
        assert {each.text for each in pool.map(requests.get, [url] * at_once)} == {"taken"}
        worker.together = threading.Barrier(1)
        worker.leaves = True
        sent = requests.post(url, {"name": "Гості"}, timeout=60)
        assert (sent.status_code, sent.text) == (200, "taken"), f"{worker.closed} connections were closed"


def test_a_browser_asks_for_all_files_of_a_page_on_one_connection(tmp_path):
    if not shutil.which("nginx"):
        pytest.skip(f"{NOT_RUN}: there is no nginx")
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        contextlib.closing(Leaving()) as worker,
        nginx(tmp_path, worker.port, authority=authority) as front,
        socket.create_connection(("127.0.0.1", front)) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"


@pytest.mark.thorough  # tests/groups/services/test_two_processes.py sends a form twice without nginx
def test_a_form_whose_worker_dies_is_answered_by_another_one_and_is_one_write(tmp_path):
    if not shutil.which("nginx"):
        pytest.skip(f"{NOT_RUN}: there is no nginx")
    answers = []
    with Sandbox(groups=30) as sandbox:
        dashboard = Dashboard(tmp_path, sandbox, servers=2)
        try:
            dashboard.start()
            ports = [url.rpartition(":")[2] for url in dashboard.urls]
            write = dashboard.plan("update", "while Poster works")
            path, form = dashboard.open_form(write)
            with nginx(tmp_path, *ports) as front:
                sandbox.script("clients.updateGroup", "timeout", when="after", seconds=30)

                def send():
                    url = f"http://127.0.0.1:{front}{path}"
                    cookie = {"Cookie": dashboard.cookie}
                    answers.append(
                        requests.post(url, form, headers=cookie, allow_redirects=False, timeout=60)
                    )

                sending = threading.Thread(target=send)
                sending.start()
                wait_until(sandbox.posts)
                # The first server has answered nginx's check; the second one receives the form.
                dashboard.kill(1)
                sending.join()
            assert "prematurely closed" in (tmp_path / "nginx.log").read_text(encoding="utf-8")
            # The outcome is still unknown: the page says so, and the change is reconciled.
            assert [answer.status_code for answer in answers] == [409]
            assert 'data-notice="conflict"' in answers[0].text
            dashboard.start_worker()
            dashboard.wait_until_settled()
            assert faults_found(write, dashboard.rows()[write.operation], sandbox) == []
            assert len(sandbox.posts()) == 1
        finally:
            dashboard.close()
