"""Start this version on a database of release 1.0, and use it."""

import json
import secrets
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet

from groups.poster import PosterClient
from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks.setup import running
from tests.support.dashboard.killing import wait_until
from tests.support.environment import ROOT, inherited
from tests.support.release import PASSWORD
from tests.tools.operations.visitor import Visitor

pytestmark = pytest.mark.slow


@pytest.fixture
def poster():
    with Sandbox(groups=12, clients=40) as sandbox:
        yield sandbox


@pytest.fixture(
    params=[
        "SQLite",
        pytest.param("PostgreSQL", marks=pytest.mark.needs("postgresql", "redis")),
    ]
)
def installation(request, tmp_path):
    """Return the variables of an installation, whose database is empty."""
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    if request.param == "PostgreSQL":
        url = request.getfixturevalue("postgres_url")
    return {
        "DATABASE_URL": url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "POSTER_TOKEN_KEYS": Fernet.generate_key().decode(),
        "DJANGO_SETTINGS_MODULE": "poster_admin.settings",
    }


@pytest.fixture
def groups(installation, poster):
    """Return the groups of Poster, of which release 1.0 has changed the first three."""
    token = poster.accounts["demo"].token
    found = PosterClient("demo", token, url=poster.url).get_groups().present
    groups = [group.to_json() for group in found if group.is_editable]
    subprocess.run(
        [sys.executable, "-m", "tests.support.release"],
        cwd=ROOT,
        env=inherited() | installation,
        input=json.dumps({"token": token, "groups": groups}),
        check=True,
        text=True,
    )
    return groups


@pytest.mark.thorough  # tests/test_data_dir.py migrates one of the release before
def test_a_database_of_the_first_release_is_used_further(groups, installation, poster, tmp_path):
    port = poster.url.split(":")[2].split("/")[0]
    with running.dashboard(tmp_path / "site", port, workers="1", **installation) as site:
        visitor = Visitor(f"http://127.0.0.1:{site.port}", "olena", PASSWORD)
        assert len(visitor.groups()) == 12
        # A worker finds the outcome of the change that release 1.0 left without one.
        wait_until(lambda: visitor.states() == ["applied", "failed", "applied"], 0.5, 60)
        assert poster.posts() == []
        visitor.undo(groups[0]["id"])
        (undone,) = poster.posts()
        assert undone.form["client_groups_id"] == str(groups[0]["id"])
        assert float(undone.form["client_groups_discount"]) == float(groups[0]["percent"]) - 1
        visitor.edit(groups[1]["id"], "33")
        assert poster.accounts["demo"].groups[groups[1]["id"]]["client_groups_discount"] == "33"
        assert visitor.states() == ["applied", "applied", "applied", "failed", "applied"]
