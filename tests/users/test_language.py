"""Test the language: from the browser, by choice, and by an earlier choice on another device."""

import re

import pytest
from django.test import Client

from poster_admin.users.models import ChosenLanguage
from tests.support.pages import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db


def a_browser(language):
    """Return a browser without a cookie, set to a language."""
    return Client(headers={"Accept-Language": language})


def sign_in(client, name):
    answer = client.post("/accounts/login/", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302
    return answer


def language_of(client, path="/groups/"):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer["Content-Language"]


def switch(client, language):
    return client.post("/language/", {"language": language, "next": "/history/"})


@pytest.mark.parametrize(
    ("filters", "language"), [("uk", "uk"), ("ru-RU,ru;q=0.9", "ru"), ("en-GB", "en"), ("pl,de", "uk")]
)
def test_the_browser_chooses(staff, filters, language):
    client = a_browser(filters)
    assert language_of(client, "/accounts/login/") == language
    sign_in(client, "staff")
    assert language_of(client) == language
    assert not ChosenLanguage.objects.exists()


@pytest.mark.parametrize(
    ("sessions", "words"), [(1, "1 session is open now."), (2, "2 sessions are open now.")]
)
def test_english_has_no_catalogue_and_takes_no_word_from_the_language_of_the_site(
    owner, staff, browse, settings, sessions, words
):
    for _each in range(sessions):
        browse(staff)
    client = a_browser("en-GB")
    sign_in(client, "owner")
    page = text_of(client.get(f"/people/{staff.pk}/?step=sign-out"))
    assert settings.LANGUAGE_CODE == "uk"
    assert words in page
    assert not re.findall("[а-яіїєґ]{4,}", page, re.IGNORECASE)


def test_a_choice_is_remembered_on_every_device(staff):
    here, there = a_browser("uk"), a_browser("en")
    sign_in(here, "staff")
    assert switch(here, "ru")["Location"] == "/history/"
    assert language_of(here) == "ru"
    assert language_of(there, "/accounts/login/") == "en"
    sign_in(there, "staff")
    assert language_of(there) == "ru"
    assert switch(there, "uk").status_code == 302
    assert ChosenLanguage.objects.get().language == "uk"


@pytest.mark.parametrize(
    ("here", "back"),
    [
        ("/people/7/invite/", "/people/7/"),
        ("/people/7/?step=block", "/people/7/?step=block"),
        ("/accounts/sessions/?set=codes", "/accounts/sessions/?set=codes"),
        ("/accounts/passkeys/use/", "/"),
        ("/people/?page=2", "/people/?page=2"),
    ],
)
def test_a_switch_on_a_page_that_a_form_has_made_leads_to_the_page_above(staff, browse, here, back):
    answer = browse(staff).post("/language/", {"language": "ru", "next": here})
    assert answer["Location"] == back


def test_the_cookie_of_a_sign_in_is_like_that_of_a_switch(staff, settings):
    here, there = a_browser("uk"), a_browser("uk")
    sign_in(here, "staff")
    switched = switch(here, "en").cookies[settings.LANGUAGE_COOKIE_NAME]
    signed_in = sign_in(there, "staff").cookies[settings.LANGUAGE_COOKIE_NAME]
    for name in ("path", "domain", "secure", "httponly", "samesite", "max-age"):
        assert signed_in[name] == switched[name]


def test_a_choice_before_the_door_is_nobodys(staff):
    client = a_browser("uk")
    switch(client, "en")
    assert language_of(client, "/accounts/login/") == "en"
    assert not ChosenLanguage.objects.exists()


def test_a_language_that_there_is_not_is_not_kept(staff):
    client = a_browser("uk")
    sign_in(client, "staff")
    switch(client, "de")
    assert language_of(client) == "uk"
    assert not ChosenLanguage.objects.exists()


def test_the_next_person_at_the_same_browser_has_their_own(staff, manager):
    client = a_browser("uk")
    sign_in(client, "staff")
    switch(client, "en")
    client.post("/accounts/logout/")
    ChosenLanguage.objects.create(user=manager, language="ru")
    sign_in(client, "manager")
    assert language_of(client) == "ru"
    assert ChosenLanguage.objects.get(user=staff).language == "en"


ADMIN_PAGES = ["/admin/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/users/companylink/add/",
               "/admin/groups/change/"]  # fmt: skip


@pytest.mark.parametrize("language", ["uk", "ru"])
@pytest.mark.parametrize("page", ADMIN_PAGES)
def test_djangos_admin_is_in_english_as_a_whole(admin_user, browse, language, page):
    answer = browse(admin_user, language=language).get(page)
    assert answer["Content-Language"] == "en"
    assert not re.findall("[а-яіїєґ]{3,}", text_of(answer), re.IGNORECASE)
    assert language_of(browse(admin_user, language=language), "/help/") == language


def test_the_sign_in_of_the_admin_is_in_english_too(browse):
    answer = browse(language="uk").get("/admin/login/")
    assert (answer.status_code, answer["Content-Language"]) == (200, "en")
    assert "Password" in text_of(answer)
