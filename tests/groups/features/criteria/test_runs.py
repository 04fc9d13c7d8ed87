"""Test the run: it moves the clients of the preview, none twice, none beyond its bound unapproved."""

import re
import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from groups.features.approvals.models import ApprovalRequest
from groups.features.criteria import views
from groups.features.criteria.services import runs
from groups.features.insights.services import sweep
from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import living_ids
from groups.models import Job, Lock
from tests.support.commands import before_the_read
from tests.support.criteria import BRONZE, GOLD, SILVER, fields, run_form, save, seen_in, today, version_in
from tests.support.jobs import die_before_sending, ended, run, run_once, undone
from tests.support.pages import text_of
from tests.support.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
RUN = "/criteria/run/"


@pytest.fixture
def start(browse, owner):
    """Return a function that runs the table as an owner does."""
    client = browse(owner)

    def start(**more):
        return client.post(RUN, run_form(client) | more)

    start.client = client
    return start


@pytest.fixture
def group_of(sandbox):
    """Return a function that says in which group a client is at Poster."""
    return lambda client_id: int(sandbox.accounts["demo"].clients.row(client_id)["client_groups_id"])


def moves_of(sandbox):
    """Return the clients that were written to, one entry for each write."""
    calls = sandbox.posts("clients.updateClient")
    return sorted(int(call.form["client_id"]) for call in calls)


# --- A run -------------------------------------------------------------------------------------------------


def test_a_run_moves_the_clients_of_its_preview_and_can_be_taken_back(
    start, client_of, table, sandbox, group_of, owner
):
    up, down, stays = client_of(BRONZE, (3, 6_000_00)), client_of(GOLD), client_of(SILVER, *[(1, 1)] * 3)
    answer = start()
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}/")
    assert not sandbox.posts()
    run(job)
    assert ended(job) == (Job.State.DONE, "")
    assert (group_of(up), group_of(down), group_of(stays)) == (GOLD, BRONZE, SILVER)
    assert moves_of(sandbox) == sorted([up, down])
    # A snapshot of each group has the clients who left it.
    assert set(Snapshot.objects.values_list("group_id", "clients")) == {(BRONZE, 1), (GOLD, 1)}
    assert not Lock.objects.exists()
    page = start.client.get(f"/jobs/{job.pk}/")
    assert "Automatic groups: 2 clients" in text_of(page)
    assert f'action="/jobs/{job.pk}/undo/"' in page.content.decode()
    sandbox.console().edit_client(down, client_groups_id=str(SILVER))
    assert undone(owner, job).state == Job.State.DONE
    assert (group_of(up), group_of(down)) == (BRONZE, SILVER)


def test_who_may_move_clients_may_take_a_run_back_and_nobody_else(
    start, client_of, table, browse, staff, manager, group_of
):
    down = client_of(GOLD)
    start()
    job = run(Job.objects.get())
    page, undo = f"/jobs/{job.pk}/", f"/jobs/{job.pk}/undo/"
    assert undo not in browse(manager).get(page).content.decode()
    assert browse(manager).post(undo).status_code == 403
    client = browse(staff)
    assert f'action="{undo}"' in client.get(page).content.decode()
    answer = client.post(undo)
    assert answer.status_code == 302
    run(Job.objects.get(undo_of=job))
    assert group_of(down) == GOLD
    # The run itself is still not theirs.
    assert client.post(RUN, {"operation": str(uuid.uuid4())}).status_code == 403


def test_a_run_moves_no_client_that_no_preview_has_shown(start, client_of, table, sandbox):
    client_of(GOLD)
    first = start.client.post("/criteria/preview/")
    assert "Move 1 client" in text_of(first)
    assert "/criteria/run/" not in start.client.get("/criteria/").content.decode()
    up = client_of(BRONZE, (1, 6_000_00))
    for seen in ("", "other", seen_in(first)):
        answer = start(seen=seen)
        assert answer.status_code == 409
        assert f'data-from="{BRONZE}" data-to="{GOLD}" data-clients="1"' in answer.content.decode()
        assert "Move 2 clients" in text_of(answer)
    # The same pairs and counts, but other terms.
    sandbox.console().edit(SILVER, client_groups_discount="90")
    assert start(seen=seen_in(answer)).status_code == 409
    assert not Job.objects.exists()
    sandbox.console().edit(SILVER, client_groups_discount="5")
    assert start(seen=seen_in(answer)).status_code == 302
    run(Job.objects.get())
    assert up in moves_of(sandbox)


def test_a_run_that_finds_nobody_ends_at_once(start, client_of, table, sandbox):
    client_of(BRONZE)
    start()
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")
    assert "Everybody is where they belong" in text_of(start.client.get(f"/jobs/{Job.objects.get().pk}/"))
    assert not sandbox.posts()


def test_a_run_counts_clients_without_proof(start, client_of, table, sandbox):
    client_of(GOLD)
    sandbox.script("dash.getClientsSales", "status_500", times=None)
    start()
    job = run(Job.objects.get())
    assert (*ended(job), job.total) == (Job.State.DONE, "", 0)
    page = text_of(start.client.get(f"/jobs/{job.pk}/"))
    assert "1 client of whom nothing is proven" in page
    assert "Everybody is where they belong" not in page
    assert not sandbox.posts()


def test_only_who_may_run_it_can(browse, staff, manager, table, sandbox, owner):
    for user in (staff, manager):
        assert browse(user).post(RUN, {"operation": str(uuid.uuid4())}).status_code == 403
    assert browse(owner).post(RUN).status_code == 422
    assert browse(owner).get(RUN).status_code == 302
    assert not Job.objects.exists()


def test_without_a_table_or_with_a_group_that_is_gone_nothing_is_started(start, owner, sandbox):
    assert start().status_code == 409
    save(owner, {"group_id": GOLD, "birthday_in": 1}, otherwise=BRONZE)
    sandbox.console().remove(GOLD)
    assert start().status_code == 409
    assert not Job.objects.exists()


def test_criteria_that_were_changed_since_the_page_are_asked_about_again(start, client_of, table, owner):
    client_of(GOLD)
    form = run_form(start.client)
    # It moves the same client.
    save(
        owner, {"group_id": GOLD, "birthday_in": 1}, {"group_id": SILVER, "birthday_in": 1}, otherwise=BRONZE
    )
    assert start(**form).status_code == 409
    assert not Job.objects.exists()


def test_criteria_that_are_changed_while_the_run_waits_stop_it(start, client_of, table, owner, sandbox):
    client_of(GOLD)
    start()
    save(owner, {"group_id": GOLD, "birthday_in": 1}, otherwise=BRONZE)
    assert ended(run(Job.objects.get())) == (Job.State.STOPPED, Job.Stop.CHANGED)
    assert not sandbox.posts()


def test_criteria_that_are_changed_while_the_run_moves_stop_it(
    start, client_of, table, owner, sandbox, monkeypatch
):
    for _ in range(4):
        client_of(GOLD)
    start()

    def save_another(_command, _change):
        save(owner, {"group_id": GOLD, "birthday_in": 1}, otherwise=BRONZE)

    before_the_read(monkeypatch, save_another)
    assert ended(run(Job.objects.get())) == (Job.State.STOPPED, Job.Stop.CHANGED)
    assert len(moves_of(sandbox)) == 1


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize(
    ("method", "fault", "options"),
    [
        ("clients.getGroup", "response_false", {}),
        ("clients.getGroups", "error_object", {"code": 404, "call": 2}),
        ("clients.getClients", "error_object", {"code": 32}),
    ],
)
def test_a_group_or_a_list_that_poster_denies_once_stops_no_run(
    start, client_of, table, sandbox, monkeypatch, group_of, method, fault, options
):
    down = client_of(GOLD)
    start()
    monkeypatch.setattr(runs, "PLAN_LIFE", timedelta(0))
    sandbox.script(method, fault, **options)
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")
    assert group_of(down) == BRONZE


def test_where_poster_fails_nothing_is_started(start, client_of, table, sandbox):
    client_of(GOLD)
    form = run_form(start.client)
    sandbox.script("clients.getClients", "status_500", times=None)
    assert start.client.post(RUN, form).status_code in {502, 504}
    assert not Job.objects.exists()


def test_an_account_that_no_page_can_read_in_time_is_read_by_the_worker(
    start, client_of, table, sandbox, owner, monkeypatch
):
    goes = client_of(GOLD)
    form = run_form(start.client)  # its preview was read by a worker, as the sums are kept
    monkeypatch.setattr(views, "SECONDS_FOR_ALL", 0)
    monkeypatch.setattr(sweep, "AT_ONCE", 0)
    assert start.client.post(RUN, form | {"seen": ""}).status_code == 409
    assert start.client.post(RUN, form).status_code == 302
    job = Job.objects.get()
    assert "Automatic groups: clients not counted yet" in text_of(start.client.get(f"/jobs/{job.pk}/"))
    run(job)
    assert (*ended(job), job.total) == (Job.State.DONE, "", 1)
    assert moves_of(sandbox) == [goes]
    save(owner, {"group_id": GOLD, "birthday_in": 0}, otherwise=BRONZE, max_moves=1)
    client_of(GOLD)
    monkeypatch.setattr(sweep, "AT_ONCE", 2_000)
    form = run_form(start.client)
    client_of(GOLD)
    start.client.post(RUN, form)
    assert ended(run(Job.objects.order_by("created_at").last())) == (
        Job.State.STOPPED,
        Job.Stop.BEYOND_LIMITS,
    )
    assert moves_of(sandbox) == [goes]


# --- The client is read once more --------------------------------------------------------------------------


def test_who_was_pinned_moved_or_removed_since_is_left(start, client_of, table, sandbox, browse, staff):
    pinned, moved, gone, goes = (client_of(GOLD) for _ in range(4))
    start()
    browse(staff).post("/criteria/pins/", {"client": pinned, "reason": "a friend"})
    sandbox.console().edit_client(moved, client_groups_id=str(SILVER))
    sandbox.console().edit_client(gone, delete="1")
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")
    assert moves_of(sandbox) == [goes]


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize("method", ["clients.getClient", "clients.updateClient"])
def test_a_token_that_poster_refuses_once_does_not_stop_a_run(
    start, client_of, table, sandbox, group_of, method
):
    clients = [client_of(GOLD) for _ in range(3)]
    start()
    sandbox.script(method, "error_object", call=2, code=10, when="before")
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")
    assert {group_of(each) for each in clients} == {BRONZE}


def test_a_plan_that_is_old_is_made_again_and_moves_no_more_than_were_seen(
    start, client_of, table, sandbox, group_of
):
    goes, buyer = client_of(GOLD), client_of(GOLD)
    start()
    sandbox.console().sell(buyer, today(), 6_000_00, 6_000_00)
    # Three others belong elsewhere since: one of them takes the buyer's place, and nobody goes another way.
    others = [client_of(GOLD), client_of(GOLD)]
    client_of(BRONZE, (0, 6_000_00))
    job = Job.objects.get()
    old = (timezone.now() - timedelta(minutes=11)).isoformat()
    Job.objects.update(wanted=job.wanted | {"planned_at": old})
    assert ended(run(job)) == (Job.State.DONE, "")
    moved = set(moves_of(sandbox))
    assert (len(moved), goes in moved, moved <= {goes, *others}) == (2, True, True)
    assert group_of(buyer) == GOLD
    page = text_of(start.client.get(f"/jobs/{job.pk}/"))
    assert "2 clients belong elsewhere only since the yes" in page


def test_a_run_that_lasts_makes_its_plan_again(start, client_of, table, sandbox, group_of, monkeypatch):
    first, buyer = sorted(client_of(GOLD) for _ in range(2))
    start()
    monkeypatch.setattr(runs, "AT_ONCE", 1)
    monkeypatch.setattr(runs, "PLAN_LIFE", timedelta())
    monkeypatch.setattr(runs, "LONGEST_ON_ONE_PLAN", timedelta())
    before_the_read(monkeypatch, lambda *_: sandbox.console().sell(buyer, today(), 6_000_00, 6_000_00))
    job = Job.objects.get()
    for _ in range(3):
        run_once(job)
    assert ended(job) == (Job.State.DONE, "")
    assert moves_of(sandbox) == [first]
    assert group_of(buyer) == GOLD


def test_a_new_plan_takes_a_snapshot_of_those_who_are_new_in_it(
    start, client_of, table, sandbox, settings, monkeypatch
):
    planned = [client_of(GOLD) for _ in range(2)]
    start()
    job = Job.objects.get()
    die_before_sending(monkeypatch, job, 1)
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    late = client_of(GOLD)
    sandbox.console().sell(planned[1], today(), 6_000_00, 6_000_00)
    job.refresh_from_db()
    Job.objects.update(wanted=job.wanted | {"planned_at": None})
    assert ended(run(job)) == (Job.State.DONE, "")
    assert moves_of(sandbox) == sorted([planned[0], late])
    kept = [client for each in Snapshot.objects.filter(complete=True) for client in living_ids(each)]
    assert sorted(kept) == sorted([*planned, late])


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_kill_writes_nobody_twice(start, client_of, table, sandbox, settings, monkeypatch, number):
    clients = sorted(client_of(GOLD) for _ in range(4))
    start()
    job = Job.objects.get()
    die_before_sending(monkeypatch, job, number)
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds the job
    job.refresh_from_db()
    assert run(job).state == Job.State.DONE
    written = moves_of(sandbox)
    assert len(written) == len(set(written))
    # The client whose write began as the process died was never sent, and is tried again.
    assert written == clients


def test_an_answer_that_is_lost_writes_nobody_again(start, client_of, table, sandbox):
    clients = sorted(client_of(GOLD) for _ in range(3))
    start()
    sandbox.script("clients.updateClient", "answer_lost", call=2)
    run(Job.objects.get())
    assert moves_of(sandbox) == clients


# --- The bound of the table, and the limits of the account -------------------------------------------------


@pytest.fixture
def small(owner):
    """Return a table whose runs move two clients."""
    return save(owner, {"group_id": GOLD, "birthday_in": 0}, otherwise=BRONZE, max_moves=2)


def test_a_run_up_to_its_bound_needs_nobody(start, client_of, small, sandbox):
    clients = sorted(client_of(GOLD) for _ in range(2))
    start()
    run(Job.objects.get())
    assert moves_of(sandbox) == clients


def test_a_request_for_a_run_warns_of_the_rules_of_poster_as_its_preview_does(
    start, client_of, small, sandbox
):
    sandbox.console().set_rules({"rule_id": 77, "loyalty_type": 2, "value": 1000, "group_id": GOLD})
    for _ in range(3):
        client_of(GOLD, total_payed_sum="100000")
    request_page = start.client.get(start()["Location"])
    assert "Poster moves 3 of 3 elsewhere again at their next purchase." in text_of(request_page)


def test_beyond_its_bound_a_run_is_a_request_also_of_an_owner(
    start, client_of, small, sandbox, browse, second_owner
):
    clients = [client_of(GOLD) for _ in range(3)]
    answer = start(reason="because I may")
    request = ApprovalRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{request.pk}/")
    assert Job.objects.get().state == Job.State.REQUESTED
    assert not sandbox.posts()
    page = start.client.get(f"/requests/{request.pk}/")
    assert "it would reach: 3; on its own it may reach 2" in text_of(page)
    # Another number of clients by now is shown first.
    more = client_of(GOLD)
    other = browse(second_owner)
    approve = f"/requests/{request.pk}/approve/"
    shown = other.post(approve)
    assert shown.status_code == 409
    assert 'data-clients="4"' in shown.content.decode()
    assert other.post(approve, {"seen": seen_in(shown)}).status_code == 302
    job = Job.objects.get()
    assert job.user == second_owner
    run(job)
    assert ended(job) == (Job.State.DONE, "")
    assert moves_of(sandbox) == sorted([*clients, more])


def test_an_approval_covers_the_pairs_and_the_terms_that_its_page_has_shown(
    start, client_of, owner, sandbox, browse, second_owner, group_of
):
    console, other = sandbox.console(), browse(second_owner)
    rows = (
        {"group_id": group_id, "days": 30, "bought_min": kopecks}
        for group_id, kopecks in ((GOLD, 6_000_00), (SILVER, 5_999_99))
    )
    save(owner, *rows, otherwise=BRONZE, max_moves=1)
    ups = [client_of(BRONZE, (1, 6_000_00)) for _ in range(2)]
    downs = [client_of(GOLD, (1, 6_000_00)) for _ in range(2)]
    page = start()["Location"]
    approve, shown = f"{page}approve/", other.get(page)
    assert f'data-from="{BRONZE}" data-to="{GOLD}" data-clients="2"' in shown.content.decode()
    assert "Видима" not in shown.content.decode()
    assert 'action="/criteria/preview/"' in shown.content.decode()
    for client_id in (*ups, *downs):
        console.take_back_sales(client_id)
    now = other.post(approve, {"seen": seen_in(shown)})
    assert now.status_code == 409
    assert f'data-from="{GOLD}" data-to="{BRONZE}" data-clients="2"' in now.content.decode()
    # Nobody goes to Silver or leaves it, and its terms are part of the yes.
    console.edit(SILVER, client_groups_discount="90")
    again = other.post(approve, {"seen": seen_in(now)})
    assert again.status_code == 409
    assert re.search(rf'data-group="{SILVER}">\s*<bdi>Silver · \w+ 90', again.content.decode())
    assert other.post(approve, {"seen": seen_in(again)}).status_code == 302
    # Between the yes and the run all turns round once more.
    for client_id in (*ups, *downs):
        console.sell(client_id, today(), 6_000_00, 6_000_00)
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")
    assert not sandbox.posts()


def test_a_run_that_waits_for_approval_is_not_asked_for_again_unless_the_table_is_another(
    start, client_of, small, browse, second_owner, owner
):
    for _ in range(3):
        client_of(GOLD)
    first = start()["Location"]
    assert start()["Location"] == first
    # Another user who may decide is led to it too.
    assert browse(second_owner).post(RUN, {"operation": str(uuid.uuid4())})["Location"] == first
    assert "/criteria/run/" not in start.client.post("/criteria/preview/").content.decode()
    assert ApprovalRequest.objects.count() == 1
    save(owner, {"group_id": GOLD, "birthday_in": 0}, otherwise=BRONZE, max_moves=1)
    assert start()["Location"] != first


def test_the_preview_of_more_clients_than_a_run_may_move_says_who_may_approve(
    start, client_of, small, browse, owner, request
):
    for _ in range(3):
        client_of(GOLD)
    assert "Nobody else has the right to approve it yet." in text_of(start.client.post("/criteria/preview/"))
    request.getfixturevalue("second_owner")
    page = text_of(start.client.post("/criteria/preview/"))
    assert "It can be approved by: partner." in page


def test_more_clients_than_were_approved_are_not_moved(
    start, client_of, small, sandbox, browse, second_owner
):
    for _ in range(3):
        client_of(GOLD)
    start()
    request = ApprovalRequest.objects.get()
    browse(second_owner).post(f"/requests/{request.pk}/approve/")
    client_of(GOLD)
    assert ended(run(Job.objects.get())) == (Job.State.STOPPED, Job.Stop.BEYOND_LIMITS)
    assert not sandbox.posts()


def test_the_limits_of_the_account_bind_a_run_too(start, client_of, table, owner, sandbox, browse):
    start.client.post("/account/limits/", {"max_clients": "1"})
    for _ in range(2):
        client_of(GOLD)
    operation = str(uuid.uuid4())
    page = start(operation=operation)
    assert page.status_code == 200
    assert 'name="reason"' in page.content.decode()
    assert not Job.objects.exists()
    assert start(operation=operation, reason="spring", reached="2").status_code == 302
    assert ended(run(Job.objects.get())) == (Job.State.DONE, "")


def test_a_group_that_something_holds_is_said(start, client_of, table, owner, browse, staff):
    client_id = client_of(GOLD)
    form = browse(staff).get(f"/groups/{GOLD}/clients/move/?client={client_id}")
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.content.decode()))
    browse(staff).post(f"/groups/{GOLD}/clients/move/", sent | {"target": SILVER})
    answer = start()
    assert answer.status_code == 409
    assert "Clients are being moved" in text_of(answer)


def test_the_form_of_a_table_and_of_a_run_are_not_one(start, client_of, table, browse):
    form = fields({"group": GOLD, "birthday_in": "1"}, otherwise=BRONZE)
    form["version"] = version_in(start.client.get("/criteria/"))
    start.client.post("/criteria/", form)
    assert start(operation=form["operation"]).status_code == 409


def test_two_runs_at_once_are_one(client_of, table, browse, owner, second_owner):
    client_of(GOLD)
    clients = [browse(owner), browse(second_owner)]
    posts = [partial(client.post, RUN, run_form(client)) for client in clients]
    answers = at_once(*posts)
    assert Job.objects.count() == 1
    assert sorted(answer.status_code for answer in answers) in ([302, 302], [302, 409])


def test_a_run_that_a_worker_has_to_read_is_one_too(
    client_of, table, browse, owner, second_owner, monkeypatch
):
    client_of(GOLD)
    client = browse(owner)
    form = run_form(client)
    monkeypatch.setattr(views, "SECONDS_FOR_ALL", 0)
    # Sent twice at once, sent again after Back, and sent from a second tab and by somebody else.
    answers = at_once(*[partial(browse(owner).post, RUN, form) for _ in range(2)])
    answers += [client.post(RUN, form), client.post(RUN, {"operation": str(uuid.uuid4())})]
    answers.append(browse(second_owner).post(RUN, {"operation": str(uuid.uuid4())}))
    job = Job.objects.get()
    assert [answer["Location"] for answer in answers] == [f"/jobs/{job.pk}/"] * 5
    assert (job.state, job.total) == (Job.State.WAITING, 0)
    assert "waiting for its turn" in text_of(client.get(f"/jobs/{job.pk}/"))
    assert ended(run(job)) == (Job.State.DONE, "")
