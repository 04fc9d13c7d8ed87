"""Read what a request would do now: the groups that it writes, the target of a move, and the clients.

The clients are counted in Poster's list of clients, and by the rule of the limits: each that is moved,
removed, or given other terms is one.
"""

from groups.features.schedules.models import Schedule
from groups.models import ApprovalRequest, Job, PosterCredentials
from groups.models.contents import Effect
from groups.poster import ErrorReason, Group, NotFound
from groups.services.clients import with_everybody
from groups.services.groups import find_group, list_groups_now
from groups.services.jobs.kinds import JobKind
from groups.services.writes.commands import GroupCommand
from groups.services.writes.reach import changes_terms, count_reached, reached_by

Kind = ApprovalRequest.Kind


def effect_of(asked: GroupCommand | Job | Schedule, credentials: PosterCredentials) -> Effect:
    """Return what a command, a job or a planned change would do now. Raises `PosterError`."""
    match asked:
        case GroupCommand():
            return effect_of_command(asked, credentials)
        case Job():
            return effect_of_job(asked, credentials)
        case Schedule():
            return effect_of_schedule(asked, credentials)


def effect_of_command(command: GroupCommand, credentials: PosterCredentials) -> Effect:
    """Return the effect of a write to one group; a new one has no clients. Raises `NotFound` if gone."""
    if command.group_id is None:
        return Effect()
    group = _find(credentials, command.group_id)
    counts = command.removes or changes_terms(command.loaded, command.values)
    return Effect((group,), clients=count_reached(credentials, group.id) if counts else 0)


def effect_of_schedule(schedule: Schedule, credentials: PosterCredentials) -> Effect:
    """Return the effect of a planned change, as if it started now. Raises `NotFound` if its group is gone."""
    group = _find(credentials, schedule.group_id)
    counts = changes_terms(schedule.base_values, schedule.planned_values)
    return Effect((group,), clients=count_reached(credentials, group.id) if counts else 0)


def effect_of_job(job: Job, credentials: PosterCredentials) -> Effect:
    """Return the effect of a job, or of the rest of one that has stopped."""
    groups = {group.id: group for group in list_groups_now(credentials).groups}
    kind = JobKind.of(job)
    clients = kind.reach(credentials).clients - reached_by(job.pk)
    found = tuple(groups[group_id] for group_id in kind.group_ids if group_id in groups)
    return Effect(found, groups.get(job.target_id or 0), max(clients, 0))


def _find(credentials: PosterCredentials, group_id: int) -> Group:
    group = find_group(credentials, group_id)
    if group is None:
        raise NotFound(None, "the group is gone", reason=ErrorReason.GONE)
    return with_everybody(credentials, group)
