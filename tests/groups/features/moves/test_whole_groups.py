"""Test the move of all clients of several groups that were chosen in the list, by one job."""

import pytest

from groups.models import Change, Job, Lock
from tests.support.jobs import FEW, ended, run
from tests.support.pages import hidden, text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
URL = "/groups/move/"


def filled(client, ids="4,5", **values):
    return {**hidden(client.get(f"{URL}?id={ids}"), "id", "version", "operation"), "target": "1", **values}


def test_all_clients_of_the_chosen_groups_are_moved_by_one_job(staff, browse, sandbox, people):
    before = {number: people(number) for number in (1, 4, 5)}
    assert before[4]
    assert before[5]
    client = browse(staff)
    page = text_of(client.get(f"{URL}?id=4&id=5"))
    assert f"Move {len(before[4] | before[5])} clients" in page
    form = filled(client)
    answer = client.post(URL, form)
    job = Job.objects.get()
    assert (answer["Location"], job.group_id) == (f"/jobs/{job.pk}/", None)
    assert job.wanted == {"clients": None, "groups": [4, 5]}
    assert job.total == len(before[4] | before[5])
    # The same form again is the same job.
    assert client.post(URL, form)["Location"] == answer["Location"]
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(1) == before[1] | before[4] | before[5]
    assert people(4) == people(5) == set()
    assert not Lock.objects.exists()
    assert Change.objects.filter(job=job, state="applied").count() == job.total


def test_the_clients_of_the_target_stay(staff, browse, sandbox, people):
    before = {number: people(number) for number in (1, 4)}
    client = browse(staff)
    client.post(URL, filled(client, "1,4", target="1"))
    job = Job.objects.get()
    assert (job.group_id, job.wanted) == (4, {"clients": None})
    assert ended(run(job)) == (Job.State.DONE, "")
    assert people(1) == before[1] | before[4]


def test_a_single_group_has_its_own_page_and_none_leads_back(staff, browse):
    client = browse(staff)
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


def test_beyond_the_limits_the_clients_of_all_groups_count(staff, browse, people):
    from groups.features.approvals.models import Limits

    Limits.objects.create(account_id="demo", max_clients=FEW + 1)
    assert len(people(4)) <= FEW + 1 < len(people(4) | people(5))
    client = browse(staff)
    assert client.post(URL, filled(client))["Location"].startswith("/requests/")
    assert Job.objects.get().state == Job.State.ASKED
