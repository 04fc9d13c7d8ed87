"""What the dashboard keeps of its own: who may speak for which Poster account, and what was changed by whom.

The groups themselves live in Poster and nowhere else; `GroupsCopy` is only what is shown while it is away.
"""

import hashlib
import uuid
from datetime import date, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.crypto import EncryptedField, Secret

TOKEN_LIFE = timedelta(days=2 * 365)
TOKEN_WARNING = timedelta(days=60)


class PosterAccount(models.Model):
    """A Poster account (a company), as far as everybody who is connected to it shares it here.

    `writes` counts every write that was sent or settled: it is part of the key of all that is cached, so that
    each process sees a change at once. `bonus_block` is the change whose birthday bonus came back multiplied
    or divided by 100: until an owner lifts it, no bonus of this account is written. `bonus_unit` is what this
    account takes a written bonus for: the documentation says hryvnia, newer pages of it say kopecks.
    `company_name` and `currency` are Poster's, where the token of somebody may read them.
    """

    class BonusUnit(models.TextChoices):
        HRYVNIA = "hryvnia", _("hryvnia, as documented")
        KOPECKS = "kopecks", _("kopecks")

    name = models.CharField(max_length=63, primary_key=True)
    company_name = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=8, default="₴")
    writes = models.PositiveBigIntegerField(default=0)
    bonus_unit = models.CharField(max_length=7, choices=BonusUnit, default=BonusUnit.HRYVNIA)
    bonus_block = models.ForeignKey(
        "Change", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("Poster account")
        verbose_name_plural = _("Poster accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """The company as people know it, with the account's login."""
        return f"{self.company_name} ({self.name})" if self.company_name else self.name

    def count_write(self) -> None:
        """Make everything cached of this account stale, in every process."""
        PosterAccount.objects.filter(pk=self.pk).update(writes=F("writes") + 1)
        self.refresh_from_db(fields=["writes"])


class Connection(models.Model):
    """One user's own token for a Poster account.

    It is only saved once Poster has accepted the token for that very account, and `refused_at` is set as soon
    as Poster no longer does: only in between may its user see what is kept here of the account.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connection")
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="connections")
    token = EncryptedField()
    token_hint = models.CharField(max_length=4, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    connected_at = models.DateTimeField(default=timezone.now, editable=False)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The circuit breaker: in the row, so that every process knows.
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    closed_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("connection to Poster")
        verbose_name_plural = _("connections to Poster")
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return f"{self.account_id} …{self.token_hint}"

    def set_token(self, token: str) -> None:
        """Take a token that Poster has just accepted."""
        self.token = Secret(token)
        self.token_hint = token[-4:]
        # Keyed, so that the column tells nothing about the token to one who has only the database.
        self.fingerprint = hashlib.blake2b(
            token.encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=32
        ).hexdigest()
        self.connected_at = timezone.now()
        self.refused_at = self.failing_since = self.closed_until = None
        self.failures = 0

    @property
    def expires_on(self) -> date:
        """The day on which Poster stops taking the token: tokens live for two years."""
        return timezone.localdate(self.connected_at + TOKEN_LIFE)

    @property
    def expires_soon(self) -> bool:
        return timezone.now() >= self.connected_at + TOKEN_LIFE - TOKEN_WARNING


class GroupsCopy(models.Model):
    """The last good answer of clients.getGroups to one connection, shown while Poster does not answer."""

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, related_name="copy", primary_key=True
    )
    fingerprint = models.CharField(max_length=64)
    fetched_at = models.DateTimeField()
    digest = models.CharField(max_length=64)
    groups = models.JSONField()

    class Meta:
        verbose_name = _("last good copy")
        verbose_name_plural = _("last good copies")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.connection_id} {self.fetched_at:%F %T}"


class ChangeQuerySet(models.QuerySet["Change"]):
    """Changes: open ones can be settled once, settled ones are for ever."""

    def open(self) -> "ChangeQuerySet":
        """Those whose outcome is not known yet: each locks its group."""
        return self.filter(state__in=Change.OPEN)

    def unsettled(self) -> "ChangeQuerySet":
        """Those that still need something: time, or a person."""
        return self.filter(state__in=Change.UNSETTLED)

    def settle(self, change: "Change", **values: Any) -> bool:
        """Write the values into the row if nobody else has moved it on meanwhile; say whether it was written.

        `change` follows: it holds the new values, or what the other one wrote. Whatever brings the write
        nearer to Poster, or its outcome to us, also makes stale what is cached of the account.
        """
        if change.state not in Change.UNSETTLED:
            raise ValueError(f"A change that is {change.state} is settled.")
        untouched = self.filter(
            pk=change.pk, state=change.state, sent_at=change.sent_at, checks=change.checks
        )
        with transaction.atomic():
            written = bool(super(ChangeQuerySet, untouched).update(**values))
            if written and not values.keys().isdisjoint(("state", "sent_at")):
                change.account.count_write()
        if not written:
            change.refresh_from_db()
            return False
        for name, value in values.items():
            setattr(change, name, value)
        return True

    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The journal is append-only: use settle().")

    def delete(self) -> NoReturn:
        raise TypeError("The journal is append-only.")


class Change(models.Model):
    """One row of the journal: a change to a loyalty group that somebody asked for, and what became of it.

    Its id is the form's `operation`: the same operation twice is one write with one outcome. `loaded` is what
    the form was opened on, `before` what Poster had just before the write, `intended` what was asked for and
    `after` what Poster had afterwards; all of them as `GroupValues.to_json`, `before` and `after` with the
    client count. For a creation `before` is `{"ids": […]}`, the ids that existed. `status` is the HTTP status
    of the error that ended it, `code` and `message` are Poster's; `accepted` means that Poster said yes.
    """

    class Action(models.TextChoices):
        CREATE = "create", _("created")
        UPDATE = "update", _("changed")
        REMOVE = "remove", _("removed")

    class State(models.TextChoices):
        PENDING = "pending", _("in progress")
        APPLIED = "applied", _("applied")
        DIFFERS = "differs", _("applied differently")
        REFUSED = "refused", _("refused by Poster")
        FAILED = "failed", _("not made")
        UNKNOWN = "unknown", _("outcome unknown")
        REVIEW = "review", _("needs a person")

    OPEN = (State.PENDING, State.UNKNOWN)
    UNSETTLED = (*OPEN, State.REVIEW)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="changes")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="changes"
    )
    user_name = models.CharField(max_length=150)
    action = models.CharField(max_length=6, choices=Action)
    group_id = models.PositiveIntegerField(null=True)
    group_name = models.CharField(max_length=400)
    target = models.CharField(max_length=400)
    undo_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="undone_by")

    loaded = models.JSONField(null=True)
    before = models.JSONField(null=True)
    intended = models.JSONField(null=True)
    after = models.JSONField(null=True)

    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    reason = models.CharField(max_length=40, blank=True)
    status = models.PositiveSmallIntegerField(default=0)
    code = models.IntegerField(null=True)
    message = models.CharField(max_length=200, blank=True)
    accepted = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)
    resolved_by = models.CharField(max_length=150, blank=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ("-created_at",)
        default_permissions = ("view",)
        permissions = (
            ("view_group", "Can see loyalty groups"),
            ("add_group", "Can create a loyalty group"),
            ("change_group", "Can change a loyalty group"),
            ("delete_group", "Can remove an empty loyalty group"),
            ("delete_group_with_clients", "Can remove a loyalty group with its clients"),
            ("view_client", "Can see the clients of a loyalty group"),
            ("set_bonus_unit", "Can lift a block on birthday bonuses and set their unit"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("account", "target"),
                condition=Q(state__in=("pending", "unknown")),
                name="one_open_change_a_target",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=("pending", "applied", "differs", "refused", "failed", "unknown", "review")
                ),
                name="known_state",
            ),
        )
        indexes = (
            models.Index(fields=("account", "-created_at"), name="change_by_account"),
            models.Index(fields=("account", "group_id", "-created_at"), name="change_by_group"),
            models.Index(fields=("account", "state", "-created_at"), name="change_by_state"),
            models.Index(fields=("account", "user_name", "-created_at"), name="change_by_user"),
            models.Index(fields=("account", "action", "-created_at"), name="change_by_action"),
            # Of all, not of the open ones alone: SQLite does not see that a query's values are those states.
            models.Index(fields=("state", "next_check_at"), name="change_open"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target} {self.state}"

    def save(self, **kwargs: Any) -> None:
        """Insert the row. What happens to it later goes through `Change.objects.settle`."""
        if not self._state.adding:
            raise TypeError("The journal is append-only: use settle().")
        super().save(**{**kwargs, "force_insert": True})

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("The journal is append-only.")

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def known_ids(self) -> set[int]:
        """The ids that existed before a creation."""
        return set((self.before or {}).get("ids", ()))

    @property
    def clients_before(self) -> int:
        """The clients of the group just before the change."""
        return int((self.before or {}).get("clients", 0))

    @property
    def duration(self) -> timedelta | None:
        return self.settled_at - self.created_at if self.settled_at else None
