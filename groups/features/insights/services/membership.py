"""Tell for how long a sum over clients holds: until a move made here changes who is in which group."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from groups.models import Job, PosterAccount

DAY = 24 * 60 * 60
PROVISIONAL_LIFE = 90
"""Seconds for which a sum is kept that was read amid moves: so a long job does not cost a reading a move."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The clients of all groups of an account, between two moves; `key` belongs into the key of their sums.

    It is not `settled` while a job moves clients, and for POSTER_LAG_SECONDS after each move: until then a
    read may show the groups of before.
    """

    key: str
    settled: bool

    @property
    def life(self) -> int:
        """Number of seconds for which sums over these clients may be kept."""
        return DAY if self.settled else PROVISIONAL_LIFE


def membership_of(account_id: str) -> Membership:
    """Return the present membership of an account.

    It is read from the database each time: otherwise a job or a long reading would go on with an earlier one.
    """
    kinds = [name for name, kind in Job.registered.items() if kind.moves_clients]
    at_work = Job.objects.filter(account=account_id, state=Job.State.RUNNING, kind__in=kinds)
    if (job_id := at_work.values_list("pk", flat=True).first()) is not None:
        return Membership(f"job-{job_id}", settled=False)
    moves, moved_at = PosterAccount.objects.values_list("moves", "moved_at").get(pk=account_id)
    lag = timedelta(seconds=settings.POSTER_LAG_SECONDS)
    settled = moved_at is None or moved_at <= timezone.now() - lag
    return Membership(f"moves-{moves}" if settled else f"moves-{moves}-lag", settled)
