"""Run Python in a process of its own, with the environment of the tests."""

import subprocess
import sys

from tests.support.environment import ROOT, inherited


def run_python(*words, **environment):
    command = [sys.executable, *words]
    environment = {**inherited(), "DJANGO_SETTINGS_MODULE": "tests.support.settings", **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
