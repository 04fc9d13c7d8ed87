"""Test who is notified of what, once: the rows that a worker writes down."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.utils import timezone

from groups.features.approvals import services as approvals
from groups.features.approvals.models import LIFE, ApprovalRequest
from groups.features.approvals.services import let_wait_again
from groups.features.criteria.models import Criteria
from groups.features.notices import services
from groups.features.notices.models import Delivery, Notice, NoticeChoice
from groups.features.notices.services import next_morning
from groups.features.schedules.models import Schedule
from groups.models import Change, Job, PosterAccount, PosterCredentials
from groups.models.credentials import TOKEN_LIFE
from groups.services.facts import Seen, store
from groups.services.values import DEFAULT_CURRENCY, currency
from poster_admin.users.models import ChosenLanguage
from tests.support.cards import put_finding
from tests.support.movements import GOLD, GUESTS, put_movement
from tests.support.notices import KINDS, change_elsewhere, mailed, saved_job, tell, wants

pytestmark = pytest.mark.django_db
How = NoticeChoice.How


# --- Each kind of event ------------------------------------------------------------------------------------


def review(user):
    Change(
        account=user.credentials.account,
        action=Change.Action.UPDATE,
        group_id=1,
        group_name="Гості",
        target="group:1",
        state=Change.State.REVIEW,
        reason=Change.Reason.OVERWRITTEN,
        settled_at=timezone.now(),
    ).save()


def schedule(user, **values):
    group = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "50"}
    return Schedule.objects.create(
        account=user.credentials.account,
        user_name="owner",
        group_id=1,
        group_name="Гості",
        base=group,
        planned=group,
        starts_at=timezone.now(),
        start_id="00000000-0000-0000-0000-000000000001",
        return_id="00000000-0000-0000-0000-000000000002",
        ended_at=timezone.now(),
        **values,
    )


def request(user, **values):
    names = {"kind": ApprovalRequest.CHANGE, "group_id": 1, "group_name": "Гості"}
    account = user.credentials.account
    return ApprovalRequest.objects.create(account=account, user=user, user_name="staff", **names, **values)


def near_end(user, days):
    connected_at = timezone.now() - TOKEN_LIFE + timedelta(days=days) - timedelta(seconds=1)
    PosterCredentials.objects.filter(user=user).update(connected_at=connected_at)


def circuit(user, minutes, failed=0):
    now = timezone.now()
    PosterAccount.objects.filter(pk=user.credentials.account_id).update(
        open_until=now, opened_at=now - timedelta(minutes=minutes), failed_at=now - timedelta(minutes=failed)
    )


def held_criteria(user):
    table = {"rows": [], "otherwise": 1, "max_moves": 1}
    Criteria.objects.create(
        account=user.credentials.account,
        table=table,
        nightly=True,
        held=Criteria.Held.TOKEN,
        held_at=timezone.now(),
    )


def stopped_job(user, reason=Job.Stop.UNREACHABLE):
    return saved_job(user, state=Job.State.STOPPED, reason=reason, stopped_at=timezone.now())


def card_found(user):
    """Let a card be found, and the user see it."""
    user.user_permissions.add(Permission.objects.get(codename="view_cards"))
    put_finding(user)


def another_fact(user):
    """Let Poster do something else than before, and the user be one who is told of it."""
    user.user_permissions.add(Permission.objects.get(codename="set_bonus_unit"))
    for value in ("ascending", "mixed"):
        store(user.credentials, {"receipts.order": Seen(value, 9)})


EVENTS = {
    "facts": (another_fact, "Poster does something else than before (receipts.order)."),
    "review": (review, "A change of “Гості” needs a person."),
    "elsewhere": (change_elsewhere, "In Poster, not here: “Гості” was changed: percent 10% → 12.5%."),
    "job": (
        lambda user: stopped_job(user, Job.Stop.TOKEN),
        "A bulk change has stopped: Clients: “Старі” → “Гості”. Its user's token is gone, no longer valid",
    ),
    "schedule": (
        lambda user: schedule(user, state=Schedule.State.HELD, reason=Schedule.Reason.CHANGED),
        "A planned change of “Гості” is held: a person has to decide. The group no longer had the values",
    ),
    "request": (
        lambda user: request(user, state="refused", decided_at=timezone.now()),
        "A request beyond the limits was refused: “Гості”.",
    ),
    "criteria": (
        held_criteria,
        "The automatic groups will not run at night until somebody saves them again.",
    ),
    "movements": (
        lambda user: put_movement(user, 5, GOLD, GUESTS, "rule"),
        "“group 72” lost 1 client last night: 1 by Poster's rule.",
    ),
    "cards": (card_found, "One card, many receipts: there is 1 thing to look at."),
    "token": (lambda user: near_end(user, 14), "The token of staff ends in"),
    "circuit": (lambda user: circuit(user, 16), "Poster has not answered for more than 15 minutes"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_event_is_reported_once_and_only_to_those_who_chose_it(reader, manager, kind):
    manager.email = "manager@example.com"
    manager.save()
    wants(reader, How.AT_ONCE, kind)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(minutes=1))
    wants(manager, How.AT_ONCE, *(each for each in KINDS if each != kind))
    make, words = EVENTS[kind]
    mailed()
    make(reader)
    mailed()
    (text,) = mailed(reader, manager)
    assert text.startswith(words)
    assert (Notice.objects.get().kind, Notice.objects.get().user) == (kind, reader)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"action": Change.Action.CREATE, "before": None}, "“Гості” was created."),
        ({"action": Change.Action.REMOVE, "after": None}, "“Гості” was removed."),
    ],
)
def test_a_group_that_was_created_or_removed_elsewhere_is_reported(reader, values, words):
    wants(reader)
    change_elsewhere(reader, **values)
    assert mailed(reader) == [f"In Poster, not here: {words}"]


def test_a_notice_has_the_language_of_its_reader_and_the_currency_of_its_account(reader):
    ChosenLanguage.objects.update(language="uk")
    PosterAccount.objects.update(currency="zł")
    wants(reader)
    values = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "1250.50"}
    changed = values | {"name": "Друзі", "loyalty_type": 2, "birthday_bonus": "0"}
    change_elsewhere(reader, before=values, after=changed)
    words = "назва Гості → Друзі, тип Бонусна → Знижкова, бонус на день народження 1 250,50 zł → 0,00 zł"
    assert words in mailed(reader)[0]
    assert currency.get() == DEFAULT_CURRENCY


def test_the_kind_of_a_feature_that_is_gone_is_not_offered_and_its_choice_stays(reader):
    NoticeChoice.objects.create(user=reader, kind="weather", how=How.AT_ONCE)
    assert set(services.choices_of(reader)) == set(KINDS)
    wants(reader)
    assert NoticeChoice.objects.get(kind="weather").how == How.AT_ONCE


def test_a_done_job_and_a_missed_plan_are_reported_and_a_cancelled_or_done_one_is_not(reader):
    wants(reader)
    saved_job(reader, state=Job.State.DONE, finished_at=timezone.now())
    saved_job(reader, state=Job.State.CANCELLED, finished_at=timezone.now())
    schedule(reader, state=Schedule.State.MISSED, reason=Schedule.Reason.TOO_LATE)
    schedule(reader, state=Schedule.State.DONE)
    job, plan = mailed(reader)
    assert job == "A bulk change has ended: Clients: “Старі” → “Гості”."
    assert plan.startswith("A planned change of “Гості” was missed. No worker ran")


def test_a_request_notifies_those_who_may_decide_it_and_its_end_the_requester(reader, owner, manager):
    for user in (owner, manager):
        user.email = f"{user.username}@example.com"
        user.save()
        ChosenLanguage.objects.create(user=user, language="en")
    for user in (reader, owner, manager):
        wants(user)
    approval = request(reader)
    words = "A request beyond the limits"
    assert mailed(reader, owner, manager) == [f"{words} waits for a decision: “Гості”."]
    approvals.decide(approval, "approved", owner)
    assert mailed(reader) == [f"{words} was approved: “Гості”."]
    assert len(mailed(owner, manager)) == 1
    # One that waits again and is approved again is told again.
    let_wait_again(Change(request_id=approval.pk))
    approvals.decide(approval, "approved", owner)
    assert len(mailed(reader)) == 2


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_request_that_lapses_notifies_the_requester_once(reader, is_marked):
    wants(reader)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(hours=1))
    approval = request(reader)
    long_ago = timezone.now() - LIFE - timedelta(seconds=1)
    ApprovalRequest.objects.filter(pk=approval.pk).update(created_at=long_ago)
    mailed()
    if is_marked:
        approvals.lapse_overdue()
    assert mailed(reader) == ["A request beyond the limits has lapsed: “Гості”."]


def test_a_job_that_goes_on_is_not_reported_again_and_one_that_stops_again_is(reader):
    wants(reader)
    stopped = stopped_job(reader)
    assert len(mailed(reader)) == 1
    stopped.move_on(Job.State.STOPPED, state=Job.State.RUNNING)
    assert len(mailed(reader)) == 1
    Job.objects.filter(pk=stopped.pk).update(state=Job.State.STOPPED, stopped_at=timezone.now())
    assert len(mailed(reader)) == 2


def test_a_job_that_was_resumed_before_a_run_is_reported_once_and_its_end_too(reader):
    wants(reader)
    stopped = stopped_job(reader)
    stopped.move_on(Job.State.STOPPED, state=Job.State.WAITING)
    words = "Clients: “Старі” → “Гості”."
    resumed = f"A bulk change had stopped, and was resumed: {words}"
    assert mailed(reader) == [resumed]
    stopped.move_on(Job.State.WAITING, state=Job.State.DONE, finished_at=timezone.now())
    assert set(mailed(reader)) == {resumed, f"A bulk change has ended: {words}"}


def test_the_user_of_a_token_alone_is_notified_60_14_and_3_days_before_its_end(reader, manager):
    manager.email = "manager@example.com"
    manager.save()
    for user in (reader, manager):
        wants(user)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(days=1))
    counts = []
    for days in (61, 60, 59, 14, 13, 3, 2):
        near_end(reader, days)
        counts.append(len(mailed(reader)))
    assert counts == [0, 1, 1, 2, 2, 3, 3]
    assert not mailed(manager)


@pytest.mark.parametrize(("minutes", "failed"), [(14, 0), (600, 590)])
def test_a_circuit_that_no_call_has_tested_for_15_minutes_is_not_reported(reader, minutes, failed):
    wants(reader)
    circuit(reader, minutes, failed)
    assert not mailed(reader)


# --- Who may be told ---------------------------------------------------------------------------------------


def lose_role(user):
    user.groups.clear()


def be_refused(user):
    PosterCredentials.objects.filter(user=user).update(refused_at=timezone.now())


def be_blocked(user):
    user.is_active = False
    user.save()


def disconnect(user):
    PosterCredentials.objects.filter(user=user).delete()


def lose_address(user):
    user.email = ""
    user.save()


@pytest.mark.parametrize("lose", [lose_role, be_refused, be_blocked, disconnect, lose_address])
def test_a_user_without_the_account_or_an_address_is_not_notified(reader, owner, lose):
    wants(reader)
    lose(reader)
    change_elsewhere(owner)
    assert not mailed(reader)


def test_without_a_mail_server_only_users_with_a_chat_are_notified(reader, settings, request):
    settings.EMAIL_ENABLED = False
    wants(reader)
    change_elsewhere(reader)
    assert not mailed(reader)
    request.getfixturevalue("chatting")
    assert len(mailed(reader)) == 1


@pytest.mark.parametrize("lose", [lose_role, be_blocked, disconnect])
def test_a_message_is_not_sent_to_a_reader_who_may_no_longer_see_the_account(reader, lose, mailoutbox):
    wants(reader)
    change_elsewhere(reader)
    mailed()
    lose(reader)
    tell()
    assert (Delivery.objects.get().state, mailoutbox) == (Delivery.State.DROPPED, [])


def test_events_of_another_account_and_those_that_cannot_be_worded_are_left_out(reader, outsider):
    outsider.email = "outsider@example.com"
    outsider.save()
    for user in (reader, outsider):
        wants(user)
    schedule(reader, state=Schedule.State.HELD, reason="of another version")
    change_elsewhere(outsider)
    assert not mailed(reader)
    assert len(mailed(outsider)) == 1


def test_what_happened_before_the_choice_is_not_reported_and_nothing_is_lost_by_another_choice(reader):
    wants(reader, How.OFF)
    change_elsewhere(reader)
    wants(reader, How.DIGEST)
    assert not mailed(reader)
    change_elsewhere(reader)
    wants(reader, How.AT_ONCE)
    assert len(mailed(reader)) == 1


def test_a_kind_that_is_switched_off_takes_its_waiting_notices_along(reader):
    wants(reader, How.DIGEST)
    change_elsewhere(reader)
    circuit(reader, 16)
    delivery = Delivery.objects.create(user=reader)
    mailed()
    Notice.objects.filter(kind="elsewhere").update(delivery=delivery)
    written = Notice.objects.get(kind="elsewhere")
    wants(reader, How.OFF, "elsewhere")
    assert Notice.objects.get().kind == "circuit"
    # As a worker does that has read the choice before.
    written.save(force_insert=True)
    services.deliver(delivery.pk)
    assert Delivery.objects.get().state == Delivery.State.DROPPED


def test_a_kind_that_is_switched_off_during_a_run_sends_nothing(reader, monkeypatch):
    wants(reader)
    change_elsewhere(reader)
    look = services.events_since

    def looked(*args):
        events = list(look(*args))
        wants(reader, How.OFF)
        return events

    monkeypatch.setattr(services, "events_since", looked)
    assert not mailed(reader)


def test_no_event_is_missed_while_no_worker_runs(reader):
    wants(reader)
    mailed()
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(days=3))
    services.NoticeCursor.objects.update(looked_at=timezone.now() - timedelta(days=2))
    QuerySet.update(
        Change.objects.filter(pk=change_elsewhere(reader).pk), settled_at=timezone.now() - timedelta(days=1)
    )
    assert len(mailed(reader)) == 1


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_worker_with_a_wrong_clock_hides_nothing_from_the_others_and_repeats_nothing(
    reader, hours, monkeypatch
):
    wants(reader)
    mailed()
    wrong = timezone.now() + timedelta(hours=hours)
    for _ in range(2):
        change_elsewhere(reader)
        with monkeypatch.context() as clock:
            clock.setattr(timezone, "now", lambda: wrong)
            services.write_notices()
        change_elsewhere(reader)
        mailed()
    assert len(mailed(reader)) == 4


def test_a_clock_of_the_database_that_ran_fast_hides_nothing_once_it_is_right(reader):
    wants(reader)
    mailed()
    services.NoticeCursor.objects.update(looked_at=timezone.now() + timedelta(days=1))
    change_elsewhere(reader)
    assert len(mailed(reader)) == 1
    assert services.NoticeCursor.objects.get().looked_at <= timezone.now()


# --- When --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "morning"),
    [
        # Kyiv: winter, UTC+2.
        (datetime(2026, 1, 10, 5, 59, tzinfo=UTC), datetime(2026, 1, 10, 6, 0, tzinfo=UTC)),
        (datetime(2026, 1, 10, 6, 0, tzinfo=UTC), datetime(2026, 1, 11, 6, 0, tzinfo=UTC)),
        # The clock is put forward on 29 March 2026 at 3, and back on 25 October at 4.
        (datetime(2026, 3, 28, 20, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 5, 0, tzinfo=UTC), datetime(2026, 3, 28, 6, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 20, 0, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 4, 0, tzinfo=UTC), datetime(2026, 10, 24, 5, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 5, 59, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
    ],
)
def test_a_digest_comes_at_eight_on_the_clock_of_the_site(moment, morning):
    assert next_morning(moment).astimezone(UTC) == morning


def test_a_notice_of_a_digest_is_due_in_the_morning_and_any_other_at_once(reader):
    wants(reader, How.DIGEST)
    wants(reader, How.AT_ONCE, "circuit")
    change_elsewhere(reader)
    circuit(reader, 16)
    mailed()
    due = {notice.kind: notice.due_at == next_morning(notice.at) for notice in Notice.objects.all()}
    assert due == {"elsewhere": True, "circuit": False}


def test_old_notices_go_after_their_message_and_are_not_reported_again(reader):
    wants(reader)
    change = change_elsewhere(reader)
    mailed()
    old = timezone.now() - timedelta(days=31)
    delivery = Delivery.objects.create(user=reader)
    Notice.objects.update(due_at=old, delivery=delivery)
    assert services.forget_old() == 0
    Delivery.objects.update(state=Delivery.State.SENT)
    QuerySet.update(Change.objects.filter(pk=change.pk), settled_at=old)
    assert services.forget_old() == 1
    assert not mailed(reader)
    Delivery.objects.update(created_at=old)
    services.forget_old()
    assert not Delivery.objects.exists()
