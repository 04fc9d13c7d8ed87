"""Define the database tables. Groups and clients are stored only at Poster, but for the last good copy."""

from groups.models.changes import Change, ChangeQuerySet
from groups.models.credentials import Fact, GroupsCopy, IdsFirst, PosterAccount, PosterCredentials
from groups.models.jobs import Job, JobQuerySet, MovedClients
from groups.models.leases import WorkerHeartbeat
from groups.models.locks import Holder, Lock, LocksLost
from groups.models.submissions import Consent
