"""Test the undo on the pages: of creations and single moves in the history, of jobs on their pages."""

import uuid

import pytest

from groups.models import Change, Job
from groups.services.jobs import queue
from tests.support.jobs import FEW, run, start, undone
from tests.support.pages import fragment, hidden, open_form, text_of

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


def test_a_created_group_that_was_changed_since_stays(staff, browse, sandbox):
    client = browse(staff)
    change = create(client)
    sandbox.console("demo").edit(change.group_id, client_groups_discount="4")
    assert client.post(f"/history/{change.pk}/undo/").status_code == 409
    assert not sandbox.posts("clients.removeGroup")


def test_a_created_group_that_a_rule_leads_to_is_asked_about(staff, browse, sandbox):
    client = browse(staff)
    change = create(client)
    rule = {"rule_id": 1, "loyalty_type": 1, "value": 1000, "group_id": change.group_id}
    sandbox.console("demo").set_rules(rule)
    url = f"/history/{change.pk}/undo/"
    check = client.post(url)
    assert check.status_code == 200
    html = check.content.decode()
    assert 'data-rule="1"' in html
    assert f'action="{url}"' in html
    assert not sandbox.posts("clients.removeGroup")
    assert client.post(url, hidden(check, "version", "operation", "confirmed")).status_code == 302
    assert change.group_id not in sandbox.accounts["demo"].groups


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
    assert f"{FEW} of {FEW} · 100%" in text_of(page)


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


def test_the_history_offers_no_undo_of_what_the_undo_of_a_job_has_taken_back(staff, browse, sandbox):
    client = browse(staff)
    job = run(start(staff))
    undoing = undone(staff, job)
    urls = {each: f"/history/{each.pk}/undo/" for each in (*job.changes.all(), *undoing.changes.all())}
    pages = [client.get(f"/history/?job={each.pk}").content.decode() for each in (job, undoing)]
    offered = {change.job_id for change, url in urls.items() if any(url in page for page in pages)}
    assert offered == {undoing.pk}
    assert len(urls) == 2 * FEW


def test_a_job_that_runs_is_not_undone(staff, browse):
    job = start(staff)
    answer = browse(staff).post(f"/jobs/{job.pk}/undo/")
    assert answer.status_code == 409
    assert "The job has not ended" in text_of(answer)
    assert not Job.objects.filter(kind="undo").exists()


def test_a_job_without_a_change_has_nothing_to_undo(staff, browse):
    job = start(staff)
    queue.cancel(job, staff)
    client = browse(staff)
    assert form_of(job) not in client.get(f"/jobs/{job.pk}/").content.decode()
    answer = client.post(f"/jobs/{job.pk}/undo/")
    assert answer.status_code == 409
    assert "Nothing is left to undo" in text_of(answer)


def test_an_undo_beside_another_job_of_the_group_is_refused_with_that_job(staff, browse):
    job = run(start(staff))
    other = start(staff, group_id=5, target_id=1)
    answer = browse(staff).post(f"/jobs/{job.pk}/undo/")
    assert answer.status_code == 409
    assert f"/jobs/{other.pk}/" in answer.content.decode()


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


def test_while_poster_does_not_answer_nothing_is_started(staff, browse, sandbox):
    job = run(start(staff))
    sandbox.script("clients.getGroups", "status_503", times=None)
    answer = browse(staff).post(f"/jobs/{job.pk}/undo/")
    assert answer.status_code in {502, 504}
    assert not Job.objects.filter(kind="undo").exists()


# --- The number of what goes back, and the message about a job that was left -------------------------------
def test_the_button_of_an_undo_says_how_many_changes_go_back(staff, browse, sandbox):
    client = browse(staff)
    job = run(start(staff))
    assert f"Undo all {FEW}" in text_of(client.get(f"/jobs/{job.pk}/"))
    undone(staff, job, job.changes.first())
    assert f"Undo {FEW - 1} of {FEW}" in text_of(client.get(f"/jobs/{job.pk}/"))


def test_a_job_whose_page_was_left_is_told_once_with_its_undo(staff, browse, sandbox):
    client = browse(staff)
    job = start(staff)
    client.get(f"/jobs/{job.pk}/")
    assert form_of(job) not in client.get("/groups/").content.decode()
    run(job)
    page = client.get("/groups/")
    assert f"has ended: {FEW} of {FEW}." in text_of(page)
    assert form_of(job) in page.content.decode()
    assert f"Undo all {FEW}" in text_of(page)
    assert "has ended" not in text_of(client.get("/groups/"))
    assert client.post(f"/jobs/{job.pk}/undo/").status_code == 302


def test_the_page_that_is_open_when_a_left_job_ends_is_told_it_once(staff, browse, sandbox):
    client = browse(staff)
    job = start(staff)
    url = f"/jobs/{job.pk}/"
    assert f'data-left="{url}"' in client.get(url).content.decode()
    assert client.get(url, headers=fragment("messages")).status_code == 204
    run(job)
    told = client.get(url, headers=fragment("messages"))
    assert f"has ended: {FEW} of {FEW}." in text_of(told)
    assert form_of(job) in told.content.decode()
    assert "has ended" not in text_of(client.get(url, headers=fragment("messages")))
    assert "has ended" not in text_of(client.get("/groups/"))


def test_a_job_that_ended_on_its_page_is_not_told_again(staff, browse, sandbox):
    client = browse(staff)
    job = start(staff)
    url = f"/jobs/{job.pk}/"
    client.get(url)
    run(job)
    assert "has ended" not in text_of(client.get(url)).replace("It has ended", "")
    assert "has ended" not in text_of(client.get("/groups/"))


def test_a_job_that_stopped_is_told_with_the_way_to_its_page(staff, browse, sandbox):
    client = browse(staff)
    job = start(staff)
    client.get(f"/jobs/{job.pk}/")
    queue.pause(job, staff)
    page = client.get("/groups/")
    assert "has stopped: 0 of" in text_of(page)
    assert f'href="/jobs/{job.pk}/"' in page.content.decode()
    assert form_of(job) not in page.content.decode()


def test_a_job_of_somebody_else_is_not_told(staff, owner, browse, sandbox):
    client = browse(owner)
    job = start(staff)
    assert "data-left" not in client.get(f"/jobs/{job.pk}/").content.decode()
    run(job)
    assert "has ended" not in text_of(client.get("/groups/"))


# --- The way back from a whole job, where its changes stand -------------------------------------------------
def test_the_history_leads_once_to_the_undo_of_a_whole_job(staff, manager, browse, sandbox):
    from tests.support.bulk import edited

    job = edited(staff, {1: 7, 4: 8, 5: 9})
    way, client = f'href="/jobs/{job.pk}/#undo"', browse(staff)
    page = client.get("/history/").content.decode()
    assert page.count(way) == 1
    assert page.index(f'data-job="{job.pk}"') < page.index(way)
    assert way in client.get("/groups/1/").content.decode()
    assert way not in browse(manager).get("/history/").content.decode()
    undone(staff, job)
    assert way not in client.get("/history/").content.decode()


def test_a_job_of_one_change_goes_back_with_that_change(staff, browse, sandbox):
    from tests.support.bulk import edited

    job = edited(staff, {4: 8})
    page = browse(staff).get("/history/").content.decode()
    assert f"/history/{job.changes.get().pk}/undo/" in page
    assert f"/jobs/{job.pk}/#undo" not in page
