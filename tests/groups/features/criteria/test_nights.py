"""Test the nights: once each, by the token of who saved the table, and only after a first run by hand."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from groups.features.approvals.models import ApprovalRequest
from groups.features.criteria.models import NIGHTS, Criteria
from groups.features.criteria.services import runs
from groups.features.criteria.services.runs import find_nights
from groups.models import Job, Lock, PosterAccount
from groups.models.locks import members_key
from groups.services.jobs import queue
from tests.support.changes import write_down
from tests.support.criteria import BRONZE, GOLD, run_form, save
from tests.support.jobs import run, start
from tests.support.pages import text_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
ROW = {"group_id": GOLD, "birthday_in": 0}
Held = Criteria.Held


@pytest.fixture
def by_hand(browse, owner):
    """Return a function that runs the table as a person does, to its end."""
    client = browse(owner)

    def by_hand():
        client.post("/criteria/run/", run_form(client))
        return run(Job.objects.order_by("-created_at").first())

    by_hand.client = client
    return by_hand


@pytest.fixture
def nightly(owner, client_of, by_hand):
    """Return a table for every night that was run by hand, with a client who has to move since."""
    save(owner, ROW, otherwise=BRONZE, nightly=True, max_moves=2)
    by_hand()
    client_of(GOLD)
    return Criteria.objects.get()


def let_night_come(ago=timedelta(minutes=1)):
    at = timezone.now() - ago
    Criteria.objects.update(night_at=at, next_at=at)


def night():
    """Let a night come, do what a worker does, and return the jobs that it has started."""
    let_night_come()
    before = set(Job.objects.values_list("pk", flat=True))
    for account in runs.accounts_due():
        runs.run_night(account)
    return list(Job.objects.exclude(pk__in=before))


def test_a_night_moves_who_belongs_elsewhere_and_the_next_one_nobody(nightly, sandbox, by_hand):
    (job,) = night()
    assert (job.state, job.user_name, job.total) == (Job.State.WAITING, "owner", 1)
    run(job)
    assert job.state == Job.State.DONE
    assert len(sandbox.posts("clients.updateClient")) == 1
    assert "A worker has started it at night." in text_of(by_hand.client.get(f"/jobs/{job.pk}/"))
    assert not night()
    row = Criteria.objects.get()
    assert row.night_at == row.next_at > timezone.now()
    assert "The next time is" in text_of(by_hand.client.get("/criteria/"))


def test_a_night_that_moved_or_stopped_is_reported_and_one_that_moved_nobody_is_not(
    nightly, sandbox, client_of
):
    began, account = timezone.now(), PosterAccount.objects.get(pk="demo")
    (job,) = night()
    run(job)
    assert not night()
    (event,) = find_nights(account, began)
    assert event.text() == "At night the automatic groups moved 1 client: from Gold to Bronze."
    assert event.path == f"/jobs/{job.pk}/"
    client_of(GOLD)
    sandbox.script("clients.updateClient", "busy_till")
    (second,) = night()
    assert run(second).state == Job.State.STOPPED
    assert {each.text().partition(":")[0] for each in find_nights(account, began)} == {
        "At night the automatic groups moved 1 client",
        "A bulk change has stopped",
    }


def test_a_night_before_its_time_or_of_a_table_by_hand_alone_does_nothing(nightly, owner, client_of, by_hand):
    assert runs.accounts_due() == []
    save(owner, ROW, otherwise=BRONZE, max_moves=2)
    let_night_come()
    assert runs.accounts_due() == []


def test_the_first_run_is_by_hand_and_after_each_change_again(owner, client_of, by_hand):
    save(owner, ROW, otherwise=BRONZE, nightly=True)
    client_of(GOLD)
    assert not night()
    assert "First a person runs it from its preview" in text_of(by_hand.client.get("/criteria/"))
    by_hand()
    client_of(GOLD)
    (job,) = night()
    run(job)
    save(owner, ROW | {"birthday_in": 1}, otherwise=BRONZE, nightly=True)
    client_of(GOLD)
    assert not night()
    by_hand()
    client_of(GOLD)
    # To switch the nights on or off changes nothing of the table.
    for is_on in (False, True):
        save(owner, ROW | {"birthday_in": 1}, otherwise=BRONZE, nightly=is_on)
    assert len(night()) == 1


def test_a_run_by_hand_that_could_read_nothing_opens_no_nights(owner, client_of, by_hand, sandbox):
    save(owner, {"group_id": GOLD, "days": 30, "receipts_min": 1}, otherwise=BRONZE, nightly=True)
    client_of(GOLD)
    sandbox.script("dash.getClientsSales", "status_500", times=None)
    assert by_hand().state == Job.State.DONE
    sandbox.clear_faults()
    assert not night()
    by_hand()
    client_of(GOLD)
    assert len(night()) == 1


def test_a_table_that_is_as_it_once_was_is_run_by_hand_again(owner, client_of, by_hand):
    save(owner, ROW, otherwise=BRONZE, nightly=True)
    by_hand()
    save(owner, ROW | {"birthday_in": 1}, otherwise=BRONZE, nightly=True)
    save(owner, ROW, otherwise=BRONZE, nightly=True)
    client_of(GOLD)
    assert not night()
    by_hand()
    client_of(GOLD)
    assert len(night()) == 1


@pytest.mark.parametrize("is_on", [False, True])
def test_a_table_that_is_saved_while_a_night_reads_is_left_to_the_next(
    nightly, owner, sandbox, monkeypatch, is_on
):
    read = runs.read_now

    def read_and_save(*args, **options):
        read(*args, **options)
        save(owner, ROW, otherwise=BRONZE, nightly=is_on, max_moves=1 if is_on else 2)

    monkeypatch.setattr(runs, "read_now", read_and_save)
    assert not night()
    assert not sandbox.posts()


def test_a_night_runs_once_whatever_dies(nightly, monkeypatch):
    let_night_come()
    at = Criteria.objects.get().night_at
    with monkeypatch.context() as patch:
        patch.setattr(queue, "start", dying)
        with pytest.raises(SystemExit):
            runs.run_night("demo")
    assert not Job.objects.filter(state=Job.State.WAITING).exists()
    Criteria.objects.update(held_until=None, holder=None)
    with monkeypatch.context() as patch:
        patch.setattr(runs.log, "info", dying)  # after the job was queued
        with pytest.raises(SystemExit):
            runs.run_night("demo")
    Criteria.objects.update(held_until=None, holder=None)
    assert Criteria.objects.get().night_at == at
    runs.run_night("demo")
    (job,) = Job.objects.filter(state=Job.State.WAITING)
    run(job)
    Criteria.objects.update(night_at=at, next_at=at)
    runs.run_night("demo")
    assert Job.objects.filter(state=Job.State.WAITING).count() == 0


def dying(*_args, **_kwargs):
    raise SystemExit


def test_another_worker_leaves_a_night_that_one_works_on(nightly):
    let_night_come()
    assert Criteria.objects.take("demo", timedelta(minutes=1))
    assert runs.accounts_due() == []
    runs.run_night("demo")
    assert not Job.objects.filter(state=Job.State.WAITING).exists()


# --- What holds the nights ---------------------------------------------------------------------------------


def no_user(owner, sandbox):
    owner.is_active = False
    owner.save()


def no_token(owner, sandbox):
    owner.credentials.delete()


def refused_token(owner, sandbox):
    sandbox.script("*", "error_object", times=None, code=11, message="Bad access token")


def no_right(owner, sandbox):
    owner.groups.clear()


def no_group(owner, sandbox):
    sandbox.console().remove(BRONZE)


def no_sales(owner, sandbox):
    sandbox.script("dash.getClientsSales", "error_object", times=None, code=54, message="No right")


def try_later(**time):
    """Let so much time pass since the first try of a night, and do what a worker does."""
    ago = timedelta(**time)
    for row in Criteria.objects.exclude(refused_at=None):
        at = timezone.now() - timedelta(seconds=1)
        Criteria.objects.update(refused_at=row.refused_at - ago, next_at=at)
    for account in runs.accounts_due():
        runs.run_night(account)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (no_user, Held.NO_USER),
        (no_token, Held.TOKEN),
        (no_right, Held.NO_RIGHT),
        (no_group, Held.GROUP_GONE),
    ],
)
def test_nights_are_held_with_a_notice_where_nobody_can_run_them(
    nightly, owner, sandbox, settings, browse, second_owner, break_it, reason
):
    settings.POSTER_CONFIRM_SECONDS = 0.01
    began = timezone.now()
    break_it(owner, sandbox)
    assert not night()
    row = Criteria.objects.get()
    assert (row.held, row.night_at) == (reason, None)
    (event,) = find_nights(PosterAccount.objects.get(pk="demo"), began)
    assert "will not run at night" in event.text()
    assert runs.accounts_due() == []
    sandbox.clear_faults()
    assert f'data-held="{reason}"' in browse(second_owner).get("/criteria/").content.decode()
    save(second_owner, ROW, otherwise=BRONZE, nightly=True, max_moves=2)
    row = Criteria.objects.get()
    assert (row.held, row.user_name) == ("", "partner")
    assert row.night_at is not None


@pytest.mark.parametrize(("break_it", "reason"), [(refused_token, Held.TOKEN), (no_sales, Held.NO_SALES)])
def test_what_poster_refuses_holds_the_nights_once_a_try_half_an_hour_later_is_refused_too(
    owner, client_of, by_hand, sandbox, break_it, reason
):
    save(owner, {"group_id": GOLD, "days": 30, "receipts_min": 1}, otherwise=BRONZE, nightly=True)
    by_hand()
    began, account = timezone.now(), PosterAccount.objects.get(pk="demo")
    break_it(owner, sandbox)
    sandbox.log.clear()
    assert not night()
    try_later(minutes=20)
    # Each of its tries would read all clients in vain.
    assert not sandbox.calls("clients.getClients")
    row = Criteria.objects.get()
    assert (row.held, row.night_at < timezone.now() < row.next_at) == ("", True)
    assert list(find_nights(account, began)) == []
    try_later(minutes=11)
    row = Criteria.objects.get()
    assert (row.held, row.night_at) == (reason, None)
    (event,) = find_nights(account, began)
    assert "will not run at night" in event.text()
    assert runs.accounts_due() == []


@pytest.mark.parametrize(
    ("method", "fault"), [("dash.getClientsSales", "status_403"), ("clients.getGroups", "status_401")]
)
def test_what_poster_refuses_once_ends_no_night(owner, client_of, by_hand, sandbox, method, fault):
    save(owner, {"group_id": GOLD, "days": 30, "receipts_min": 1}, otherwise=BRONZE, nightly=True)
    by_hand()
    client_of(GOLD)
    sandbox.script(method, fault, times=1)
    assert not night()
    try_later(minutes=31)
    assert Job.objects.filter(state=Job.State.WAITING).count() == 1
    row = Criteria.objects.get()
    assert (row.held, row.refused_at) == ("", None)


def test_a_token_that_was_refused_before_the_night_is_asked_for_once_more(nightly, owner):
    owner.credentials.refused_at = timezone.now()
    owner.credentials.save()
    assert len(night()) == 1
    owner.credentials.refresh_from_db()
    assert owner.credentials.refused_at is None


def test_while_poster_is_away_a_night_waits(nightly, sandbox):
    sandbox.script("clients.getClients", "status_500", times=None)
    assert not night()
    row = Criteria.objects.get()
    assert row.held == ""
    assert row.night_at < timezone.now() < row.next_at
    sandbox.clear_faults()
    Criteria.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    runs.run_night("demo")
    assert Job.objects.filter(state=Job.State.WAITING).count() == 1


def test_a_night_waits_for_what_holds_a_group(nightly, staff, sandbox):
    start(staff, group_id=GOLD, target_id=BRONZE)
    sandbox.log.clear()
    assert not night()
    # Each of its tries would read all clients in vain.
    assert not sandbox.log
    assert Criteria.objects.get().next_at > timezone.now()


def test_a_night_that_could_not_begin_in_time_is_left_out(nightly):
    let_night_come(ago=timedelta(hours=7))
    runs.run_night("demo")
    assert not Job.objects.filter(state=Job.State.WAITING).exists()
    assert Criteria.objects.get().night_at > timezone.now()
    assert Criteria.objects.get().left_out_at is None


def test_nights_are_left_out_and_reported_until_somebody_decides_on_a_run_that_has_stopped(
    nightly, sandbox, by_hand, client_of
):
    sandbox.script("clients.updateClient", "busy_till")
    (job,) = night()
    assert run(job).state == Job.State.STOPPED
    began, account = timezone.now(), PosterAccount.objects.get(pk="demo")
    assert not night()
    assert Criteria.objects.get().next_at > timezone.now()
    (event,) = find_nights(account, began)
    assert event.path == f"/jobs/{job.pk}/"
    assert (
        event.text() == "A night of automatic groups was left out: a bulk change of them waits for a person."
    )
    words = text_of(by_hand.client.get("/criteria/"))
    assert "nights are left out until somebody resumes or cancels it" in words
    by_hand.client.post(f"/jobs/{job.pk}/", {"decision": "cancel"})
    client_of(GOLD)
    assert len(night()) == 1


@pytest.mark.parametrize("state", Job.HALTED)
def test_a_night_is_left_out_and_reported_where_another_job_of_a_group_has_stopped(nightly, staff, state):
    start(staff, group_id=GOLD, target_id=1)
    Job.objects.filter(kind="move").update(state=state)
    assert not night()
    assert Criteria.objects.get().left_out_at is not None


def a_job_at_work(staff):
    start(staff, group_id=GOLD, target_id=1)
    Job.objects.filter(kind="move").update(state=Job.State.RUNNING)
    return Job.objects.get(kind="move")


def a_removal_under_review(staff):
    removal = write_down(staff, action="remove", group_id=GOLD, group_name="Gold", state="review")
    Lock.objects.take("demo", [members_key(GOLD)], change_id=removal.pk)
    return removal


@pytest.mark.parametrize("hold", [a_job_at_work, a_removal_under_review])
def test_a_night_that_something_held_until_its_time_was_past_is_reported(nightly, staff, by_hand, hold):
    began, account, holder = timezone.now(), PosterAccount.objects.get(pk="demo"), hold(staff)
    assert not night()
    assert list(find_nights(account, began)) == []
    let_night_come(ago=timedelta(hours=7))
    runs.run_night("demo")
    assert Criteria.objects.get().night_at > timezone.now()
    (event,) = find_nights(account, began)
    assert event.path == holder.get_absolute_url()
    assert event.text().endswith("was left out: another bulk change or a removal held them.")
    page = by_hand.client.get("/criteria/")
    assert "The last night was left out" in text_of(page)
    assert f'href="{holder.get_absolute_url()}"' in page.content.decode()


def test_a_job_of_other_groups_that_has_stopped_holds_up_no_night(nightly, staff):
    start(staff, group_id=4, target_id=1)
    Job.objects.filter(kind="move").update(state=Job.State.STOPPED)
    assert len(night()) == 1


def test_nights_are_left_out_and_reported_until_a_request_is_decided(
    nightly, client_of, by_hand, browse, staff
):
    for _ in range(2):
        client_of(GOLD)
    night()
    request = ApprovalRequest.objects.get()
    began = timezone.now()
    assert not night()
    (event,) = find_nights(PosterAccount.objects.get(pk="demo"), began)
    assert (event.path, "waits for a person" in event.text()) == ("/criteria/", True)
    link = f'href="/requests/{request.pk}/"'
    for client, is_led in ((by_hand.client, True), (browse(staff), False)):
        page = client.get("/criteria/")
        assert "nights are left out until that is decided" in text_of(page)
        assert (link in page.content.decode()) == is_led


# --- The bound ---------------------------------------------------------------------------------------------


def test_a_night_beyond_its_bound_is_one_request_until_it_is_decided(nightly, client_of, sandbox):
    for _ in range(2):
        client_of(GOLD)
    (job,) = night()
    assert job.state == Job.State.REQUESTED
    assert ApprovalRequest.objects.get().user_name == "owner"
    assert not night()
    assert not sandbox.posts()


# --- When it is --------------------------------------------------------------------------------------------

KYIV = ZoneInfo("Europe/Kyiv")


@pytest.mark.parametrize(
    ("now", "after_one", "day"),
    # The clock is put forward at 3:00 of 29 March, and back at 4:00 of 25 October.
    [("11-28 03:59", False, "11-28"), ("11-28 04:00", True, "11-29"), ("03-28 12:00", False, "03-29"),
     ("10-24 12:00", False, "10-25")],
)  # fmt: skip
def test_a_night_is_at_its_hour_on_the_clock_of_the_site(now, after_one, day):
    now, expected = (
        datetime.fromisoformat(f"2026-{each}").replace(tzinfo=KYIV) for each in (now, f"{day} 04:00")
    )
    assert NIGHTS.next(now, after_one=after_one) == expected


def test_a_pause_that_is_no_whole_days_is_from_now_on(settings):
    now = timezone.now()
    settings.CRITERIA_SECONDS = 5.0
    assert NIGHTS.next(now, after_one=True) == now + timedelta(seconds=5)
    settings.CRITERIA_SECONDS = 2 * 86_400.0
    assert NIGHTS.next(now, after_one=True) > now + timedelta(days=1)
    settings.CRITERIA_SECONDS = 0
    assert NIGHTS.next(now) is None
    assert runs.accounts_due() == []
