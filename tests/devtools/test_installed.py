"""Test the tools for developers: their commands are found, and production never loads them."""

import subprocess
import sys

import pytest

from tests.support.environment import ROOT, inherited

SERVED = """
import sys
import poster_admin.asgi
from django.core.management import get_commands
from django.urls import get_resolver
get_resolver().check()
print(sorted({"demo", "sandbox"} & get_commands().keys()))
rare = ("babel", "authlib", "joserfc", "webauthn", "segno", "openpyxl", "yaml")
print([name for name in sys.modules if name.startswith(("poster_admin.devtools", *rare))])
"""


def run(*command, **variables):
    environment = {**inherited(), "DJANGO_SETTINGS_MODULE": "poster_admin.settings", **variables}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_server_in_production_loads_none_of_it_and_no_package_that_few_requests_need():
    served = run("-c", SERVED, DEBUG="False")
    assert served.stdout == "[]\n[]\n", served.stderr


def test_no_other_command_loads_it():
    looked = run("manage.py", "help", "--commands", DEBUG="False")
    assert {"serve", "worker"} <= set(looked.stdout.split()), looked.stderr
    assert not {"demo", "sandbox"} & set(looked.stdout.split())


# Tests beside this one start both commands with DEBUG.
@pytest.mark.parametrize(
    ("command", "words"),
    [("demo", "demo --help"), pytest.param("sandbox", "help sandbox", marks=pytest.mark.thorough)],
)
def test_its_commands_are_found_in_production_too(command, words):
    helped = run("manage.py", *words.split(), DEBUG="False")
    assert helped.stdout.startswith(f"usage: manage.py {command}"), helped.stderr
