"""A kind of job for tests of the core: it moves clients from group to group, and needs no feature."""

import uuid

from groups.models import Change, Job
from groups.services import credentials as credentials_service
from groups.services.jobs import queue
from groups.services.jobs.executor import (
    OutageBackoff,
    Try,
    check_target,
    may_be_tried,
    run_passes,
    submit_all,
)
from groups.services.jobs.kinds import JobKind
from groups.services.writes.commands import MoveClient
from groups.services.writes.reach import Reach
from tests.support.jobs import FEW

# The ids of the clients of a group of the seed begin here.
FIRST = {1: 1, 4: 129, 5: 173}


class Transfer(JobKind):
    """Move the clients that the row names, several at a time, as often as it takes."""

    kind = "transfer"
    label = "clients transferred"
    done_label = "transferred"
    permissions = (MoveClient.permission,)
    moves_clients = True

    def reach(self, credentials):
        return Reach(clients=self.job.total)

    @property
    def group_ids(self):
        return [self.job.group_id]

    @property
    def title(self):
        return "Transfer clients"

    def work(self, lease):
        run_passes(lease, lambda: self._pass(lease))

    def _pass(self, lease):
        backoff = OutageBackoff(lease)
        backoff.ask_poster(lambda: check_target(lease))
        commands = list(self._commands())
        if commands:
            backoff.note(submit_all(lease, commands))
        return bool(commands)

    def _commands(self):
        for client_id in self.job.wanted["clients"]:
            tries = [Try.of(each) for each in Change.objects.filter(job=self.job, client_id=client_id)]
            if may_be_tried(tries):
                yield MoveClient(
                    operation=uuid.uuid5(self.job.pk, f"{client_id} {len(tries)}"),
                    job=self.job,
                    client_id=client_id,
                    from_id=self.job.group_id,
                    to_id=self.job.target_id,
                )


def plan(user, group_id=4, target_id=1):
    """Return a job for the first clients of a group, not started yet."""
    first = FIRST[group_id]
    return Job(
        account=credentials_service.credentials_of(user).account,
        user=user,
        user_name=user.username,
        kind=Transfer.kind,
        group_id=group_id,
        target_id=target_id,
        wanted={"clients": list(range(first, first + FEW))},
        total=FEW,
    )


def start(user, **options):
    return queue.start(plan(user, **options))
