"""Test what is kept of a list: the answer in the cache, the last good copy, and whose they are."""

import threading
from contextlib import closing

import pytest
from django.db import connection

from groups.models import GroupsCopy, PosterCredentials
from groups.services import groups as reads
from groups.services.credentials import credentials_of
from tests.support.changes import SEED
from tests.support.pages import group_form, group_ids, text_of

pytestmark = pytest.mark.django_db


def test_a_list_of_which_nothing_can_be_read_is_no_good_copy(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    before = sandbox.accounts["demo"].snapshot()
    for group_id in before:
        sandbox.console("demo").edit(group_id, client_groups_discount="150")
    # As after a write, or if the copy is some time old.
    staff.credentials.account.count_write()
    client.get("/groups/?refresh=1")
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get("/groups/?refresh=1")
    assert 'data-notice="stale"' in page.content.decode()
    assert group_ids(page) == [1, 4, 5]


def test_the_last_good_copy_is_shown_while_poster_is_away(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get("/groups/?refresh=1")
    assert page.status_code == 200
    assert 'data-notice="stale"' in page.content.decode()
    assert "Poster does not answer. This is the list as of" in text_of(page)
    assert group_ids(page) == [1, 4, 5]
    assert "/groups/new/" not in page.content.decode()
    assert "It may lack the latest changes" not in text_of(page)


@pytest.mark.parametrize("path", ["/groups/?refresh=1", "/groups/1/?refresh=1"])
def test_a_copy_from_before_a_write_here_says_that_it_may_lack_it(staff, browse, sandbox, path):
    client = browse(staff)
    client.get("/groups/")
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", **(SEED | {"percent": "11"})))
    sandbox.script("*", "fin_before_headers", times=None)
    page = client.get(path)
    assert 'data-notice="stale"' in page.content.decode()
    assert "It may lack the latest changes made here." in text_of(page)


def test_after_a_refusal_the_copy_is_nobodys(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    sandbox.script("*", "error_object", code=11, times=1)
    assert client.get("/groups/?refresh=1").status_code == 424
    sandbox.script("*", "fin_before_headers", times=None)
    for url in ("/groups/", "/groups/export.csv"):
        assert client.get(url).status_code == 504


def test_a_copy_belongs_to_one_token_and_to_all_who_have_it(staff, owner, manager, browse, sandbox):
    account = sandbox.accounts["demo"]
    digits = account.token.rpartition(":")[2]
    other_form = digits if ":" in account.token else f"{account.number}:{digits}"
    manager.credentials.set_token(other_form)
    manager.credentials.save()
    browse(staff).get("/groups/")
    assert group_ids(browse(owner).get("/groups/")) == [1, 4, 5]  # from staff's request a moment ago
    assert GroupsCopy.objects.get().credentials == staff.credentials
    sandbox.script("*", "fin_before_headers", times=None)
    assert 'data-notice="stale"' in browse(owner).get("/groups/?refresh=1").content.decode()
    assert browse(manager).get("/groups/").status_code == 504


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one transaction writes at a time there")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("with_user", [False, True])
def test_a_list_that_is_stored_while_the_token_is_forgotten_hinders_nobody(staff, sandbox, with_user):
    reader = credentials_of(staff)

    def read():
        with closing(connection):
            reads.list_groups(reader, fresh=True)

    def store_first(execute, sql, *args):
        if sql.startswith('DELETE FROM "groups_postercredentials"'):
            other.start()
            other.join(1)
        return execute(sql, *args)

    other = threading.Thread(target=read)
    with connection.execute_wrapper(store_first):
        staff.delete() if with_user else PosterCredentials.objects.filter(user=staff).delete()
    other.join()
    assert not PosterCredentials.objects.filter(pk=reader.pk).exists()
    assert not GroupsCopy.objects.exists()


def test_what_one_token_was_answered_is_not_shown_to_another(manager, staff, browse, sandbox):
    browse(manager).get("/groups/")
    browse(staff).get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == 1  # the same account and the same token
    staff.credentials.set_token(sandbox.accounts["readonly"].token)
    staff.credentials.save()
    assert browse(staff).get("/groups/").status_code == 424
