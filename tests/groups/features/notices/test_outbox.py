"""Test who is notified of what, when and how often: the outbox, and the mail of a real server."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from groups.features.approvals.models import LIFE, ApprovalRequest
from groups.features.approvals.services import approvals
from groups.features.approvals.services.limits import let_wait_again
from groups.features.criteria.models import Criteria
from groups.features.notices.models import Delivery, Notice, NoticeChoice
from groups.features.notices.services import deliveries, mails, outbox
from groups.features.notices.services.outbox import next_morning
from groups.features.schedules.models import Schedule
from groups.models import Change, Job, PosterAccount, PosterCredentials
from groups.models.credentials import TOKEN_LIFE
from groups.services.values import DEFAULT_CURRENCY, currency
from poster_admin.users.models import ChosenLanguage
from tests.support.doctor import doctor_says
from tests.support.movements import GOLD, GUESTS, put_movement
from tests.support.notices import KINDS, change_elsewhere, later, saved_job, tell, wants, work
from tests.support.threads import at_once

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_address"),
    # aiosmtpd leaves the connection open by which it tries out whether it runs.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
How, State = NoticeChoice.How, Delivery.State


def test_a_change_elsewhere_arrives_once_with_its_values_and_a_link(reader, inbox):
    wants(reader)
    change = change_elsewhere(reader)
    for _ in range(3):
        tell()
    (message,) = inbox.mail
    assert (message["To"], message["From"]) == ("staff@example.com", "loyalty@example.com")
    assert message["Subject"] == "Poster Admin: У Poster, не тут: змінено «Гості»: відсоток 10 % → 12,5 %."
    assert f"https://loyalty.example.com/history/{change.pk}/" in message.get_content()
    assert "https://loyalty.example.com/account/notices/" in message.get_content()
    assert message["Auto-Submitted"] == "auto-generated"
    delivery = Delivery.objects.get()
    assert message["Message-ID"] == f"<{delivery.pk}@example.com>"
    assert (delivery.state, delivery.tries) == (State.SENT, 1)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "In Poster, not here: “Гості” was changed: percent 10% → 12.5%."),
        ("uk", "У Poster, не тут: змінено «Гості»: відсоток 10 % → 12,5 %."),
        ("ru", "В Poster, не здесь: изменена «Гості»: процент 10 % → 12,5 %."),
    ],
)
def test_a_notice_is_in_the_language_that_its_reader_has_chosen(reader, inbox, language, words):
    ChosenLanguage.objects.create(user=reader, language=language)
    wants(reader)
    change_elsewhere(reader)
    tell()
    assert words in inbox.mail[0].get_content()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"action": Change.Action.CREATE, "before": None}, "“Гості” was created."),
        ({"action": Change.Action.REMOVE, "after": None}, "“Гості” was removed."),
    ],
)
def test_a_group_that_was_created_or_removed_elsewhere_is_told(reader, inbox, values, words):
    ChosenLanguage.objects.create(user=reader, language="en")
    wants(reader)
    change_elsewhere(reader, **values)
    tell()
    assert inbox.mail[0]["Subject"] == f"Poster Admin: In Poster, not here: {words}"


def test_a_notice_has_the_currency_of_its_account_and_the_words_of_a_type(reader, inbox):
    PosterAccount.objects.update(currency="zł")
    wants(reader)
    values = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "1250.50"}
    changed = values | {"name": "Друзі", "loyalty_type": 2, "birthday_bonus": "0"}
    change_elsewhere(reader, before=values, after=changed)
    tell()
    words = "назва Гості → Друзі, тип Бонусна → Знижкова, бонус на день народження 1 250,50 zł → 0,00 zł"
    assert words in inbox.mail[0].get_content()
    assert currency.get() == DEFAULT_CURRENCY


def test_the_name_of_a_group_breaks_no_subject(reader, inbox):
    wants(reader)
    change_elsewhere(reader, group_name="Гості\r\nBcc: all@example.com")
    tell()
    (message,) = inbox.mail
    assert "«Гості Bcc: all@example.com»" in message["Subject"]
    assert message["Bcc"] is None
    assert message.get_content_type() == "text/plain"


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


EVENTS = {
    "review": (review, "A change of “Гості” needs a person."),
    "elsewhere": (change_elsewhere, "In Poster, not here: “Гості” was changed: percent 10% → 12.5%."),
    "job": (
        lambda user: saved_job(
            user, state=Job.State.STOPPED, reason=Job.Stop.TOKEN, stopped_at=timezone.now()
        ),
        "A job has stopped: Clients: “Старі” → “Гості”. Its user's token is no longer there",
    ),
    "schedule": (
        lambda user: schedule(user, state=Schedule.State.HELD, reason=Schedule.Reason.CHANGED),
        "A planned change of “Гості” is held: a person has to decide. The group no longer had the values",
    ),
    "request": (
        lambda user: request(user, state="refused", decided_at=timezone.now()),
        "A request beyond the limits was refused: “Гості”.",
    ),
    "criteria": (held_criteria, "The criteria will not run at night until somebody saves them again."),
    "movements": (
        lambda user: put_movement(user, 5, GOLD, GUESTS, "rule"),
        "“group 72” lost 1 client last night: 1 by Poster's rule.",
    ),
    "token": (lambda user: near_end(user, 14), "The token of staff ends in"),
    "circuit": (lambda user: circuit(user, 16), "Poster has not answered for more than 15 minutes"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_event_is_told_once_and_only_to_those_who_chose_it(reader, manager, inbox, kind):
    manager.email = "manager@example.com"
    manager.save()
    for user in (reader, manager):
        ChosenLanguage.objects.create(user=user, language="en")
    wants(reader, How.AT_ONCE, kind)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(minutes=1))
    wants(manager, How.AT_ONCE, *(each for each in KINDS if each != kind))
    make, words = EVENTS[kind]
    tell()
    make(reader)
    tell()
    tell()
    (message,) = inbox.mail
    assert message["To"] == "staff@example.com"
    assert words in message.get_content()
    assert Notice.objects.get().kind == kind


def test_every_kind_has_an_example():
    assert set(KINDS) == set(EVENTS)


def test_the_kind_of_a_feature_that_is_off_is_not_offered_and_its_choice_stays(reader):
    NoticeChoice.objects.create(user=reader, kind="weather", how=How.AT_ONCE)
    assert set(outbox.choices_of(reader)) == set(KINDS)
    wants(reader)
    assert NoticeChoice.objects.get(kind="weather").how == How.AT_ONCE


def test_a_done_job_and_a_missed_plan_are_told_and_a_cancelled_one_is_not(reader, inbox):
    ChosenLanguage.objects.create(user=reader, language="en")
    wants(reader)
    saved_job(reader, state=Job.State.DONE, finished_at=timezone.now())
    saved_job(reader, state=Job.State.CANCELLED, finished_at=timezone.now())
    schedule(reader, state=Schedule.State.MISSED, reason=Schedule.Reason.TOO_LATE)
    schedule_done = schedule(reader, state=Schedule.State.DONE)
    tell()
    (message,) = inbox.mail
    assert message["Subject"] == "Poster Admin: 2 notices"
    assert "A job has ended: Clients: “Старі” → “Гості”." in message.get_content()
    assert "A planned change of “Гості” was missed. No worker ran" in message.get_content()
    assert schedule_done.state == Schedule.State.DONE


def test_a_request_is_told_to_those_who_may_decide_it_and_its_end_to_who_asked(reader, owner, manager, inbox):
    for user in (owner, manager):
        user.email = f"{user.username}@example.com"
        user.save()
    for user in (reader, owner, manager):
        ChosenLanguage.objects.create(user=user, language="en")
        wants(user)
    asked = request(reader)
    tell()
    tell()
    ApprovalRequest.objects.decide(asked, "approved", owner)
    tell()
    words = "Poster Admin: A request beyond the limits"
    assert [(message["To"], message["Subject"]) for message in inbox.mail] == [
        ("owner@example.com", f"{words} waits for a decision: “Гості”."),
        ("staff@example.com", f"{words} was approved: “Гості”."),
    ]


def test_a_request_that_is_approved_again_is_told_again(reader, owner, inbox):
    wants(reader)
    asked = request(reader)
    for _ in range(2):
        ApprovalRequest.objects.decide(asked, "approved", owner)
        tell()
        tell()
        let_wait_again(Change(request_id=asked.pk))
    assert len(inbox.mail) == 2


def test_a_job_that_stops_again_is_told_again(reader, inbox):
    wants(reader)
    stopped = saved_job(
        reader, state=Job.State.STOPPED, reason=Job.Stop.UNREACHABLE, stopped_at=timezone.now()
    )
    tell()
    Job.objects.filter(pk=stopped.pk).update(state=Job.State.RUNNING)
    tell()
    Job.objects.filter(pk=stopped.pk).update(state=Job.State.STOPPED, stopped_at=timezone.now())
    tell()
    assert len(inbox.mail) == 2


def test_a_job_that_was_resumed_before_anybody_looked_is_told_once(reader, inbox):
    ChosenLanguage.objects.create(user=reader, language="en")
    wants(reader)
    stopped = saved_job(
        reader, state=Job.State.STOPPED, reason=Job.Stop.UNREACHABLE, stopped_at=timezone.now()
    )
    stopped.move_on(Job.State.STOPPED, state=Job.State.WAITING)
    tell()
    (message,) = inbox.mail
    words = "A job had stopped, and was resumed: Clients: “Старі” → “Гості”."
    assert words in message.get_content()
    stopped.move_on(Job.State.WAITING, state=Job.State.DONE, finished_at=timezone.now())
    tell()
    tell()
    assert ["A job has ended" in each.get_content() for each in inbox.mail] == [False, True]


def test_a_job_that_goes_on_after_its_stop_was_told_is_not_told_again(reader, inbox):
    wants(reader)
    stopped = saved_job(
        reader, state=Job.State.STOPPED, reason=Job.Stop.UNREACHABLE, stopped_at=timezone.now()
    )
    tell()
    stopped.move_on(Job.State.STOPPED, state=Job.State.RUNNING)
    tell()
    assert len(inbox.mail) == 1


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_request_that_lapses_is_told_once_to_who_asked(reader, owner, inbox, is_marked):
    owner.email = "owner@example.com"
    owner.save()
    for user in (reader, owner):
        ChosenLanguage.objects.create(user=user, language="en")
        wants(user)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(hours=1))
    tell()
    asked = request(reader)
    ApprovalRequest.objects.filter(pk=asked.pk).update(
        created_at=timezone.now() - LIFE - timedelta(seconds=1)
    )
    if is_marked:
        approvals.lapse_overdue()
    tell()
    tell()
    (message,) = inbox.mail
    assert message["To"] == "staff@example.com"
    assert "A request beyond the limits has lapsed: “Гості”." in message["Subject"]


def test_the_end_of_a_token_is_told_at_60_14_and_3_days_to_its_user_alone(reader, manager, inbox):
    manager.email = "manager@example.com"
    manager.save()
    for user in (reader, manager):
        ChosenLanguage.objects.create(user=user, language="en")
        wants(user)
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(days=1))
    for days in (61, 60, 59, 14, 13, 3, 2):
        near_end(reader, days)
        tell()
    said = [message["Subject"] for message in inbox.mail]
    # Days of the calendar: one less in the hour after midnight, where the clock goes back in between.
    ends = [timezone.localdate(timezone.now() + timedelta(days, seconds=-1)) for days in (60, 14, 3)]
    left = [(end - timezone.localdate()).days for end in ends]
    assert [int(text.partition(" ends in ")[2].partition(" ")[0]) for text in said] == left
    assert {message["To"] for message in inbox.mail} == {"staff@example.com"}


@pytest.mark.parametrize(("minutes", "failed"), [(14, 0), (600, 590)])
def test_a_circuit_that_no_call_has_tested_for_15_minutes_is_not_told(reader, inbox, minutes, failed):
    wants(reader)
    circuit(reader, minutes, failed)
    tell()
    assert not inbox.mail


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
def test_who_may_not_see_the_account_is_told_nothing(reader, owner, inbox, lose):
    wants(reader)
    lose(reader)
    change_elsewhere(owner)
    tell()
    assert not inbox.mail
    assert not Notice.objects.exists()


@pytest.mark.parametrize("lose", [lose_role, be_blocked, disconnect])
def test_a_digest_is_dropped_if_its_reader_may_no_longer_see_it(reader, owner, inbox, lose):
    wants(reader, How.DIGEST)
    change_elsewhere(owner)
    tell()
    lose(reader)
    Notice.objects.update(due_at=timezone.now())
    tell()
    assert not inbox.mail
    assert Delivery.objects.get().state == State.DROPPED


def test_a_digest_waits_while_the_token_of_its_reader_counts_as_refused(reader, owner, inbox):
    wants(reader, How.DIGEST)
    change_elsewhere(owner)
    tell()
    be_refused(reader)
    Notice.objects.update(due_at=timezone.now())
    tell()
    assert not inbox.mail
    (delivery,) = Delivery.objects.waiting()
    assert delivery.problem == "Poster did not accept the token of the owner who set it"
    assert doctor_says()[1]["notices"] == [
        ("warning", "mails not sent because Poster does not accept the token of their reader: 1")
    ]
    PosterCredentials.objects.filter(user=reader).update(refused_at=None)
    later(minutes=1)
    tell()
    assert len(inbox.mail) == 1
    assert Delivery.objects.get().state == State.SENT


def test_a_digest_whose_reader_has_no_good_token_for_a_day_is_given_up(reader, owner, inbox):
    wants(reader, How.DIGEST)
    change_elsewhere(owner)
    tell()
    be_refused(reader)
    Notice.objects.update(due_at=timezone.now())
    for _ in range(len(deliveries.RETRY_DELAYS) + 1):
        tell()
        later(hours=8)
    assert not inbox.mail
    assert Delivery.objects.get().state == State.GIVEN_UP


def test_events_of_another_account_are_not_told(reader, outsider, inbox):
    wants(reader)
    change_elsewhere(outsider)
    tell()
    assert not inbox.mail


def test_an_event_that_cannot_be_worded_keeps_no_other_account_from_its_own(reader, outsider, inbox):
    outsider.email = "outsider@example.com"
    outsider.save()
    for user in (reader, outsider):
        wants(user)
    schedule(reader, state=Schedule.State.HELD, reason="of another version")
    change_elsewhere(outsider)
    tell()
    assert [message["To"] for message in inbox.mail] == ["outsider@example.com"]


def test_what_happened_before_the_choice_is_not_told_and_nothing_is_lost_by_another_choice(reader, inbox):
    wants(reader, How.OFF)
    change_elsewhere(reader)
    wants(reader, How.DIGEST)
    tell()
    assert not Notice.objects.exists()
    change_elsewhere(reader)
    wants(reader, How.AT_ONCE)
    tell()
    assert len(inbox.mail) == 1


def test_a_kind_that_is_switched_off_takes_its_waiting_notices_along(reader, owner, inbox):
    wants(reader, How.DIGEST)
    change_elsewhere(owner)
    circuit(reader, 16)
    tell()
    assert set(Notice.objects.values_list("kind", flat=True)) == {"elsewhere", "circuit"}
    wants(reader, How.OFF, "elsewhere")
    Notice.objects.update(due_at=timezone.now())
    tell()
    (message,) = inbox.mail
    assert "У Poster, не тут" not in message.get_content()


def test_a_notice_that_is_written_as_its_kind_is_switched_off_is_not_sent(reader, owner, inbox):
    wants(reader, How.DIGEST)
    change_elsewhere(owner)
    circuit(reader, 16)
    tell()
    written = Notice.objects.get(kind="elsewhere")
    wants(reader, How.OFF, "elsewhere")
    written.save(force_insert=True)  # as a worker does that has read the choice before
    Notice.objects.update(due_at=timezone.now())
    tell()
    (message,) = inbox.mail
    assert "У Poster, не тут" not in message.get_content()


def test_a_message_of_which_nothing_is_left_is_dropped(reader, owner, inbox):
    wants(reader)
    change_elsewhere(owner)
    outbox.write_notices()
    written = Notice.objects.get()
    wants(reader, How.OFF)
    written.save(force_insert=True)
    tell()
    assert not inbox.mail
    assert Delivery.objects.get().state == State.DROPPED


def test_a_kind_that_is_switched_off_ends_the_tries_of_a_message_about_it(reader, owner, inbox):
    wants(reader)
    change_elsewhere(owner)
    inbox.refuses = "the mail"
    tell()
    assert Delivery.objects.waiting().exists()
    inbox.refuses = ""
    wants(reader, How.OFF)
    later(minutes=1)
    tell()
    assert not inbox.mail
    assert Delivery.objects.get().state == State.DROPPED


def test_without_a_mail_server_nothing_is_kept_for_later(reader, settings):
    settings.EMAIL_ENABLED = False
    wants(reader)
    change_elsewhere(reader)
    tell()
    assert not Notice.objects.exists()


def test_no_event_is_missed_while_no_worker_runs(reader, inbox):
    wants(reader)
    tell()
    NoticeChoice.objects.update(chosen_at=timezone.now() - timedelta(days=3))
    outbox.NoticeCursor.objects.update(looked_at=timezone.now() - timedelta(days=2))
    change_elsewhere(reader)
    tell()
    assert len(inbox.mail) == 1


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_worker_with_a_wrong_clock_hides_nothing_from_the_others_and_repeats_nothing(
    reader, inbox, hours, monkeypatch
):
    wants(reader)
    tell()
    wrong = timezone.now() + timedelta(hours=hours)
    for _ in range(2):
        change_elsewhere(reader)
        with monkeypatch.context() as clock:
            clock.setattr(timezone, "now", lambda: wrong)
            outbox.write_notices()
        change_elsewhere(reader)
        tell()
    assert sum(message.get_content().count("Гості") for message in inbox.mail) == 4


def test_a_clock_of_the_database_that_ran_fast_hides_nothing_once_it_is_right(reader, inbox):
    wants(reader)
    tell()
    outbox.NoticeCursor.objects.update(looked_at=timezone.now() + timedelta(days=1))
    change_elsewhere(reader)
    tell()
    assert len(inbox.mail) == 1
    assert outbox.NoticeCursor.objects.get().looked_at <= timezone.now()


# --- Each morning ------------------------------------------------------------------------------------------


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


def test_a_digest_is_one_mail_with_all_of_the_day(reader, inbox):
    ChosenLanguage.objects.create(user=reader, language="en")
    wants(reader, How.DIGEST)
    for _ in range(3):
        change_elsewhere(reader)
        tell()
    assert not inbox.mail
    assert {each.due_at for each in Notice.objects.all()} == {next_morning(timezone.now())}
    Notice.objects.update(due_at=timezone.now())
    tell()
    (message,) = inbox.mail
    assert message["Subject"] == "Poster Admin: 3 notices"
    assert message.get_content().count("“Гості” was changed") == 3


def test_more_than_a_hundred_are_several_mails(reader, inbox, monkeypatch):
    monkeypatch.setattr(deliveries, "MOST_NOTICES", 2)
    wants(reader)
    for _ in range(5):
        change_elsewhere(reader)
    for _ in range(4):
        tell()
    assert len(inbox.mail) == 3
    assert Notice.objects.filter(delivery=None).count() == 0


# --- Failures ----------------------------------------------------------------------------------------------


def test_a_mail_that_is_not_taken_is_sent_again_with_the_same_id_until_it_is(reader, inbox):
    wants(reader)
    change_elsewhere(reader)
    inbox.refuses = "the mail"
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure, delivery.tries) == (State.WAITING, "mail", 1)
    tell()
    assert Delivery.objects.get().tries == 1
    inbox.refuses = ""
    later(seconds=31)
    tell()
    assert [message["Message-ID"] for message in inbox.mail] == [f"<{delivery.pk}@example.com>"]
    assert Delivery.objects.get().state == State.SENT


def test_it_is_given_up_after_a_day(reader, inbox):
    wants(reader)
    change_elsewhere(reader)
    inbox.refuses = "the mail"
    for _ in range(12):
        tell()
        later(hours=9)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == (State.GIVEN_UP, 10)
    assert timedelta(hours=23) < sum(deliveries.RETRY_DELAYS, timedelta()) < timedelta(hours=25)


def test_a_worker_that_dies_after_sending_leaves_it_to_another_one_with_the_same_id(
    reader, inbox, monkeypatch
):
    wants(reader)
    change_elsewhere(reader)
    send = mails.send_mail

    def send_and_die(*args):
        send(*args)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(mails, "send_mail", send_and_die)
        with pytest.raises(SystemExit):
            tell()
    tell()
    assert len(inbox.mail) == 1
    now = timezone.now()
    Delivery.objects.update(held_until=now, next_try_at=now - timedelta(minutes=3))
    tell()
    first, second = inbox.mail
    assert first["Message-ID"] == second["Message-ID"]
    assert Delivery.objects.get().state == State.SENT


def test_a_message_whose_task_was_lost_is_queued_again(reader, inbox):
    wants(reader)
    change_elsewhere(reader)
    outbox.write_notices()
    deliveries.queue_due_notices()
    DBTaskResult.objects.all().delete()
    tell()
    assert not inbox.mail
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(minutes=3))
    tell()
    assert len(inbox.mail) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_each_reader_once(reader, manager, owner, inbox):
    for user in (manager, owner):
        user.email = f"{user.username}@example.com"
        user.save()
    for user in (reader, manager, owner):
        wants(user)
    for _ in range(5):
        change_elsewhere(owner)
    assert at_once(*[lambda: [work() for _ in range(3)]] * 3) == [[None] * 3] * 3
    assert Notice.objects.count() == 15
    assert sum(message.get_content().count("Гості") for message in inbox.mail) == 15
    assert len({message["Message-ID"] for message in inbox.mail}) == len(inbox.mail)


# --- Old ones ----------------------------------------------------------------------------------------------


def test_old_notices_go_and_are_not_told_again(reader, inbox):
    wants(reader)
    change = change_elsewhere(reader)
    tell()
    change_elsewhere(reader)
    tell()
    old = timezone.now() - timedelta(days=31)
    first = Notice.objects.first()
    Delivery.objects.filter(pk=first.delivery_id).update(created_at=old)
    QuerySet.update(Change.objects.filter(pk=change.pk), settled_at=old)
    outbox.forget_old()
    assert Notice.objects.count() == 1
    tell()
    assert len(inbox.mail) == 2


def test_an_old_notice_goes_only_after_its_message(reader, inbox):
    wants(reader)
    change_elsewhere(reader)
    outbox.write_notices()
    Notice.objects.update(due_at=timezone.now() - timedelta(days=31))
    deliveries.queue_due_notices()
    assert outbox.forget_old() == 0
    tell()
    assert len(inbox.mail) == 1
    assert outbox.forget_old() == 1


def test_a_message_without_notices_is_dropped(reader):
    delivery = Delivery.objects.create(user=reader)
    deliveries.deliver.call(str(delivery.pk))
    assert Delivery.objects.get().state == State.DROPPED


def test_a_notice_without_an_address_of_the_site_has_no_link(reader, inbox, settings):
    settings.SITE_URL = ""
    wants(reader)
    change_elsewhere(reader)
    tell()
    assert "http" not in inbox.mail[0].get_content()
    assert mails.link("/groups/") == ""
