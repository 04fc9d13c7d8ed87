"""Test `deploy/nginx.conf`: nginx handles a worker that goes away."""

import shutil
import threading

import pytest
import requests

from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.running import nginx
from tests.conftest import NOT_RUN
from tests.tools.killing import Dashboard, faults_found, wait_until

pytestmark = pytest.mark.slow


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
