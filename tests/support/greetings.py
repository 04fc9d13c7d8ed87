"""A kind of job that no module of the core names: it greets a group, and sends nothing."""

from typing import ClassVar

from groups.models import Job
from groups.services.jobs.kinds import JobKind, register
from groups.services.writes.commands import UpdateGroup
from groups.services.writes.reach import Reach


class Greeting(JobKind):
    """Greet the group of the job; it reaches as many clients as its `total` says."""

    kind = "greeting"
    label = "groups greeted"
    done_label = "greeted"
    permissions = (UpdateGroup.permission,)
    greeted: ClassVar[list[int]] = []

    def reach(self, credentials):
        return Reach(clients=self.job.total)

    @property
    def group_ids(self):
        return [self.job.group_id]

    def work(self, lease):
        self.greeted.append(self.job.group_id)

    @property
    def title(self):
        return "Greet a group"

    @property
    def words_at_end(self):
        return "All have been greeted."


def plug_in_greeting(monkeypatch):
    """Register the kind for one test; return it."""
    monkeypatch.setattr(Job, "registered", dict(Job.registered))
    monkeypatch.setattr(Greeting, "greeted", [])
    return register(Greeting)


def greet(user, total=0):
    """Return a job of this kind, not started yet."""
    return Job(
        account=user.credentials.account,
        user=user,
        user_name="staff",
        kind="greeting",
        group_id=4,
        total=total,
    )
