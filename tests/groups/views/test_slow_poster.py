"""Test pages that show the last good copy while Poster has not answered yet, as the server serves them."""

import re
import time

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import JSONField, Value
from django.test.utils import CaptureQueriesContext

from groups.models import GroupsCopy
from groups.services import groups as reads
from groups.services.credentials import credentials_of
from groups.services.gateway import share_call
from groups.views import http
from poster_admin.common.threaded import left_over
from tests.support.pages import group_form, text_of

pytestmark = pytest.mark.django_db

SLOW = 0.5
MARK = 'data-notice="stale"'


@pytest.fixture
def leave(settings, monkeypatch):
    """Let requests leave work until after the response, as the server does; return what does it."""
    settings.POSTER_CACHE_SECONDS = 0.01
    for module in (http, reads):
        monkeypatch.setattr(module, "MAX_WAIT", 0.0)  # no answer is that quick, however busy the machine
    works = []
    before = left_over.set(works)

    def do_left_work():
        while works:
            works.pop(0)()

    yield do_left_work
    left_over.reset(before)
    do_left_work()


@pytest.fixture
def client(staff, browse, sandbox, leave):
    """Return the client of staff, whose list was read before Poster became slow and a colleague edited."""
    client = browse(staff)
    client.get("/groups/")
    leave()
    cache.clear()
    sandbox.console("demo").edit(4, client_groups_discount="44")
    sandbox.latency = SLOW
    sandbox.log.clear()
    return client


def shows(page, percent):
    """Tell whether a page shows this percent; a group's page has the sign apart, and a time is none."""
    return re.search(rf"\b{percent} ?%", text_of(page))


@pytest.mark.parametrize("path", ["/groups/", "/groups/?q=скид", "/groups/4/"])
def test_a_page_comes_from_the_copy_and_then_with_the_answer(client, sandbox, leave, path):
    page = client.get(path)
    assert page.status_code == 200
    assert page.content.decode().count(MARK) == 1
    assert "As of" in text_of(page)
    assert not shows(page, "44")
    # The page that waits for the answer is given that of the same call.
    wait = f"{path}{'&' if '?' in path else '?'}wait=1"
    answer = client.get(wait, headers={"HX-Request": "true"})
    assert MARK not in answer.content.decode()
    assert shows(answer, "44")
    assert "<main" in answer.content.decode()
    leave()
    method = "clients.getGroup" if path.endswith("4/") else "clients.getGroups"
    assert len(sandbox.calls(method)) == 1


def test_the_clients_of_a_group_are_not_read_after_a_wait_for_the_group(client, sandbox):
    counted = sandbox.accounts["demo"].groups[4]["count_groups_clients"]
    sandbox.console("demo").edit(4, count_groups_clients="77")
    assert f"{counted} clients" in text_of(client.get("/groups/4/clients/"))


def test_no_copy_from_before_a_write_here_is_shown_while_poster_is_asked(client, sandbox, leave):
    sandbox.latency = 0
    url = "/groups/5/edit/"
    assert client.post(url, group_form(client, url, percent="21", loyalty_type="2")).status_code == 302
    sandbox.latency = SLOW
    for path in ("/groups/", "/groups/5/"):
        page = client.get(path)
        assert MARK not in page.content.decode()
        assert shows(page, "21")
    leave()
    # That list is the next copy.
    page = client.get("/groups/")
    assert MARK in page.content.decode()
    assert shows(page, "21")


def test_without_a_copy_of_this_token_a_page_waits(client, owner, sandbox, browse, leave):
    GroupsCopy.objects.update(fingerprint="of another token")
    page = browse(owner).get("/groups/")
    assert MARK not in page.content.decode()
    assert shows(page, "44")


def test_who_joins_a_call_that_lasts_too_long_already_waits_no_further(staff, sandbox):
    calls = [share_call("a key", staff.credentials, lambda _poster: time.sleep(1)) for _ in range(2)]
    assert not calls[0].ends_within(0.3)
    began = time.monotonic()
    assert not calls[1].ends_within(0.3)
    assert time.monotonic() - began < 0.2
    calls[0].take()


def test_a_copy_is_parsed_once(client, leave):
    client.get("/groups/")
    with CaptureQueriesContext(connection) as queries:
        assert MARK in client.get("/groups/").text
    assert not [each for each in queries if '"groups_groupscopy"."groups"' in each["sql"]]


@pytest.mark.parametrize(
    "rows", [{}, None, "a text", 7, [{"id": 4}], [None], [{"of": "another version"}], [[1, 2]]], ids=repr
)
@pytest.mark.parametrize("path", ["/groups/", "/groups/4/"])
def test_a_copy_that_cannot_be_read_is_dropped_and_read_anew(client, leave, rows, path):
    GroupsCopy.objects.update(digest="of a broken one", groups=Value(rows, JSONField()))
    page = client.get(path)
    assert MARK not in page.text
    assert shows(page, "44")
    leave()
    assert not GroupsCopy.objects.filter(digest="of a broken one").exists()
    client.get("/groups/?wait=1")
    leave()
    assert GroupsCopy.objects.exists()


def test_a_failure_after_the_page_is_recorded_and_reported_by_the_one_that_waits(
    client, sandbox, staff, leave, settings
):
    sandbox.script("*", "error_object", code=11, times=None)
    assert MARK in client.get("/groups/").content.decode()
    answer = client.get("/groups/?wait=1", headers={"HX-Request": "true"})
    assert answer.status_code == 424
    assert "<main" in answer.content.decode()
    leave()
    assert credentials_of(staff).refused_at
    # After a refusal the copy is nobody's.
    assert client.get("/groups/").status_code == 424


def test_an_error_page_leads_back_to_where_the_person_came_from(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    client = browse(staff)
    page = client.get("/groups/4/edit/", headers={"Referer": "http://testserver/groups/?q=gold"})
    assert page.status_code == 504
    assert 'href="/groups/?q=gold">Back' in page.text
    assert ">Back</a>" not in client.get("/groups/4/edit/").text
