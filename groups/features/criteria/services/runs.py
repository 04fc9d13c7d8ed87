"""Run the table: the job that moves all clients who belong elsewhere, and the bound on how many.

The form reads and judges all clients, and the job moves those alone whom that reading named. If it begins, or
goes on, long after that, it reads again: nobody is moved whom a preview would not show. Each client is
written once at most in a run.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.approvals.models import ApprovalRequest
from groups.features.approvals.services.approvals import requests_of
from groups.features.criteria.models import CHANGE_CRITERIA, KIND, Criteria
from groups.features.criteria.services.previews import unproven_words
from groups.features.criteria.services.reading import CriteriaReading
from groups.features.criteria.services.run_work import CriteriaRun, RunScope, left_of, read_for
from groups.models import Job, PosterCredentials
from groups.models.locks import members_key
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped
from groups.services.values import NumberFormat, clients_words
from groups.services.writes.commands import MoveClient
from groups.services.writes.gates import Gate
from groups.services.writes.not_sent import Held
from groups.services.writes.reach import Reach, reached_by


class TooManyMoves(Held):
    """A run would move more clients than its table allows, and nobody has said yes to it."""

    def __init__(self, moves: int, most: int) -> None:
        super().__init__()
        self.moves = moves
        self.most = most


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
    def asked_for(self) -> tuple[Any, ...]:
        """Nothing beside the id: who is moved is read from Poster."""
        return ()

    @property
    def most_clients(self) -> int | None:
        row = Criteria.objects.filter(account=self.job.account_id).first()
        return row.table["max_moves"] if row else None

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the clients of the plan; for a run that was asked for, or has stopped, as read again."""
        moves = len(self.scope.moves)
        if credentials is not None and not self.job._state.adding:
            try:
                left = left_of(self.job, read_for(self.job, credentials).moves)
            except Stopped:
                left = []  # the table is another one by now: the worker stops the run
            moves = len(left) + reached_by(self.job.pk)
        return Reach(clients=moves)

    @property
    def group_ids(self) -> list[int]:
        """The groups that clients are moved out of."""
        return sorted({move.from_id for move in self.scope.moves})

    @property
    def is_counted(self) -> bool:
        """Return False for a run whose worker has yet to read all clients, as while Poster is slow."""
        return bool(self.job.total) or self.job.is_over or self.scope.planned_at is not None

    def columns_for(self, groups: Iterable[Any]) -> dict[str, Any]:
        """Let the run of an approver read again, with their token."""
        return {"wanted": replace(self.scope, moves=(), planned_at=None).to_json()}

    def work(self, lease: JobLease) -> None:
        CriteriaRun(lease).run()

    @property
    def title(self) -> str:
        words = clients_words(self.job.total) if self.is_counted else _("clients not counted yet")
        return _("Criteria: %(clients)s") % {"clients": words}

    @property
    def request_words(self) -> str:
        scope, count = self.scope, NumberFormat.current().count
        names = dict(zip(scope.groups, scope.names, strict=False))
        pairs = Counter((move.from_id, move.to_id) for move in scope.moves)
        line = _("“%(from)s” → “%(to)s”: %(clients)s")
        lines = [
            line
            % {"from": names.get(from_id, from_id), "to": names.get(to_id, to_id), "clients": count(each)}
            for (from_id, to_id), each in pairs.items()
        ]
        return "\n".join([_("The criteria move:"), *lines]) if lines else ""

    @property
    def words_at_end(self) -> str:
        scope, sentences = self.scope, []
        if scope.is_night:
            sentences.append(_("A worker has started it at night."))
        if self.job.total:
            sentences.append(
                _("Those who are pinned, have moved on, or could not be read were left as they are.")
            )
        if scope.unproven:
            sentences.append(unproven_words(scope.unproven))
        elif not self.job.total:
            sentences.append(_("Everybody is where they belong."))
        return " ".join(sentences)


class MostMovesGate(Gate):
    """Refuse a run of more clients than its table allows, where nobody can be asked: requests are off.

    Where they are on, the gate of the limits comes first, and makes a request of it.
    """

    order = 60

    def before_job(self, job: Job, user: User) -> None:
        if job.kind != Run.kind or job.request_id is not None:
            return
        most, moves = JobKind.of(job).most_clients, len(RunScope.from_json(job.wanted).moves)
        if most is not None and moves > most:
            raise TooManyMoves(moves, most)


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


def plan_run(
    reading: CriteriaReading, *, operation: uuid.UUID, is_read: bool = True, is_night: bool = False
) -> Job:
    """Return the unsaved job that moves the clients whom a finished reading has named.

    Without `is_read` the reading came to no end, and the worker makes its own.
    """
    user = reading.credentials.user
    if not user.has_perms(Run.permissions):
        raise PermissionDenied
    table, moves = reading.table, reading.moves if is_read else []
    names = {group_id: reading.groups[group_id].name[:100] for group_id in table.groups}
    scope = RunScope(table.fingerprint, table.groups, tuple(names.values()), is_night=is_night)
    return Job(
        id=operation,
        account=reading.credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=Run.kind,
        group_name=", ".join(names[each] for each in dict.fromkeys(move.from_id for move in moves))[:400],
        target_name=", ".join(names[each] for each in dict.fromkeys(move.to_id for move in moves))[:400],
        wanted=(scope.planned(reading) if is_read else scope).to_json(),
        total=len(moves),
    )
