"""What the dashboard keeps of its own: who may speak for which Poster account, and what was changed by whom.

The groups and their clients live in Poster and nowhere else; `GroupsCopy` is only what is shown while it is
away, and a `Snapshot` only what was there before somebody moved or removed it.
"""

from groups.models.changes import Change, ChangeQuerySet
from groups.models.credentials import GroupsCopy, PosterAccount, PosterCredentials
from groups.models.jobs import Job, JobQuerySet
from groups.models.locks import Lock, LocksLost
from groups.models.snapshots import Snapshot, SnapshotPart

__all__ = [
    "Change",
    "ChangeQuerySet",
    "GroupsCopy",
    "Job",
    "JobQuerySet",
    "Lock",
    "LocksLost",
    "PosterAccount",
    "PosterCredentials",
    "Snapshot",
    "SnapshotPart",
]
