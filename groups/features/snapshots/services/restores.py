"""Run the jobs that restore a snapshot: create the group if it is gone, and bring its clients back into it.

Read each client again before anything is sent. Move clients that are in one of the groups named on the page,
and create clients that Poster no longer has, once. Only the ids of people are stored.
"""

import uuid
from functools import partial
from itertools import batched
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import snapshots
from groups.features.snapshots.services.restore_preview import PERMISSIONS, present_ids, preview_restore
from groups.features.snapshots.services.snapshots import RestoreScope
from groups.models import Change, Job, PosterCredentials
from groups.models.locks import members_key
from groups.poster import Client, ClientList
from groups.services.jobs import kinds
from groups.services.jobs.executor import (
    OutageBackoff,
    Try,
    check_as_intended,
    check_target,
    find_clients,
    first_made,
    is_accepted,
    lock_target,
    may_be_tried,
    run_passes,
    settle_open,
    submit_all,
    submit_one_by_one,
)
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped, sender_of
from groups.services.journal import history
from groups.services.writes.commands import CreateClient, CreateGroup, MoveClient
from groups.services.writes.commands.create_client import target_of
from groups.services.writes.reach import Reach, reach_of_values, reached_by

State = Change.State
AT_ONCE = 50
"""Clients that are read before the first of them is restored."""

type Commands = list[MoveClient | CreateClient]


@kinds.register
class Restore(JobKind):
    """Bring the clients of a snapshot back, and their group if it is gone."""

    kind = snapshots.RESTORE
    label = gettext_lazy("group restored")
    done_label = pgettext_lazy("parts of a job", "brought back")
    permissions = PERMISSIONS
    moves_clients = True
    not_counted = (Change.Action.CREATE,)

    @property
    def scope(self) -> RestoreScope:
        return RestoreScope.from_json(self.job.wanted)

    @property
    def lock_keys(self) -> frozenset[str]:
        return super().lock_keys | {members_key(group_id) for group_id in self.scope.sources}

    @property
    def form_values(self) -> tuple[Any, ...]:
        """The snapshot alone: the target and the sources are read from Poster."""
        return (self.scope.snapshot,)

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        """Return the reach of a restore: its clients, and the values of a group that it creates."""
        job = self.job
        snapshot = Snapshot.objects.filter(pk=self.scope.snapshot).first()
        if snapshot is None:
            return Reach(clients=job.total)
        made = Reach() if job.target_id else reach_of_values(None, snapshot.content.values)
        if credentials is None or job._state.adding:  # a new job was planned from a preview of this moment
            return made + Reach(clients=job.total)
        left = preview_restore(credentials, snapshot).total
        return made + Reach(clients=left + reached_by(job.pk))

    @property
    def group_ids(self) -> list[int]:
        """The groups that clients are moved out of."""
        return list(self.scope.sources)

    def work(self, lease: JobLease) -> None:
        _Restore(lease).run()

    @property
    def title(self) -> str:
        return _("Restore “%(group)s”") % {"group": self.job.group_name}


class _Restore:
    """One run of a job that restores a snapshot."""

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = OutageBackoff(lease)
        self._scope = RestoreScope.from_json(self._job.wanted)
        found = Snapshot.objects.filter(pk=self._scope.snapshot, account=self._job.account_id).first()
        if found is None:
            raise Stopped(Job.Stop.SNAPSHOT_GONE)
        self._snapshot = found

    def run(self) -> None:
        """Create the group if needed, then restore clients in passes until none is left to try."""
        while self._job.target_id is None:
            self._create_group()
        run_passes(self._lease, self._pass)

    def _pass(self) -> bool:
        """Go through the clients once; return True if any was tried."""
        tried = False
        for rows in snapshots.parts_of(self._snapshot):
            self._backoff.ask_poster(partial(check_target, self._lease))
            living = [client for client in ClientList.from_wire(rows).clients if not client.removed]
            for some in batched(living, AT_ONCE, strict=False):
                tried |= self._bring_back(some)
        return tried

    def _bring_back(self, clients: tuple[Client, ...]) -> bool:
        commands = self._commands(clients)
        if not commands:
            return False
        if self._test_actions(commands):
            # Only continue with an action after one client was restored with it.
            commands = [command for command in self._commands(clients) if self._is_tested(command.action)]
        if commands:
            changes = submit_all(self._lease, commands)
            if not changes:
                self._backoff.wait(Job.Stop.LOCKED)
            self._backoff.note(changes)
        return True

    # --- The group -----------------------------------------------------------------------------------------

    def _create_group(self) -> None:
        """Create the group, or use the outcome of an earlier try. Raises `Stopped` if that has failed."""
        tries = list(Change.objects.filter(job=self._job, action=Change.Action.CREATE).order_by("created_at"))
        made = next((change for change in tries if change.state in Change.MADE), None)
        # A user has let the job go on since these have failed.
        stopped_at = self._job.stopped_at
        failed = [change for change in tries if change.state in Change.NOTHING_CHANGED]
        over = [change for change in failed if stopped_at is not None and change.created_at < stopped_at]
        if made is not None:
            self._take_group(made)
        elif may_be_tried([Try.of(change) for change in tries if change not in over]):
            command = CreateGroup(
                operation=uuid.uuid5(self._job.pk, f"group {len(tries)}"),
                intended=self._snapshot.content.values,
                job=self._job,
                # Tell the journal that the group is there again: no undo of its removal creates another one.
                undo_of=history.removal_of(sender_of(self._job), self._snapshot.group_id),
            )
            for _ in submit_one_by_one(self._lease, [command]):
                pass  # the next look at the journal takes it up
        elif any(change.is_open for change in tries):
            settle_open(self._lease)
        else:
            raise Stopped(Job.Stop.GROUP_NOT_CREATED, tries[-1].message)

    def _take_group(self, made: Change) -> None:
        """Use the created group as the target.

        Raises `Stopped` if its values differ from the snapshot's and no user has accepted that.
        """
        if not is_accepted(self._job, made):
            check_as_intended(made)
        if made.group_id is None:
            raise Stopped(Job.Stop.GROUP_NOT_CREATED, "")
        # Another user may have locked the new group already, to move clients into it or to remove it.
        lock_target(self._lease, made.group_id)

    # --- The clients to restore ----------------------------------------------------------------------------

    def _commands(self, clients: tuple[Client, ...]) -> Commands:
        """Return the commands for the clients that may still be tried; their present group decides which."""
        now, undecided = present_ids(self._job.account_id, (client.id for client in clients))
        tries: dict[int, list[Try]] = {old: [] for old in now}
        old_of_target = {
            target: old
            for old, new in now.items()
            for target in (f"client:{old}", f"client:{new}", target_of(old), target_of(new))
        }
        rows = Change.objects.filter(job=self._job, target__in=old_of_target).order_by("created_at")
        for target, *end in rows.values_list("target", *Try._fields):
            tries[old_of_target[target]].append(Try(*end))
        left = {
            client.id: client
            for client in clients
            if client.id not in undecided and may_be_tried(tries[client.id])
        }
        locations = find_clients(self._lease, [now[old] for old in left], self._scope.sources)
        commands: Commands = []
        # A client whose last try failed comes last, so that it keeps none of the others waiting.
        for old, client in sorted(left.items(), key=lambda item: len(tries[item[0]])):
            group_id, number = locations.group_of(now[old]), len(tries[old])
            if group_id in self._scope.sources and group_id != self._job.target_id:
                commands.append(
                    MoveClient(
                        operation=uuid.uuid5(self._job.pk, f"{now[old]} {number}"),
                        job=self._job,
                        client_id=now[old],
                        from_id=group_id or 0,
                        to_id=self._job.target_id or 0,
                    )
                )
            elif group_id == 0 and self._scope.create:
                commands.append(
                    CreateClient(
                        operation=uuid.uuid5(self._job.pk, f"enrol {now[old]} {number}"),
                        job=self._job,
                        snapshot_id=self._snapshot.pk,
                        client=client,
                        old_id=now[old],
                        group_id=self._job.target_id or 0,
                    )
                )
        return commands

    # --- The first clients ---------------------------------------------------------------------------------

    def _test_actions(self, commands: Commands) -> bool:
        """Restore one client alone with each untested action; return True if any was tried."""
        tried = False
        for action in (Change.Action.MOVE, Change.Action.CREATE_CLIENT):
            of_action = [command for command in commands if command.action == action]
            if not of_action or self._is_tested(action):
                continue
            tried = True
            for change in submit_one_by_one(self._lease, of_action):
                self._check_first(change)
                if self._is_tested(action):
                    break
        return tried

    def _is_tested(self, action: Change.Action) -> bool:
        """Return True if the journal shows a client that this job has restored with this action."""
        first = first_made(self._job, action=action)
        if first is not None and not is_accepted(self._job, first):
            self._check_first(first)
        return first is not None

    def _check_first(self, change: Change) -> None:
        """Raise `Stopped` if other fields of the first client changed, or if Poster refused its move."""
        check_as_intended(change)
        if change.state == State.REFUSED and change.action == Change.Action.MOVE:
            raise Stopped(Job.Stop.REFUSED, change.message)
