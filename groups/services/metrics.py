"""Collect metrics for Prometheus. Each process counts in its own file, and the response adds them up."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from groups.models import Change, Job, PosterAccount, PosterCredentials, WorkerHeartbeat
from groups.models.credentials import TOKEN_LIFE, TOKEN_WARNING

CALLS = Counter("poster_calls_total", "Calls to Poster by method and outcome", ["method", "outcome"])
SECONDS = Histogram(
    "poster_call_seconds",
    "Seconds of a call to Poster, the wait for its turn included",
    ["method"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 4, 8, 12, 20),
)
LISTS = Counter("groups_lists_total", "Lists of groups by where they came from", ["source"])


class StateGauge(NamedTuple):
    name: str
    rows_in_words: str
    rows: Callable[[], QuerySet[Any]]
    states: Iterable[str]


state_gauges = [
    StateGauge("changes_unsettled", "Changes without an outcome", Change.objects.unsettled, Change.UNSETTLED),
    StateGauge("jobs_unfinished", "Jobs that have not ended", Job.objects.unfinished, Job.UNFINISHED),
]


def of_database() -> CollectorRegistry:
    """Return gauges that are read from the database, so that they are the same in every process."""
    registry = CollectorRegistry()
    for name, words, rows, states in state_gauges:
        gauge = Gauge(name, f"{words}, by state", ["state"], registry=registry)
        found = dict(rows().order_by().values_list("state").annotate(Count("pk")))
        for state in states:
            gauge.labels(state).set(found.get(state, 0))
    seen_at = WorkerHeartbeat.objects.aggregate(latest=Max("seen_at"))["latest"]
    last_seen = Gauge(
        "worker_last_seen_timestamp_seconds", "Time of the last heartbeat of any worker", registry=registry
    )
    last_seen.set(seen_at.timestamp() if seen_at else 0)
    circuits = Gauge("poster_circuits_open", "Accounts whose circuit is open", registry=registry)
    circuits.set(PosterAccount.objects.exclude(open_until=None).count())
    tokens = Gauge("poster_tokens", "Tokens of users, by state", ["state"], registry=registry)
    refused = Q(refused_at__isnull=False)
    ending = Q(connected_at__lte=timezone.now() - TOKEN_LIFE + TOKEN_WARNING)
    found = PosterCredentials.objects.aggregate(
        refused=Count("pk", filter=refused),
        ending=Count("pk", filter=ending & ~refused),
        good=Count("pk", filter=~ending & ~refused),
    )
    for state, number in found.items():
        tokens.labels(state).set(number)
    return registry
