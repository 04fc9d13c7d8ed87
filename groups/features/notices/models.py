"""Define notices: the choices of users, the webhook of an account, and the outbox."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models import PosterAccount, PosterCredentials
from groups.models.leases import Leased, LeasedQuerySet
from poster_admin.common.encryption import EncryptedField

"""Longest pause between two tries to send a message."""
LEASE = timedelta(minutes=2)
"""Time for one try to send a message; a worker that was killed leaves it to another one after that."""


class NoticeChoice(models.Model):
    """The wish of a user to be notified of one kind of event; without a row nothing is told.

    `kind` is that of an event source; the rows of a feature that is switched off stay. Events before
    `chosen_at` are not told.
    """

    class How(models.TextChoices):
        OFF = "off", _("No mail")
        AT_ONCE = "at_once", _("At once")
        DIGEST = "digest", _("Each morning")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choices"
    )
    kind = models.CharField(max_length=9)
    how = models.CharField(max_length=7, choices=How)
    chosen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "groups_noticechoice"
        verbose_name = "choice of notices"
        verbose_name_plural = "choices of notices"
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "kind"), name="one_choice_a_kind"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.how}"


def new_key() -> str:
    """Return a key that no webhook has had. Webhooks of release 1.0 have the name of their account."""
    return str(uuid.uuid4())


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def on(self) -> "WebhookQuerySet":
        """Return the webhooks whose owner is still connected to this account with a good token."""
        return self.filter(credentials__account=F("account"), credentials__refused_at=None)


class Webhook(models.Model):
    """The address to which the notices of one account are sent.

    `key` stands for this one address: another address is another row with another key. Notices and messages
    name the key, so those for an address end with it, and none reaches the next one of the account.
    `credentials` are those of the owner who has set it, in whose language and with whose right it is told;
    without them nothing is sent. The address is a secret too: those of chat services let their reader write.
    `shown` is its beginning, for people. `kinds` has for each kind that is told the time of that choice:
    events before it are not told.
    """

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="webhook", primary_key=True
    )
    key = models.CharField(max_length=63, unique=True, default=new_key, editable=False)
    credentials = models.ForeignKey(
        PosterCredentials, null=True, on_delete=models.SET_NULL, related_name="webhooks"
    )
    address = EncryptedField()
    shown = models.CharField(max_length=255)
    secret = EncryptedField()
    kinds = models.JSONField(default=dict)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        db_table = "groups_webhook"
        verbose_name = "webhook"
        verbose_name_plural = "webhooks"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.shown}"


class NoticeCursor(models.Model):
    """The time up to which a worker has looked for the events of an account."""

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="notice_cursor", primary_key=True
    )
    looked_at = models.DateTimeField()

    class Meta:
        db_table = "groups_noticecursor"
        verbose_name = "cursor of notices"
        verbose_name_plural = "cursors of notices"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.looked_at}"


class DeliveryQuerySet(LeasedQuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.WAITING)

    def due(self) -> "DeliveryQuerySet":
        """Return the messages to send now that no other worker is sending."""
        return self.waiting().free().filter(next_try_at__lte=timezone.now())


class Delivery(Leased):
    """One message with one or more notices: a mail to a user, or a request to a webhook.

    One that was taken by the mail server or the webhook is not sent again. A worker that dies before it has
    recorded that leaves it to another one, so it may come twice, with the same id: in the Message-ID of the
    mail, and as `id` of the webhook.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        # Nobody could be told within a day.
        GIVEN_UP = "given_up"
        # The user may no longer see it, or the webhook is gone; or it was a trial, which has one try.
        DROPPED = "dropped"

    class Failure(models.TextChoices):
        """Why the last try failed. The labels are half sentences for people."""

        ADDRESS = "address", _("the address leads to a place that is not allowed")
        NO_NAME = "no_name", _("there is no server of this name")
        UNREACHABLE = "unreachable", _("there was no connection")
        TIMEOUT = "timeout", _("there was no answer in time")
        CERTIFICATE = "certificate", _("its certificate is not accepted")
        TLS = "tls", _("no encrypted connection was possible")
        NO_HTTP = "no_http", _("it broke off, or did not answer as a web server does")
        REDIRECT = "redirect", _("it leads to another address, which is not followed")
        STATUS = "status", _("it answered with an error")
        MAIL = "mail", _("the mail server did not take it")
        SECRET = "secret", _("the stored address cannot be read")
        TOKEN = "token", _("Poster did not accept the token of the owner who set it")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    webhook = models.ForeignKey(
        Webhook, null=True, to_field="key", on_delete=models.CASCADE, related_name="deliveries"
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    failure = models.CharField(max_length=11, blank=True)
    status = models.PositiveSmallIntegerField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "groups_delivery"
        verbose_name = "message with notices"
        verbose_name_plural = "messages with notices"
        default_permissions = ()
        indexes = (
            models.Index(fields=("state", "next_try_at"), name="delivery_open"),
            models.Index(fields=("webhook", "-tried_at"), name="delivery_by_webhook"),
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"

    @property
    def problem(self) -> str:
        """The reason why the last try failed, in words; empty if it did not."""
        return str(self.Failure(self.failure).label) if self.failure else ""


class SendFailed(Exception):
    """A try has failed. It holds a reason and a status, never an address, a secret or an answer."""

    def __init__(self, failure: Delivery.Failure, status: int | None = None) -> None:
        super().__init__(failure)
        self.failure = failure
        self.status = status


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> "NoticeQuerySet":
        """Return the notices that their reader has not got yet, and still gets."""
        return self.filter(Q(delivery=None) | Q(delivery__state=Delivery.State.WAITING))


class Notice(models.Model):
    """One event that one user or one webhook is notified of, in the language of its reader."""

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notices"
    )
    webhook = models.ForeignKey(
        Webhook, null=True, to_field="key", on_delete=models.CASCADE, related_name="notices"
    )
    kind = models.CharField(max_length=9)
    at = models.DateTimeField()
    text = models.TextField()
    path = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.CASCADE, related_name="notices")

    objects = NoticeQuerySet.as_manager()

    class Meta:
        db_table = "groups_notice"
        verbose_name = "notice"
        verbose_name_plural = "notices"
        ordering = ("at", "pk")
        default_permissions = ()
        indexes = (models.Index(fields=("delivery", "due_at"), name="notice_due"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(user__isnull=True, webhook__isnull=False)
                | Q(user__isnull=False, webhook__isnull=True),
                name="notice_of_one_reader",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"
