"""Run the table: the job that moves all clients who belong elsewhere, and the bound on how many.

The form reads and judges all clients, and the job moves those alone whom that reading named. If it begins, or
goes on, long after that, it reads again: nobody is moved whom a preview would not show. Each client is
written once at most in a run.
"""

import uuid
from dataclasses import replace
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services.approvals import requests_of
from groups.features.criteria.models import CHANGE_CRITERIA, KIND, Criteria
from groups.features.criteria.services.previews import Preview, unproven_words
from groups.features.criteria.services.reading import CriteriaReading
from groups.features.criteria.services.run_work import (
    CriteriaRun,
    RunScope,
    left_of,
    pairs_of,
    pairs_sent,
    read_for,
)
from groups.models import Job, PosterCredentials
from groups.models.contents import Effect, Pairs
from groups.models.locks import members_key
from groups.services.jobs import kinds
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped
from groups.services.values import NumberFormat, clients_words
from groups.services.writes.commands import MoveClient
from groups.services.writes.reach import Reach, reached_by


@kinds.register
class Run(JobKind):
    """Move the clients of an account to the groups in which they belong by its criteria."""

    kind = KIND
    label = gettext_lazy("criteria run")
    done_label = pgettext_lazy("parts of a job", "moved")
    permissions: ClassVar[tuple[str, ...]] = (CHANGE_CRITERIA, MoveClient.permission)
    moves_clients = True

    @property
    def scope(self) -> RunScope:
        return RunScope.from_json(self.job.wanted)

    def may_be_undone_by(self, user: User) -> bool:
        """Return True for users who may move clients: to take a run back changes no criteria."""
        return user.has_perm(MoveClient.permission)

    @property
    def lock_keys(self) -> frozenset[str]:
        """All groups of the table: a reading that is made again may move clients of any of them.

        And one key more, so that an account has one run at a time.
        """
        return super().lock_keys | {KIND, *map(members_key, self.scope.groups)}

    @property
    def form_values(self) -> tuple[Any, ...]:
        """Nothing beside the id: who is moved is read from Poster."""
        return ()

    @property
    def most_clients(self) -> int | None:
        row = Criteria.objects.filter(account=self.job.account_id).first()
        return row.table["max_moves"] if row else None

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the clients of the plan; for a run that was asked for, or has stopped, as read again."""
        pairs = self.scope.pairs if credentials is None else self.pairs(credentials)
        return Reach(clients=sum(clients for *_pair, clients in pairs) + reached_by(self.job.pk))

    def pairs(self, credentials: PosterCredentials) -> Pairs:
        """Return those of the plan for a new job, else those who are left to move, as read now."""
        if self.job._state.adding:
            return self.scope.pairs
        try:
            left = left_of(self.job, read_for(self.job, credentials).moves)
        except Stopped:
            return ()  # the table is another one by now: the worker stops the run
        return pairs_of((move.from_id, move.to_id) for move in left)

    @property
    def group_ids(self) -> list[int]:
        """All groups of the table: their terms are what clients lose and get."""
        return list(self.scope.groups)

    @property
    def is_counted(self) -> bool:
        """Return False for a run whose worker has yet to read all clients, as while Poster is slow."""
        return bool(self.job.total) or self.job.is_over or self.scope.planned_at is not None

    def columns_for(self, now: Effect) -> dict[str, Any]:
        """Let the run of an approver read again, with their token, and move nobody beyond what they saw."""
        made = ((*pair, 1) for pair in pairs_sent(self.job))
        agreed = (*now.pairs, *made)
        return {"wanted": replace(self.scope, moves=(), planned_at=None, agreed=agreed).to_json()}

    def work(self, lease: JobLease) -> None:
        CriteriaRun(lease).run()

    @property
    def title(self) -> str:
        words = clients_words(self.job.total) if self.is_counted else _("clients not counted yet")
        return _("Criteria: %(clients)s") % {"clients": words}

    @property
    def words_at_end(self) -> str:
        scope, sentences = self.scope, []
        if scope.is_night:
            sentences.append(_("A worker has started it at night."))
        if self.job.total:
            sentences.append(
                _("Those who are pinned, have moved on, or could not be read were left as they are.")
            )
        if scope.beyond:
            words = ngettext(
                "%(count)s client belongs elsewhere only since the yes, and was left for the next run.",
                "%(count)s clients belong elsewhere only since the yes, and were left for the next run.",
                scope.beyond,
            )
            sentences.append(words % {"count": NumberFormat.current().count(scope.beyond)})
        if scope.unproven:
            sentences.append(unproven_words(scope.unproven))
        elif not self.job.total and not scope.beyond:
            sentences.append(_("Everybody is where they belong."))
        return " ".join(sentences)


# --- Planning ----------------------------------------------------------------------------------------------


def unfinished_run(account_id: str) -> Job | None:
    """Return the run of an account that has not ended, without its moves, or None."""
    runs = Job.objects.unfinished().filter(account=account_id, kind=Run.kind).defer("wanted")
    return runs.order_by("created_at").first()


def asked_run(row: Criteria | None, credentials: PosterCredentials) -> ApprovalRequest | None:
    """Return the request for a run of this very table that waits and that a user may see, or None."""
    if row is None:
        return None
    asked = requests_of(credentials).waiting().filter(job__kind=Run.kind)
    return asked.filter(job__wanted__table=row.fingerprint).first()


def seen_of(reading: CriteriaReading, preview: Preview) -> str:
    """Return a hash of the table and of what its preview shows: pairs, counts, terms of all groups."""
    groups = tuple(reading.groups[group_id] for group_id in reading.table.groups)
    effect = Effect(groups, clients=preview.moves, pairs=preview.moved)
    return f"{effect.mark}{reading.table.fingerprint}"


def plan_run(
    reading: CriteriaReading, *, operation: uuid.UUID, agreed: Pairs | None, is_read: bool = True
) -> Job:
    """Return the unsaved job that moves the clients whom a finished reading has named.

    `agreed` are the pairs that a person has seen, None at night. Without `is_read` the reading came to no
    end, and the worker makes its own.
    """
    user = reading.credentials.user
    if not user.has_perms(Run.permissions):
        raise PermissionDenied
    table = reading.table
    scope = RunScope(table.fingerprint, table.groups, agreed=agreed, is_night=agreed is None)
    if is_read:
        scope = scope.planned(reading)
    sides = (dict.fromkeys(pair[side] for pair in scope.pairs) for side in (0, 1))
    names = [", ".join(reading.groups[each].name[:100] for each in side)[:400] for side in sides]
    return Job(
        id=operation,
        account=reading.credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=Run.kind,
        group_name=names[0],
        target_name=names[1],
        wanted=scope.to_json(),
        total=len(scope.moves),
    )
