"""Define the database tables: credentials, changes, requests, jobs, snapshots and others.

Groups and clients are stored only at Poster. `GroupsCopy` is a copy to show while Poster does not answer, and
a `Snapshot` records a group and its clients before they are moved or removed.
"""

from groups.models.approvals import ApprovalRequest, ApprovalRequestQuerySet, Consent, Limits
from groups.models.changes import Change, ChangeQuerySet
from groups.models.credentials import GroupsCopy, PosterAccount, PosterCredentials
from groups.models.jobs import Job, JobQuerySet
from groups.models.locks import Holder, Lock, LocksLost
from groups.models.snapshots import Snapshot, SnapshotPart
from groups.models.workers import LeftOutFeature, WorkerHeartbeat

__all__ = [
    "ApprovalRequest",
    "ApprovalRequestQuerySet",
    "Change",
    "ChangeQuerySet",
    "Consent",
    "GroupsCopy",
    "Holder",
    "Job",
    "JobQuerySet",
    "LeftOutFeature",
    "Limits",
    "Lock",
    "LocksLost",
    "PosterAccount",
    "PosterCredentials",
    "Snapshot",
    "SnapshotPart",
    "WorkerHeartbeat",
]
