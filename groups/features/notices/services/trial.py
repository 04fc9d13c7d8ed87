"""Try the webhook of an account: send it one signed notice at once, as the worker sends those of events."""

import uuid
from datetime import timedelta

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.notices.models import Delivery, Notice, SendFailed, Webhook
from groups.features.notices.services import webhooks
from groups.features.notices.services.outbox import SET_WEBHOOK, reader_of
from groups.models import PosterCredentials
from poster_admin.users.language import language_of

# The kind in the body of the request. No event has it, so nobody can choose it.
KIND = "trial"
# After any message: each trial keeps a thread of the server for as long as the receiver may take to answer.
PAUSE = timedelta(seconds=10)
State = Delivery.State


class TrialRefused(Exception):
    """Nothing was sent."""

    class Reason(models.TextChoices):
        """Why nothing was sent. The labels are sentences for people."""

        OFF = "off", gettext_lazy("Nothing was sent: no webhook is set, or its owner may not do so any more.")
        TOO_SOON = (
            "too_soon",
            gettext_lazy("Nothing was sent: the webhook was tried a moment ago. Wait ten seconds."),
        )

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def send_trial(credentials: PosterCredentials) -> None:
    """Send a trial, and wait for the answer. It is not sent again.

    Raises `PermissionDenied`, `TrialRefused`, and `SendFailed` unless the receiver answers with 2xx.
    """
    if not credentials.user.has_perm(SET_WEBHOOK):
        raise PermissionDenied
    account_id = credentials.account_id
    with transaction.atomic():
        found = Webhook.objects.on().select_related("credentials__user").filter(account=account_id)
        webhook = found.select_for_update(of=("self",)).first()
        # No worker takes this state up: a trial whose process dies has no second try.
        delivery = Delivery(webhook=webhook, state=State.DROPPED, tries=1, tried_at=timezone.now())
        if webhook is None or webhook.credentials is None or reader_of(delivery, account_id) is None:
            raise TrialRefused(TrialRefused.Reason.OFF)
        if webhook.deliveries.filter(tried_at__gt=timezone.now() - PAUSE).exists():
            raise TrialRefused(TrialRefused.Reason.TOO_SOON)
        delivery.save(force_insert=True)
    with translation.override(language_of(webhook.credentials.user)):
        text = _("A trial: the webhook of “%(account)s” works.") % {"account": account_id}
    # The notice is not kept.
    notice = Notice(id=uuid.uuid4(), account_id=account_id, kind=KIND, at=timezone.now(), text=text)
    notice.path = reverse("groups:notices")
    row = Delivery.objects.filter(pk=delivery.pk)
    try:
        webhooks.send_request(delivery, [notice])
    except SendFailed as failed:
        row.update(failure=failed.failure, status=failed.status)
        raise
    row.update(state=State.SENT)
