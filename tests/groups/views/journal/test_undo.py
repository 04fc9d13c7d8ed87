"""Test the undo on the pages: of creations and single moves in the history, of jobs on their pages."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import Change, Job
from tests.support.jobs import FEW, run, start
from tests.support.pages import hidden, open_form, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("few", "settled_at_once")]
NEW = {"name": "Новачки", "loyalty_type": "1", "percent": "3", "birthday_bonus": "0"}


@pytest.fixture
def few(sandbox):
    sandbox.console("demo").edit(4, count_groups_clients=str(FEW))


@pytest.fixture
def settled_at_once(settings):
    settings.POSTER_CACHE_SECONDS = settings.POSTER_SETTLE_SECONDS = settings.POSTER_LAG_SECONDS = 0


def create(client):
    """Create a group, and return the change."""
    answer = client.post("/groups/new/", open_form(client, "/groups/new/", **NEW))
    assert answer.status_code == 302
    return Change.objects.get(action="create")


def form_of(job):
    return f'action="/jobs/{job.pk}/undo/"'


def clients_of(sandbox, group_id):
    return sandbox.accounts["demo"].clients.live(group_id)


# --- A creation --------------------------------------------------------------------------------------------


def test_a_created_group_is_removed_while_it_is_empty(staff, browse, sandbox):
    client = browse(staff)
    change = create(client)
    url = f"/history/{change.pk}/undo/"
    page = client.get("/history/")
    assert url in page.content.decode()
    assert "Remove it, if it is empty" in text_of(page)
    answer = client.post(url)
    assert (answer.status_code, answer["Location"]) == (302, "/groups/")
    assert change.group_id not in sandbox.accounts["demo"].groups
    undo = Change.objects.get(undo_of=change)
    assert (undo.action, undo.state) == ("remove", "applied")
    assert client.post(f"/history/{undo.pk}/undo/").status_code == 302
    assert NEW["name"] in {row["client_groups_name"] for row in sandbox.accounts["demo"].groups.values()}


def test_a_created_group_that_has_clients_by_now_stays(owner, browse, sandbox):
    """Poster's counter may be late, so its clients are read."""
    client = browse(owner)
    change = create(client)
    sandbox.console("demo").put_client(change.group_id, firstname="Тест")
    sandbox.lag("count_zero")
    answer = client.post(f"/history/{change.pk}/undo/")
    assert answer.status_code == 409
    assert "The group has clients by now" in text_of(answer)
    assert change.group_id in sandbox.accounts["demo"].groups
    assert not sandbox.posts("clients.removeGroup")


def test_who_may_not_remove_groups_may_not_undo_a_creation(staff, manager, browse):
    change = create(browse(staff))
    client = browse(manager)
    assert f"/history/{change.pk}/undo/" not in client.get("/history/").content.decode()
    assert client.post(f"/history/{change.pk}/undo/").status_code == 403


# --- A job -------------------------------------------------------------------------------------------------
def test_the_page_of_a_job_says_what_its_undo_does_and_leads_to_it(staff, browse, sandbox):
    client = browse(staff)
    job = start(staff)
    url = f"/jobs/{job.pk}/"
    assert form_of(job) not in client.get(url).content.decode()
    run(job)
    page = client.get(url)
    assert form_of(job) in page.content.decode()
    assert f"{FEW} clients go back to the groups they came from" in text_of(page)
    answers = [client.post(f"{url}undo/") for _ in range(2)]
    undo = Job.objects.get(kind="undo")
    assert [(each.status_code, each["Location"]) for each in answers] == [(302, f"/jobs/{undo.pk}/")] * 2
    run(undo)
    assert clients_of(sandbox, 4) == FEW
    page = client.get(url)
    assert form_of(job) not in page.content.decode()
    assert f"/jobs/{undo.pk}/" in page.content.decode()
    page = client.get(f"/jobs/{undo.pk}/")
    assert "Undo · Clients: “Скидочная система 10%” → “Постоянный посетитель”" in text_of(page)
    assert form_of(undo) in page.content.decode()
    assert f"Undone: {FEW}." in text_of(page)


def test_one_client_goes_back_from_the_history(staff, browse, sandbox):
    client = browse(staff)
    job = run(start(staff))
    change = job.changes.first()
    assert f"/history/{change.pk}/undo/" in client.get(f"/history/?job={job.pk}").content.decode()
    answers = [client.post(f"/history/{change.pk}/undo/") for _ in range(2)]
    undo = Job.objects.get(kind="undo")
    assert {each["Location"] for each in answers} == {f"/jobs/{undo.pk}/"}
    run(undo)
    assert clients_of(sandbox, 4) == 1
    page = text_of(client.get(f"/jobs/{job.pk}/"))
    assert f"{FEW - 1} clients go back" in page
    assert "1 change stays: it was undone or followed by another one since" in page


def test_an_old_move_is_shown_before_it_is_undone(staff, browse):
    client = browse(staff)
    change = run(start(staff)).changes.first()
    QuerySet(Change).filter(pk=change.pk).update(created_at=timezone.now() - timedelta(days=2))
    url = f"/history/{change.pk}/undo/"
    page = client.post(url)
    assert page.status_code == 200
    assert "The change that you undo is of" in text_of(page)
    assert not Job.objects.filter(kind="undo").exists()
    assert client.post(url, hidden(page, "confirmed")).status_code == 302
    assert Job.objects.filter(kind="undo").exists()


def test_a_job_that_runs_is_not_undone(staff, browse):
    job = start(staff)
    answer = browse(staff).post(f"/jobs/{job.pk}/undo/")
    assert answer.status_code == 409
    assert "The bulk change has not ended" in text_of(answer)
    assert not Job.objects.filter(kind="undo").exists()


def test_only_who_may_move_clients_of_this_account_undoes_a_move(staff, manager, outsider, browse):
    job = run(start(staff))
    change = job.changes.first()
    for url in (f"/jobs/{job.pk}/undo/", f"/history/{change.pk}/undo/"):
        assert browse(manager).post(url).status_code == 403
        assert browse(outsider).post(url).status_code == 404
        assert browse(staff).get(url).status_code == 405
    assert form_of(job) not in browse(manager).get(f"/jobs/{job.pk}/").content.decode()
    assert browse(staff).post(f"/jobs/{uuid.uuid4()}/undo/").status_code == 404
    assert not Job.objects.filter(kind="undo").exists()
