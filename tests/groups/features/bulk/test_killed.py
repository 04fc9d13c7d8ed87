"""Test `manage.py scheme` as a process of its own, which may be killed."""

import json
import signal
import subprocess
import sys

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import Dashboard, wait_until
from tests.support.environment import ROOT
from tests.support.schemes import entry, scheme

pytestmark = pytest.mark.slow
SEED = "Скидочная система 10%"


@pytest.fixture
def dashboard(tmp_path):
    with Sandbox() as sandbox:
        dashboard = Dashboard(tmp_path, sandbox)
        yield dashboard
        dashboard.close()


def begin(dashboard, *words):
    return subprocess.Popen(
        [sys.executable, "manage.py", "scheme", *map(str, words), "--user", "owner"],
        cwd=ROOT,
        env=dashboard.environment | {"LOG_FORMAT": "line"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_killed_application_goes_on_without_its_command(dashboard, tmp_path):
    file = tmp_path / "scheme.yaml"
    file.write_text(scheme(entry(SEED, percent="11"), entry("Нова"), entry("Ще одна")), encoding="utf-8")
    # A worker is at it, and the command is killed as soon as the job is at work.
    worker = dashboard.start_worker()
    wait_until(lambda: dashboard.table("groups_workerheartbeat"), 0.05, 60)
    dashboard.sandbox.latency = 0.2
    killed = begin(dashboard, "apply", file, "--yes")
    wait_until(lambda: [job for job in dashboard.table("groups_job") if job["state"] == "running"], 0.02, 30)
    killed.kill()
    assert ended(killed)[0] == -signal.SIGKILL
    wait_until(lambda: [job["state"] for job in dashboard.table("groups_job")] == ["done"], 0.1, 60)
    assert sorted(call.method for call in dashboard.sandbox.posts()) == [
        "clients.createGroup", "clients.createGroup", "clients.updateGroup",
    ]  # fmt: skip
    assert worker.poll() is None
    dashboard.sandbox.latency = 0.0
    # The plan alone goes to standard output.
    file.write_text(scheme(entry(SEED, percent="13")), encoding="utf-8")
    code, out, err = ended(begin(dashboard, "plan", file, "--json"))
    changes = {"percent": [11, 13]}
    assert (code, json.loads(out)) == (2, [{"action": "update", "name": SEED, "changes": changes}]), err
