"""Test the places to go to: groups by name, and the pages that a user may open."""

import re

import pytest
from django.contrib.auth.models import Permission

from groups.models import PosterCredentials
from tests.support.browser import new_group
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db


def places(page):
    html = page.content.decode()
    return re.findall(r'<li><a href="([^"]+)">', html)


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


def test_the_beginning_of_a_word_comes_first(owner, browse, sandbox):
    client = browse(owner, language="uk")
    found = places(client.post("/go/", {"q": "іст"}))
    assert (found[0], "/clients/list/" in found[1:]) == ("/history/", True)
    first, second = new_group(sandbox, "Антигурт"), new_group(sandbox, "VIP гурт")
    client.get("/groups/?refresh=1")
    assert places(client.post("/go/", {"q": "гурт"})) == [f"/groups/{second}/", f"/groups/{first}/"]


@pytest.mark.parametrize("text", ["4", "№4", "#4", "№ 4"])
def test_a_group_is_found_by_its_number_first(staff, browse, sandbox, text):
    new_group(sandbox, "4 рази на рік")
    client = browse(staff)
    client.get("/groups/?refresh=1")
    assert places(client.post("/go/", {"q": text}))[0] == "/groups/4/"
    for sort in ("name", "-clients", ""):
        html = client.get("/groups/", {"q": text, "sort": sort}).content.decode()
        assert re.search(r'data-group="(\d+)"', html)[1] == "4"
    element = re.search(
        r"<(\w+)[^>]* data-number=\"4\"[^>]*>(.*?)</", client.get("/groups/4/").content.decode()
    )
    assert element[2] == "№ 4"


def test_no_more_groups_are_shown_than_a_look_takes_in(staff, browse, sandbox):
    for number in range(20):
        sandbox.console().put(
            {"client_groups_name": f"Гурт {number}", "loyalty_type": "2", "client_groups_discount": "3",
             "birthday_bonus": "0", "count_groups_clients": "0"}
        )  # fmt: skip
    assert len(places(browse(staff).post("/go/", {"q": "гурт"}))) == 8


def test_while_poster_does_not_answer_the_pages_are_found(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    client = browse(staff)
    page = client.post("/go/", {"q": "history"})
    assert page.status_code == 200
    assert places(page) == ["/history/"]
    page = text_of(client.post("/go/", {"q": "посетитель"}))
    assert "The groups could not be read, so only pages are found here." in page
    assert "No group and no page" not in page


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


# --- What to do with a group --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["7.5 % for скид 20", "20 скидочная 7,5%", "7.5% to the group Скидочная 20"])
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


@pytest.mark.parametrize("percent", ["101", "-5", "abc", "<b>", "1e1", ""])
def test_a_percent_that_no_form_takes_is_not_filled_in(staff, browse, percent):
    form = browse(staff).get("/groups/5/edit/", {"percent": percent}).content.decode()
    assert 'value="20"' in re.search(r'<input[^>]* name="percent"[^>]*>', form)[0]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("plan постоянный", "/groups/1/schedule/"),
        ("Schedule a change for Постоянный", "/groups/1/schedule/"),
        ("move clients of постоянный", "/groups/1/clients/move/"),
        ("move постоянный", "/groups/1/clients/move/"),
        ("remove постоянный", "/groups/1/delete/"),
        ("retire постоянный", "/groups/1/retire/"),
        ("edit постоянный", "/groups/1/edit/"),
    ],
)
def test_an_action_and_a_name_open_the_form_of_the_group(owner, browse, sandbox, text, url):
    client = browse(owner)
    assert places(client.post("/go/", {"q": text})) == [url]
    assert client.get(url).status_code == 200
    assert not sandbox.posts()


def test_without_a_name_it_is_the_group_that_is_open(owner, browse):
    client = browse(owner)

    def found(text, behind):
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{behind}"}
        return places(client.post("/go/", {"q": text}, headers=headers))

    assert found("plan", "/groups/1/")[0] == "/groups/1/schedule/"
    assert found("5%", "/groups/1/clients/") == ["/groups/1/edit/?percent=5"]
    assert not [url for url in found("plan", "/groups/") if url.startswith("/groups/")]


def test_nobody_is_offered_a_form_that_is_closed_to_them(manager, staff, browse):
    for text in ("5% постоянный", "plan постоянный", "remove постоянный", "move постоянный"):
        assert places(browse(manager).post("/go/", {"q": text})) == []
        assert len(places(browse(staff).post("/go/", {"q": text}))) == 1


def test_a_group_that_is_called_like_an_action_is_found_first(staff, browse, sandbox):
    number = new_group(sandbox, "Plan 5")
    client = browse(staff)
    client.get("/groups/?refresh=1")
    found = places(client.post("/go/", {"q": "plan 5"}))
    assert found[0] == f"/groups/{number}/"


# --- What to do with chosen groups --------------------------------------------------------------------------
def test_without_a_text_the_actions_on_the_chosen_groups_come_first(staff, browse):
    client = browse(staff)
    plain = places(client.get("/go/"))
    for answer in (client.get("/go/?id=1,4"), client.post("/go/", {"q": "", "id": ["1", "4"]})):
        found = places(answer)
        assert len(set(found[:5])) == 5
        assert {url.rpartition("?")[2] for url in found[:5]} == {"id=1,4"}
        assert "/groups/edit/?id=1,4" in found[:5]
        assert found[5:] == plain
        assert "2 chosen groups" in text_of(answer)


@pytest.mark.parametrize("text", ["7,5 %", "7.5% for the chosen", "percents 7.5"])
def test_a_percent_opens_the_sheet_of_the_chosen_groups_with_it_typed(staff, manager, browse, sandbox, text):
    client = browse(staff)
    page = client.post("/go/", {"q": text, "id": ["1", "4"]})
    assert places(page)[0] == "/groups/edit/?id=1,4&amp;percent=7.5"
    assert "Percents: 7.5%" in text_of(page)
    assert not [url for url in places(client.post("/go/", {"q": text})) if "percent=" in url]
    assert not [url for url in places(browse(manager).post("/go/", {"q": text, "id": "1"})) if "edit" in url]


def test_the_chosen_are_moved_by_name(staff, browse):
    found = places(browse(staff).post("/go/", {"q": "move the chosen", "id": ["1", "4"]}))
    assert [url.endswith("?id=1,4") for url in found] == [True]


def test_the_settings_are_found_by_what_is_in_them(owner, manager, browse):
    assert places(browse(owner).post("/go/", {"q": "passkeys"})) == ["/accounts/sessions/"]
    assert places(browse(manager).post("/go/", {"q": "telegram"})) == ["/account/notices/"]
