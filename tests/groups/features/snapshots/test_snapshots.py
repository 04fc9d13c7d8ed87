"""Test snapshots of removed groups: taking, listing, downloading, restoring and deleting them."""

import json
import re
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.utils import timezone

from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.features.snapshots.services import snapshots
from groups.models import Change, Job, PosterCredentials
from groups.poster import Group
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.installation.maintenance import routines
from groups.services.writes.execute import execute
from poster_admin.common import encryption
from poster_admin.common.encryption import Secret
from poster_admin.users.models import Event
from tests.support.circuit import close_breakers
from tests.support.commands import removal_of
from tests.support.pages import GROUP_4, REMOVAL, fragment, hidden, open_form, text_of
from tests.support.sign_in import security_lines
from tests.support.snapshots import remove_by_page

pytestmark = pytest.mark.django_db
LIST = "/history/snapshots/"
FEW = 13


@pytest.fixture
def sandbox(sandbox):
    """Return a Poster with few clients in group 4: the page of a restore asks for each of them."""
    sandbox.console().edit(4, count_groups_clients=str(FEW))
    return sandbox


def rows_of(snapshot):
    return [row for part in snapshots.parts_of(snapshot) for row in part]


@pytest.fixture
def snapshot(owner, browse, sandbox):
    return remove_by_page(browse(owner))


def restore_url(snapshot):
    return f"{LIST}{snapshot.pk}/restore/"


def download_url(snapshot):
    return f"{LIST}{snapshot.pk}/download/"


# --- Before a removal --------------------------------------------------------------------------------------


def test_a_removal_keeps_what_was_in_the_group_first(owner, browse, sandbox):
    rows = list(sandbox.accounts["demo"].clients.rows(4))
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    assert client.post(REMOVAL, form)["Location"] == "/groups/"
    methods = [call.method for call in sandbox.calls()]
    assert methods.index("clients.getClients") < methods.index("clients.removeGroup")
    snapshot = Snapshot.objects.get()
    assert str(snapshot.pk) == form["operation"]
    assert (snapshot.clients, snapshot.user_name, snapshot.group_name) == (FEW, "owner", GROUP_4)
    assert rows_of(snapshot) == rows
    assert Group.from_json(snapshot.group).clients == FEW
    # The same form, sent again.
    client.post(REMOVAL, form)
    assert Snapshot.objects.count() == 1
    assert methods.count("clients.getClients") == 1


@pytest.mark.parametrize(("fault", "status"), [("fin_before_headers", 504), ("empty", 502)])
def test_what_cannot_be_kept_is_not_removed(owner, browse, sandbox, fault, status):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.getClients", fault, times=None)
    answer = client.post(REMOVAL, form)
    assert answer.status_code == status
    assert "The group was not removed" in text_of(answer)
    assert "they could not be read" in text_of(answer)
    assert 'name="confirm_name"' in answer.content.decode()
    assert not sandbox.posts()
    assert not Change.objects.exists()
    assert not Snapshot.objects.exists()
    sandbox.clear_faults()
    assert client.post(REMOVAL, form).status_code == 302
    assert Snapshot.objects.get().complete


def test_a_client_whose_name_holds_half_a_character_is_kept_and_downloaded(owner, browse, sandbox):
    sandbox.script("clients.getClients", "row_surrogate_name", times=None)
    client = browse(owner)
    snapshot = remove_by_page(client)
    assert snapshot.clients == FEW
    assert "\ud83d" in "".join(row["firstname"] + row["lastname"] for row in rows_of(snapshot))
    told = json.loads(b"".join(client.get(download_url(snapshot))))
    assert told["clients"] == rows_of(snapshot)


@pytest.mark.parametrize("told", [None, "0.0"])
def test_a_client_whom_poster_does_not_call_removed_is_kept_as_living(owner, sandbox, told):
    sandbox.console().edit_client(130, delete=told)
    credentials = credentials_service.credentials_of(owner)
    group = read_now(credentials, 4).group.replace(clients=FEW)
    snapshot = snapshots.take_snapshot(credentials, group, operation=uuid.uuid4())
    assert snapshot.clients == FEW
    assert 130 in snapshots.living_ids(snapshot)


def test_of_what_is_not_going_to_be_removed_nothing_is_kept(owner, staff, browse, sandbox):
    client = browse(owner)
    for values in ({"confirm_name": "x"}, {"confirm_name": GROUP_4, "version": "x"}):
        client.post(REMOVAL, {**open_form(client, REMOVAL), **values})
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    assert browse(staff).post(REMOVAL, form).status_code == 403
    sandbox.console().edit(4, count_groups_clients=str(FEW + 1))
    assert client.post(REMOVAL, form).status_code == 409
    sandbox.console().edit(4, count_groups_clients="0")
    url = "/groups/4/delete/"
    assert client.post(url, open_form(client, url)).status_code == 302
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize(
    ("fault", "options"),
    [("page_skips", {}), ("row_absent", {"ids": [130, 131, 141]})],
    ids=["first", "some"],
)
def test_a_list_that_lacks_clients_is_read_again_before_the_removal(owner, browse, sandbox, fault, options):
    rows = {row["client_id"]: row for row in sandbox.accounts["demo"].clients.rows(4)}
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.getClients", fault, **options)
    assert client.post(REMOVAL, form).status_code == 302
    snapshot = Snapshot.objects.get()
    assert snapshot.clients == FEW
    kept = rows_of(snapshot)
    assert {row["client_id"]: row for row in kept} == rows
    assert len(kept) == len(rows)


@pytest.mark.parametrize("listed", [0, FEW - 1])
def test_a_removal_that_would_keep_fewer_clients_than_the_counter_says_is_not_sent(
    owner, browse, sandbox, listed
):
    clients = [int(row["client_id"]) for row in sandbox.accounts["demo"].clients.rows(4)]
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.getClients", "row_absent", times=2, ids=clients[listed:])
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 409
    assert f"the page has shown: 13. Clients that Poster lists: {listed}." in text_of(answer)
    assert "Look in Poster whether the list is right" in text_of(answer)
    assert not sandbox.posts()
    assert not Snapshot.objects.exists()
    assert client.post(REMOVAL, form).status_code == 302
    assert Snapshot.objects.get().clients == FEW


def test_more_clients_than_the_page_has_said_are_not_removed(owner, browse, sandbox):
    sandbox.console().put_client(4)
    sandbox.lag("count_behind")
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 409
    assert "The group was not removed" in text_of(answer)
    assert "the page has shown: 13. Clients that Poster lists: 14." in text_of(answer)
    assert 'name="confirm_name"' in answer.content.decode()
    assert not sandbox.posts()
    assert not Change.objects.exists()
    assert not Snapshot.objects.exists()
    sandbox.catch_up()
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 302
    assert Snapshot.objects.get().clients == FEW + 1


def test_clients_whose_rows_cannot_be_read_count_among_those_who_would_go(owner, browse, sandbox):
    sandbox.console().put_client(4)
    sandbox.lag("count_behind")
    sandbox.script("clients.getClients", "row_id_zero", times=None)
    client = browse(owner)
    answer = client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4))
    assert answer.status_code == 409
    assert "the page has shown: 13. Clients that Poster lists: 14." in text_of(answer)
    assert not sandbox.posts()


def test_a_removal_whose_count_was_another_one_in_between_is_not_sent(owner, browse, sandbox):
    """The page takes no snapshot then, so a read that shows the old count again must not let it through."""
    sandbox.console().edit_client(129, client_groups_id="5")
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.getGroup", "count_behind")
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 409
    assert not sandbox.posts()
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 302
    assert Snapshot.objects.get().clients == FEW - 1


def test_a_form_that_waited_while_it_was_sent_again_takes_nothing_from_the_snapshot(owner, sandbox, browse):
    snapshot = remove_by_page(browse(owner))
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=5))
    group, credentials = snapshot.content, credentials_service.credentials_of(owner)
    again = snapshots.take_snapshot(credentials, group, operation=snapshot.pk)
    assert (again.pk, again.clients) == (snapshot.pk, FEW)
    assert len([row for row in rows_of(Snapshot.objects.get()) if row["delete"] == "0"]) == FEW


def test_a_lost_removal_that_is_sent_again_keeps_it_anew(owner, browse, sandbox):
    client = browse(owner)
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    assert client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4)).status_code == 504
    change = Change.objects.get()
    assert client.post(f"/history/{change.pk}/", {"decision": "again"}).status_code == 302
    assert {each.pk for each in Snapshot.objects.all()} == {each.pk for each in Change.objects.all()}


def test_a_form_that_is_sent_again_later_keeps_who_is_there_by_then(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    Change(account_id="demo", action="update", group_id=4, target="group:4", state="unknown").save()
    assert client.post(REMOVAL, form).status_code == 409
    Change.objects.settle(Change.objects.get(), state="failed")
    ids = [int(row["client_id"]) for row in sandbox.accounts["demo"].clients.rows(4)]
    sandbox.console().edit_client(ids[-1], total_payed_sum="777700")
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=5))
    assert client.post(REMOVAL, form).status_code == 302
    assert rows_of(Snapshot.objects.get())[-1]["total_payed_sum"] == "777700"


@pytest.mark.django_db(transaction=True)
def test_one_process_does_not_delete_what_another_one_has_taken_anew(owner, sandbox, monkeypatch):
    credentials = credentials_service.credentials_of(owner)
    group, operation = read_now(credentials, 4).group, uuid.uuid4()
    pages_of, again = snapshots.pages_of, []

    def slow_pages(*args, **limits):
        monkeypatch.setattr(snapshots, "pages_of", pages_of)
        Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=5))
        again.append(snapshots.take_snapshot(credentials, group, operation=operation))
        yield from pages_of(*args, **limits)

    monkeypatch.setattr(snapshots, "pages_of", slow_pages)
    snapshots.take_snapshot(credentials, group, operation=operation)
    assert Snapshot.objects.get().taken_at == again[0].taken_at
    assert len(rows_of(again[0])) == len(list(sandbox.accounts["demo"].clients.rows(4)))


def test_an_operation_of_another_account_opens_nothing(snapshot, outsider, browse, sandbox):
    client = browse(outsider)
    group_id = next(iter(sandbox.accounts["kavarnia"].groups))
    url = f"/groups/{group_id}/delete/"
    group = read_now(outsider.credentials, group_id).group
    form = open_form(client, url, confirm_name=group.name)
    answer = client.post(url, form | {"operation": str(snapshot.pk)})
    assert answer.status_code == 409
    assert group_id in sandbox.accounts["kavarnia"].groups
    assert Snapshot.objects.get() == snapshot


# --- The list ----------------------------------------------------------------------------------------------


def test_the_list_says_what_is_kept_why_and_until_when(owner, browse, sandbox, snapshot, settings):
    page = browse(owner).get(LIST)
    words = text_of(page)
    for part in (
        GROUP_4,
        str(FEW),
        "owner",
        "Group removed",
        "kept for 90 days",
        "1 snapshot",
        "Download",
        "Restore",
    ):
        assert part in words
    until = timezone.localtime(snapshot.taken_at + timedelta(days=90))
    assert f"{until:%-d %b %Y}" in words
    assert f'href="{LIST}"' in browse(owner).get("/history/").content.decode()
    part = browse(owner).get(LIST, headers=fragment("rows", LIST))
    assert "<html" not in part.content.decode()
    for page in ("/groups/4/", f"/history/{snapshot.pk}/"):
        assert f'href="{restore_url(snapshot)}"' in browse(owner).get(page).content.decode()


def test_the_list_has_pages_and_an_empty_one_says_so(owner, browse, sandbox):
    client = browse(owner)
    assert "No snapshots" in text_of(client.get(LIST))
    for number in range(51):
        Snapshot.objects.create(
            account_id="demo", user_name="owner", group_id=number + 1, group_name=f"Група {number}",
            group={}, complete=number != 50,
        )  # fmt: skip
    assert client.get(LIST).content.decode().count("data-snapshot=") == 50
    Snapshot.objects.update(complete=True)
    assert "page 2 of 2" in client.get(LIST, {"page": "2"}).content.decode()
    assert "Група 50" not in text_of(client.get(LIST, {"page": "2"}))


def test_only_owners_with_a_good_token_see_what_is_kept(
    snapshot, owner, manager, staff, outsider, browse, sandbox
):
    sandbox.log.clear()
    for url in (LIST, restore_url(snapshot), download_url(snapshot)):
        assert browse(outsider).get(url).status_code == (200 if url == LIST else 404)
        assert GROUP_4 not in browse(outsider).get(url).content.decode()
    for user in (manager, staff):
        assert LIST not in browse(user).get("/history/").content.decode()
    PosterCredentials.objects.update(refused_at=timezone.now())
    for url in (LIST, restore_url(snapshot), download_url(snapshot)):
        assert browse(owner).get(url).status_code == 424
    assert not sandbox.calls()


# --- The file ----------------------------------------------------------------------------------------------


def test_a_file_has_the_group_and_its_clients_as_poster_gave_them(owner, browse, sandbox, monkeypatch):
    monkeypatch.setattr("groups.services.clients.READ_AT_ONCE", 3)
    rows = list(sandbox.accounts["demo"].clients.rows(4))
    snapshot = remove_by_page(browse(owner))
    assert snapshot.parts.count() == 5
    answer = browse(owner).get(download_url(snapshot))
    assert answer.streaming
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]
    assert re.search(r'filename="snapshot-demo-4-[\d-]+\.json"', answer["Content-Disposition"])
    chunks = list(answer)
    assert len(chunks) == 7
    file = json.loads(b"".join(chunks))
    assert file["clients"] == rows
    assert (file["account"], file["group"]["name"], file["taken_by"]) == ("demo", GROUP_4, "owner")
    assert security_lines(Event.SNAPSHOT_READ) == [("owner", "", f"demo group:4 {snapshot.pk}")]


def test_nobody_in_it_is_a_file_too(owner, browse, sandbox):
    snapshot = Snapshot.objects.create(
        account_id="demo", user_name="x", group_id=4, group_name="x", group={}, complete=True
    )
    for rows in ([], [{"client_id": "1"}], []):
        number = snapshot.parts.count()
        SnapshotPart.objects.create(snapshot=snapshot, number=number, rows=Secret(json.dumps(rows)))
        file = b"".join(browse(owner).get(download_url(snapshot)))
        assert json.loads(file)["clients"] == ([{"client_id": "1"}] if number else [])


def test_without_its_key_there_are_words(owner, browse, sandbox, snapshot):
    SnapshotPart.objects.update(rows=Secret(sealed="f1:lost"))
    for url in (download_url(snapshot), restore_url(snapshot)):
        answer = browse(owner).get(url)
        assert answer.status_code == 503
        assert "This snapshot cannot be opened" in text_of(answer)
        assert "Content-Disposition" not in answer
    assert browse(owner).get(LIST).status_code == 200
    assert not security_lines(Event.SNAPSHOT_READ)


# --- The restore -------------------------------------------------------------------------------------------


def form_of(client, snapshot):
    page = client.get(restore_url(snapshot))
    assert page.status_code == 200
    return hidden(page, "version", "operation")


def test_the_page_says_all_before_anything_is_written(owner, browse, sandbox, snapshot):
    bonus = sum(int(row["bonus"]) for row in rows_of(snapshot) if row["delete"] == "0")
    words = text_of(browse(owner).get(restore_url(snapshot)))
    for part in (
        "The group is gone. It is created again",
        "gets another number than 4",
        f"{FEW} clients who are no longer in Poster are created again",
        f"{bonus / 100:,.2f} ₴",
        "The day of registration, and the history of purchases.",
        "«Друга кава — подарунок»",
        "1 client who had been removed before",
        f"Restore group and {FEW} clients",
    ):
        assert part in words
    assert len(sandbox.posts()) == 1


def test_a_form_sent_twice_is_one_job(owner, browse, sandbox, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    answers = [client.post(restore_url(snapshot), form) for _ in range(2)]
    job = Job.objects.get()
    assert [(each.status_code, each["Location"]) for each in answers] == [(302, f"/jobs/{job.pk}/")] * 2
    assert (job.kind, job.user, job.group_id, job.target_id, job.total) == ("restore", owner, 4, None, FEW)
    assert str(job.pk) == form["operation"]
    htmx = client.post(restore_url(snapshot), form, headers=fragment("form", restore_url(snapshot)))
    assert htmx["HX-Redirect"] == f"/jobs/{job.pk}/"


def test_a_form_that_was_sent_before_for_a_move_restores_nothing(owner, browse, sandbox, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    url = "/groups/1/clients/move/"
    move = {**hidden(client.get(url), "clients", "version"), "operation": form["operation"], "target": "5"}
    assert client.post(url, move).status_code == 302
    page = client.post(restore_url(snapshot), form)
    assert page.status_code == 409
    assert "This form was sent before" in text_of(page)
    assert Job.objects.get().kind == "move"


def test_a_snapshot_says_that_it_was_restored(owner, browse, sandbox, snapshot):
    client = browse(owner)
    assert "data-restored" not in client.get("/history/snapshots/").content.decode()
    client.post(restore_url(snapshot), form_of(client, snapshot))
    job = Job.objects.get()
    page = client.get("/history/snapshots/")
    assert f'data-restored="{job.state}"' in page.content.decode()
    assert f'href="/jobs/{job.pk}/"' in page.content.decode()
    assert f"Restore into “{GROUP_4}”, owner," in text_of(page)
    Job.objects.update(state=Job.State.DONE)
    again = client.get(restore_url(snapshot))
    assert 'data-restored="done"' in again.content.decode()
    assert f"Restore into “{GROUP_4}”, owner," in text_of(again)


def test_another_one_meanwhile_is_a_conflict(owner, browse, sandbox, snapshot):
    client = browse(owner)
    forms = [form_of(client, snapshot) for _ in range(2)]
    assert client.post(restore_url(snapshot), forms[0]).status_code == 302
    answer = client.post(restore_url(snapshot), forms[1])
    assert answer.status_code == 409
    assert "A job by owner" in text_of(answer)
    assert Job.objects.count() == 1


def test_what_is_no_longer_as_the_page_said_is_not_started(owner, browse, sandbox, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    row = {"client_groups_name": GROUP_4, "loyalty_type": "2", "client_groups_discount": "10"}
    sandbox.console().put(row | {"birthday_bonus": "0", "count_groups_clients": "0"})
    answer = client.post(restore_url(snapshot), form)
    assert answer.status_code == 409
    assert "Something has changed in Poster" in text_of(answer)
    assert "there is one of the same name" in text_of(answer)
    part = client.post(restore_url(snapshot), form, headers=fragment("form", restore_url(snapshot)))
    for shown in (answer, part):
        assert f"“{GROUP_4}”, 10%, with" in text_of(shown)
    assert not Job.objects.exists()
    again = form | hidden(answer, "version", "operation")
    assert client.post(restore_url(snapshot), again).status_code == 302


@pytest.mark.parametrize("missing", ["version", "operation"])
def test_an_incomplete_form_starts_nothing(owner, browse, snapshot, missing):
    client = browse(owner)
    form = form_of(client, snapshot)
    del form[missing]
    answer = client.post(restore_url(snapshot), form)
    assert answer.status_code == 422
    assert "This form is incomplete" in text_of(answer)
    assert not Job.objects.exists()


def test_to_restore_takes_the_right_to_move(owner, browse, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    owner.groups.clear()
    owner.user_permissions.add(Permission.objects.get(codename="view_snapshot"))
    page = client.get(restore_url(snapshot))
    assert page.status_code == 200
    assert 'method="post" action="/history' not in page.content.decode()
    assert client.post(restore_url(snapshot), form).status_code == 403
    owner.user_permissions.add(Permission.objects.get(codename="move_client"))
    # The group would have to be created.
    assert client.post(restore_url(snapshot), form).status_code == 403
    assert not Job.objects.exists()


def test_while_poster_is_away_nothing_is_guessed(owner, browse, sandbox, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    for method in ("clients.getGroups", "clients.getClients"):
        sandbox.script(method, "fin_before_headers", times=None)
        for answer in (client.get(restore_url(snapshot)), client.post(restore_url(snapshot), form)):
            assert answer.status_code == 504
        sandbox.clear_faults()
        close_breakers()
    assert not Job.objects.exists()


# --- Content, age, and key ---------------------------------------------------------------------------------


def test_after_its_days_a_snapshot_is_deleted(snapshot, settings):
    assert snapshots.forget_old() == 0
    settings.SNAPSHOT_DAYS = 30
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=29, hours=23))
    assert snapshots.forget_old() == 0
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=30, minutes=1))
    call_command("reconcile", stdout=StringIO())
    assert not Snapshot.objects.exists()
    assert not SnapshotPart.objects.exists()


def test_a_worker_deletes_it_too(snapshot):
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=91))
    next(each for each in routines if each.name == "delete snapshots").step()
    assert not Snapshot.objects.exists()


@pytest.mark.parametrize(
    ("state", "sent", "kept"),
    [("applied", True, True), ("unknown", True, True), ("review", True, True), ("pending", True, True),
     ("failed", False, False), ("failed", True, True), ("refused", True, True), (None, False, False)],
)  # fmt: skip
def test_of_a_removal_that_was_not_sent_nothing_stays(owner, sandbox, state, sent, kept):
    """One that was sent may be applied late, or be refused and made: nothing else has its clients."""
    operation = uuid.uuid4()
    credentials = credentials_service.credentials_of(owner)
    group = read_now(credentials, 4).group
    snapshots.take_snapshot(credentials, group, operation=operation)
    if state:
        sent_at = timezone.now() if sent else None
        Change.objects.create(
            id=operation, account_id="demo", action="remove", target="group:4", state=state, sent_at=sent_at
        )
    assert snapshots.forget_old() == 0
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=61))
    assert snapshots.forget_old() == (0 if kept else 1)


def test_of_a_removal_that_poster_has_refused_and_made_the_clients_are_kept(owner, sandbox):
    removal = removal_of(owner, 4)
    sandbox.script("clients.removeGroup", "error_object", code=20, when="after")
    sandbox.script("clients.getGroup", "behind", call=2, times=None)  # the reads after it
    assert execute(removal).state == Change.State.REFUSED
    assert 4 not in sandbox.accounts["demo"].groups
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=61))
    assert snapshots.forget_old() == 0
    assert Snapshot.objects.get().clients == FEW


def test_one_that_was_given_up_is_taken_anew(owner, sandbox):
    credentials = credentials_service.credentials_of(owner)
    group = read_now(credentials, 4).group
    half = Snapshot.objects.create(
        account_id="demo", user_name="owner", group_id=4, group_name=GROUP_4, group={},
        taken_at=timezone.now() - timedelta(minutes=2),
    )  # fmt: skip
    again = snapshots.take_snapshot(credentials, group, operation=half.pk)
    assert (again.pk, again.complete, again.clients) == (half.pk, True, FEW)


def test_rotation_takes_the_snapshots_along(owner, browse, sandbox, settings, monkeypatch):
    monkeypatch.setattr("groups.services.clients.READ_AT_ONCE", 3)
    snapshot = remove_by_page(browse(owner))
    rows = rows_of(snapshot)
    newest = Fernet.generate_key().decode()
    settings.POSTER_TOKEN_KEYS = [newest, *settings.POSTER_TOKEN_KEYS]
    out = StringIO()
    call_command("rotate_tokens", stdout=out)
    assert "6 tokens and other secrets" in out.getvalue()
    settings.POSTER_TOKEN_KEYS = [newest]
    assert rows_of(Snapshot.objects.get()) == rows


def test_a_start_opens_one_part_of_each_snapshot(owner, browse, sandbox, settings, monkeypatch):
    monkeypatch.setattr("groups.services.clients.READ_AT_ONCE", 3)
    snapshot = remove_by_page(browse(owner))
    assert snapshot.parts.count() == 5
    assert (encryption.examine_keys().total, encryption.examine_keys().lost) == (2, [])
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    first = snapshot.parts.get(number=0)
    assert f"snapshots.snapshotpart {first.pk}" in encryption.examine_keys().lost


def test_a_removal_says_before_the_click_what_a_restore_brings_back_and_what_not(
    owner, staff, browse, sandbox
):
    text = text_of(browse(owner).get("/groups/4/delete/"))
    assert "What is removed cannot be brought back by Poster." in text
    assert "kept here for 90 days. You can restore the group from that. Comes back: the group with" in text
    assert "Does not come back: the numbers of group and clients" in text
    assert "An owner can restore the group from that." in text_of(browse(staff).get("/groups/4/delete/"))
