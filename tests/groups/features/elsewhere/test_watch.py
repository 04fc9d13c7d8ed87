"""Test the worker's polls for changes made elsewhere, at the sandbox and with the real write path."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from groups.features.elsewhere import services as watching
from groups.features.elsewhere.models import Watch
from groups.models import Change
from groups.poster import GroupList, PosterClient
from groups.services.credentials import connect
from groups.services.history import resolve
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support.changes import SEED, edit, let_a_worker_check, lose_an_edit
from tests.support.pages import group_form, open_form, text_of
from tests.support.people import make_user
from tests.support.watch import look_where_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_lag")]
State = Change.State
NEW = {
    "client_groups_name": "З консолі",
    "loyalty_type": "2",
    "client_groups_discount": "7",
    "birthday_bonus": "0",
    "count_groups_clients": "0",
}


@pytest.fixture
def without_lag(settings):
    """Let two polls be enough: how long a lag is waited for is a test of its own."""
    settings.POSTER_LAG_SECONDS, settings.POSTER_CONFIRM_SECONDS = 0, 0


@pytest.fixture
def watch(owner, sandbox):
    """Switch the watch on and let it take its first picture; return a function that polls so many times."""
    watching.switch_on(owner.credentials)

    def poll(times=3):
        found = []
        for _ in range(times):
            Watch.objects.update(next_at=timezone.now())
            found += look_where_due()
        return found

    assert poll() == []
    return poll


@pytest.mark.parametrize(
    ("fields", "field", "before", "after"),
    [
        ({"client_groups_discount": "12.5"}, "percent", "10", "12.5"),
        ({"client_groups_name": "Гості"}, "name", SEED["name"], "Гості"),
        ({"loyalty_type": "2"}, "loyalty_type", 1, 2),
        ({"birthday_bonus": "7000"}, "birthday_bonus", "50", "70"),
    ],
)
def test_a_change_in_the_console_is_found_with_its_old_and_new_values(
    watch, sandbox, fields, field, before, after
):
    began = timezone.now()
    sandbox.console().edit(1, **fields)
    (change,) = watch()
    change.refresh_from_db()
    assert (change.state, change.action, change.group_id) == ("elsewhere", "update", 1)
    assert (change.before[field], change.after[field]) == (before, after)
    assert change.possible_since <= began <= change.created_at + timedelta(milliseconds=1)
    assert (change.user, change.user_name, change.sent_at) == (None, "", None)
    assert watch() == []


def test_a_group_that_was_created_or_removed_in_the_console_is_found(watch, sandbox):
    number = sandbox.console().put(NEW)
    (created,) = watch()
    assert (created.action, created.before, created.after["name"]) == ("create", None, "З консолі")
    sandbox.console().remove(number)
    (removed,) = watch()
    assert (removed.action, removed.before["name"], removed.after) == ("remove", "З консолі", None)
    assert removed.group_name == "З консолі"


def test_a_read_that_could_not_read_a_new_group_does_not_say_that_it_was_not_there(watch, sandbox):
    before = timezone.now()
    number = sandbox.console().put(NEW)
    sandbox.script("clients.getGroups", "row_percent_150", group=number, times=2)
    assert watch(times=2) == []
    (created,) = watch()
    assert created.group_id == number
    assert created.possible_since < before


def test_a_count_of_clients_is_no_change(watch, sandbox):
    sandbox.console().put_client(1)
    assert watch() == []


def test_one_read_is_not_enough(watch, sandbox):
    sandbox.script("clients.getGroups", "row_percent_150", when="after")
    sandbox.console().edit(1, client_groups_discount="12")
    assert watch(times=1) == []
    assert watch(times=1) == []
    assert len(watch(times=1)) == 1


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("kept", [0, 1])
def test_an_empty_or_halved_list_removes_nothing_however_often_it_comes(watch, sandbox, kept, monkeypatch):
    right = PosterClient.get_groups

    def get_groups(self, **options):
        return GroupList(right(self, **options).groups[:kept])

    monkeypatch.setattr(PosterClient, "get_groups", get_groups)
    assert watch(times=6) == []
    monkeypatch.undo()
    assert watch() == []
    assert not Change.objects.exists()


def test_a_group_that_a_list_lacks_is_asked_for_alone(watch, sandbox):
    sandbox.lag("row_absent", method="clients.getGroups")
    assert watch(times=5) == []


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
def test_a_read_that_fails_says_nothing_and_the_next_one_finds_the_change(watch, sandbox):
    sandbox.console().edit(1, client_groups_discount="12")
    sandbox.script("clients.getGroups", "empty", times=4)
    watch(times=2)
    sandbox.clear_faults()
    watch()
    assert Change.objects.get().after["percent"] == "12"


def test_own_changes_and_their_undo_are_not_made_elsewhere(watch, owner, browse, sandbox):
    client = browse(owner)
    edit(client, percent="12")
    assert watch() == []
    change = Change.objects.get()
    client.post(f"/history/{change.pk}/undo/", {"confirmed": "1"})
    assert watch() == []
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    client.post("/groups/new/", group_form(client, "/groups/new/", name="Наша"))
    assert watch() == []
    url = f"/groups/{Change.objects.get(action='create').group_id}/delete/"
    client.post(url, open_form(client, url))
    assert watch() == []
    assert not Change.objects.filter(state=State.ELSEWHERE).exists()


def test_a_change_before_ours_that_no_read_has_seen_is_found_in_our_own_journal(
    watch, owner, browse, sandbox
):
    sandbox.console().edit(1, client_groups_discount="12")
    edit(browse(owner), percent="15")
    (found,) = watch()
    ours = Change.objects.get(state=State.APPLIED)
    assert (found.before["percent"], found.after["percent"]) == ("10", "12")
    assert found.created_at < ours.created_at
    assert list(Change.objects.all()) == [ours, found]


def test_a_lost_write_of_ours_that_arrives_is_ours(watch, owner, browse, sandbox):
    change = lose_an_edit(browse(owner), sandbox)
    assert watch() == []
    sandbox.console().edit(1, client_groups_discount="15")  # it arrives late
    assert watch() == []
    let_a_worker_check(change)
    assert watch() == []
    assert Change.objects.get().state == State.APPLIED


def test_a_write_that_was_given_up_and_still_arrives_is_ours(watch, owner, browse, sandbox):
    change = lose_an_edit(browse(owner), sandbox)
    Change.objects.settle(change, state=State.FAILED, reason="not_applied")
    assert watch() == []
    sandbox.console().edit(1, client_groups_discount="15")
    assert watch() == []
    sandbox.console().edit(1, client_groups_discount="16")
    assert [found.before["percent"] for found in watch()] == ["15"]


@pytest.mark.parametrize("reason", ["not_sent", "never_sent", "not_applied"])
def test_a_change_that_was_never_sent_does_not_hide_the_same_one_in_the_console(
    watch, owner, browse, sandbox, reason
):
    change = lose_an_edit(browse(owner), sandbox)
    Change.objects.settle(change, state=State.FAILED, reason=reason)
    sandbox.console().edit(1, client_groups_discount="15")
    assert len(watch()) == (0 if reason == "not_applied" else 1)


def test_while_ours_is_open_its_group_is_left_alone_and_the_others_are_not(watch, owner, browse, sandbox):
    lose_an_edit(browse(owner), sandbox)
    sandbox.console().edit(1, client_groups_discount="44")
    sandbox.console().edit(4, client_groups_discount="33")
    assert [change.group_id for change in watch()] == [4]


def test_a_change_that_a_person_has_closed_as_made_counts_as_it_was_intended(watch, owner, browse, sandbox):
    change = lose_an_edit(browse(owner), sandbox)
    other = change.before | {"percent": "44"}
    Change.objects.settle(change, state=State.REVIEW, reason="overwritten", after=other)
    resolve(change, State.APPLIED, owner)
    sandbox.console().edit(1, client_groups_discount="15")  # it has arrived, late
    assert watch() == []


def test_what_an_own_change_has_just_replaced_is_a_lag(watch, owner, browse, sandbox, settings):
    settings.POSTER_LAG_SECONDS = 90
    edit(browse(owner), percent="12")
    watch()
    sandbox.lag("behind", method="clients.getGroups")
    assert watch(times=5) == []
    assert not Change.objects.filter(state=State.ELSEWHERE).exists()


def test_two_workers_that_check_at_once_write_it_down_once(watch, owner, sandbox, monkeypatch):
    sandbox.console().edit(1, client_groups_discount="12")
    watch(times=1)
    compare, others = watching.compare, []

    def overtaken(*args, **options):
        if not others:
            others.append(look_where_due())
            Watch.objects.update(held_until=timezone.now(), next_at=timezone.now())
            others.append(look_where_due())
        return compare(*args, **options)

    monkeypatch.setattr(watching, "compare", overtaken)
    watch(times=1)
    assert [len(found) for found in others] == [0, 1]
    assert Change.objects.count() == 1


def test_a_read_whose_user_disconnects_meanwhile_stores_nothing(watch, owner, sandbox, monkeypatch):
    sandbox.console().edit(1, client_groups_discount="12")
    watch(times=1)
    compare = watching.compare

    def disconnecting(*args, **options):
        owner.credentials.delete()
        return compare(*args, **options)

    monkeypatch.setattr(watching, "compare", disconnecting)
    assert watch(times=1) == []
    assert not Change.objects.exists()


def test_another_token_starts_anew(watch, owner, sandbox):
    sandbox.console().edit(1, client_groups_discount="12")
    Watch.objects.update(fingerprint="of another token")
    assert watch() == []
    sandbox.console().edit(1, client_groups_discount="13")
    assert [change.before["percent"] for change in watch()] == ["12"]


def test_an_owner_who_connects_another_account_watches_the_first_one_no_more(watch, owner, browse, sandbox):
    connect(user=owner, account="kavarnia", token=sandbox.accounts["kavarnia"].token)
    calls = len(sandbox.calls("clients.getGroups"))
    assert watch() == []
    assert len(sandbox.calls("clients.getGroups")) == calls
    assert 'data-watch="off"' in browse(owner).get("/account/").content.decode()


def test_no_check_after_the_right_the_token_or_the_switch_is_gone(
    watch, owner, sandbox, settings, django_user_model
):
    settings.POSTER_WATCH_SECONDS = 0
    calls = len(sandbox.calls("clients.getGroups"))
    watch()
    settings.POSTER_WATCH_SECONDS = 300
    django_user_model.objects.update(is_active=False)
    watch()
    django_user_model.objects.update(is_active=True)
    owner.groups.clear()
    watch()
    owner.credentials.delete()
    watch()
    assert len(sandbox.calls("clients.getGroups")) == calls


def test_a_token_that_was_refused_once_is_asked_for_again_half_an_hour_later(owner, sandbox, watch):
    sandbox.console().edit(1, client_groups_discount="12.5")
    sandbox.script("clients.getGroups", "status_401", times=1)
    assert watch(1) == []
    owner.credentials.refresh_from_db()
    assert owner.credentials.refused_at
    left = Watch.objects.get().next_at - timezone.now()
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    assert look_where_due() == []
    assert len(watch(2)) == 1
    owner.credentials.refresh_from_db()
    assert owner.credentials.refused_at is None


def test_a_read_is_made_when_it_is_time(owner, sandbox, settings):
    settings.POSTER_WATCH_SECONDS, settings.POSTER_CONFIRM_SECONDS = 1, 3
    watching.switch_on(owner.credentials)
    for _ in range(3):
        look_where_due()
    assert len(sandbox.calls("clients.getGroups")) == 1
    left = Watch.objects.get().next_at - timezone.now()
    assert timedelta(seconds=2) < left < timedelta(seconds=4)


def test_a_page_that_shows_other_groups_brings_the_next_read_forward(owner, staff, browse, sandbox, watch):
    long_ago = timezone.now() - timedelta(minutes=2)

    def due():
        later = timezone.now() + timedelta(minutes=5)
        Watch.objects.update(looked_at=long_ago, next_at=later)
        watching.bring_looks_forward()
        return Watch.objects.get().next_at < later

    browse(staff).get("/groups/")
    assert not due()
    sandbox.console().edit(1, client_groups_discount="12")
    cache.clear()
    browse(staff).get("/groups/?refresh=1")
    assert due()
    type(owner.credentials).objects.filter(user=owner).update(refused_at=long_ago)
    assert not due()


def test_another_owner_reads_why_nothing_is_checked_and_switches_it_on_again(owner, browse, sandbox):
    watching.switch_on(owner.credentials)
    client = browse(make_user("partner", role="Owners", account="demo", sandbox=sandbox))
    type(owner.credentials).objects.filter(user=owner).update(refused_at=timezone.now())
    says = "Poster did not accept the token of owner. The worker tries it again every half hour."
    assert says in text_of(client.get("/account/"))
    type(owner).objects.filter(pk=owner.pk).update(is_active=False)
    says = "Nobody looks any more: the token of owner may not be used"
    assert says in text_of(client.get("/account/"))
    answer = client.post("/account/watch/", {"watch": "on"}, follow=True)
    assert "Switched on, with the token of partner." in text_of(answer)
    assert says not in text_of(answer)


def test_an_owner_switches_it_on_and_off(owner, staff, manager, browse, sandbox):
    client = browse(owner)
    assert 'data-watch="off"' in client.get("/account/").content.decode()
    answer = client.post("/account/watch/", {"watch": "on"}, follow=True)
    assert 'data-watch="on"' in answer.content.decode()
    assert "with the token of owner" in text_of(answer)
    assert SecurityEvent.objects.filter(kind=EventKind.WATCH_ON, user=owner, detail="demo").count() == 1
    for person in (staff, manager):
        assert "data-watch" not in browse(person).get("/account/").content.decode()
        assert browse(person).post("/account/watch/", {"watch": "off"}).status_code == 403
    client.post("/account/watch/", {"watch": "off"})
    assert not Watch.objects.exists()
    assert SecurityEvent.objects.filter(kind=EventKind.WATCH_OFF, user=owner, detail="demo").count() == 1


def test_the_history_shows_it_and_undoes_it(watch, staff, browse, sandbox):
    sandbox.console().edit(1, client_groups_discount="12")
    (change,) = watch()
    client = browse(staff)
    page = client.get("/history/?state=elsewhere")
    assert f'data-change="{change.pk}" data-group="1" data-state="elsewhere"' in page.content.decode()
    assert "in Poster, not here" in text_of(page)
    assert "between" in text_of(page)
    detail = client.get(f"/history/{change.pk}/")
    assert 'data-outcome="elsewhere"' in detail.content.decode()
    assert f'action="/history/{change.pk}/undo/"' in detail.content.decode()
    assert client.post(f"/history/{change.pk}/undo/", {"confirmed": "1"}).status_code == 302
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "10"
    assert Change.objects.get(undo_of=change).state == State.APPLIED
    assert watch() == []


def test_the_watch_is_asked_for_where_an_account_is_connected(owner, staff, browse, sandbox):
    for user, is_on in ((staff, False), (owner, True)):
        user.credentials.delete()
        client = browse(type(user).objects.get(pk=user.pk))
        page = client.get("/account/").text
        assert ('name="watch" value="on" checked' in page) == is_on
        form = {"account": "demo", "token": sandbox.accounts["demo"].token}
        assert client.post("/account/", form).status_code == 302
        assert not Watch.objects.exists()  # who does not ask for it does not get it
        type(user).objects.get(pk=user.pk).credentials.delete()
        assert client.post("/account/", form | {"watch": "on"}).status_code == 302
        assert Watch.objects.exists() == is_on
