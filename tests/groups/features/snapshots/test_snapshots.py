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

from groups.features.snapshots import services as snapshots
from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.models import Change, Job, PosterCredentials
from groups.poster import Group
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from groups.services.installation.maintenance import routines
from groups.services.writes.submissions import OperationReused
from poster_admin.common.encryption import Secret
from poster_admin.users.models import EventKind
from tests.support.changes import write_down
from tests.support.pages import GROUP_4, REMOVAL, fragment, hidden, open_form, text_of
from tests.support.sign_in import security_lines
from tests.support.snapshots import remove_by_page, snapshot_of

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


def test_the_operation_of_one_group_keeps_no_other_one(owner, sandbox):
    one, other = (read_now(owner.credentials, each).group for each in (4, 5))
    snapshot = snapshots.take_snapshot(owner.credentials, one, operation=uuid.uuid4())
    with pytest.raises(OperationReused):
        snapshots.take_snapshot(owner.credentials, other, operation=snapshot.pk)
    assert Snapshot.objects.get() == snapshot


def test_what_cannot_be_kept_is_not_removed(owner, browse, sandbox):
    client = browse(owner)
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    sandbox.script("clients.getClients", "fin_before_headers", times=None)
    answer = client.post(REMOVAL, form)
    assert answer.status_code == 504
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


def ids_of(sandbox):
    return [int(row["client_id"]) for row in sandbox.accounts["demo"].clients.rows(4)]


@pytest.mark.parametrize(
    ("fault", "options"),
    [("page_skips", {}), ("row_absent", {"ids": [130, 131, 141]})],
    ids=["first", "some"],
)
def test_a_list_that_lacks_clients_is_read_again_and_who_was_missing_is_kept(owner, sandbox, fault, options):
    rows = {row["client_id"]: row for row in sandbox.accounts["demo"].clients.rows(4)}
    sandbox.script("clients.getClients", fault, **options)
    snapshot = snapshot_of(owner)
    assert (snapshot.clients, len(rows_of(snapshot))) == (FEW, len(rows))
    assert {row["client_id"]: row for row in rows_of(snapshot)} == rows


@pytest.mark.parametrize("told", [None, "0.0"])
def test_a_client_that_poster_does_not_call_removed_is_kept_as_living(owner, sandbox, told):
    sandbox.console().edit_client(130, delete=told)
    group = read_now(owner.credentials, 4).group.replace(clients=FEW)
    snapshot = snapshots.take_snapshot(owner.credentials, group, operation=uuid.uuid4())
    assert snapshot.clients == FEW
    assert 130 in snapshots.living_ids(snapshot)


@pytest.mark.parametrize("listed", [0, FEW - 1])
def test_a_list_of_fewer_clients_than_the_counter_has_is_no_snapshot(owner, sandbox, listed):
    sandbox.script("clients.getClients", "row_absent", times=2, ids=ids_of(sandbox)[listed:])
    with pytest.raises(snapshots.OtherClients) as other:
        snapshot_of(owner)
    assert (other.value.counted, other.value.listed) == (FEW, listed)
    assert not Snapshot.objects.exists()


def test_clients_whose_rows_cannot_be_read_count_among_those_who_would_go(owner, sandbox):
    sandbox.console().put_client(4)
    sandbox.lag("count_behind")
    sandbox.script("clients.getClients", "row_id_zero", times=None)
    with pytest.raises(snapshots.OtherClients) as other:
        snapshot_of(owner)
    assert (other.value.counted, other.value.listed) == (FEW, FEW + 1)


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


def test_the_list_says_what_is_kept_why_and_until_when(owner, outsider, browse, sandbox, snapshot):
    assert "No snapshots" in text_of(browse(outsider).get(LIST))
    words = text_of(browse(owner).get(LIST))
    for part in (GROUP_4, str(FEW), "owner", "Group removed", "kept for 90 days", "1 snapshot", "Restore"):
        assert part in words
    assert f'href="{LIST}"' in browse(owner).get("/history/").content.decode()
    part = browse(owner).get(LIST, headers=fragment("rows", LIST))
    assert "<html" not in part.content.decode()
    for page in ("/groups/4/", f"/history/{snapshot.pk}/"):
        assert f'href="{restore_url(snapshot)}"' in browse(owner).get(page).content.decode()


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
    assert security_lines(EventKind.SNAPSHOT_READ) == [("owner", "", f"demo group:4 {snapshot.pk}")]


def test_without_its_key_there_are_words(owner, browse, sandbox, snapshot):
    SnapshotPart.objects.update(rows=Secret(sealed="f1:lost"))
    for url in (download_url(snapshot), restore_url(snapshot)):
        answer = browse(owner).get(url)
        assert answer.status_code == 503
        assert "This snapshot cannot be opened" in text_of(answer)
        assert "Content-Disposition" not in answer
    assert browse(owner).get(LIST).status_code == 200
    assert not security_lines(EventKind.SNAPSHOT_READ)


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


def test_a_snapshot_says_that_it_was_restored(owner, browse, sandbox, snapshot):
    client = browse(owner)
    assert "data-restored" not in client.get("/history/snapshots/").content.decode()
    client.post(restore_url(snapshot), form_of(client, snapshot))
    job = Job.objects.get()
    page = client.get("/history/snapshots/")
    assert f'data-restored="{job.state}"' in page.content.decode()
    assert f'href="/jobs/{job.pk}/"' in page.content.decode()
    assert f"Restore into “{GROUP_4}”, owner," in text_of(page)


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


def test_an_incomplete_form_starts_nothing(owner, browse, snapshot):
    client = browse(owner)
    form = form_of(client, snapshot)
    for name in form:
        answer = client.post(restore_url(snapshot), form | {name: ""})
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


# --- Content, age, and key ---------------------------------------------------------------------------------


def test_after_its_days_a_snapshot_is_deleted(snapshot, settings):
    assert snapshots.forget_old() == 0
    settings.SNAPSHOT_DAYS = 30
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=29, hours=23))
    assert snapshots.forget_old() == 0
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(days=30, minutes=1))
    next(step for name, step, *_when in routines if name == "delete snapshots")()
    assert not Snapshot.objects.exists()
    assert not SnapshotPart.objects.exists()


def test_of_a_removal_that_was_not_sent_nothing_stays(owner, sandbox):
    """One that was sent may be applied late, or be refused and made: nothing else has its clients."""
    sent = {snapshot_of(owner).pk: state for state in ("applied", "unknown", "review", "failed", "refused")}
    unsent = {snapshot_of(owner).pk: state for state in ("failed", None)}
    for pk, state in (sent | unsent).items():
        if state:
            write_down(
                owner,
                id=pk,
                action="remove",
                group_id=4,
                target=f"group:{pk}",
                state=state,
                sent_at=timezone.now() if pk in sent else None,
            )
    assert snapshots.forget_old() == 0
    Snapshot.objects.update(taken_at=timezone.now() - timedelta(minutes=61))
    assert snapshots.forget_old() == len(unsent)
    assert set(Snapshot.objects.values_list("pk", flat=True)) == set(sent)


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
