"""Define the database tables: credentials, changes, requests, jobs and others.

Groups and clients are stored only at Poster. `GroupsCopy` is a copy to show while Poster does not answer.
"""

from groups.models.approvals import ApprovalRequest, ApprovalRequestQuerySet, Limits
from groups.models.changes import Change, ChangeQuerySet
from groups.models.consents import Consent
from groups.models.credentials import GroupsCopy, PosterAccount, PosterCredentials
from groups.models.jobs import Job, JobQuerySet
from groups.models.locks import Holder, Lock, LocksLost
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
    "WorkerHeartbeat",
]
