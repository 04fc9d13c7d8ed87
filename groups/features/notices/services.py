"""Notify people by mail or in Telegram what happens to the groups of an account.

A worker reads the rows of the last minutes again and again. The id of a notice follows from the reader and
the event, so the database takes each once, whatever number of workers run, and whenever one dies.
"""

import logging
import smtplib
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from datetime import time as clock_time

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from groups.features.notices.models import (
    LEASE,
    Delivery,
    Notice,
    NoticeChoice,
    NoticeCursor,
    TelegramChat,
)
from groups.models import PosterAccount, PosterCredentials
from groups.poster.transport import Timeouts, TransportFailure
from groups.services.events import Event, event_sources, events_since
from groups.services.gateway import transport
from groups.services.installation.doctor import Found, Level, parts_of_features
from groups.services.installation.maintenance import prune, routine
from groups.services.values import in_currency_of
from poster_admin.common.encryption import Secret, SecretUnreadable
from poster_admin.common.outages import is_outage
from poster_admin.common.pages import link
from poster_admin.users.accounts import language_of
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

log = logging.getLogger("groups.notices")
VIEW_GROUP = "groups.view_group"
# The kind of a notice that tries a chat. No event has it, so nobody can choose it.
TRIAL = "trial"
# Rows may be committed some time after the time that they name, and clocks of servers differ.
OVERLAP = timedelta(minutes=15)
MORNING = clock_time(8)
KEPT = timedelta(days=30)
# Pauses between two tries, a day in all.
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 60, 120, 240, 480, 480))
# Most notices in one mail, and in one message of a chat; the next one has the rest.
MOST_IN_MAIL = 100
MOST_IN_CHAT = 8
LONGEST_SUBJECT = 120
# Telegram takes 4,096 units of UTF-16, and a sign has one or two.
LONGEST_TEXT = 2000
# Seconds for the whole exchange with Telegram.
CHAT_DEADLINE = 10.0
# Readers to whom a worker sends at once: a server that does not answer holds one of them up.
READERS_AT_ONCE = 10
How = NoticeChoice.How
State = Delivery.State
NOT_SENT = (State.WAITING, State.GIVEN_UP)
# Age up to which a message that could not be sent is worth a line of `manage.py doctor`.
LOOKED_AT = timedelta(days=1)
FAILURES = {
    400: Delivery.Failure.CHAT,
    401: Delivery.Failure.BOT,
    403: Delivery.Failure.CHAT,
    404: Delivery.Failure.BOT,
}


class SendFailed(Exception):
    """A try has failed. The detail is never an address, a token or an answer."""

    def __init__(self, failure: Delivery.Failure, detail: str = "") -> None:
        super().__init__(failure)
        self.failure = failure
        self.detail = detail


# --- Choose what is reported, and where ---------------------------------------------------------------------


def choices_of(user: User) -> dict[str, str]:
    stored = dict(NoticeChoice.objects.filter(user=user).values_list("kind", "how"))
    return {source.kind: stored.get(source.kind, How.OFF.value) for source in event_sources}


def choose_notices(user: User, chosen: Mapping[str, str]) -> None:
    """Store the choices. A kind that is switched off sends nothing more, nor what waits for the morning."""
    before = choices_of(user)
    with transaction.atomic():
        for kind, how in chosen.items():
            if how != before[kind]:
                values: dict[str, object] = {"how": how}
                if before[kind] == How.OFF:
                    values["chosen_at"] = timezone.now()
                NoticeChoice.objects.update_or_create(user=user, kind=kind, defaults=values)
        off = [kind for kind, how in chosen.items() if how == How.OFF]
        Notice.objects.waiting().filter(user=user, kind__in=off).delete()


def set_chat(user: User, *, token: str, chat: str) -> None:
    values = {"token": Secret(token), "chat": Secret(chat), "set_at": timezone.now()}
    TelegramChat.objects.update_or_create(user=user, defaults=values)
    record(EventKind.CHAT_SET, user=user)


def remove_chat(user: User) -> None:
    if TelegramChat.objects.filter(user=user).delete()[0]:
        record(EventKind.CHAT_REMOVED, user=user)


def write_trial(credentials: PosterCredentials) -> None:
    """Write a notice of nothing, in place of one that still waits, to try the user's chat."""
    Notice.objects.waiting().filter(user=credentials.user, kind=TRIAL).delete()
    with translation.override(language_of(credentials.user)):
        text = _("A trial: your notices arrive here.")
    now = timezone.now()
    Notice.objects.create(
        id=uuid.uuid4(),
        account=credentials.account,
        user=credentials.user,
        kind=TRIAL,
        at=now,
        text=text,
        path=reverse("groups:notices"),
        due_at=now,
    )


# --- Write notices down -------------------------------------------------------------------------------------


def next_morning(moment: datetime) -> datetime:
    """Return the first MORNING after `moment` on the site's clock."""
    zone = timezone.get_default_timezone()
    day = moment.astimezone(zone).date()
    today = datetime.combine(day, MORNING, zone)
    return today if today > moment else datetime.combine(day + timedelta(days=1), MORNING, zone)


def write_notices() -> None:
    for account in PosterAccount.objects.filter(pk__in=_to_be_notified().values("account")):
        try:
            cursors = NoticeCursor.objects.filter(pk=account.pk)
            NoticeCursor.objects.get_or_create(account=account, defaults={"looked_at": Now()})
            # The clock of the database, which all workers share: one with a fast clock must not hide events.
            looked_at, now = cursors.values_list("looked_at", Now()).get()
            events = list(events_since(account, min(looked_at, now) - OVERLAP))
            with transaction.atomic():
                # Read after the events: a choice that is newer than they are counts.
                readers = _to_be_notified().filter(account=account).prefetch_related("user__notice_choices")
                users = [each.user for each in readers if may_be_notified(each.user)]
                # An event of two sources is reported once, in the words of the later one: the feature's.
                notices = {
                    found.pk: found
                    for kind, event in events
                    for user in users
                    if (found := _notice_of(kind, event, user, account))
                }
                Notice.objects.bulk_create(notices.values(), ignore_conflicts=True)
                cursors.update(looked_at=now)
        except Exception as error:
            if is_outage(error):
                raise
            # Go on with the other accounts; this one is read again in a moment.
            log.exception("The events of account %s cannot be reported", account.pk)


def _notice_of(kind: str, event: Event, user: User, account: PosterAccount) -> Notice | None:
    choice = next((each for each in user.notice_choices.all() if each.kind == kind), None)
    if choice is None or choice.how == How.OFF or event.at < choice.chosen_at or not event.concerns(user):
        return None
    with translation.override(language_of(user)), in_currency_of(account):
        text = event.text()
    return Notice(
        id=uuid.uuid5(uuid.NAMESPACE_OID, f"user {user.pk} {account.pk} {event.key}"),
        account=account,
        user=user,
        kind=kind,
        at=event.at,
        text=text,
        path=event.path,
        due_at=next_morning(event.at) if choice.how == How.DIGEST else event.at,
    )


def _to_be_notified() -> QuerySet[PosterCredentials]:
    """Return the credentials of users who want notices, and have a chat or an address."""
    reached = Q(user__telegram_chat__isnull=False)
    if settings.EMAIL_ENABLED:
        reached |= ~Q(user__email="")
    wish = NoticeChoice.objects.exclude(how=How.OFF).values("user")
    return PosterCredentials.objects.filter(reached, user__in=wish, refused_at=None).select_related("user")


def may_be_notified(user: User) -> bool:
    return user.is_active and user.has_perm(VIEW_GROUP)


# --- Send them ----------------------------------------------------------------------------------------------


def pack_due_notices() -> None:
    """Pack the notices that are due, one message a reader and account."""
    waiting = Notice.objects.filter(delivery=None, due_at__lte=timezone.now())
    for user_id, account_id in set(waiting.order_by().values_list("user_id", "account_id")):
        of_reader = Notice.objects.filter(user=user_id, account=account_id)
        has_chat = TelegramChat.objects.filter(user=user_id).exists()
        most = MOST_IN_CHAT if has_chat else MOST_IN_MAIL
        with transaction.atomic():
            waiting = of_reader.select_for_update().filter(delivery=None, due_at__lte=timezone.now())
            ids = list(waiting.values_list("pk", flat=True)[:most])
            if not ids:
                continue  # another worker was sooner
            delivery = Delivery.objects.create(user_id=user_id)
            of_reader.filter(pk__in=ids).update(delivery=delivery)


def readers_due() -> list[str]:
    readers = Delivery.objects.due().order_by("next_try_at").values_list("user", flat=True)
    return [str(each) for each in dict.fromkeys(readers)][:READERS_AT_ONCE]


@routine("send notices", pause=1, for_each=readers_due)
def send_due(reader: str) -> None:
    for pk in Delivery.objects.due().filter(user=int(reader)).values_list("pk", flat=True):
        deliver(pk)


def deliver(delivery_id: uuid.UUID) -> None:
    """Send one message, unless another worker is at it; if that fails, it is due again later."""
    lease = Delivery.objects.due().take(delivery_id, LEASE, tried_at=timezone.now(), tries=F("tries") + 1)
    if lease is None:
        return
    delivery = lease.row.select_related("user__telegram_chat").first()
    if delivery is None:
        return  # the user was removed a moment ago
    # A worker that has read a choice before may write a notice down after it was switched off.
    off = NoticeChoice.objects.filter(user=delivery.user_id, how=How.OFF).values("kind")
    notices = list(delivery.notices.exclude(kind__in=off).select_related("account"))
    reader = None
    if notices:
        of_account = PosterCredentials.objects.filter(account=notices[0].account_id)
        reader = of_account.filter(user=delivery.user_id).select_related("user").first()
    # A digest waits for hours: by now its reader may not be allowed to see the account.
    if reader is None or not may_be_notified(reader.user):
        lease.release(state=State.DROPPED)
        return
    try:
        _send(delivery, notices, reader)
    except SendFailed as failed:
        log.warning("Notices %s were not sent: %s %s", delivery.pk, failed.failure, failed.detail)
        values = {"failure": failed.failure, "detail": failed.detail}
        if delivery.tries > len(RETRY_DELAYS):
            lease.release(state=State.GIVEN_UP, **values)
            return
        lease.release(next_try_at=timezone.now() + RETRY_DELAYS[delivery.tries - 1], **values)
    else:
        lease.release(state=State.SENT, failure="", detail="")


def _send(delivery: Delivery, notices: list[Notice], reader: PosterCredentials) -> None:
    if reader.refused_at:  # perhaps by mistake, which a later page shows
        raise SendFailed(Delivery.Failure.TOKEN)
    if hasattr(delivery.user, "telegram_chat"):
        send_message(delivery.user.telegram_chat, notices)
    else:
        send_mail(delivery, notices)


def send_mail(delivery: Delivery, notices: list[Notice]) -> None:
    """Send one mail with all notices. Raises `SendFailed`."""
    user = delivery.user
    if not user.email or not settings.EMAIL_ENABLED:
        raise SendFailed(Delivery.Failure.MAIL)
    with translation.override(language_of(user)):
        subject = Truncator(notices[0].text).chars(LONGEST_SUBJECT)
        if len(notices) > 1:
            words = ngettext("%(count)s notice", "%(count)s notices", len(notices))
            subject = words % {"count": len(notices)}
        where = _("Poster account: %(name)s") % {"name": notices[0].account.title}
        choose = _("You have chosen these notices. Choose others under Notices.")
        texts = [(notice.text, link(notice.path)) for notice in notices]
        texts.append((choose, link(reverse("groups:notices"))))
        parts = ["\n".join(filter(None, each)) for each in texts]
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
    message = EmailMessage(
        f"Poster Admin: {subject}",
        "\n\n".join([where, *parts]) + "\n",
        to=[user.email],
        # Away notes of the recipient stay away.
        headers={"Message-ID": f"<{delivery.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (smtplib.SMTPException, OSError, ValueError):
        # ValueError: the address of the user is none.
        raise SendFailed(Delivery.Failure.MAIL) from None


def send_message(chat: TelegramChat, notices: list[Notice]) -> None:
    """Send one message with all notices: https://core.telegram.org/bots/api#sendmessage.

    The token of the bot is in the address, which no error and no log of the transport holds. Raises
    `SendFailed`.
    """
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
        deadline=time.monotonic() + CHAT_DEADLINE,
    )
    if isinstance(answer, TransportFailure):
        raise SendFailed(Delivery.Failure.UNREACHABLE, answer.reason)
    if answer.status != 200:
        raise SendFailed(FAILURES.get(answer.status, Delivery.Failure.TELEGRAM), str(answer.status))


def text_of(notices: list[Notice]) -> str:
    """Return the notices with their links, each with an equal share of half the text."""
    share = LONGEST_TEXT // 2 // len(notices)
    parts = [(Truncator(notice.text).chars(share), link(notice.path)) for notice in notices]
    return Truncator("\n\n".join("\n".join(filter(None, part)) for part in parts)).chars(LONGEST_TEXT)


# --- Upkeep ------------------------------------------------------------------------------------------------


@routine("notices", pause=3)
def tell_events() -> None:
    write_notices()
    pack_due_notices()


@prune("notices")
def forget_old() -> int:
    old = timezone.now() - KEPT
    Delivery.objects.filter(created_at__lt=old).delete()
    notices = Notice.objects.filter(due_at__lt=old).exclude(delivery__state=Delivery.State.WAITING)
    return notices.delete()[0]


def examine() -> Found:
    failing = Delivery.objects.exclude(failure="").filter(state__in=NOT_SENT)
    recent = failing.filter(tried_at__gt=timezone.now() - LOOKED_AT)
    for failure, count in recent.order_by("failure").values_list("failure").annotate(Count("pk")):
        words = _("messages that could not be sent: %(count)s (%(reason)s)")
        yield Level.WARNING, words % {"count": count, "reason": Delivery.Failure(failure).label}
    if not recent.exists():
        mail, none = _("mail is set up, waiting: %(count)s"), _("no mail, waiting: %(count)s")
        words = mail if settings.EMAIL_ENABLED else none
        yield Level.GOOD, words % {"count": Delivery.objects.waiting().count()}


parts_of_features.append((gettext_noop("notices"), examine))
