"""Test the saved views of a user, and the one that is the start page."""

import re

import pytest

from groups.features.saved_views.models import MOST_VIEWS, SavedView
from tests.support.pages import fragment, text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/account/views/"


def save(client, name, query):
    return client.post(URL, {"name": name, "query": query})


def views(user):
    return {view.name: view.query for view in SavedView.objects.filter(user=user)}


def change(client, view_name, **data):
    view = SavedView.objects.get(name=view_name)
    return client.post(f"{URL}{view.pk}/", data)


def test_a_list_is_saved_with_its_filters_and_opened_again(staff, browse):
    client = browse(staff, language="uk")
    old = client.get(f"{URL}?type=2&percent_from=5&sort=-clients&page=3&nonsense=1")
    assert (old.status_code, old["Location"]) == (301, "/groups/?type=2&percent_from=5&sort=-clients")
    page = client.get(old["Location"])
    hidden = re.search(r'name="query" value="([^"]*)"', page.content.decode())[1].replace("&amp;", "&")
    assert hidden == "?type=2&percent_from=5&sort=-clients"
    answer = save(client, "Велика знижка", hidden)
    assert answer["Location"] == f"/groups/{hidden}"
    assert views(staff) == {"Велика знижка": hidden}
    page = client.get(answer["Location"])
    assert 'value="Велика знижка"' in page.text
    assert f'action="{URL}{SavedView.objects.get().pk}/"' in page.text


def tabs(page):
    """Return the tabs over a list: each with its address, whether it is the one, and its words."""
    nav = re.search(r'(?s)<nav class="tabs".*?</nav>', page.content.decode())
    found = (
        re.findall(r'(?s)<a href="([^"]*)"[^>]*?( aria-current="page")?\s*>(.*?)</a>', nav[0]) if nav else []
    )
    return [
        (href, bool(current), " ".join(re.sub("<[^>]+>", "", text).split())) for href, current, text in found
    ]


def test_saved_views_are_tabs_over_the_list_with_the_number_of_their_groups(staff, browse):
    client = browse(staff)
    assert tabs(client.get("/groups/")) == []
    save(client, "Порожні", "?clients_to=0")
    save(client, "Знижки", "?type=2")
    expected = [
        ("/groups/", "All groups"),
        ("/groups/?type=2", "Знижки 2"),
        ("/groups/?clients_to=0", "Порожні 0"),
    ]
    for here, (href, _words) in enumerate(expected):
        shown = tabs(client.get(href, headers=fragment("rows")))
        assert shown == [(href, place == here, words) for place, (href, words) in enumerate(expected)]
    assert not any(current for _href, current, _words in tabs(client.get("/groups/?type=1")))


@pytest.mark.parametrize("name", ["", "н" * 61])
def test_a_view_needs_a_name_and_keeps_what_was_typed(staff, browse, name):
    answer = save(browse(staff), name, "?type=1")
    assert answer.status_code == 422
    assert 'name="query" value="?type=1"' in answer.content.decode()
    assert views(staff) == {}


def test_a_second_view_of_a_name_is_refused_and_the_first_stays(staff, browse):
    client = browse(staff)
    save(client, "Мої", "?type=1")
    assert save(client, "Мої", "?type=2").status_code == 422
    save(client, "Інші", "?type=2")
    answer = change(client, "Інші", do="rename", name="Мої")
    assert answer.status_code == 422
    assert "You have a view of this name" in text_of(answer)
    assert views(staff) == {"Мої": "?type=1", "Інші": "?type=2"}


def test_there_are_no_more_than_the_list_has_tabs_for(staff, browse):
    client = browse(staff)
    SavedView.objects.bulk_create(SavedView(user=staff, name=str(number)) for number in range(MOST_VIEWS))
    assert save(client, "Ще один", "").status_code == 422
    assert len(views(staff)) == MOST_VIEWS


def test_a_view_is_renamed_and_removed(staff, browse):
    client = browse(staff)
    save(client, "Старе", "?type=1")
    assert change(client, "Старе", do="rename", name="Нове")["Location"] == "/groups/?type=1"
    assert views(staff) == {"Нове": "?type=1"}
    change(client, "Нове", do="nonsense")
    assert change(client, "Нове", do="remove")["Location"] == "/groups/?type=1"
    assert views(staff) == {}


def test_a_list_that_leaves_nothing_out_has_a_form_only_where_it_is_a_view(staff, browse):
    client = browse(staff)
    assert 'name="query"' not in client.get("/groups/?sort=name").text
    save(client, "За назвою", "?sort=name")
    assert 'value="За назвою"' in client.get("/groups/?sort=name").text


def test_one_view_is_the_start_page(staff, browse):
    client = browse(staff)
    save(client, "Перший", "?type=1")
    save(client, "Другий", "?sort=-clients")
    assert client.get("/")["Location"] == "/groups/"
    change(client, "Перший", do="start")
    change(client, "Другий", do="start")
    assert list(SavedView.objects.filter(is_start=True).values_list("name", flat=True)) == ["Другий"]
    assert client.get("/")["Location"] == "/groups/?sort=-clients"
    signed_in = browse().post("/accounts/login/", {"username": staff.username, "password": PASSWORD})
    assert signed_in["Location"] == "/"
    change(client, "Другий", do="no_start")
    assert client.get("/")["Location"] == "/groups/"


def test_nobody_sees_or_changes_the_views_of_another(staff, owner, browse):
    save(browse(staff), "Мої", "?type=1")
    other = browse(owner)
    assert "Мої" not in text_of(other.get("/groups/?type=1"))
    assert "Мої" not in text_of(other.post("/go/", {"q": "мої"}))
    for do in ("rename", "remove", "start"):
        assert change(other, "Мої", do=do, name="Чужі").status_code == 404
    assert views(staff) == {"Мої": "?type=1"}
    assert save(other, "Мої", "").status_code == 302
    assert other.get("/")["Location"] == "/groups/"
