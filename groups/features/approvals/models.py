"""Define the limits of an account, and the requests for writes beyond them, which another user approves."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.changes import LONGEST_NOTE, Change, ChangeQuerySet
from groups.models.contents import Content, Effect
from groups.models.credentials import PosterAccount
from groups.models.locks import creation_key, group_key
from groups.models.submissions import LONGEST_REASON, Approvable, MadeByUser, Submission, approvable_kinds

# The time after which a request that nobody has decided lapses.
LIFE = timedelta(days=7)
EXCEED_LIMITS = "groups.exceed_limits"


@dataclass(frozen=True, slots=True)
class Breach(Content):
    """A member of `breaches` of a request: a limit, the number that was requested, and the one allowed."""

    limit: str
    number: Decimal
    allowed: Decimal


class Limits(models.Model):
    """The limits of an account, all inclusive; None is no limit.

    `max_rise` is in points, `max_birthday_bonus` in hryvnia. `max_clients` counts those of one change, or of
    one job as a whole.
    """

    class Limit(models.TextChoices):
        MAX_PERCENT = "max_percent", _("Highest percent")
        MAX_RISE = "max_rise", _("Largest rise, in points")
        MAX_BIRTHDAY_BONUS = "max_birthday_bonus", _("Highest birthday bonus")
        MAX_CLIENTS = "max_clients", _("Most clients reached by one change")

    account = models.OneToOneField(
        PosterAccount, primary_key=True, on_delete=models.CASCADE, related_name="limits"
    )
    max_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    max_rise = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    max_birthday_bonus = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    max_clients = models.PositiveIntegerField(null=True)
    set_by = models.CharField(max_length=150, blank=True)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "groups_limits"
        default_permissions = ()

    def __str__(self) -> str:
        return self.account_id

    @property
    def values(self) -> dict["Limits.Limit", Decimal]:
        found = {limit: getattr(self, limit.value) for limit in self.Limit}
        return {limit: Decimal(value) for limit, value in found.items() if value is not None}


class ApprovalRequestQuerySet(models.QuerySet["ApprovalRequest"]):
    def waiting(self) -> "ApprovalRequestQuerySet":
        return self.filter(created_at__gt=timezone.now() - LIFE, state=ApprovalRequest.State.WAITING)


class ApprovalRequest(MadeByUser):
    """A write beyond the limits that waits for the yes of another user; its id is the form's `operation`.

    A request for a change has what its command is rebuilt from. Anything else has a row of its own that
    waits, and `kind` is that of its `Approvable`. `breaches` (`Breach`) and `effect` (`Effect`) are as they
    were at the request. `changes` were tried for it; where one has changed nothing, it waits again.
    """

    CHANGE = "change"

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        LAPSED = "lapsed", _("lapsed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="requests")
    kind = models.CharField(max_length=8)
    action = models.CharField(max_length=6, blank=True)
    group_id = models.PositiveIntegerField(null=True)
    group_name = models.CharField(max_length=400, blank=True)
    loaded = models.JSONField(null=True)
    intended = models.JSONField(null=True)
    undo_of = models.ForeignKey("groups.Change", null=True, on_delete=models.PROTECT, related_name="+")
    again_of = models.ForeignKey("groups.Change", null=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=LONGEST_NOTE, blank=True, default="")
    job = models.ForeignKey("groups.Job", null=True, on_delete=models.PROTECT, related_name="requests")
    breaches = models.JSONField(default=list)
    effect = models.JSONField(null=True)

    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="decided_requests"
    )
    decided_by_name = models.CharField(max_length=150, blank=True)

    objects = ApprovalRequestQuerySet.as_manager()

    class Meta:
        db_table = "groups_approvalrequest"
        ordering = ("-created_at",)
        default_permissions = ()
        indexes = (
            models.Index(fields=("account", "state", "created_at"), name="request_by_account"),
            models.Index(fields=("decided_at",), name="request_decided"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "approved", "refused", "lapsed")),
                name="known_state_of_request",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    def get_absolute_url(self) -> str:
        return reverse("groups:request", args=[self.pk])

    @property
    def is_change(self) -> bool:
        return self.kind == self.CHANGE

    @property
    def submission(self) -> Submission:
        if self.is_change:
            name = (self.intended or {}).get("name", "")
            target = group_key(self.group_id) if self.group_id else creation_key(name)
            values = (target, self.intended)
            return Submission(self.pk, self.account_id, self.user_id, self.action, values)
        sent: Submission = self.subject.row.submission
        user_id = self.user_id if sent.user_id is not None else None
        return replace(sent, operation=self.pk, user_id=user_id)

    @property
    def subject(self) -> Approvable:
        """Raises `KeyError` for a change."""
        kind = approvable_kinds[self.kind]
        return kind(self.job) if self.job else kind.find(self.pk)

    @property
    def kind_label(self) -> str:
        return str(_("one change") if self.is_change else approvable_kinds[self.kind].label)

    @property
    def changes(self) -> ChangeQuerySet:
        return Change.objects.filter(request_id=self.pk)

    @property
    def present_state(self) -> "ApprovalRequest.State":
        """The state now: a request lapses by the clock, whenever a worker marks it."""
        state = self.State(self.state)
        is_overdue = state == self.State.WAITING and self.created_at <= timezone.now() - LIFE
        return self.State.LAPSED if is_overdue else state

    @property
    def is_waiting(self) -> bool:
        return self.present_state == self.State.WAITING

    @property
    def is_withdrawn(self) -> bool:
        """Return True if its own user took it back. Of a deleted user only the name is left."""
        is_own = self.decided_by_name == self.user_name
        if self.user_id is not None:
            is_own = self.decided_by_id == self.user_id
        return self.state == self.State.REFUSED and is_own

    @property
    def state_label(self) -> str:
        return str(_("withdrawn") if self.is_withdrawn else self.present_state.label)

    def may_be_seen_by(self, user: User) -> bool:
        return self.user_id == user.pk or user.has_perm(EXCEED_LIMITS)

    @property
    def is_over(self) -> bool:
        return not self.is_waiting

    @property
    def lapses_at(self) -> datetime:
        return self.created_at + LIFE

    @property
    def requested_effect(self) -> Effect | None:
        return Effect.from_json(self.effect) if self.effect else None
