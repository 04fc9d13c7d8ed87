"""Open addresses that only take forms, as somebody does who types or reloads one."""

import pytest

from poster_admin.common.outages import Outage
from tests.support.addresses import EVERY, ONLY_POST
from tests.support.pages import fragment, text_of

pytestmark = pytest.mark.django_db
WORDS = {
    "en": ("There is no page here", "To the groups"),
    "uk": ("Тут немає сторінки", "До груп"),
    "ru": ("Здесь нет страницы", "К группам"),
}


@pytest.mark.parametrize("language", WORDS)
def test_an_address_for_forms_says_so_in_the_language_of_the_user(owner, browse, subtests, language):
    client = browse(owner, language=language)
    for url in sorted(ONLY_POST & set(EVERY)):
        with subtests.test(url=url):
            page = client.get(url)
            assert (page.status_code, page["Allow"].split(", ")[0]) == (405, "POST")
            assert all(words in text_of(page) for words in WORDS[language])
            assert 'href="/groups/"' in page.content.decode()


@pytest.mark.parametrize("url", ["/accounts/passkeys/options/", "/accounts/passkeys/use/"])
def test_a_stranger_is_shown_the_way_to_the_sign_in(browse, url):
    page = browse().get(url)
    assert page.status_code == 405
    assert 'href="/accounts/login/"' in page.content.decode()


def test_htmx_finds_a_notice_in_it(owner, browse):
    page = browse(owner).get("/account/watch/", headers=fragment("rows"))
    assert 'data-notice="error"' in page.content.decode()


def test_a_head_has_no_body_and_a_post_to_a_page_none_either(owner, browse):
    client = browse(owner)
    for answer in (client.head("/account/bonus-unit/"), client.post("/history/")):
        assert (answer.status_code, answer.content) == (405, b"")


@pytest.mark.parametrize(("error", "status"), [(ZeroDivisionError, 500), (Outage, 503)])
def test_an_error_that_no_view_handles_has_the_chosen_colours(owner, browse, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr("groups.views.settings.settings_pages", fail)
    client = browse(owner, raise_request_exception=False)
    client.cookies["theme"] = "dark"
    page = client.get("/settings/")
    assert page.status_code == status
    assert 'data-theme="dark"' in page.content.decode()


def test_a_cookie_of_colours_writes_nothing_else_into_a_page(browse):
    client = browse()
    client.cookies["theme"] = '"><b>'
    assert 'data-theme="&quot;&gt;&lt;b&gt;"' in client.get("/accounts/login/").content.decode()
