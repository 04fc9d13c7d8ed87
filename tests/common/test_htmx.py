"""Test the requests of HTMX: page or fragment, malformed headers, the current entry of the menu."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from groups.models import Change
from groups.views.http import SECTIONS
from tests.support.addresses import PRIVATE, taken_back
from tests.support.jobs import start
from tests.support.pages import HTMX, fragment, group_form, text_of

# Each page asks the database for the same in tests of its own.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
RESTORED = {"HX-History-Restore-Request": "true"}
UPLOAD = "/groups/import/"


# --- Page or fragment --------------------------------------------------------------------------------------


def is_a_page(answer):
    html = answer.content.decode()
    return html.startswith("<!doctype html>") and html.count("<title>") == 1


@pytest.mark.django_db(transaction=True)
def test_a_page_that_htmx_restores_from_its_history_is_whole(owner, browse, sandbox):
    client = browse(owner)
    client.post("/groups/4/edit/", group_form(client, "/groups/4/edit/", name="Інша", loyalty_type="2"))
    change, job = Change.objects.get(), start(owner, group_id=5, client_ids=[173])
    for url, target in {
        "/groups/?q=а": "rows",
        "/groups/new/": "form",
        "/groups/1/edit/": "form",
        "/groups/1/edit/?": "row-1",
        "/groups/1/delete/": "form",
        "/groups/4/retire/": "form",
        "/groups/4/clients/": "rows",
        "/groups/4/clients/move/": "form",
        "/account/": "form",
        "/history/": "rows",
        f"/history/{change.pk}/": "outcome",
        "/history/snapshots/": "rows",
        f"/jobs/{job.pk}/": "job",
    }.items():
        part = client.get(url, headers=fragment(target, url))
        assert "<!doctype" not in part.content.decode(), url
        for headers in (fragment(target, url) | RESTORED, HTMX | RESTORED, HTMX, {}):
            page = client.get(url, headers=headers)
            assert page.status_code == 200
            assert is_a_page(page), (url, headers)
        assert "HX-History-Restore-Request" in page["Vary"]


def test_an_error_of_posters_is_a_page_where_one_is_restored(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    page = browse(staff).get("/groups/", headers=fragment("rows") | RESTORED)
    assert page.status_code == 504
    assert is_a_page(page)
    assert "HX-Retarget" not in page


def test_a_session_that_ended_leads_a_restored_page_to_the_sign_in_as_any_page(browse):
    answer = browse().get("/groups/", headers=fragment("rows") | RESTORED)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/groups/")


# --- A form submitted after the session has ended ----------------------------------------------------------


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/groups/1/edit/?archive=1", "/groups/1/edit/?archive=1"),
        ("http://testserver/history/?state=applied", "/history/?state=applied"),
        ("", "/groups/1/edit/"),
        ("http://evil.com/groups/", "/groups/1/edit/"),
        ("https://testserver/groups/", "/groups/1/edit/"),
        ("http://[x/groups/", "/groups/1/edit/"),
        ("http://testserver//evil.com/", "/groups/1/edit/"),
    ],
)
def test_the_sign_in_knows_of_a_form_that_was_not_saved_and_of_its_page(browse, referer, back):
    answer = browse().post("/groups/1/edit/", {"percent": "12"}, headers={"Referer": referer})
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?{urlencode({'next': back, 'unsaved': 1})}"
    page = browse().get(answer["Location"])
    assert "Your session had ended; nothing was saved." in text_of(page)


def test_after_the_sign_in_there_is_a_page_whatever_the_form_was(owner, browse, sandbox, subtests):
    """This includes a form whose address accepts no GET."""
    stranger, client = browse(), browse(owner)
    for url in PRIVATE:
        with subtests.test(url=url), taken_back(stranger, client):
            answer = stranger.post(url, {"x": "1"})
            back = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
            assert client.get(back).status_code != 405


def test_htmx_gets_the_same_answer(browse):
    headers = fragment("row-1", "/groups/?sort=name")
    answer = browse().post("/groups/1/edit/", {"percent": "12"}, headers=headers)
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/accounts/login/?next=%2Fgroups%2F%3Fsort%3Dname&unsaved=1"


def test_where_nothing_was_sent_nothing_was_lost(staff, browse):
    for answer in (
        browse().get("/groups/1/edit/"),
        browse(staff).post("/accounts/logout/", {"x": "1"}),
        browse(staff).post("/accounts/sessions/", {"x": "1"}),
    ):
        assert answer.status_code == 302
        assert "unsaved" not in answer["Location"]
    assert "nothing was saved" not in text_of(browse().get("/accounts/login/?next=/groups/"))


def test_a_mark_distinguishes_users_and_reveals_nothing_of_them(staff, owner, browse, sandbox):
    marks = {
        re.search(r'data-user="(\w{16})"', browse(user).get(url).content.decode())[1]
        for user in (staff, owner)
        for url in ("/groups/", "/groups/1/edit/", "/no-such-page")
    }
    assert len(marks) == 2
    assert "data-user" not in browse().get("/accounts/login/").content.decode()


def test_a_draft_is_what_a_fresh_form_shows_whatever_was_typed_since(staff, browse, sandbox):
    client = browse(staff, language="uk")
    for url, opened in (
        ("/groups/1/edit/", {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10",
                             "birthday_bonus": "50,00", "note": ""}),
        ("/groups/new/", {"name": "", "loyalty_type": "", "percent": "", "birthday_bonus": "0,00",
                           "note": ""}),
    ):  # fmt: skip
        form = group_form(client, url, name="Інша", percent="x")
        for page in (client.get(url), client.post(url, form), client.post(url, form | {"version": "x"})):
            (draft,) = re.findall(r'data-draft="([^"]*)"', page.content.decode())
            expected = opened if page.status_code == 200 or page.wsgi_request.POST["version"] != "x" else None
            blank = dict.fromkeys(opened, "") | {"birthday_bonus": "0,00"}
            assert json.loads(unescape(draft)) == (expected or blank)


# --- Malformed headers -------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", ["", "x", "-1", "5, 5", "٥", "9" * 5000])
def test_a_malformed_length_of_a_body_is_a_form_error(staff, browse, sandbox, length):
    answer = browse(staff).post(UPLOAD, {}, CONTENT_LENGTH=length)
    assert answer.status_code in {400, 422}


# --- The current entry of the menu -------------------------------------------------------------------------


def test_the_menu_names_the_page_that_an_address_belongs_to(owner, browse, sandbox, subtests):
    client = browse(owner)
    for url in PRIVATE:
        with subtests.test(url=url), taken_back(client):
            page = client.get(url, follow=True)
            path, html = page.request["PATH_INFO"], page.content.decode()
            section = SECTIONS.get(path.strip("/").partition("/")[0]) if "<nav" in html else None
            # Without a request that waits there is no entry for requests.
            section = "history" if section == "requests" else section
            own = [(f"/{section}/", "page" if path == f"/{section}/" else "true")] if section else []
            menu = html.partition('<nav class="nav"')[2].partition("</nav>")[0]
            assert re.findall(r'<a href="(/\w+/)" aria-current="(\w+)">', menu) == own
