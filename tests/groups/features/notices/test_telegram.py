"""Test notices in Telegram, against a server of this machine that stands for it."""

import logging

import pytest
from django.utils import timezone

from groups.features.notices import services
from groups.features.notices.models import Delivery, Notice, NoticeChoice, TelegramChat
from groups.features.notices.services import MOST_IN_CHAT, remove_chat, text_of
from poster_admin.common.encryption import Secret, encrypted_columns
from poster_admin.users.models import EventKind, SecurityEvent
from tests.support.notices import change_elsewhere, later, tell, wants
from tests.support.ports import free_port
from tests.support.telegram import CHAT, TOKEN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_address")]
State, Failure = Delivery.State, Delivery.Failure
WORDS = "In Poster, not here: “<b>[Гості](tg://x)” was changed: percent 10% → 12.5%."


def test_a_notice_arrives_once_as_plain_text_with_its_link(chatting, telegram):
    wants(chatting)
    change = change_elsewhere(chatting, group_name="<b>[Гості](tg://x)")
    tell()
    tell()
    ((path, fields),) = telegram.messages
    assert path == f"/bot{TOKEN}/sendMessage"
    assert fields == {
        "chat_id": CHAT,
        "text": f"{WORDS}\nhttps://loyalty.example.com/history/{change.pk}/",
        "link_preview_options": '{"is_disabled": true}',
    }
    assert Delivery.objects.get().state == State.SENT


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        *((400, Failure.CHAT), (403, Failure.CHAT), (401, Failure.BOT), (404, Failure.BOT)),
        *((302, Failure.TELEGRAM), (429, Failure.TELEGRAM), (500, Failure.TELEGRAM)),
    ],
)
def test_what_telegram_refuses_is_named_and_sent_again(chatting, telegram, status, failure):
    telegram.status = status
    services.write_trial(chatting.credentials)
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.failure, delivery.detail) == (State.WAITING, failure, str(status))
    telegram.status = 200
    later(seconds=31)
    tell()
    assert len(telegram.messages) == 2
    assert Delivery.objects.get().state == State.SENT


def test_token_and_chat_are_encrypted_and_in_no_log_and_no_row(chatting, telegram, settings, caplog):
    caplog.set_level(logging.DEBUG)
    telegram.status = 500
    services.write_trial(chatting.credentials)
    tell()
    settings.TELEGRAM_URL = f"http://127.0.0.1:{free_port()}"
    later(seconds=31)
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.failure, delivery.detail) == (Failure.UNREACHABLE, "refused")
    assert {(TelegramChat, "token"), (TelegramChat, "chat")} <= set(encrypted_columns())
    rows = [str(list(model.objects.values())) for model in (TelegramChat, Delivery, Notice, SecurityEvent)]
    for text in (caplog.text, *rows):
        assert TOKEN.partition(":")[2] not in text
        assert CHAT not in text


def test_a_chat_that_no_key_opens_is_a_failure_in_words(chatting, telegram):
    TelegramChat.objects.update(token=Secret(sealed="f1:of-another-key"))
    services.write_trial(chatting.credentials)
    tell()
    assert Delivery.objects.get().failure == Failure.SECRET
    assert not telegram.messages


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_chat_that_is_removed_leaves_what_waits_to_the_mail(chatting, telegram, inbox):
    wants(chatting)
    change_elsewhere(chatting)
    telegram.status = 500
    tell()
    remove_chat(chatting)
    later(seconds=31)
    tell()
    assert (len(telegram.messages), len(inbox.mail)) == (1, 1)
    kinds = SecurityEvent.objects.filter(kind__startswith="chat").values_list("kind", "detail")
    assert set(kinds) == {(EventKind.CHAT_SET, ""), (EventKind.CHAT_REMOVED, "")}


@pytest.mark.parametrize("packed_for_mail", [False, True])
def test_a_text_is_never_longer_than_telegram_takes(packed_for_mail):
    count = 100 if packed_for_mail else MOST_IN_CHAT
    notices = [Notice(text="🍕" * 500, path="/history/1/") for _ in range(count)]
    text = text_of(notices)
    assert len(text.encode("utf-16-le")) // 2 <= 4096
    assert packed_for_mail or text.count("https://loyalty.example.com/history/1/") == count


def test_many_notices_are_several_messages(chatting, telegram):
    wants(chatting, NoticeChoice.How.DIGEST)
    for _ in range(10):
        change_elsewhere(chatting)
    tell()
    Notice.objects.update(due_at=timezone.now())
    tell()
    tell()
    assert [fields["text"].count("“Гості”") for _path, fields in telegram.messages] == [8, 2]
