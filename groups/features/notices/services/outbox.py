"""Write down who is to be notified of what, and delete it when it is old.

A worker looks at the rows of the last minutes again and again. The id of a notice follows from the reader and
the event, so the database takes each once, whatever number of workers look, and whenever one dies.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from groups.features.notices.models import Delivery, Notice, NoticeChoice, NoticeCursor
from groups.models import PosterAccount, PosterCredentials
from groups.services.events import Event, event_sources, events_since
from groups.services.installation.maintenance import prune
from groups.services.values import in_currency_of
from poster_admin.common.outages import is_outage
from poster_admin.users.language import language_of

log = logging.getLogger("groups.notices")
VIEW_GROUP = "groups.view_group"
# The kind of a notice that tries a chat. No event has it, so nobody can choose it.
TRIAL = "trial"
# Rows may be committed some time after the time that they name, and clocks of servers differ.
OVERLAP = timedelta(minutes=15)
MORNING = time(8)
KEPT = timedelta(days=30)
How = NoticeChoice.How


def choices_of(user: User) -> dict[str, str]:
    """Return for each kind of events how the user wants to be told."""
    stored = dict(NoticeChoice.objects.filter(user=user).values_list("kind", "how"))
    return {source.kind: stored.get(source.kind, How.OFF.value) for source in event_sources}


def choose_notices(user: User, chosen: Mapping[str, str]) -> None:
    """Store the choices. A kind that is switched on is told from now on, one that was on goes on.

    Of one that is switched off nothing more is sent, also of what waits for the morning.
    """
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


def next_morning(moment: datetime) -> datetime:
    """Return the first time after `moment` when it is eight o'clock in the morning on the site's clock."""
    zone = timezone.get_default_timezone()
    day = moment.astimezone(zone).date()
    today = datetime.combine(day, MORNING, zone)
    return today if today > moment else datetime.combine(day + timedelta(days=1), MORNING, zone)


def write_notices() -> int:
    """Write the notices of new events for every reader; return the number of events looked at."""
    looked_at = 0
    for account in PosterAccount.objects.filter(pk__in=_to_be_told().values("account")):
        try:
            looked_at += _write_notices_of(account)
        except Exception as error:
            if is_outage(error):
                raise
            # Go on with the other accounts; this one is looked at again in a moment.
            log.exception("The events of account %s cannot be told", account.pk)
    return looked_at


def _write_notices_of(account: PosterAccount) -> int:
    cursors = NoticeCursor.objects.filter(pk=account.pk)
    NoticeCursor.objects.get_or_create(account=account, defaults={"looked_at": Now()})
    # The clock of the database, which all workers share: one with a fast clock must not hide events.
    looked_at, now = cursors.values_list("looked_at", Now()).get()
    events = list(events_since(account, min(looked_at, now) - OVERLAP))
    with transaction.atomic():
        # Read after the events: a choice that is newer than they are counts.
        readers = _to_be_told().filter(account=account).prefetch_related("user__notice_choices")
        users = [each.user for each in readers if may_be_told(each.user)]
        # An event that two sources tell is told once, in the words of the later one: the feature's.
        notices = {
            found.pk: found
            for kind, event in events
            for user in users
            if (found := _notice_of(kind, event, user, account))
        }
        Notice.objects.bulk_create(notices.values(), ignore_conflicts=True)
        cursors.update(looked_at=now)
    return len(events)


def _notice_of(kind: str, event: Event, user: User, account: PosterAccount) -> Notice | None:
    """Return the notice of an event in the user's language, or None for one that the user does not get."""
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


def _to_be_told() -> QuerySet[PosterCredentials]:
    """Return the credentials of users who want to be told, and can be: in a chat, or by mail."""
    reached = Q(user__telegram_chat__isnull=False)
    if settings.EMAIL_ENABLED:
        reached |= ~Q(user__email="")
    wish = NoticeChoice.objects.exclude(how=How.OFF).values("user")
    return PosterCredentials.objects.filter(reached, user__in=wish, refused_at=None).select_related("user")


def write_trial(credentials: PosterCredentials) -> None:
    """Write a notice of nothing for a user, in place of one that still waits: it tries the user's chat."""
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


def may_be_told(user: User) -> bool:
    """Return True if a user may sign in and see the groups."""
    return user.is_active and user.has_perm(VIEW_GROUP)


def notices_to_send(delivery: Delivery) -> list[Notice]:
    """Return the notices of a message, without those whose kind its reader has switched off.

    A worker that has read the choice before may write such a notice down after they were deleted.
    """
    off = NoticeChoice.objects.filter(user=delivery.user_id, how=How.OFF).values("kind")
    return list(delivery.notices.exclude(kind__in=off).select_related("account"))


def reader_of(delivery: Delivery, account_id: str) -> PosterCredentials | None:
    """Return the credentials of its reader; None if they may not see the account: a digest waits for hours.

    Credentials that Poster has refused are returned: that may have been a mistake, which a later page shows.
    """
    found = PosterCredentials.objects.filter(user=delivery.user_id, account=account_id)
    credentials = found.select_related("user").first()
    return credentials if credentials and may_be_told(credentials.user) else None


@prune("notices")
def forget_old() -> int:
    """Delete what was told, or could not be told, some time ago; return the number of notices."""
    old = timezone.now() - KEPT
    Delivery.objects.filter(created_at__lt=old).delete()
    notices = Notice.objects.filter(due_at__lt=old).exclude(delivery__state=Delivery.State.WAITING)
    return notices.delete()[0]
