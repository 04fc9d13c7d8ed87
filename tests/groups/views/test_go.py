"""Test the places to go to: groups by name, and the pages that a user may open."""

import re

import pytest
from django.contrib.auth.models import Permission

from groups.models import PosterCredentials
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db


def places(page):
    html = page.content.decode()
    return re.findall(r'<li><a id="place-\d+" href="([^"]+)">', html)


def test_without_a_text_it_shows_the_pages_that_the_user_may_open(manager, owner, browse, sandbox):
    assert "/people/" in places(browse(owner).get("/go/"))
    seen = places(browse(manager).get("/go/"))
    assert {"/history/", "/schedules/", "/requests/", "/account/notices/"} <= set(seen)
    assert not {"/people/", "/groups/new/", "/history/snapshots/", "/account/limits/"} & set(seen)
    for url in places(browse(owner).get("/go/")):
        assert browse(owner).get(url).status_code == 200


def test_while_poster_does_not_answer_the_pages_are_found(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    client = browse(staff)
    page = client.post("/go/", {"q": "history"})
    assert page.status_code == 200
    assert places(page) == ["/history/"]
    page = text_of(client.post("/go/", {"q": "посетитель"}))
    assert "The groups could not be read, so only pages are found here." in page
    assert "No group and no page" not in page


def test_clients_are_searched_from_there_by_post_and_by_those_who_may_see_them(staff, nobody, browse):
    client = browse(staff)
    page = client.post("/go/", {"q": "Олена"}).content.decode()
    form = re.search(r'<form method="post" action="/clients/".*?</form>', page, flags=re.DOTALL)[0]
    assert 'name="q" value="Олена"' in form
    assert "csrfmiddlewaretoken" in form
    assert 'action="/clients/"' not in client.get("/go/").content.decode()
    nobody.user_permissions.add(Permission.objects.get(codename="view_group", content_type__model="change"))
    connected = PosterCredentials.objects.get(user=staff)
    connected.pk, connected.user = None, nobody
    connected.save()
    assert 'action="/clients/"' not in browse(nobody).post("/go/", {"q": "Олена"}).content.decode()


def test_a_name_typed_there_gets_into_no_address(staff, browse, sandbox):
    client = browse(staff)
    page = client.post("/go/", {"q": "Олена"}).content.decode()
    assert not re.findall(r'(?:href|action|hx-\w+)="[^"]*(?:Олена|%D0)', page)
    assert 'method="get"' not in page.partition('id="go"')[2].partition("</form>")[0]
    assert "Олена" not in client.get("/go/", {"q": "Олена"}).content.decode()


@pytest.mark.parametrize("text", ["7.5 скидоч 20", "7.5 % скид 20", "20 скидочная 7,5%"])
def test_a_percent_and_a_name_open_the_form_of_the_group_with_the_percent_typed(staff, browse, sandbox, text):
    client = browse(staff)
    page = client.post("/go/", {"q": text})
    assert places(page) == ["/groups/5/edit/?percent=7.5"]
    assert "7.5% for Скидочная система 20%" in text_of(page)
    form = client.get("/groups/5/edit/?percent=7.5").content.decode()
    field = re.search(r'<input[^>]* name="percent"[^>]*>', form)[0]
    assert 'value="7.5"' in field
    assert "data-focus" in field
    assert not sandbox.posts()
    assert sandbox.accounts["demo"].groups[5]["client_groups_discount"] == "20"


def test_who_may_change_no_group_is_offered_no_form_of_one(manager, browse):
    assert places(browse(manager).post("/go/", {"q": "5% постоянный"})) == []
