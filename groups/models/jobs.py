"""Work that takes longer than a page may: a worker does it, and any other one can take it over."""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.credentials import PosterAccount
from groups.models.locks import members_key
from poster_admin.common.deadlines import past


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs: each is at work in one process at most, which holds it."""

    def unfinished(self) -> "JobQuerySet":
        """Those that may still write something."""
        return self.filter(state__in=Job.UNFINISHED)

    def let_go(self) -> "JobQuerySet":
        """Those that are to be at work and that no run holds."""
        lease = past("held_until", ahead=timedelta(seconds=settings.JOB_LEASE_SECONDS))
        return self.filter(Q(held_until=None) | lease, state__in=Job.ACTIVE)


class Job(models.Model):
    """Something that a user asked for and that needs many writes, each a row of the journal.

    Its id is the form's `operation`: the same form twice is one job. `wanted` is what was asked for, as far
    as the groups do not say it: `{"clients": [ids]}`, or null for all; `{"rows": […]}`; a restore has its
    `snapshot`, the groups `from` which somebody may be moved, and whether to `create` who is gone. What
    became of it is in the journal alone; `unreadable` counts rows of Poster's answers that nobody could try.
    `tested` means that a first write showed no side effect. `reason` and `detail` say why it stopped.
    A draft is what somebody looks at before they start it; nothing is done with it, and it is kept for a day.

    `holder` is the run that is at work, until `held_until`: after that any worker may go on with it.
    """

    class Kind(models.TextChoices):
        MOVE = "move", _("clients moved")
        RETIRE = "retire", _("group retired")
        RESTORE = "restore", _("group restored")
        EDIT = "edit", _("groups edited")
        IMPORT = "import", _("groups imported")

    class State(models.TextChoices):
        DRAFT = "draft", _("not started")
        WAITING = "waiting", _("waiting for its turn")
        RUNNING = "running", _("at work")
        PAUSED = "paused", _("paused")
        STOPPED = "stopped", _("stopped by itself")
        DONE = "done", _("ended")
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = (State.WAITING, State.RUNNING)
    UNFINISHED = (*ACTIVE, State.PAUSED, State.STOPPED)
    ENDED = (State.DONE, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="jobs")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    user_name = models.CharField(max_length=150)
    kind = models.CharField(max_length=7, choices=Kind)
    group_id = models.PositiveIntegerField(null=True)
    group_name = models.CharField(max_length=400, blank=True)
    target_id = models.PositiveIntegerField(null=True)
    target_name = models.CharField(max_length=400, blank=True)
    wanted = models.JSONField(default=dict)
    total = models.PositiveIntegerField(default=0)
    unreadable = models.PositiveIntegerField(default=0)
    tested = models.BooleanField(default=False)

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    reason = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)
    task_id = models.CharField(max_length=64, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ("-created_at",)
        default_permissions = ()
        indexes = (
            models.Index(fields=("account", "-created_at"), name="job_by_account"),
            models.Index(fields=("state", "held_until"), name="job_open"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.group_id} {self.state}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    @property
    def lock_keys(self) -> frozenset[str]:
        """The keys that this job has for itself: who is in the groups that it moves clients from and to.

        One that edits groups has none; each of its changes has its own.
        """
        groups = (self.group_id, self.target_id, *self.wanted.get("from", ()))
        return frozenset(members_key(group_id) for group_id in groups if group_id is not None)

    def move_on(self, *states: "Job.State", **values: Any) -> bool:
        """Write the values if the job is still in one of these states; say whether it was."""
        if not Job.objects.filter(pk=self.pk, state__in=states).update(**values):
            self.refresh_from_db()
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True
