"""Test what is kept of a list: the answer in the cache, the last good copy, and whose they are."""

import threading
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.cache.backends.filebased import FileBasedCache
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from groups.models import Change, GroupsCopy, PosterCredentials
from groups.poster import GroupList, read_groups
from groups.services import groups as reads
from groups.services.credentials import credentials_of
from groups.services.gateway import BegunCall
from tests.support.pages import group_form, group_ids, text_of

pytestmark = pytest.mark.django_db


def keep_as_another_process(credentials, body, *, as_of=None):
    """Let the cache have a list as a process leaves it there that has read it from Poster."""
    digest = GroupList(body=body).digest
    reads.cache.set(f"{reads.BODY}:{digest}", body)
    reads.keep_cached(reads.cache_key(credentials, "all"), digest, as_of or timezone.now())


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


def test_after_a_refusal_the_copy_is_nobodys(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    sandbox.script("*", "error_object", code=11, times=1)
    assert client.get("/groups/?refresh=1").status_code == 424
    sandbox.script("*", "fin_before_headers", times=None)
    for url in ("/groups/", "/groups/export.csv"):
        assert client.get(url).status_code == 504


def test_two_copies_of_one_minute_are_not_taken_for_each_other(staff, owner, browse, sandbox):
    first, second = browse(staff), browse(owner)
    first.get("/groups/?refresh=1")
    sandbox.script("*", "fin_before_headers", times=None)
    assert "10%" in text_of(first.get("/groups/?refresh=1"))
    sandbox.clear_faults()
    sandbox.console("demo").edit(1, client_groups_discount="44")
    second.get("/groups/?refresh=1")
    sandbox.script("*", "fin_before_headers", times=None)
    for client in (first, second):
        assert "44%" in text_of(client.get("/groups/?refresh=1"))


def test_a_group_is_shown_from_the_copy_too_and_can_be_tried_again(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")
    sandbox.script("*", "fin_before_headers", times=None)
    for url in ("/groups/1/", "/groups/1/?refresh=1"):
        page = client.get(url)
        assert page.status_code == 200
        assert 'data-notice="stale"' in page.content.decode()
    assert client.get("/groups/1/edit/").status_code == 504


def test_a_process_reads_the_groups_of_a_copy_once_until_there_is_another_one(staff, browse, sandbox):
    client, url = browse(staff), "/groups/?refresh=1"
    client.get(url)
    sandbox.script("*", "fin_before_headers", times=None)
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert group_ids(client.get(url)) == [1, 4, 5]
    assert '"groups_groupscopy"."digest"' in str(queries.captured_queries)
    assert '"groups_groupscopy"."groups"' not in str(queries.captured_queries)
    GroupsCopy.objects.update(digest="another", groups=GroupsCopy.objects.get().groups[1:])
    assert group_ids(client.get(url)) == [4, 5]


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


@pytest.mark.django_db(transaction=True)
def test_a_user_who_disconnects_while_poster_answers_sees_that_list(staff, browse, sandbox, monkeypatch):
    take = BegunCall.take

    def and_disconnect(call):
        answer = take(call)
        PosterCredentials.objects.filter(user=staff).delete()
        return answer

    monkeypatch.setattr(BegunCall, "take", and_disconnect)
    assert browse(staff).get("/groups/").status_code == 200
    assert not GroupsCopy.objects.exists()


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


def test_poster_is_asked_once_within_the_time_it_is_remembered(manager, browse, sandbox):
    client = browse(manager)
    for query in ("", "?q=a", "?type=1"):
        client.get(f"/groups/{query}")
    assert len(sandbox.calls("clients.getGroups")) == 1
    client.get("/groups/?refresh=1")
    assert len(sandbox.calls("clients.getGroups")) == 2


def test_nothing_is_remembered_for_zero_seconds(manager, browse, sandbox, settings):
    settings.POSTER_CACHE_SECONDS = 0
    client = browse(manager)
    client.get("/groups/")
    client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == 2


def test_what_one_token_was_answered_is_not_shown_to_another(manager, staff, browse, sandbox):
    browse(manager).get("/groups/")
    browse(staff).get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == 1  # the same account and the same token
    staff.credentials.set_token(sandbox.accounts["readonly"].token)
    staff.credentials.save()
    assert browse(staff).get("/groups/").status_code == 424


@pytest.mark.parametrize(("seconds", "calls"), [(60.2, 2), (60.4, 1)])
def test_a_fraction_of_a_second_counts(manager, browse, sandbox, settings, monkeypatch, seconds, calls):
    settings.POSTER_CACHE_SECONDS = seconds
    client = browse(manager)
    now = reads.timezone.now()
    for passed in (0.0, 60.3):
        moment = now + timedelta(seconds=passed)
        monkeypatch.setattr("django.utils.timezone.now", lambda moment=moment: moment)
        client.get("/groups/")
    assert len(sandbox.calls("clients.getGroups")) == calls


def test_a_cache_in_files_has_the_list_and_the_group_as_they_were(staff, sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(reads, "cache", FileBasedCache(str(tmp_path), {}))
    sandbox.script("clients.getGroups", "row_percent_150", group=4)
    credentials = credentials_of(staff)
    asked = reads.list_groups(credentials)
    keep_as_another_process(credentials, asked.answer.body + b" ", as_of=asked.as_of)
    cached = reads.list_groups(credentials)
    assert cached.answer is not asked.answer
    assert cached.groups == asked.groups
    assert [group.id for group in cached.groups] == [1, 5]
    assert [(row.id, row.problem) for row in cached.unreadable] == [
        (row.id, row.problem) for row in asked.unreadable
    ]
    assert cached.as_of == asked.as_of
    assert reads.read_group(credentials, 1) == reads.read_group(credentials, 1)
    assert [call.method for call in sandbox.calls()] == ["clients.getGroups", "clients.getGroup"]


def test_a_process_parses_a_list_once_whoever_has_read_it(staff, sandbox, monkeypatch):
    parsed = []
    monkeypatch.setattr(reads, "read_groups", lambda body: parsed.append(body) or read_groups(body))
    sandbox.console().edit(1, client_groups_name="Щойно названа")
    credentials = credentials_of(staff)
    first, *others = [reads.list_groups(credentials) for _ in range(3)]
    assert [each.groups for each in others] == [first.groups] * 2
    assert not parsed
    keep_as_another_process(credentials, first.answer.body + b" ")
    _, *others = [reads.list_groups(credentials) for _ in range(3)]
    assert [each.groups for each in others] == [first.groups] * 2
    assert len(parsed) == len(sandbox.calls("clients.getGroups")) == 1


def test_a_list_whose_bytes_are_no_longer_cached_is_asked_for_again(staff, sandbox):
    sandbox.console().edit(1, client_groups_name="Ще не розібрана")
    credentials = credentials_of(staff)
    asked = reads.list_groups(credentials)
    keep_as_another_process(credentials, asked.answer.body + b" ")
    cache.delete(f"{reads.BODY}:{GroupList(body=asked.answer.body + b' ').digest}")
    assert reads.list_groups(credentials).groups == asked.groups
    assert len(sandbox.calls("clients.getGroups")) == 2


def test_groups_changed_here_in_the_last_week_are_a_filter(staff, owner, outsider, browse, sandbox):
    client = browse(staff)
    for group_id, percent in ((4, "11"), (5, "21")):
        url = f"/groups/{group_id}/edit/"
        name = f"Група {group_id}"
        client.post(url, group_form(client, url, name=name, loyalty_type="2", percent=percent))
    eight_days_ago = timezone.now() - timedelta(days=8)
    # The journal itself lets nobody change a row.
    QuerySet.update(Change.objects.filter(group_id=5), created_at=eight_days_ago)
    assert group_ids(browse(owner).get("/groups/?only=changed")) == [4]
    assert group_ids(browse(owner).get("/groups/?changed=7")) == [4]
    assert group_ids(browse(owner).get("/groups/?changed=30")) == [4, 5]
    assert group_ids(browse(outsider).get("/groups/?only=changed")) == []
    assert len(browse(owner).get("/groups/export.csv?only=changed").content.decode().splitlines()) == 2


def test_the_groups_for_the_neighbours_are_those_read_before_with_this_token(
    staff, browse, sandbox, settings
):
    credentials = credentials_of(staff)
    assert reads.known_groups(credentials) is None
    browse(staff).get("/groups/")
    settings.POSTER_CACHE_SECONDS = 0
    sandbox.log.clear()
    assert [group.id for group in reads.known_groups(credentials_of(staff)).groups] == [1, 4, 5]
    assert not sandbox.calls()
    credentials.refused_at = timezone.now()
    assert reads.known_groups(credentials) is None
