"""Test the places to go to: groups by name, and the pages that a user may open."""

import re

import pytest
from django.contrib.auth.models import Permission

from groups.models import PosterCredentials
from tests.support.features import with_feature
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db


def places(page):
    html = page.content.decode()
    return re.findall(r'<li><a href="([^"]+)">', html)


@with_feature("schedules", "approvals", "notices", "snapshots")
def test_without_a_text_it_shows_the_pages_that_the_user_may_open(manager, owner, browse, sandbox):
    assert "/people/" in places(browse(owner).get("/go/"))
    seen = places(browse(manager).get("/go/"))
    assert {"/history/", "/history/new/", "/schedules/", "/requests/", "/account/notices/"} <= set(seen)
    assert not {"/people/", "/groups/new/", "/history/snapshots/", "/account/limits/"} & set(seen)
    for url in places(browse(owner).get("/go/")):
        assert browse(owner).get(url).status_code == 200


def test_groups_come_first_and_case_and_letters_do_not_matter(staff, browse, sandbox):
    page = browse(staff).post("/go/", {"q": "СКИДОЧНАЯ сист"})
    assert places(page) == ["/groups/4/", "/groups/5/"]
    assert "Discount, 10%" in text_of(page)


def test_no_more_groups_are_shown_than_a_look_takes_in(staff, browse, sandbox):
    for number in range(20):
        sandbox.console().put(
            {"client_groups_name": f"Гурт {number}", "loyalty_type": "2", "client_groups_discount": "3",
             "birthday_bonus": "0", "count_groups_clients": "0"}
        )  # fmt: skip
    assert len(places(browse(staff).post("/go/", {"q": "гурт"}))) == 8


def test_while_poster_does_not_answer_the_pages_are_found(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    page = browse(staff).post("/go/", {"q": "history"})
    assert page.status_code == 200
    assert places(page) == ["/history/"]


def test_nothing_found_says_so(staff, browse, sandbox):
    page = browse(staff).post("/go/", {"q": "no-such-place"})
    assert places(page) == []
    assert "No group and no page of this name" in text_of(page)


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
