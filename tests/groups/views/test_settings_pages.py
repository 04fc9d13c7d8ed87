"""Test the settings: one page with all of them, and the same list beside each."""

import re

import pytest

from tests.support.pages import fragment, text_of

pytestmark = pytest.mark.django_db
OF_OWNERS = {"/account/limits/", "/account/#watch", "/people/", "/accounts/security-log/", "/people/new/"}
OF_ALL = {"/account/", "/account/notices/", "/account/views/", "/accounts/sessions/", "/help/"}


def links(html):
    return set(re.findall(r'<a (?:class="[^"]*" )?href="([^"]+)"', html.partition('id="main"')[2]))


def beside(html):
    """Return the links of the list beside a page, and the one of this page."""
    nav = re.search(r'<nav class="settings-nav".*?</nav>', html, flags=re.DOTALL)[0]
    current = re.findall(r'href="([^"]+)" aria-current="(\w+)"', nav)
    return links(f'id="main"{nav}'), current


def test_one_page_has_all_that_the_user_may_set(owner, manager, browse):
    of_owner = links(browse(owner).get("/settings/").content.decode())
    assert of_owner >= OF_OWNERS | OF_ALL
    of_manager = links(browse(manager).get("/settings/").content.decode())
    assert of_manager >= OF_ALL
    assert not of_manager & OF_OWNERS


def test_it_leads_to_pages_that_open(owner, manager, browse):
    for user in (owner, manager):
        client = browse(user)
        for url in links(client.get("/settings/").content.decode()):
            assert client.get(url).status_code == 200, url


def test_each_page_has_the_others_beside_it(owner, browse):
    client = browse(owner)
    expected, _current = beside(client.get("/account/").content.decode())
    for url in sorted((OF_OWNERS | OF_ALL) - {"/account/#watch", "/people/new/"}):
        found, current = beside(client.get(url).content.decode())
        assert found == expected
        assert current == [(url, "page")]
    assert beside(client.get("/people/new/").content.decode())[1] == [("/people/", "true")]
    assert beside(client.get("/account/disconnect/").content.decode())[1] == [("/account/", "true")]


def test_the_search_reads_what_can_be_set(owner, browse):
    client = browse(owner)
    assert "/accounts/sessions/" in links(client.get("/settings/?q=PASSKEYS").content.decode())
    found = client.get("/settings/?q=limits", headers=fragment("found")).content.decode()
    assert links(f'id="main"{found}') == {"/account/limits/"}
    assert "No setting of this name" in text_of(client.get("/settings/?q=no-such-setting"))


def test_who_is_not_connected_sees_no_settings_of_an_account(newcomer, nobody, browse):
    found = links(browse(newcomer).get("/settings/").content.decode())
    assert "/account/" in found
    assert not found & {"/account/limits/", "/account/notices/", "/account/views/"}
    assert links(browse(nobody).get("/settings/").content.decode()) == {
        "/accounts/sessions/",
        "/accounts/password/",
        "/help/",
    }


def test_the_menu_of_the_user_is_short(owner, browse):
    menu = browse(owner).get("/groups/").content.decode().partition('<details class="menu">')[2]
    entries = re.findall(r'class="menu-item[^"]*" href="([^"]+)"', menu.partition("</details>")[0])
    assert entries == ["/help/", "/settings/"]


def test_the_shortcuts_are_those_of_what_somebody_may_do(staff, manager, browse):
    for shortcut in ("New group", "Edit this group"):
        assert f"<dd>{shortcut}</dd>" in browse(staff).get("/help/").content.decode()
        assert f"<dd>{shortcut}</dd>" not in browse(manager).get("/help/").content.decode()
