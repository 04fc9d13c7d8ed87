"""The journal: what was changed by whom, and what became of it."""

import uuid
from datetime import timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.credentials import PosterAccount
from groups.models.jobs import Job
from groups.models.locks import Lock, LocksLost, members_key

OF_GROUPS = Q(client_id__isnull=True)
# A removal that only a person can tell of may still be made, and then takes along who is in the group.
LOCKING = Q(state__in=("pending", "unknown")) | Q(state="review", action="remove")


class ChangeQuerySet(models.QuerySet["Change"]):
    """Changes: open ones can be settled once, settled ones are for ever."""

    def open(self) -> "ChangeQuerySet":
        """Those whose outcome is not known yet."""
        return self.filter(state__in=Change.OPEN)

    def locking(self) -> "ChangeQuerySet":
        """Those that hold their locks: Poster may still carry them out."""
        return self.filter(LOCKING)

    def unsettled(self) -> "ChangeQuerySet":
        """Those that still need something: time, or a person."""
        return self.filter(state__in=Change.UNSETTLED)

    def of_groups(self) -> "ChangeQuerySet":
        """Those of groups, without those of their clients."""
        return self.filter(OF_GROUPS).exclude(action=Change.Action.ENROL)

    def settle(self, change: "Change", **values: Any) -> bool:
        """Write the values into the row if nobody else has moved it on meanwhile; say whether it was written.

        `change` follows: it holds the new values, or what the other one wrote. Whatever brings the write
        nearer to Poster, or its outcome to us, also makes stale what is cached of the account. With the
        outcome go the locks.
        """
        if change.state not in Change.UNSETTLED:
            raise ValueError(f"A change that is {change.state} is settled.")
        if (change.client_id or change.action == Change.Action.ENROL) and values.get("state") not in (
            None,
            *Change.OPEN,
        ):
            # Whoever the client is, the marks have served their time.
            before = values.get("before", change.before) or {}
            values["before"] = {name: value for name, value in before.items() if name != "field_hmacs"}
        untouched = {name: getattr(change, name) for name in ("id", "state", "sent_at", "checks")}
        ends = "state" in values and not change.locks_in(values["state"])
        with transaction.atomic(savepoint=False):
            of_job = Lock.objects.held_by(change.job_id) if ends and change.job_id else None
            written = bool(models.QuerySet.update(self.model.objects.filter(**untouched), **values))
            if written and ends:
                Lock.objects.filter(change=change).delete()
            if written and of_job and change.job_id:
                self._release(change.job_id)
            if written and not values.keys().isdisjoint(("state", "sent_at")):
                change.account.count_write()
        if not written:
            change.refresh_from_db()
            return False
        for name, value in values.items():
            setattr(change, name, value)
        return True

    def release_job(self, job_id: uuid.UUID) -> None:
        """Take the locks from a job that has just ended, in the same transaction.

        A job with a change that may still be carried out keeps them until the last of these is settled: a
        client who was lost on the way may still arrive.
        """
        if Lock.objects.held_by(job_id):
            self._release(job_id)

    def _release(self, job_id: uuid.UUID) -> None:
        has_ended = Job.objects.filter(pk=job_id, state__in=Job.ENDED)
        if has_ended.exists() and not self.locking().filter(job=job_id).exists():
            Lock.objects.filter(job=job_id).delete()

    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The journal is append-only: use settle().")

    def delete(self) -> NoReturn:
        raise TypeError("The journal is append-only.")


class Change(models.Model):
    """One row of the journal: a change that somebody asked for, and what became of it.

    Its id is the form's `operation`: the same operation twice is one write with one outcome. `loaded` is what
    the form was opened on, `before` what Poster had just before the write, `intended` what was asked for and
    `after` what Poster had afterwards; all of them as `GroupValues.to_json`, `before` and `after` with the
    client count. For a creation `before` is `{"ids": […]}`, the ids that existed. `status` is the HTTP status
    of the error that ended it, `code` and `message` are Poster's; `accepted` means that Poster said yes.
    `again_of` is a lost change that this one sends once more: that one may still be carried out, so this one
    stays open until a look shows what became of both, whatever comes of its own sending.
    `found` is a digest of what the last look at Poster showed, and `found_since` when looks began to show it.

    A change of a client is a part of a `job` and tells no more of the person than `client_id`: the values are
    `{"group_id": …}`, and while it is open `before` has `field_hmacs` of all fields, from which nobody can
    tell what was in them. The creation of one has the `snapshot` and the old id too, and `client_id` is new.
    """

    class Action(models.TextChoices):
        CREATE = "create", _("created")
        UPDATE = "update", _("changed")
        REMOVE = "remove", _("removed")
        MOVE = "move", _("client moved")
        ENROL = "enrol", _("client created")

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
    again_of = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="sent_again")
    client_id = models.PositiveIntegerField(null=True)
    job = models.ForeignKey(Job, null=True, on_delete=models.PROTECT, related_name="changes")

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
    found = models.CharField(max_length=32, blank=True)
    found_since = models.DateTimeField(null=True)
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
            ("move_client", "Can move clients from one loyalty group to another"),
            ("view_snapshot", "Can download and restore what was in a loyalty group"),
            ("set_bonus_unit", "Can lift a block on birthday bonuses and set their unit"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    state__in=("pending", "applied", "differs", "refused", "failed", "unknown", "review")
                ),
                name="known_state",
            ),
        )
        indexes = (
            # Without the clients that jobs have moved by the thousand. The action at the end lets rows be
            # counted in the index alone, which takes a small part of the time.
            models.Index(
                fields=("account", "-created_at", "action"), condition=OF_GROUPS, name="change_by_account"
            ),
            models.Index(fields=("account", "group_id", "-created_at"), name="change_by_group"),
            models.Index(
                fields=("account", "state", "-created_at", "action"),
                condition=OF_GROUPS,
                name="change_by_state",
            ),
            models.Index(
                fields=("account", "user_name", "-created_at", "action"),
                condition=OF_GROUPS,
                name="change_by_user",
            ),
            models.Index(
                fields=("account", "action", "-created_at"), condition=OF_GROUPS, name="change_by_action"
            ),
            # Of all, not of the open ones alone: SQLite does not see that a query's values are those states.
            models.Index(fields=("state", "next_check_at"), name="change_open"),
            models.Index(fields=("job", "client_id"), name="change_by_client"),
            models.Index(
                fields=("account", "client_id", "-created_at"),
                condition=Q(client_id__isnull=False),
                name="change_of_client",
            ),
            models.Index(fields=("job", "state", "reason"), name="change_by_job"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target} {self.state}"

    def save(self, **_: Any) -> None:
        """Insert the row and take its locks. What happens to it later goes through `Change.objects.settle`.

        Raises `IntegrityError` where somebody else holds one of the locks, and `LocksLost` where the job that
        it is a part of no longer holds its own.
        """
        if not self._state.adding:
            raise TypeError("The journal is append-only: use settle().")
        with transaction.atomic(savepoint=False):
            if not self.holds_locks:
                super().save(force_insert=True)
                return
            of_job = Lock.objects.held_by(self.job_id) if self.job_id else set()
            if self.job and not of_job >= self.job.lock_keys:
                raise LocksLost
            super().save(force_insert=True)
            Lock.objects.take(self.account_id, self.lock_keys - of_job, change=self)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("The journal is append-only.")

    @property
    def lock_keys(self) -> frozenset[str]:
        """The keys that this change has for itself: a removal also has who is in the group."""
        members = {members_key(self.group_id)} if self.action == self.Action.REMOVE and self.group_id else ()
        return frozenset((self.target, *members))

    def locks_in(self, state: str) -> bool:
        """Return True if the change holds its locks in this state, as `LOCKING` says."""
        return state in self.OPEN or (state == self.State.REVIEW and self.action == self.Action.REMOVE)

    @property
    def holds_locks(self) -> bool:
        return self.locks_in(self.state)

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
