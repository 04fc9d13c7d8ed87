"""Define notices: the choices of users, their chats in Telegram, and the messages to send."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models import PosterAccount
from groups.models.leases import Leased, LeasedQuerySet
from poster_admin.common.encryption import EncryptedField

LEASE = timedelta(minutes=2)
"""Time for one try to send a message; a worker that was killed leaves it to another one after that."""


class NoticeChoice(models.Model):
    """The wish of a user to get notices of a kind of events, from `chosen_at` on."""

    class How(models.TextChoices):
        OFF = "off", _("Not at all")
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
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "kind"), name="one_choice_a_kind"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind} {self.how}"


class TelegramChat(models.Model):
    """The chat in which a bot of the user's own writes the notices; without a row they come by mail."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="telegram_chat", primary_key=True
    )
    token = EncryptedField()
    chat = EncryptedField()
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user_id)


class NoticeCursor(models.Model):
    """The time up to which a worker has read the events of an account."""

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="notice_cursor", primary_key=True
    )
    looked_at = models.DateTimeField()

    class Meta:
        db_table = "groups_noticecursor"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.looked_at}"


class DeliveryQuerySet(LeasedQuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.WAITING)

    def due(self) -> "DeliveryQuerySet":
        return self.waiting().free().filter(next_try_at__lte=timezone.now())


class Delivery(Leased):
    """A mail, or a message in a chat, with one or more notices.

    Where a worker dies before it has recorded that it was sent, it may come twice; a mail has the same
    Message-ID then.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        # Nobody could be notified within a day.
        GIVEN_UP = "given_up"
        # The user may no longer see it, or has switched its kinds off.
        DROPPED = "dropped"

    class Failure(models.TextChoices):
        UNREACHABLE = "unreachable", _("Telegram could not be reached")
        TELEGRAM = "telegram", _("Telegram answered with an error")
        BOT = "bot", _("Telegram does not know the bot; enter the token that @BotFather shows now")
        CHAT = "chat", _("the bot may not write in this chat; add it there, or send it /start")
        SECRET = "secret", _("what is stored about the chat cannot be read; enter it again")
        MAIL = "mail", _("the mail server did not take it")
        TOKEN = "token", _("Poster does not accept the token of its reader")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(default=timezone.now)
    failure = models.CharField(max_length=11, choices=Failure, blank=True)
    # Telegram's status, or the reason why there was none.
    detail = models.CharField(max_length=20, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "groups_delivery"
        default_permissions = ()
        indexes = (models.Index(fields=("state", "next_try_at"), name="delivery_open"),)

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def waiting(self) -> "NoticeQuerySet":
        return self.filter(Q(delivery=None) | Q(delivery__state=Delivery.State.WAITING))


class Notice(models.Model):
    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=9)
    at = models.DateTimeField()
    text = models.TextField()
    path = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.CASCADE, related_name="notices")

    objects = NoticeQuerySet.as_manager()

    class Meta:
        db_table = "groups_notice"
        ordering = ("at", "pk")
        default_permissions = ()
        indexes = (models.Index(fields=("delivery", "due_at"), name="notice_due"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.at}"
