"""Define Poster accounts, what they do, the users' credentials for them, and the last good copy of a list."""

import hashlib
from datetime import date, timedelta
from functools import cache, cached_property
from operator import attrgetter
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from poster_admin.common.encryption import EncryptedField, Secret

TOKEN_LIFE = timedelta(days=2 * 365)
TOKEN_WARNING = timedelta(days=60)


class IdsFirst[Row: models.Model]:
    """Rows that pages look up often and seldom find; whole ones take Django twice as long as ids.

    Half of that time goes into building a query, so one that every page runs is a constant of a module.
    """

    def __init__(self, rows: models.QuerySet[Row]) -> None:
        self._rows = rows
        # Without an order: SQLite may scan the table for it instead of using an index.
        self._ids = rows.order_by().values_list("pk", flat=True)

    def find(self, *conditions: Q, **values: Any) -> list[Row]:
        found = self._ids.filter(*conditions, **values)
        return list(self._rows.filter(*conditions, **values)) if found else []


class PosterAccount(models.Model):
    """A company on Poster: the data that all users with credentials for it share.

    `writes` counts every write that was sent or settled. It is part of every cache key, so that each process
    sees a change at once. `moves` counts those of them that change which clients a group has, the last one at
    `moved_at`: sums over clients are kept for longer than a list, and percents do not touch them.

    `bonus_block` is a change whose birthday bonus came back multiplied or divided by 100; until an owner
    lifts the block, no bonus of this account is written. `bonus_unit` is the unit in which this account reads
    the written birthday bonus of a group: the document that we implement says hryvnia, newer pages kopecks.
    The money of a client is never converted, because all pages agree there.

    `company_name`, `currency` and `company_id` come from Poster, if a token may read them. At `job_turn_at` a
    worker has last begun to work on one of its jobs.

    Its circuit is stored here so that the processes share it. It is open until `open_until`. Calls that
    failed since `failing_since` have blocked threads for `failing_seconds`.
    """

    class BonusUnit(models.TextChoices):
        HRYVNIA = "hryvnia", _("hryvnia, as documented")
        KOPECKS = "kopecks", _("kopecks")

    name = models.CharField(max_length=63, primary_key=True)
    company_name = models.CharField(max_length=200, blank=True)
    company_id = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=8, default="₴")
    writes = models.PositiveBigIntegerField(default=0)
    moves = models.PositiveBigIntegerField(default=0)
    moved_at = models.DateTimeField(null=True, blank=True, editable=False)
    bonus_unit = models.CharField(max_length=7, choices=BonusUnit, default=BonusUnit.HRYVNIA)
    bonus_block = models.ForeignKey(
        "Change", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    job_turn_at = models.DateTimeField(null=True, blank=True, editable=False)

    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failing_seconds = models.FloatField(default=0, editable=False)
    open_until = models.DateTimeField(null=True, blank=True, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("Poster account")
        verbose_name_plural = _("Poster accounts")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return f"{self.company_name} ({self.name})" if self.company_name else self.name

    def count_write(self, *, of_members: bool = False) -> int:
        """Raise the write counter; return the new number, for `writes` once it is committed."""
        # The threads of a job share this object, so the expression is given to one of its own. The database
        # returns the number.
        counter = PosterAccount(pk=self.pk, writes=F("writes") + 1)
        fields = ["writes"]
        if of_members:
            counter.moves, counter.moved_at = F("moves") + 1, timezone.now()
            fields += ["moves", "moved_at"]
        counter.save(update_fields=fields)
        return counter.writes


class Fact(models.Model):
    """One thing that Poster does in an account, as it was seen at `seen_at` on `evidence` rows or calls.

    What a token may do is a fact of its `fingerprint`; all else belongs to the account. A value that
    contradicted the one before keeps it in `was`, and when that was found in `changed_at`.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="facts")
    fingerprint = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=40)
    value = models.CharField(max_length=200)
    evidence = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField()
    was = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "fingerprint", "name"), name="fact_once"),)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class PosterCredentials(models.Model):
    """A user's own token for a Poster account, saved after Poster has accepted it.

    Since `refused_at` Poster refuses it, and the user may not see local data of the account.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="credentials"
    )
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="credentials")
    token = EncryptedField()
    token_hint = models.CharField(max_length=4, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    connected_at = models.DateTimeField(default=timezone.now, editable=False)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("connection to Poster")
        verbose_name_plural = _("connections to Poster")
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return f"{self.account_id} …{self.token_hint}"

    @property
    def sender_columns(self) -> dict[str, Any]:
        """The columns of a row that say in which account and by which user it was made."""
        return {"account": self.account, "user": self.user, "user_name": self.user.get_username()}

    def set_token(self, token: str) -> None:
        self.token = Secret(token)
        self.token_hint = token[-4:]
        # A keyed hash, so that the database alone reveals nothing about the token.
        self.fingerprint = hashlib.blake2b(
            token.encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=32
        ).hexdigest()
        self.connected_at = timezone.now()
        self.refused_at = None

    @cached_property
    def unsettled_changes(self) -> list[Any]:
        """Read once for this object, which lives as long as its request: the newest first."""
        unsettled = _unsettled_of_groups().find(account=self.account_id)
        return sorted(unsettled, key=attrgetter("created_at"), reverse=True)

    @property
    def expires_on(self) -> date:
        return timezone.localdate(self.connected_at + TOKEN_LIFE)

    @property
    def expires_soon(self) -> bool:
        return timezone.now() >= self.connected_at + TOKEN_LIFE - TOKEN_WARNING


@cache
def _unsettled_of_groups() -> IdsFirst[Any]:
    """Find open changes of groups. Those of clients may be thousands; the page of their job shows them.

    Asked for these too, or for an order, SQLite scans the whole journal instead of using the index on states.
    """
    changes: Any = apps.get_model("groups", "Change")
    return IdsFirst(changes.objects.of_groups().unsettled().order_by())


class GroupsCopyQuerySet(models.QuerySet["GroupsCopy"]):
    def of_present_token(self) -> "GroupsCopyQuerySet":
        """An older token may be of another account."""
        return self.filter(fingerprint=F("credentials__fingerprint"))


class GroupsCopy(models.Model):
    """The last good copy of one user's token. With another counter `writes` than now it may lack a change."""

    credentials = models.OneToOneField(
        PosterCredentials, on_delete=models.CASCADE, related_name="copy", primary_key=True
    )
    fingerprint = models.CharField(max_length=64)
    fetched_at = models.DateTimeField()
    writes = models.PositiveBigIntegerField(null=True)
    digest = models.CharField(max_length=64)
    groups = models.JSONField()

    objects = GroupsCopyQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.credentials_id} {self.fetched_at:%F %T}"
