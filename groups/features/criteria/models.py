"""Define the criteria of an account: a table that says who belongs in which group, its saves, and pins."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models import PosterAccount
from groups.models.leases import Columns, Due, DueQuerySet, Nights
from groups.models.submissions import LONGEST_REASON, MadeByUser, Submission

CHANGE_CRITERIA = "groups.change_criteria"
KIND = "criteria"
NIGHTS = Nights(lambda: settings.CRITERIA_SECONDS, lambda: settings.CRITERIA_HOUR)


class Criteria(Due, MadeByUser):
    """The saved table of an account.

    `table` is a `Table` of `services/judging.py`: rows in their order, the group of all others, and the most
    clients that a run moves. `fingerprint` is its hash, with which a form says on what it was opened.

    `user` saved it last: with their rights and their token each nightly run is made, if it is `nightly`.
    `night_at` is the time of the next one, and `next_at` its next try. One that nobody can make is `held` for
    a reason, since `held_at`, until somebody saves the table. `left_out_at` is when the last was left out:
    a job waited for a person, or something held a group of the table for too long.
    """

    class Held(models.TextChoices):
        """Why no nightly run is made any more. The labels are sentences for people."""

        NO_USER = "no_user", _("The person who saved it is no longer here.")
        TOKEN = "token", _("The token of the person who saved it is no longer there or no longer valid.")
        NO_RIGHT = "no_right", _("The person who saved it may not do this any more.")
        GROUP_GONE = "group_gone", _("A group of the table is no longer in Poster.")
        NO_SALES = "no_sales", _("The token of the person who saved it may not see sales.")

    account = models.OneToOneField(
        PosterAccount, on_delete=models.CASCADE, primary_key=True, related_name="criteria"
    )
    table = models.JSONField()
    fingerprint = models.CharField(max_length=32)
    nightly = models.BooleanField(default=False)
    saved_at = models.DateTimeField(default=timezone.now)

    night_at = models.DateTimeField(null=True)
    held = models.CharField(max_length=10, choices=Held, blank=True, default="")
    held_at = models.DateTimeField(null=True)
    left_out_at = models.DateTimeField(null=True)

    objects = DueQuerySet["Criteria"].as_manager()
    needs = (CHANGE_CRITERIA, "groups.move_client")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.account_id

    @classmethod
    def lease_time(cls) -> timedelta:
        return timedelta(minutes=20)  # a reading may last 15

    @property
    def sender(self) -> tuple[int | None, str]:
        return self.user_id, self.account_id

    @property
    def longest_pause(self) -> timedelta:
        return NIGHTS.pause

    def after_hold(self, reason: str, now: datetime) -> Columns:
        return {"held": reason, "held_at": now, "night_at": None, "next_at": None}


class CriteriaSave(MadeByUser):
    """One save of the table; its id is the form's `operation`, so the same form sent twice is one save.

    `table` is what was saved, with `nightly`: the saves of an account show who changed what.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="criteria_saves")
    table = models.JSONField()
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-saved_at",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.saved_at:%F %T}"

    def get_absolute_url(self) -> str:
        return reverse("groups:criteria")

    @property
    def is_over(self) -> bool:
        return True

    @property
    def submission(self) -> Submission:
        values: tuple[Any, ...] = (json.dumps(self.table, sort_keys=True),)
        return Submission(self.pk, self.account_id, self.user_id, KIND, values)


class CriteriaPinQuerySet(models.QuerySet["CriteriaPin"]):
    def in_force(self, account_id: str) -> "CriteriaPinQuerySet":
        return self.filter(Q(until=None) | Q(until__gte=timezone.localdate()), account=account_id)

    def pinned(self, account_id: str) -> frozenset[int]:
        return frozenset(self.in_force(account_id).values_list("client_id", flat=True))


class CriteriaPin(MadeByUser):
    """A client who stays where they are, whatever the criteria say, up to and including the day `until`.

    Of the client it has the id alone.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="criteria_pins")
    client_id = models.PositiveIntegerField()
    reason = models.CharField(max_length=LONGEST_REASON)
    until = models.DateField(null=True)
    made_at = models.DateTimeField(default=timezone.now)

    objects = CriteriaPinQuerySet.as_manager()

    class Meta:
        ordering = ("client_id",)
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "client_id"), name="one_pin_a_client"),)

    def __str__(self) -> str:
        return f"{self.account_id} {self.client_id}"
