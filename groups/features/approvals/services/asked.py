"""Let jobs be asked for, as a whole or for their rest, and read the effect of a command."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.models import Job, PosterCredentials
from groups.models.asked import Asked
from groups.models.contents import Effect
from groups.services.groups import list_groups_now
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind, title_of
from groups.services.writes.commands import GroupCommand
from groups.services.writes.not_sent import NotNow
from groups.services.writes.reach import changes_terms, effect_on_group, reached_by


def effect_of_command(command: GroupCommand, credentials: PosterCredentials) -> Effect:
    """Return the effect of a write to one group; a new one has no clients. Raises `PosterError`."""
    if command.group_id is None:
        return Effect()
    counts = command.removes or changes_terms(command.loaded, command.values)
    return effect_on_group(credentials, command.group_id, counts=counts)


class AskedJob(Asked):
    """A job: new, a draft, or the rest of one that has stopped."""

    kind = "job"
    label = _("a job")
    model = Job

    @property
    def title(self) -> str:
        return title_of(self.row)

    @property
    def words(self) -> str:
        return JobKind.of(self.row).request_words

    def effect(self, credentials: PosterCredentials) -> Effect:
        groups = {group.id: group for group in list_groups_now(credentials).groups}
        job, kind = self.row, JobKind.of(self.row)
        clients = kind.reach(credentials).clients - reached_by(job.pk)
        found = tuple(groups[group_id] for group_id in kind.group_ids if group_id in groups)
        return Effect(found, groups.get(job.target_id or 0), max(clients, 0))

    def let_wait(self, request_id: uuid.UUID) -> None:
        """Save a new job, or a draft, as one that waits; one that has stopped stays so."""
        job = self.row
        if job._state.adding:
            job.state = Job.State.ASKED
            job.save(force_insert=True)
        elif not job.move_on(Job.State.DRAFT, state=Job.State.ASKED) and job.state not in Job.HALTED:
            raise NotNow

    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        job = self.row
        # A yes for fewer takes nothing back from an earlier one.
        allowed = max(reached_by(job.pk) + now.clients, job.allowed_clients or 0)
        values: dict[str, Any] = {"allowed_clients": allowed}
        if job.state == Job.State.ASKED:
            values |= JobKind.of(job).columns_onto(now.groups)
            if values.get("total") == 0:
                job.move_on(Job.State.ASKED, state=Job.State.DONE, finished_at=timezone.now(), **values)
                return False
        queue.hand_over(job, user, **consent, **values)
        return True
