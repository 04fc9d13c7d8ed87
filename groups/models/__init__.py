"""Define the database tables: credentials, changes, jobs and others.

Groups and clients are stored only at Poster. `GroupsCopy` is a copy to show while Poster does not answer.
"""

from groups.models.changes import Change, ChangeQuerySet
from groups.models.credentials import GroupsCopy, PosterAccount, PosterCredentials, StatisticsCircuit
from groups.models.jobs import Job, JobQuerySet, MovedClients
from groups.models.leases import WorkerHeartbeat
from groups.models.locks import Holder, Lock, LocksLost
from groups.models.submissions import Consent
