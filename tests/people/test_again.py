"""The list asked for once more: the same answer, for nobody but the same, and only while all is the same."""

import gzip
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Change, Connection, PosterAccount
from groups.services import accounts
from groups.services import groups as reads
from groups.services.upstream import asking_once
from poster_admin.people import again
from poster_admin.people.models import SignIn
from tests.pages import group_form
from tests.poster.patience import answers_after

pytestmark = pytest.mark.django_db
FACTS = 2


@pytest.fixture
def client(staff, browse):
    """Return the browser of somebody who has just seen the list often enough."""
    client = browse(staff, headers={"Accept-Encoding": "gzip"})
    look_often(client)
    return client


def look_often(client, path="/groups/"):
    """Look as often as it takes: without the cookie of forms; with it; from what is kept."""
    for _ in range(3):
        assert client.get(path).status_code == 200


def is_short(client, path="/groups/", *, queries=FACTS, **headers):
    """Say whether a request went past the layers."""
    with CaptureQueriesContext(connection) as asked:
        response = client.get(path, headers=headers)
    return response.status_code == 200 and len(asked) == queries


def test_it_is_the_same_answer_and_all_its_headers(client):
    first = client.get("/groups/")
    assert is_short(client)
    second = client.get("/groups/")
    assert second.content == first.content
    kept = dict(first.headers) | {"X-Request-ID": "", "Expires": ""}
    assert dict(second.headers) | {"X-Request-ID": "", "Expires": ""} == kept
    for header in ("Content-Security-Policy", "X-Frame-Options", "Cache-Control", "Vary", "ETag"):
        assert second.headers[header]


def session_of(staff):
    return SignIn.objects.filter(user=staff)


CHANGES = {
    "the session is ended": (302, lambda staff: session_of(staff).delete()),
    "the session is over": (302, lambda staff: session_of(staff).update(expire_date=timezone.now())),
    "the session was idle": (
        302,
        lambda staff: session_of(staff).update(seen_at=timezone.now() - timedelta(hours=4)),
    ),
    "the person is shut out": (302, lambda staff: type(staff).objects.update(is_active=False)),
    "the password is another one": (302, lambda staff: type(staff).objects.update(password="another")),
    "the role is taken": (403, lambda staff: staff.groups.clear()),
    "the right is taken from the role": (403, lambda staff: staff.groups.get().permissions.clear()),
    "the connection is gone": (302, lambda staff: Connection.objects.filter(user=staff).delete()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_decides_is_looked_at_each_time(what, client, staff):
    status, change = CHANGES[what]
    assert is_short(client)
    change(staff)
    assert client.get("/groups/").status_code == status


def test_a_right_that_is_given_shows_at_once(manager, browse):
    client = browse(manager)
    look_often(client)
    assert is_short(client)
    assert "/groups/1/edit/" not in client.get("/groups/").content.decode()
    manager.user_permissions.add(
        Permission.objects.get(codename="change_group", content_type__app_label="groups")
    )
    assert "/groups/1/edit/" in client.get("/groups/").content.decode()


def test_another_token_asks_poster(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    Connection.objects.update(fingerprint="another")
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_a_write_of_another_process_asks_poster(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    PosterAccount.objects.update(writes=F("writes") + 1)
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_a_change_without_an_outcome_is_told_at_once(client, staff):
    account = staff.connection.account
    Change(account=account, action="update", group_id=1, target="group:1", state="unknown").save()
    assert 'data-notice="unknown"' in client.get("/groups/", headers={"Accept-Encoding": ""}).content.decode()


def test_only_the_very_same_request_gets_it(client, settings):
    assert is_short(client)
    assert not is_short(client, "/groups/?q=а")
    assert not is_short(client, **{"HX-Request": "true", "HX-Target": "rows"})
    assert not is_short(client, **{"Accept-Language": "uk"})
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "uk"
    assert not is_short(client)


@pytest.mark.parametrize("key", ["0" * 32, "x' OR 1=1 --", "éé", ""])
def test_a_forged_session_gets_nothing(key, client, settings):
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    assert client.get("/groups/").status_code == 302


def test_a_list_that_is_too_old_is_asked_for(client, sandbox, monkeypatch):
    asked = len(sandbox.calls("clients.getGroups"))
    later = timezone.now() + timedelta(seconds=31)
    monkeypatch.setattr(reads.timezone, "now", lambda: later)
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == asked + 1


def test_who_asks_for_a_fresh_one_gets_it(client, sandbox):
    asked = len(sandbox.calls("clients.getGroups"))
    for _ in range(4):
        client.get("/groups/?refresh=1")
    assert len(sandbox.calls("clients.getGroups")) == asked + 4


def test_after_half_a_minute_the_layers_are_asked(client, monkeypatch):
    assert is_short(client)
    now = time.monotonic()
    monkeypatch.setattr(again.time, "monotonic", lambda: now + again.LONGEST)
    assert not is_short(client)


def test_a_message_is_known_once(client):
    said = "Nothing was changed"
    as_it_is = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50"}
    form = group_form(client, "/groups/1/edit/", **as_it_is)
    assert client.post("/groups/1/edit/", form).status_code == 302
    pages = [client.get("/groups/", headers={"Accept-Encoding": ""}).content.decode() for _ in range(3)]
    assert [said in page for page in pages] == [True, False, False]


def test_only_so_many_answers_are_kept(client, monkeypatch):
    monkeypatch.setattr(again, "MOST", 3)
    for number in range(6):
        for _ in range(2):
            client.get(f"/groups/?q={number}")
    assert len(again._known) == 3


@pytest.fixture
def asking(settings, client, sandbox):
    """Return the browser where nothing of Poster's is remembered: each look is a call."""
    settings.POSTER_CACHE_SECONDS = 0
    client.get("/groups/")
    return client


def test_poster_is_asked_once_for_each_look(asking, sandbox):
    before = len(sandbox.calls("clients.getGroups"))
    for number in range(1, 4):
        assert is_short(asking)
        assert len(sandbox.calls("clients.getGroups")) == before + number


def test_what_poster_has_now_is_shown_and_asked_for_once(asking, sandbox):
    row, before = sandbox.accounts["demo"].groups[1], len(sandbox.calls("clients.getGroups"))
    for number in range(1, 4):
        sandbox.console("demo").put(row | {"client_groups_name": f"Number {number}"})
        with CaptureQueriesContext(connection) as queries:
            page = asking.get("/groups/", headers={"Accept-Encoding": "gzip"})
        assert f"Number {number}" in gzip.decompress(page.content).decode()
        assert page.headers["Content-Length"] == str(len(page.content))
        assert len(queries) == FACTS
    assert len(sandbox.calls("clients.getGroups")) == before + 3


@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_where_something_has_changed_poster_is_asked_once_all_the_same(path, asking, sandbox, staff):
    look_often(asking, path)
    before = len(sandbox.calls())
    Change(
        account=staff.connection.account, action="update", group_id=7, target="group:7", state="unknown"
    ).save()
    page = asking.get(path, headers={"Accept-Encoding": ""})
    assert 'data-notice="unknown"' in page.content.decode()
    assert len(sandbox.calls()) == before + 1


@pytest.mark.parametrize("what", CHANGES)
def test_who_may_no_longer_look_puts_one_question_to_poster_and_no_more(what, asking, sandbox, staff):
    status, change = CHANGES[what]
    assert is_short(asking)
    change(staff)
    before = len(sandbox.calls())
    assert [asking.get("/groups/").status_code for _ in range(3)] == [status] * 3
    assert len(sandbox.calls()) <= before + 1


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_for_a_connection_that_is_gone_is_no_error(asking, staff):
    assert is_short(asking)
    # The copy of the list would be written down for it.
    cache.clear()
    Connection.objects.filter(user=staff).delete()
    assert asking.get("/groups/").status_code == 302


def test_the_rows_that_decide_are_read_while_poster_is_awaited(asking, sandbox, monkeypatch):
    with answers_after(sandbox, monkeypatch) as let_answer:
        read = []

        def count(execute, *words):
            read.append(1)
            if len(read) == FACTS:
                let_answer()
            return execute(*words)

        with connection.execute_wrapper(count):
            assert asking.get("/groups/").status_code == 200
    assert len(read) == FACTS


def test_a_breaker_that_opened_meanwhile_holds_from_the_second_look(asking, sandbox, staff):
    assert is_short(asking)
    rest = timezone.now() + timedelta(seconds=15)
    Connection.objects.filter(user=staff).update(closed_until=rest)
    before = len(sandbox.calls())
    for _ in range(3):
        assert "list as of" in asking.get("/groups/", headers={"Accept-Encoding": ""}).content.decode()
    assert len(sandbox.calls()) <= before + 1


@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_every_look_tells_how_long_poster_took(path, asking):
    for _ in range(5):
        assert "poster;dur=" in asking.get(path).headers["Server-Timing"]


@pytest.mark.parametrize(("code", "status"), [(10, 424), (20, 424), (404, 404), (999, 502)])
@pytest.mark.parametrize("path", ["/groups/", "/groups/1/"])
def test_a_refusal_is_told_in_words_and_asked_for_once(path, code, status, asking, sandbox):
    look_often(asking, path)
    before = len(sandbox.calls())
    for method in ("clients.getGroups", "clients.getGroup"):
        sandbox.script(method, "error_object", code=code)
    page = asking.get(path)
    assert page.status_code == status
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Server-Timing"]
    assert len(sandbox.calls()) == before + 1


def test_after_a_token_was_refused_nothing_of_the_account_is_shown(asking, sandbox):
    look_often(asking, "/groups/1/")
    sandbox.script("clients.getGroup", "error_object", code=10)
    assert asking.get("/groups/1/").status_code == 424
    # Poster takes it again: the connection is as it was, and so is the page.
    assert [asking.get("/groups/1/").status_code for _ in range(3)] == [200, 200, 200]
    assert Connection.objects.filter(refused_at=None).exists()


@pytest.mark.parametrize(("path", "method"), [("/groups/", "getGroups"), ("/groups/1/", "getGroup")])
def test_what_is_remembered_is_not_for_whose_token_was_refused(path, method, client, sandbox):
    look_often(client, path)
    sandbox.script(f"clients.{method}", "error_object", code=10, times=None)
    # Who asks for a fresh one hears of it, and then nobody sees the one of before.
    pages = [client.get(f"{path}?refresh=1"), client.get(path), client.get(path)]
    assert [page.status_code for page in pages] == [424] * 3
    sandbox.clear_faults()
    assert client.get(path).status_code == 200


def test_a_group_that_is_gone_is_not_shown_again(asking, sandbox):
    look_often(asking, "/groups/1/")
    assert is_short(asking, "/groups/1/", queries=FACTS + 2)
    sandbox.console("demo").remove(1)
    gone = asking.get("/groups/1/")
    assert gone.status_code == 404
    assert gone.headers["X-Frame-Options"] == "DENY"
    assert "ETag" not in gone.headers


def test_another_language_is_spoken_at_once(client, settings):
    assert is_short(client)
    assert "Групи" not in client.get("/groups/").content.decode(errors="replace")
    client.post("/language/", {"language": "uk", "next": "/groups/"})
    for _ in range(5):
        page = client.get("/groups/", headers={"Accept-Encoding": ""})
        assert page.headers["Content-Language"] == "uk"
        assert '<html lang="uk">' in page.content.decode()


def test_what_a_call_to_poster_teaches_is_for_its_own_request_until_it_is_in_the_row(client):
    (known,) = again._known.values()
    one, other = (known._passed(RequestFactory().get("/groups/")) for _ in range(2))
    one.connection.refused_at = timezone.now()
    assert other.connection.refused_at is None
    assert known._passed(RequestFactory().get("/groups/")).connection.refused_at is None


def test_nothing_that_is_known_can_be_read_in_a_report(client):
    (known,) = again._known.values()
    assert client.session.session_key not in repr(known)
    assert client.cookies["csrftoken"].value not in repr(known)


def test_a_proxy_that_signs_in_is_asked_each_time(staff, browse, settings):
    settings.TRUSTED_USER_HEADER = "X-Remote-User"
    client = browse(staff)
    for _ in range(3):
        client.get("/groups/")
    assert not again._known


def test_what_poster_said_before_a_write_is_not_taken_for_what_it_says_after(staff, sandbox):
    """Of one request too: while its list was on the way, somebody else's write came to its end."""
    with asking_once():
        for writes in (0, 0, 1):
            PosterAccount.objects.update(writes=writes)
            reads.list_groups(accounts.connection_of(staff), fresh=True)
    assert len(sandbox.calls("clients.getGroups")) == 2
