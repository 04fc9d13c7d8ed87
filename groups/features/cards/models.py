"""Define the uses of cards by day and waiter, what was found in them, and cards meant to be shared.

Of clients and waiters the rows have the ids alone, for KEPT days.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from groups.models import PosterAccount
from groups.models.submissions import LONGEST_REASON

VIEW_CARDS = "groups.view_cards"
KEPT = 30
"""Days that the rules count, up to yesterday, and for which ids are kept."""
FEWEST, MOST = 2, 1000
_BOUNDS = (MinValueValidator(FEWEST), MaxValueValidator(MOST))


def first_day() -> date:
    return timezone.localdate() - timedelta(days=KEPT)


class Bounds(models.Model):
    """From how many receipts on a card is reported; without a row the defaults count."""

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, related_name="card_bounds", primary_key=True
    )
    most_a_day = models.PositiveSmallIntegerField(default=5, validators=_BOUNDS)
    most_a_waiter = models.PositiveSmallIntegerField(default=10, validators=_BOUNDS)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.most_a_day} {self.most_a_waiter}"

    @classmethod
    def of(cls, account_id: str) -> Self:
        return cls.objects.filter(pk=account_id).first() or cls(account_id=account_id)


class CardUse(models.Model):
    """The receipts of one client by one waiter on one day; client 0 stands for receipts without one.

    Of the `receipts`, so many were paid `in_cash` alone. They gave away `given`, those in cash
    `given_in_cash`, unrounded; None where the sum of one is not known. Waiter 0 is not known.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="card_uses")
    day = models.DateField()
    client_id = models.PositiveIntegerField()
    waiter_id = models.PositiveIntegerField()
    receipts = models.PositiveIntegerField(default=0)
    in_cash = models.PositiveIntegerField(default=0)
    given = models.DecimalField(max_digits=21, decimal_places=6, null=True, default=Decimal)
    given_in_cash = models.DecimalField(max_digits=21, decimal_places=6, null=True, default=Decimal)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("account", "day", "client_id", "waiter_id"), name="one_use_a_day_and_waiter"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.day} {self.client_id} {self.waiter_id}"


class SharedCard(models.Model):
    """A card that is meant to be on many receipts, until somebody ends that: it is kept KEPT days then."""

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="shared_cards")
    client_id = models.PositiveIntegerField()
    reason = models.CharField(max_length=LONGEST_REASON)
    set_by = models.CharField(max_length=150)
    set_at = models.DateTimeField(default=timezone.now)
    ended_by = models.CharField(max_length=150, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-set_at",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("account", "client_id"),
                condition=models.Q(ended_at=None),
                name="one_shared_card_a_client",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.client_id}"


class FindingQuerySet(models.QuerySet["Finding"]):
    def open(self, account_id: str) -> "FindingQuerySet":
        """Return what was found in an account, without the cards that are meant to be shared."""
        shared = SharedCard.objects.filter(account=account_id, ended_at=None).values("client_id")
        return self.filter(account=account_id, day__gte=first_day()).exclude(client_id__in=shared)

    def dearest_first(self) -> "FindingQuerySet":
        return self.order_by(models.F("given").desc(nulls_last=True), "-day", "-receipts", "pk")


class Finding(models.Model):
    """A card on many receipts, which are those from `since` to `day`: the days of the first and the last.

    These gave away `given`, None if that is not known. `waiter_id` is 0 where a day has several waiters. A
    card and waiter whose receipts go on being too many is one finding with growing numbers.
    """

    class Rule(models.TextChoices):
        DAY = "day"
        WAITER = "waiter"

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="card_findings")
    client_id = models.PositiveIntegerField()
    rule = models.CharField(max_length=6, choices=Rule)
    waiter_id = models.PositiveIntegerField()
    since = models.DateField()
    day = models.DateField()
    receipts = models.PositiveIntegerField()
    given = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    found_at = models.DateTimeField()

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ("-day", "-receipts", "pk")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("account", "client_id", "day"),
                condition=models.Q(rule="day"),
                name="one_finding_a_card_and_day",
            ),
            models.UniqueConstraint(
                fields=("account", "client_id", "waiter_id", "rule"),
                condition=~models.Q(rule="day"),
                name="one_finding_a_card_and_waiter",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.rule} {self.client_id} {self.day}"
