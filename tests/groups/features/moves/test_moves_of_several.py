"""Test moves of chosen clients that are in several groups: one job, and nobody but them is moved, once."""

import pytest
from django.db.models import Count

from groups.features.snapshots import services as snapshots
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job, Lock
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobProgress, progress_of
from groups.services.writes.execute import execute
from groups.services.writes.submissions import Locked
from tests.support.commands import removal_of
from tests.support.jobs import die_before_sending, ended, lock_keys, plan_of_chosen, run
from tests.support.jobs import start as start_move
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db(transaction=True)
MOVE, URL, TARGET = "clients.updateClient", "/clients/move/", 9
CHOICE = {1: 1, 2: 1, 129: 4, 130: 4, 131: 5}
"""Group 1 of the seed has 125 clients and group 4 has 43; client 131 is put into group 5."""


@pytest.fixture(autouse=True)
def _in_three_groups(sandbox):
    """Put a client into group 5, and make a fourth group to move all to."""
    console = sandbox.console()
    console.edit_client(131, client_groups_id="5")
    row = {"client_groups_id": str(TARGET), "client_groups_name": "Свої", "loyalty_type": "1"}
    console.put(row | {"client_groups_discount": "15", "birthday_bonus": "0", "count_groups_clients": "0"})


def plan(user, choice=CHOICE, target=TARGET):
    return plan_of_chosen(user, choice, target)


def moved(sandbox):
    return sorted(int(call.form["client_id"]) for call in sandbox.posts(MOVE))


def address(choice=CHOICE):
    return f"{URL}?client={','.join(f'{client}-{group}' for client, group in choice.items())}"


def filled(client, choice=CHOICE, **values):
    return {
        **hidden(client.get(address(choice)), "clients", "version", "operation"),
        "target": str(TARGET),
        **values,
    }


# --- The job -----------------------------------------------------------------------------------------------


def test_one_job_moves_the_chosen_ones_of_every_group_and_nobody_else(staff, sandbox, people):
    before = {group: people(group) for group in (1, TARGET, 4, 5)}
    job = run(queue.start(plan(staff)))
    assert ended(job) == (Job.State.DONE, "")
    assert moved(sandbox) == sorted(CHOICE)
    assert people(TARGET) == before[TARGET] | set(CHOICE)
    for group in (1, 4, 5):
        assert people(group) == before[group] - set(CHOICE)
    assert progress_of(job) == JobProgress(total=5, done=5)
    kept = {each.group_id: sorted(snapshots.living_ids(each)) for each in job.snapshots.all()}
    assert kept == {1: [1, 2], 4: [129, 130], 5: [131]}
    rows = Change.objects.filter(job=job).values_list("client_id", "loaded", "state")
    assert {client: (loaded["group_id"], state) for client, loaded, state in rows} == {
        client: (group, "applied") for client, group in CHOICE.items()
    }
    assert not Lock.objects.exists()


@pytest.mark.parametrize("number", [1, 4])
def test_a_killed_run_is_followed_by_one_that_moves_the_rest_once(
    staff, sandbox, people, settings, monkeypatch, number
):
    job = queue.start(plan(staff))
    die_before_sending(monkeypatch, job, number)
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    assert ended(run(job)) == (Job.State.DONE, "")
    assert moved(sandbox) == sorted(CHOICE)
    assert people(TARGET) >= set(CHOICE)
    assert progress_of(job) == JobProgress(total=5, done=5)
    applied = Change.objects.filter(job=job, state="applied").values("client_id").annotate(n=Count("pk"))
    assert {row["n"] for row in applied} == {1}
    assert sorted(job.snapshots.values_list("group_id", flat=True)) == [1, 4, 5]


def test_a_run_killed_between_two_snapshots_takes_the_missing_one(staff, sandbox, monkeypatch):
    job, take_for = queue.start(plan(staff)), snapshots.snapshot_of_chosen

    def die_at_the_second(job, group_id, *args, **options):
        if group_id == 4:
            raise SystemExit
        return take_for(job, group_id, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "snapshot_of_chosen", die_at_the_second)
        with pytest.raises(SystemExit):
            run(job)
    assert moved(sandbox) == [each for each, group_id in CHOICE.items() if group_id == 1]
    (first,) = Snapshot.objects.all()
    assert ended(run(job)) == (Job.State.DONE, "")
    assert Snapshot.objects.count() == 3
    assert first in job.snapshots.all()


def test_all_groups_are_locked_against_removals_and_other_jobs(owner, sandbox):
    job = queue.start(plan(owner))
    assert lock_keys(job=job) == {"members:1", "members:4", "members:5", "members:9"}
    with pytest.raises(Locked):
        execute(removal_of(owner, 5))
    with pytest.raises(Locked) as there:
        start_move(owner, group_id=4, target_id=TARGET)
    assert there.value.holder == job
    assert not sandbox.posts()


def test_those_who_are_in_the_target_stay_and_one_other_group_is_an_ordinary_move(staff, sandbox):
    job = plan(staff, {1: 1, 129: 4, 130: 4}, target=1)
    assert (job.group_id, job.wanted, job.total) == (4, {"clients": [129, 130], "groups": []}, 2)
    for nobody in ({}, {1: 1, 2: 1}):
        with pytest.raises(ValueError, match="Nobody"):
            plan(staff, nobody, target=1)
    assert ended(run(queue.start(job))) == (Job.State.DONE, "")
    assert moved(sandbox) == [129, 130]


# --- The page ----------------------------------------------------------------------------------------------


def test_the_page_names_the_groups_and_starts_one_job(staff, browse, sandbox, people):
    client = browse(staff)
    page = client.get(address())
    assert "Move 5 clients" in text_of(page)
    assert "Постоянный посетитель : 2 · Скидочная система 10% : 2" in text_of(page)
    assert 'href="/clients/?client=1-1,2-1,129-4,130-4,131-5"' in page.content.decode()
    form = filled(client)
    answer = client.post(URL, form)
    job = Job.objects.get()
    assert client.post(URL, form)["Location"] == answer["Location"] == f"/jobs/{job.pk}/"
    assert job.group_id is None
    run(job)
    title = text_of(client.get(answer["Location"]))
    assert "Clients: “Постоянный посетитель, Скидочная система 10%," in title
    assert "Moved: 5." in title


def test_a_choice_that_makes_no_sense_moves_nobody(staff, browse):
    client = browse(staff)
    form = filled(client, {1: 1})
    for clients in ("", "1", "1-1,x", "1-1,1-4", "1-77", "1-1,129-77", "all"):
        assert client.post(URL, form | {"clients": clients}).status_code == 422, clients
    assert not Job.objects.exists()


def test_without_a_choice_it_leads_to_the_clients_and_without_the_right_nowhere(staff, manager, browse):
    page = browse(staff).get(URL)
    assert "Nobody is chosen" in text_of(page)
    assert '<a class="button" href="/clients/">' in page.content.decode()
    assert browse(manager).get(address()).status_code == 403
    assert browse(manager).post(URL, {"clients": "1-1", "target": "9"}).status_code == 403
