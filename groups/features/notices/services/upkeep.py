"""Do a worker's work for notices, and say for `manage.py doctor` which messages could not be sent."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from groups.features.notices.models import Delivery
from groups.features.notices.services import deliveries, outbox
from groups.services.installation.findings import Found, State

LOOKED_AT = timedelta(days=1)
NOT_SENT = (Delivery.State.WAITING, Delivery.State.GIVEN_UP)


def tell() -> None:
    """Write notices of new events down, and queue the messages that are due."""
    outbox.write_down()
    deliveries.pack()
    deliveries.revive()


def examine() -> Found:
    """Look at the messages that could not be sent, for each webhook and for mail."""
    failing = Delivery.objects.exclude(failure="").filter(state__in=NOT_SENT)
    recent = failing.filter(tried_at__gt=timezone.now() - LOOKED_AT)
    for account in sorted(set(recent.exclude(webhook=None).values_list("webhook__account", flat=True))):
        yield State.WARNING, f"the webhook of {account} fails: /account/notices/ says why"
    if mails := recent.filter(webhook=None).count():
        yield State.WARNING, f"{mails} mails were not taken by the mail server"
    if not recent.exists():
        waiting = Delivery.objects.waiting().count()
        yield State.GOOD, f"{'mail is set up' if settings.EMAIL_ENABLED else 'no mail'}, {waiting} wait"
