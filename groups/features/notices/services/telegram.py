"""Set the chat of a user in Telegram, and send notices there: https://core.telegram.org/bots/api#sendmessage.

The calls go the way of those to Poster, with its proxy, authorities and one deadline for all of a call. The
token of the bot is in the address of each, which no error and no log of the transport holds.
"""

import time

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.text import Truncator

from groups.features.notices.models import Delivery, Notice, SendFailed, TelegramChat
from groups.poster.transport import Failure, Timeouts
from groups.services.gateway import transport
from poster_admin.common.encryption import Secret, SecretUnreadable
from poster_admin.common.pages import link
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

# Seconds for the whole exchange.
DEADLINE = 10.0
# Telegram takes 4,096 units of UTF-16, and a sign has one or two.
LONGEST_TEXT = 2000
# Most notices in one message; the next message has the rest.
MOST_NOTICES = 8
FAILURES = {
    400: Delivery.Failure.CHAT,
    401: Delivery.Failure.BOT,
    403: Delivery.Failure.CHAT,
    404: Delivery.Failure.BOT,
}


def set_chat(user: User, *, token: str, chat: str) -> None:
    """Set the chat of a user, in place of the one before: what waits goes there."""
    values = {"token": Secret(token), "chat": Secret(chat), "set_at": timezone.now()}
    TelegramChat.objects.update_or_create(user=user, defaults=values)
    record(Event.CHAT_SET, user=user)


def remove_chat(user: User) -> None:
    """Forget the chat; what waits for it goes by mail."""
    if TelegramChat.objects.filter(user=user).delete()[0]:
        record(Event.CHAT_REMOVED, user=user)


def send_message(chat: TelegramChat, notices: list[Notice]) -> None:
    """Send one message with all notices, as plain text. Raises `SendFailed`."""
    try:
        token, chat_id = chat.token.reveal(), chat.chat.reveal()
    except SecretUnreadable:
        raise SendFailed(Delivery.Failure.SECRET) from None
    answer = transport().exchange(
        "POST",
        f"{settings.TELEGRAM_URL}/bot{token}/sendMessage",
        params={},
        form={
            "chat_id": chat_id,
            "text": text_of(notices),
            "link_preview_options": '{"is_disabled": true}',
        },
        timeouts=Timeouts(),
        deadline=time.monotonic() + DEADLINE,
    )
    if isinstance(answer, Failure):
        raise SendFailed(Delivery.Failure.UNREACHABLE, answer.reason)
    if answer.status != 200:
        raise SendFailed(FAILURES.get(answer.status, Delivery.Failure.TELEGRAM), str(answer.status))


def text_of(notices: list[Notice]) -> str:
    """Return the notices with their links; of several, each has an equal share of half the text."""
    share = LONGEST_TEXT // 2 // len(notices)
    parts = [(Truncator(notice.text).chars(share), link(notice.path)) for notice in notices]
    return Truncator("\n\n".join("\n".join(filter(None, part)) for part in parts)).chars(LONGEST_TEXT)
