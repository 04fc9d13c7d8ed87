"""`manage.py demo`: three sign-ins that work, and data that outlives a restart."""

import re
import shutil
import socket
import stat

import pytest
import requests
from django.core.management.base import CommandError

from poster_admin.common.serving import refuse_taken_port
from tests.support import demo
from tests.support.databases import migrated

pytestmark = pytest.mark.slow
LONG = "four-words-nobody-guesses"


def sign_in(served, name):
    session = requests.Session()
    form = session.get(f"{served.url}/accounts/login/")
    fields = {
        "csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)[1],
        "username": name,
        "password": served.passwords[name],
    }
    answer = session.post(form.url, fields, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    return session


def prepared(tmp_path):
    """Return a folder for the data of a demo, with a database that need not be migrated."""
    directory = tmp_path / "with a space"
    directory.mkdir()
    shutil.copy(migrated(), directory / "db.sqlite3")
    return directory


@pytest.fixture
def directory(tmp_path):
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return a demo for the tests after which it still runs."""
    with demo.running(prepared(tmp_path_factory.mktemp("served"))) as served:
        yield served


def test_three_people_can_sign_in_and_see_the_groups(served):
    assert list(served.passwords) == ["manager", "staff", "owner"]
    # Its own looks at /readyz are not told.
    assert f"Poster Admin: {served.url}\n" in served.announced
    assert "/readyz" not in served.announced
    for name in served.passwords:
        session = sign_in(served, name)
        groups = session.get(f"{served.url}/groups/")
        assert groups.status_code == 200
        assert 'data-group="1"' in groups.text
        assert "data-worker" not in groups.text  # a worker runs before the sign-ins are printed
    assert session.get(f"{served.url}/admin/").status_code == 200  # the last one is the owner


@pytest.mark.thorough  # it makes a database; tests/users/test_first_start.py has the link
def test_a_fresh_one_has_nobody_and_leads_from_its_link_to_the_groups(tmp_path):
    with demo.running(tmp_path, "--fresh") as served:
        modes = [stat.S_IMODE((tmp_path / "fresh" / name).stat().st_mode) for name in ("secrets.json", ".")]
        assert modes == [0o600, 0o700]
        link = re.search(r"^Set up: (http://127\.0\.0\.1:\d+/setup/\w+/)$", served.announced, re.MULTILINE)[1]
        token = re.search(r"its token (\w+)\.", served.announced)[1]
        session = requests.Session()
        owner = {"full_name": "Olena", "username": "olena", "email": ""}
        answer = send(session, link, {**owner, "password1": LONG, "password2": LONG})
        assert answer.url == f"{served.url}/account/"
        answer = send(session, answer.url, {"account": "demo", "token": token})
        assert answer.url == f"{served.url}/account/check/"
        assert 'data-group="1"' in session.get(f"{served.url}/groups/").text
        assert requests.get(link, timeout=10).status_code == 404


def send(session, url, fields):
    """Open a page, send its form, and follow where that leads."""
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(url).text)[1]
    return session.post(url, {"csrfmiddlewaretoken": csrf, **fields})


@pytest.mark.thorough  # a tool of developers, of which the test above shows that it starts
def test_sign_ins_and_data_outlive_a_restart(directory):
    with demo.running(directory) as first:
        staff = sign_in(first, "staff")

    second = demo.start(directory, "--debug")
    try:
        assert second.passwords == first.passwords
        # The earlier session is still valid, so the database and the key are the same.
        assert staff.get(f"{second.url}/groups/", allow_redirects=False).status_code == 200
        # With DEBUG there is the gallery, and its buttons work.
        assert staff.get(f"{second.url}/styleguide/").status_code == 200
        form = {"csrfmiddlewaretoken": staff.cookies["csrftoken"]}
        stale = staff.post(f"{second.url}/styleguide/play/stale/", form)
        assert 'data-notice="stale"' in stale.text
        assert staff.get(f"{second.url}/static/css/styleguide.css").status_code == 200
    finally:
        code, rest = second.stop()
    assert code == 0
    assert "Traceback" not in rest


@pytest.mark.thorough  # a tool of developers, of which the first test shows that it starts
def test_a_second_one_on_the_same_data_is_refused_and_the_first_one_goes_on(served):
    with pytest.raises(
        RuntimeError, match=r"CommandError: Another demo runs on the data in .*\. Stop it first"
    ):
        demo.start(served.directory)
    assert sign_in(served, "staff").get(f"{served.url}/groups/").status_code == 200


def test_a_taken_port_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = rf"^Port {port} is taken\. Choose another one: PORT=\d+\.$"
        with pytest.raises(CommandError, match=words):
            refuse_taken_port("127.0.0.1", port)
