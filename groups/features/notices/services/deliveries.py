"""Send notices: put those that are due into messages, and send each message by a task of the job queue."""

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F
from django.tasks import task
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from groups.features.notices.models import LEASE, Delivery, Notice, SendFailed, TelegramChat
from groups.features.notices.services import mails, outbox, telegram
from groups.models import PosterCredentials
from groups.services.installation.doctor import Found, parts_of_features
from groups.services.installation.doctor import State as Level
from groups.services.installation.maintenance import queues, routine
from groups.services.metrics import StateGauge, state_gauges

log = logging.getLogger("groups.notices")

QUEUE = "notices"
# Pauses between two tries, a day in all.
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 60, 120, 240, 480, 480))
# Most notices in one mail; the next mail has the rest.
MOST_NOTICES = 100
# A task that has not begun this long after its time was lost with its worker.
OVERDUE = timedelta(minutes=2)
State = Delivery.State
NOT_SENT = (State.WAITING, State.GIVEN_UP)
# Age up to which a message that could not be sent is worth a line of `manage.py doctor`.
LOOKED_AT = timedelta(days=1)


def queue_due_notices() -> int:
    """Queue the notices that are due, one message a reader and account; return the number of messages."""
    waiting = Notice.objects.filter(delivery=None, due_at__lte=timezone.now())
    queued = 0
    for user_id, account_id in set(waiting.order_by().values_list("user_id", "account_id")):
        of_reader = Notice.objects.filter(user=user_id, account=account_id)
        has_chat = TelegramChat.objects.filter(user=user_id).exists()
        most = telegram.MOST_NOTICES if has_chat else MOST_NOTICES
        with transaction.atomic():
            waiting = of_reader.select_for_update().filter(delivery=None, due_at__lte=timezone.now())
            ids = list(waiting.values_list("pk", flat=True)[:most])
            if not ids:
                continue  # another worker was sooner
            delivery = Delivery.objects.create(user_id=user_id)
            of_reader.filter(pk__in=ids).update(delivery=delivery)
            deliver.enqueue(str(delivery.pk))
            queued += 1
    return queued


def queue_lost_messages() -> int:
    """Queue the messages again whose task was lost with its worker; return their number.

    A second task of one message does no harm: the lease lets one of them send it.
    """
    lost = Delivery.objects.due().filter(next_try_at__lte=timezone.now() - OVERDUE)
    found = 0
    for pk in lost.values_list("pk", flat=True):
        with transaction.atomic():
            # Put it off, so that one worker queues it, and not each at each look.
            if lost.filter(pk=pk).update(next_try_at=timezone.now()):
                deliver.enqueue(str(pk))
                found += 1
    return found


@task(queue_name=QUEUE)
def deliver(delivery_id: str) -> None:
    """Send one message, unless it was sent or another worker is at it; if that fails, queue the next try."""
    lease = Delivery.objects.due().take(
        uuid.UUID(delivery_id), LEASE, tried_at=timezone.now(), tries=F("tries") + 1
    )
    if lease is None:
        return
    delivery = lease.row.select_related("user__telegram_chat").first()
    if delivery is None:
        return  # the user was removed a moment ago
    notices = outbox.notices_to_send(delivery)
    reader = outbox.reader_of(delivery, notices[0].account_id) if notices else None
    if reader is None:
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
        next_try_at = timezone.now() + RETRY_DELAYS[delivery.tries - 1]
        with transaction.atomic():
            lease.release(next_try_at=next_try_at, **values)
            deliver.using(run_after=next_try_at).enqueue(str(delivery.pk))
    else:
        lease.release(state=State.SENT, failure="", detail="")


def _send(delivery: Delivery, notices: list[Notice], reader: PosterCredentials) -> None:
    """Send a message. Raises `SendFailed`, also while Poster does not accept the token of its reader."""
    if reader.refused_at:
        raise SendFailed(Delivery.Failure.TOKEN)
    if hasattr(delivery.user, "telegram_chat"):
        telegram.send_message(delivery.user.telegram_chat, notices)
    else:
        mails.send_mail(delivery, notices)


# --- Upkeep ------------------------------------------------------------------------------------------------


@routine("notices", pause=3)
def tell_events() -> None:
    """Write notices of new events down, and queue the messages that are due: a worker's routine."""
    outbox.write_notices()
    queue_due_notices()
    queue_lost_messages()


def examine() -> Found:
    """Count the messages that could not be sent, by their reason: for `manage.py doctor`."""
    failing = Delivery.objects.exclude(failure="").filter(state__in=NOT_SENT)
    recent = failing.filter(tried_at__gt=timezone.now() - LOOKED_AT)
    for failure, count in recent.order_by("failure").values_list("failure").annotate(Count("pk")):
        words = _("messages that could not be sent: %(count)s (%(reason)s)")
        yield Level.WARNING, words % {"count": count, "reason": Delivery.Failure(failure).label}
    if not recent.exists():
        mail, none = _("mail is set up, waiting: %(count)s"), _("no mail, waiting: %(count)s")
        words = mail if settings.EMAIL_ENABLED else none
        yield Level.GOOD, words % {"count": Delivery.objects.waiting().count()}


queues.append(QUEUE)
parts_of_features.append((gettext_noop("notices"), examine))
state_gauges.append(StateGauge("notices_not_sent", "Messages with notices", Delivery.objects.all, NOT_SENT))
