"""Test the move of all clients of several groups that were chosen in the list, by one job."""

import pytest

from groups.models import Change, Job, Lock
from tests.support.jobs import ended, run
from tests.support.pages import hidden, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
URL = "/groups/move/"


def filled(client, ids="4,5"):
    return {**hidden(client.get(f"{URL}?id={ids}"), "id", "version", "operation"), "target": "1"}


def test_all_clients_of_the_chosen_groups_are_moved_by_one_job(staff, browse, people):
    before = {number: people(number) for number in (1, 4, 5)}
    client = browse(staff)
    assert f"Move {len(before[4] | before[5])} clients" in text_of(client.get(f"{URL}?id=4&id=5"))
    answer = client.post(URL, filled(client))
    job = Job.objects.get()
    assert (answer["Location"], job.group_id) == (f"/jobs/{job.pk}/", None)
    assert job.wanted == {"clients": None, "groups": [4, 5]}
    assert job.total == len(before[4] | before[5])
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(1) == before[1] | before[4] | before[5]
    assert people(4) == people(5) == set()
    assert not Lock.objects.exists()
    assert Change.objects.filter(job=job, state="applied").count() == job.total


def test_the_target_is_no_source_and_a_single_group_has_its_own_page(staff, browse):
    client = browse(staff)
    client.post(URL, filled(client, "1,4"))
    job = Job.objects.get()
    assert (job.group_id, job.wanted) == (4, {"clients": None, "groups": []})
    assert client.get(f"{URL}?id=4")["Location"] == "/groups/4/clients/move/"
    assert client.get(URL)["Location"] == client.get(f"{URL}?id=77,78")["Location"] == "/groups/"


def test_a_group_that_is_gone_by_now_stops_all_of_it(staff, browse, sandbox):
    client = browse(staff)
    form = filled(client)
    sandbox.console("demo").edit(5, delete="1")
    answer = client.post(URL, form)
    assert answer.status_code == 422
    assert "One of these groups is no longer there" in text_of(answer)
    assert not Job.objects.exists()
