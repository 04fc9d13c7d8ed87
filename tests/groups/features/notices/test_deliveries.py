"""Test how notices are sent by mail: once, by a real server, and again until it takes them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.notices import services
from groups.features.notices.models import Delivery, Notice, NoticeChoice
from groups.models import PosterCredentials
from tests.support.doctor import doctor_says
from tests.support.notices import change_elsewhere, later, tell, wants
from tests.support.threads import at_once

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("own_address"),
    # aiosmtpd leaves the connection open by which it tries out whether it runs.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
How, State = NoticeChoice.How, Delivery.State


@pytest.fixture
def waiting(reader, inbox):
    """Write a notice for the reader; return its reader."""
    wants(reader)
    change_elsewhere(reader)
    return reader


def test_a_notice_arrives_once_in_one_mail_with_links(waiting, inbox):
    for _ in range(3):
        tell()
    (message,) = inbox.mail
    delivery, notice = Delivery.objects.get(), Notice.objects.get()
    assert (message["To"], message["From"]) == ("staff@example.com", "loyalty@example.com")
    words = "In Poster, not here: “Гості” was changed: percent 10% → 12.5%."
    assert message["Subject"] == f"Poster Admin: {words}"
    assert f"{words}\nhttps://loyalty.example.com{notice.path}\n" in message.get_content()
    assert "https://loyalty.example.com/account/notices/" in message.get_content()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{delivery.pk}@example.com>"
    assert (delivery.state, delivery.tries) == (State.SENT, 1)


def test_notices_without_an_address_of_the_site_have_no_link(waiting, inbox, settings):
    settings.SITE_URL = ""
    tell()
    assert "http" not in inbox.mail[0].get_content()


def test_the_name_of_a_group_breaks_no_subject(reader, inbox):
    wants(reader)
    change_elsewhere(reader, group_name="Гості\r\nBcc: all@example.com")
    tell()
    (message,) = inbox.mail
    assert "“Гості Bcc: all@example.com”" in message["Subject"]
    assert message["Bcc"] is None
    assert message.get_content_type() == "text/plain"


def test_what_is_due_together_is_one_mail_up_to_a_hundred(reader, inbox, monkeypatch):
    wants(reader, How.DIGEST)
    for _ in range(5):
        change_elsewhere(reader)
    tell()
    assert not inbox.mail
    Notice.objects.update(due_at=timezone.now())
    monkeypatch.setattr(services, "MOST_IN_MAIL", 4)
    tell()
    tell()
    assert [message.get_content().count("“Гості” was changed") for message in inbox.mail] == [4, 1]
    assert inbox.mail[0]["Subject"] == "Poster Admin: 4 notices"


def test_a_mail_that_is_not_taken_is_sent_again_with_the_same_id_to_the_address_of_then(waiting, inbox):
    inbox.refuses = "the mail"
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure, delivery.tries) == (State.WAITING, "mail", 1)
    tell()
    assert Delivery.objects.get().tries == 1
    inbox.refuses = ""
    waiting.email = "new@example.com"
    waiting.save()
    later(seconds=31)
    tell()
    (message,) = inbox.mail
    assert (message["To"], message["Message-ID"]) == ("new@example.com", f"<{delivery.pk}@example.com>")
    assert Delivery.objects.get().state == State.SENT


def test_a_message_is_given_up_after_a_day_of_growing_pauses(waiting, inbox):
    inbox.refuses = "the mail"
    for _ in range(12):
        tell()
        later(hours=9)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == (State.GIVEN_UP, 10)
    assert sorted(services.RETRY_DELAYS) == list(services.RETRY_DELAYS)
    assert timedelta(hours=23) < sum(services.RETRY_DELAYS, timedelta()) < timedelta(hours=25)


def test_a_message_waits_while_the_token_of_its_reader_counts_as_refused(waiting, inbox):
    services.write_notices()
    credentials = PosterCredentials.objects.filter(user=waiting)
    credentials.update(refused_at=timezone.now())
    tell()
    assert not inbox.mail
    assert Delivery.objects.get().failure == Delivery.Failure.TOKEN
    credentials.update(refused_at=None)
    later(minutes=1)
    tell()
    assert len(inbox.mail) == 1


def test_a_message_without_notices_or_reader_is_dropped(waiting, inbox):
    services.deliver(Delivery.objects.create(user=waiting).pk)
    services.write_notices()
    waiting.groups.clear()
    tell()
    assert not inbox.mail
    assert [each.state for each in Delivery.objects.all()] == [State.DROPPED] * 2


def test_a_worker_that_dies_after_sending_leaves_it_to_another_one_with_the_same_id(
    waiting, inbox, monkeypatch
):
    send = services.send_mail

    def send_and_die(*args):
        send(*args)
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(services, "send_mail", send_and_die)
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


def test_a_message_whose_worker_died_before_sending_is_sent_by_the_next_one(waiting, inbox):
    services.write_notices()
    services.pack_due_notices()
    assert not inbox.mail
    tell()
    assert len(inbox.mail) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_notify_each_reader_once(reader, manager, owner, inbox):
    for user in (manager, owner):
        user.email = f"{user.username}@example.com"
        user.save()
    for user in (reader, manager, owner):
        wants(user)
    for _ in range(5):
        change_elsewhere(owner)
    assert at_once(*[lambda: [tell() for _ in range(3)]] * 3) == [[None] * 3] * 3
    assert Notice.objects.count() == 15
    assert sum(message.get_content().count("Гості") for message in inbox.mail) == 15
    assert len({message["Message-ID"] for message in inbox.mail}) == len(inbox.mail)


def test_operators_hear_of_what_is_not_sent_by_its_reason(owner, sandbox):
    assert doctor_says()[1]["notices"] == [("ok", "no mail, waiting: 0")]
    for failure in ("mail", "bot", "mail"):
        Delivery.objects.create(user=owner, failure=failure, tried_at=timezone.now())
    Delivery.objects.create(user=owner, state=State.SENT)
    assert doctor_says()[1]["notices"] == [
        ("warning", f"messages that could not be sent: {count} ({Delivery.Failure(failure).label})")
        for failure, count in (("bot", 1), ("mail", 2))
    ]
    Delivery.objects.update(tried_at=timezone.now() - timedelta(days=2))
    assert doctor_says()[1]["notices"][0][0] == "ok"
