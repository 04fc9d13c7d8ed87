"""Run third-party clients of Poster unchanged against the sandbox."""

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support import company
from tests.support.poster_document import examples
from tests.support.programs import not_run

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
PACKAGE = "joinposter-api@0.0.47"
SECONDS = 120
HOST = "joinposter.com"


@contextmanager
def tunnel(folder, address):
    """Yield the address of a proxy to the sandbox's, and the file of its certificate authority.

    The client learns of them by HTTPS_PROXY and NODE_EXTRA_CA_CERTS, as in any company with a proxy of its
    own: it is unchanged, and no packet leaves the machine.
    """
    authority = company.Authority(folder)
    with (
        company.tls_in_front(authority.server(HOST), address) as front,
        company.running(company.Proxy({f"{HOST}:443": front})) as proxy,
    ):
        yield proxy, authority.file


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


# --- The documentation's own function, in PHP ---------------------------------------------------------------


@pytest.mark.needs("php")
@pytest.mark.parametrize("body", ["form", "json"])
def test_the_examples_run_as_they_stand_in_the_documentation(sandbox, tmp_path, body):
    found = examples()
    code = "<?php\n" + "\n".join(example.php for example in found)
    (tmp_path / "examples.php").write_text(
        code.replace("https://demo.joinposter.com/api/", sandbox.url.format(account="demo")), encoding="utf-8"
    )
    command = ["php", str(HERE / "send_request.php"), "examples.php", body]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [example.answer for example in found]
    assert sandbox.posts()[0].body.startswith("{" if body == "json" else "client_groups_name=")


# --- The npm package ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Install the package by its name, and return the folder; skip the test if that fails."""
    folder = tmp_path_factory.mktemp("npm")
    options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    ran = subprocess.run(
        ["npm", "install", *options, PACKAGE], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if ran.returncode:
        not_run(f"npm could not install {PACKAGE}")
    return folder


@pytest.fixture
def use(sandbox, package, tmp_path):
    """Return a function that runs a short script around the package, and returns its output.

    The address `https://joinposter.com/api` is fixed in the package. Its HTTP library takes a proxy from the
    environment, and Node a certificate authority: so it reaches the sandbox without a change of the package.
    """

    def use(token):
        address = urlsplit(sandbox.url)
        with tunnel(tmp_path, (address.hostname, address.port)) as (proxy, authority):
            ran = subprocess.run(
                ["node", str(HERE / "joinposter_api.js"), token],
                env={
                    "PATH": os.environ["PATH"],
                    "NODE_PATH": str(package / "node_modules"),
                    "NODE_NO_WARNINGS": "1",
                    "NODE_EXTRA_CA_CERTS": authority,
                    "HTTPS_PROXY": proxy,
                },
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return use


@pytest.mark.thorough  # the same calls as the documentation's own function makes, and a package to install
@pytest.mark.needs("node", "npm")
def test_the_npm_package_reads_and_writes_groups_and_clients(sandbox, use):
    before = sandbox.accounts["demo"].snapshot()
    seen = use(sandbox.accounts["demo"].token)
    assert seen["company"] == sandbox.accounts["demo"].company
    assert (seen["created"], seen["updated"], seen["removed"]) == (6, 6, True)
    assert [row["client_groups_id"] for row in seen["groups"]] == ["1", "4", "5", "6"]
    assert seen["groups"][3] == {
        "client_groups_id": "6",
        "client_groups_name": "Їжа &amp; «чай»",
        "loyalty_type": "1",
        "client_groups_discount": "12.5",
        "birthday_bonus": "7",
        "count_groups_clients": "0",
    }
    assert seen["page"] == ["130", "131", "132"]
    assert [list(row) for row in seen["sorted"]] == [["client_id"]] * 2
    assert (seen["moved"], seen["row"]["client_id"]) == (seen["client"], str(seen["client"]))
    row = seen["row"]
    assert (row["lastname"], row["client_groups_id"], row["phone_number"]) == (
        "Шевченко",
        "6",
        "380445556677",
    )
    assert (row["bonus"], row["total_payed_sum"]) == ("1000", "417000")
    assert (seen["found"], seen["twin"], seen["refused"], seen["stranger"]) == (1, 34, 32, 11)
    assert seen["gone"] == []
    assert sandbox.accounts["demo"].snapshot() == before
    assert all(call.body.startswith("{") for call in sandbox.posts())
