"""Define the journal: one row for each change, with its user, its values and its outcome."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from django.db import models, transaction
from django.db.models import Count, Q, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models.contents import ClientBefore, RecordIds
from groups.models.credentials import PosterAccount
from groups.models.jobs import Job, MovedClients
from groups.models.locks import Lock, LocksLost
from groups.models.submissions import Consent, MadeByUser, Submission

OF_GROUPS = Q(client_id__isnull=True)
LONGEST_NOTE = 200
KNOWN_STATE = Q(
    state__in=("pending", "applied", "differs", "refused", "failed", "unknown", "review", "elsewhere")
)

type ChangeListener = Callable[["Change"], None]

nothing_changed_listeners: list[ChangeListener] = []


def nothing_changed(listener: ChangeListener) -> ChangeListener:
    """Call a function with each change that has changed nothing, in the transaction that settles it."""
    nothing_changed_listeners.append(listener)
    return listener


class ChangeQuerySet(models.QuerySet["Change"]):
    """An open change can be settled once; a settled change is never changed again."""

    def open(self) -> "ChangeQuerySet":
        return self.filter(state__in=Change.OPEN)

    def unsettled(self) -> "ChangeQuerySet":
        return self.filter(state__in=Change.UNSETTLED)

    def of_groups(self) -> "ChangeQuerySet":
        return self.filter(OF_GROUPS).exclude(action=Change.Action.CREATE_CLIENT)

    def of_attempt(self, change: "Change") -> "ChangeQuerySet":
        """The same form sent again may have another row than the pending one of this attempt."""
        return self.filter(pk=change.pk, created_at=change.created_at, state=Change.State.PENDING)

    def last_tries(self) -> "ChangeQuerySet":
        """Keep the latest change of each target of a job: a client or group may have been tried before."""
        number = Window(RowNumber(), partition_by=["job", "target"], order_by="-created_at")
        return self.filter(pk__in=self.annotate(number=number).filter(number=1).values("pk"))

    def settle(self, change: "Change", holds: Callable[[], bool] | None = None, /, **values: Any) -> bool:
        """Update the row unless another process has, or `holds` says no at the end; True means done.

        Afterwards `change` holds the values of the row: the new ones, or those of the other process. It takes
        the new ones after the COMMIT, which may fail too, so call this outside of transactions.

        A new state or `sent_at` also raises the account's write counter, which makes all its cached data
        stale. A state that is not open sets `settled_at` and ends the checks; most release the locks.
        """
        if change.state not in Change.UNSETTLED:
            raise ValueError(f"A change that is {change.state} is settled.")
        closes = values.get("state") not in (None, *Change.OPEN)
        of_client = change.action in Change.OF_CLIENTS
        if of_client and "message" in values:
            values["message"] = ""  # Poster's words may name somebody; the code stays
        if of_client and closes:
            # Drop the field HMACs: nothing will be compared any more.
            before = ClientBefore.from_json(values.get("before", change.before))
            values["before"] = replace(before, field_hmacs={}).to_json()
        if closes:
            values |= {"settled_at": timezone.now(), "next_check_at": None}
        with transaction.atomic():
            stored, writes = self._store(change, values), None
            if stored and not values.keys().isdisjoint(("state", "sent_at")):
                writes = change.account.count_write(of_members=change.action in Change.OF_MEMBERS)
            if stored and holds is not None and not holds():
                transaction.set_rollback(True)
                return False
        if not stored:
            change.refresh_from_db()
            return False
        if writes is not None:
            change.account.writes = writes
        for name, value in values.items():
            setattr(change, name, value)
        return True

    def _store(self, change: "Change", values: dict[str, Any]) -> bool:
        untouched = {name: getattr(change, name) for name in ("id", "state", "sent_at", "checks")}
        ends = "state" in values and not change.locks_in(values["state"])
        of_job = Lock.objects.held_by(change.job_id) if ends and change.job_id else None
        if not models.QuerySet.update(self.model.objects.filter(**untouched), **values):
            return False
        if ends:
            Lock.objects.filter(change=change).delete()
        nothing_changed = values.get("state") in Change.NOTHING_CHANGED
        if nothing_changed and values.get("reason") != Change.Reason.SUPERSEDED:
            for react in nothing_changed_listeners:
                react(change)
        if of_job and change.job_id:
            self._release(change.job_id)
        elif change.state == Change.State.REVIEW and change.job_id:
            self._count_moved(change.job_id)  # a user has decided after the job has ended
        return True

    def release_job(self, job_id: uuid.UUID) -> None:
        """Release its locks in the transaction that ends it, once its last open change is settled."""
        if Lock.objects.held_by(job_id):
            self._release(job_id)

    def _release(self, job_id: uuid.UUID) -> None:
        has_ended = Job.objects.filter(pk=job_id, state__in=Job.ENDED)
        if has_ended.exists() and not Lock.objects.filter(change__job=job_id).exists():
            Lock.objects.filter(job=job_id).delete()
            self._count_moved(job_id)

    def _count_moved(self, job_id: uuid.UUID) -> None:
        made = Change.objects.filter(job=job_id, state__in=Change.MADE, action__in=Change.OF_CLIENTS)
        ways = made.order_by().values_list("loaded__group_id", "intended__group_id").annotate(Count("pk"))
        MovedClients.objects.filter(job=job_id).delete()
        MovedClients.objects.bulk_create(
            MovedClients(job_id=job_id, from_id=from_id, to_id=to_id, clients=clients)
            for from_id, to_id, clients in ways
        )

    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The journal is append-only: use settle().")

    def delete(self) -> NoReturn:
        raise TypeError("The journal is append-only.")


class Change(MadeByUser, Consent):
    """One row of the journal: a change that a user requested, and its outcome. Its id is the `operation`.

    Values: `loaded` when the form was opened (`LoadedGroup`), `before` at Poster just before the write
    (`Group`; `RecordIds` for a creation), `intended` as requested (`GroupValues`), and `after` at Poster
    after the write (`Group`; `RecordIds` in a review).

    `code` and `message` are Poster's. The message is empty for changes of clients: it may name somebody.
    `accepted` is True if Poster answered that the write succeeded. `found` is a digest of the last remote
    state that was read, and `found_since` the time of the first read that showed it.

    `monthly_cost` is the cost of the change in the 30 days before it, in hryvnia and negative if it saves: a
    sum over a group, only for users who may see sales. `reached` is the number of clients that the write
    moves, removes or gives other terms; 0 where the account has no limit on clients.

    `again_of` is an earlier change with a lost outcome that this one repeats. Poster may still carry out the
    earlier one, so this change stays open until a read shows the outcome of both, even if its own write
    failed.

    A change of a client belongs to a `job` and stores only the `client_id` of the person, for a creation the
    new id. Its values are `ClientPlace`, `ClientBefore`, `ClientAfter` and `NewClient`.

    A change in the state elsewhere was seen by a worker: it has no user, and was not sent. `before` are the
    values that Poster still showed at `possible_since`, None for a creation, and `after` those that it showed
    at `created_at`, None for a removal.
    """

    class Action(models.TextChoices):
        CREATE = "create", _("created")
        UPDATE = "update", _("changed")
        REMOVE = "remove", _("removed")
        MOVE = "move", _("client moved")
        CREATE_CLIENT = "enrol", _("client created")

    class State(models.TextChoices):
        PENDING = "pending", _("in progress")
        APPLIED = "applied", _("applied")
        DIFFERS = "differs", _("applied differently")
        REFUSED = "refused", _("refused by Poster")
        FAILED = "failed", _("not made")
        UNKNOWN = "unknown", _("outcome unknown")
        REVIEW = "review", _("needs a person")
        ELSEWHERE = "elsewhere", _("made elsewhere")

    class Reason(models.TextChoices):
        """The labels are half sentences. `reason` may also hold the reason of a `PosterError`."""

        CONFLICT = "conflict", _("the group had been changed meanwhile")
        GONE = "gone", _("the group is no longer there")
        NAME_TAKEN = "name_taken", _("a group with this name exists")
        UNSAFE = "unsafe", _("Poster has a type for this group that is not known here")
        NO_RIGHT = "no_right", _("the group has clients, and the right to remove them was missing")
        HAS_CLIENTS = "has_clients", _("the group has clients, so an undo does not remove it")
        NOT_READ = "not_read", _("Poster could not be read before, so nothing was sent")
        UNREADABLE_ROW = (
            "unreadable_row",
            _("Poster gave it in a form that could not be read, so nothing was sent"),
        )
        NOT_SHOWN_YET = (
            "not_shown_yet",
            _("Poster does not show the last change of it yet, so nothing was sent: try again in a minute"),
        )
        NOT_SENT = "not_sent", _("Poster was not reached, so nothing was sent")
        NEVER_SENT = "never_sent", _("it was interrupted before anything was sent")
        NOT_APPLIED = "not_applied", _("Poster's answer was lost, and the change did not appear")
        SUPERSEDED = "superseded", _("it was sent again")
        UNITS = "units", _("the birthday bonus came back multiplied or divided by 100")
        OVERWRITTEN = "overwritten", _("Poster's answer was lost, and the group has other values now")
        DUPLICATES = "duplicates", _("more than one new group has this name")
        NAMESAKE = (
            "namesake",
            _("Poster's answer was lost, and there is a new group of this name with other values"),
        )
        ACCEPTED_BUT_ABSENT = "accepted_but_absent", _("Poster said yes, but the change is not there")
        ANSWERED_ID_ABSENT = (
            "answered_id_absent",
            _(
                "Poster said yes, but has no group of the number that it answered: "
                "it may be there under another number"
            ),
        )
        REFUSAL_NOT_VERIFIED = "refusal_not_verified", _("Poster said no, but that could not be checked")
        CLIENT_GONE = "client_gone", _("the client is no longer there")
        ELSEWHERE = "elsewhere", _("somebody has moved the client to another group")
        OTHER_FIELDS = "other_fields", _("other fields of the client changed too")
        REFUSED_BUT_CHANGED = "refused_but_changed", _("Poster said no, but the group has changed")
        CLIENT_THERE = "client_there", _("the client is still in Poster, so nobody was created")
        LOOKS_ALIKE = "looks_alike", _("Poster's answer was lost, and somebody alike is in the group")
        REFUSED = "refused", ""
        NOT_WRITTEN = "not_written", ""

    class Failure(models.TextChoices):
        UNREACHABLE = "unreachable"
        # This program's own limit of calls at once was reached.
        BUSY = "busy"
        # Poster answered something that is not documented.
        UNCLEAR = "unclear"
        # Poster rejects the token, or its rights do not cover the call.
        NO_ACCESS = "no_access"
        NOT_FOUND = "not_found"
        # Poster does not take the values, or a check before sending forbids the write.
        REJECTED = "rejected"
        # Poster does not show an earlier change yet.
        STALE = "stale"

        @property
        def status(self) -> int:
            statuses = {
                self.NOT_FOUND: 404,
                self.STALE: 409,
                self.REJECTED: 422,
                self.NO_ACCESS: 424,
                self.UNCLEAR: 502,
                self.BUSY: 503,
                self.UNREACHABLE: 504,
            }
            return statuses[self]

    # Kinds of changes that concern a client, not a group.
    OF_CLIENTS = (Action.MOVE, Action.CREATE_CLIENT)
    OF_MEMBERS = (*OF_CLIENTS, Action.REMOVE)  # kinds of changes after which a group has other clients
    CREATIONS = (Action.CREATE, Action.CREATE_CLIENT)
    # A removal in review keeps its locks: Poster may still carry it out, and remove the group's clients too.
    LOCKED_IN_REVIEW = (Action.REMOVE,)

    OPEN = (State.PENDING, State.UNKNOWN)
    MADE = (State.APPLIED, State.DIFFERS)
    NOTHING_CHANGED = (State.REFUSED, State.FAILED)
    UNSETTLED = (*OPEN, State.REVIEW)
    # Poster has the values in `after`, no matter who made the change.
    HAPPENED = (*MADE, State.ELSEWHERE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(PosterAccount, on_delete=models.PROTECT, related_name="changes")
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

    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    reason = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=11, blank=True, default="")
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
    possible_since = models.DateTimeField(null=True)
    monthly_cost = models.DecimalField(max_digits=17, decimal_places=2, null=True)
    note = models.CharField(max_length=LONGEST_NOTE, blank=True, default="")
    reached = models.PositiveIntegerField(default=0)

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
            ("view_sales", "Can see the sales of a loyalty group, and what a percent costs"),
            ("set_bonus_unit", "Can lift a block on birthday bonuses and set their unit"),
            ("watch_account", "Can let the worker look for changes made elsewhere"),
            ("exceed_limits", "Can set the limits of an account, and let changes go beyond them"),
            ("change_criteria", "Can set the criteria of an account, and run them"),
            ("view_cards", "Can see which card is on many receipts"),
        )
        constraints = (models.CheckConstraint(condition=KNOWN_STATE, name="known_state"),)
        indexes = (
            # Exclude changes of clients, since one job may have thousands. With `action` as last column the
            # rows can be counted in the index alone, which is much faster.
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
            # No condition on the open states: SQLite does not use a partial index for a parametrized query.
            models.Index(fields=("state", "next_check_at"), name="change_open"),
            models.Index(fields=("job", "client_id"), name="change_by_client"),
            models.Index(
                fields=("account", "client_id", "-created_at"),
                condition=Q(client_id__isnull=False),
                name="change_of_client",
            ),
            models.Index(fields=("account", "target"), name="change_by_target"),
            models.Index(fields=("job", "state", "reason"), name="change_by_job"),
            models.Index(fields=("account", "settled_at"), condition=OF_GROUPS, name="change_by_settled"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.target} {self.state}"

    def save(self, *, lock_keys: frozenset[str] = frozenset(), **_: Any) -> None:
        """Insert the row and lock its target and these keys.

        Raises `IntegrityError` if another change or job holds one of the locks, and `LocksLost` if the job of
        this change no longer holds its own locks, or holds none and has ended.
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
            if self.job_id and not of_job:
                # Lock the row, so that nobody ends the job, and undoes it, before this change is there.
                state = Job.objects.select_for_update().values_list("state", flat=True).get(pk=self.job_id)
                if state in Job.ENDED:
                    raise LocksLost
            super().save(force_insert=True)
            Lock.objects.take(self.account_id, (lock_keys | {self.target}) - of_job, change_id=self.pk)

    def get_absolute_url(self) -> str:
        return reverse("groups:change", args=[self.pk])

    @property
    def submission(self) -> Submission:
        values = (self.target, self.intended)
        return Submission(self.pk, self.account_id, self.user_id, self.action, values)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("The journal is append-only.")

    def locks_in(self, state: str) -> bool:
        """A change holds its locks while Poster may still carry it out."""
        return state in self.OPEN or (state == self.State.REVIEW and self.action in self.LOCKED_IN_REVIEW)

    @property
    def holds_locks(self) -> bool:
        return self.locks_in(self.state)

    @property
    def reason_label(self) -> str:
        """Return nothing where there is no reason, or one of a `PosterError`."""
        return str(self.Reason(self.reason).label) if self.reason in self.Reason else ""

    @property
    def is_over(self) -> bool:
        """Return True once its sender no longer works on it, whether its outcome is known or not."""
        return self.state != self.State.PENDING

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def known_ids(self) -> set[int]:
        return set(RecordIds.from_json(self.before).ids)

    @property
    def clients_before(self) -> int:
        return int((self.before or {}).get("clients", 0))
