"""Numbers for Prometheus: calls to Poster, where lists came from, and changes that are not settled.

Behind a proxy every request comes from this machine, so an address opens nothing: only the bearer token does.
Under granian each worker counts for itself, in a file; the answer adds them up.
"""

import os

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from groups.models import Change, Job

CALLS = Counter("poster_calls_total", "Calls to Poster by method and outcome", ["method", "outcome"])
SECONDS = Histogram(
    "poster_call_seconds",
    "Seconds of a call to Poster, the wait for its turn included",
    ["method"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 4, 8, 12, 20),
)
LISTS = Counter("groups_lists_total", "Lists of groups by where they came from", ["source"])


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the numbers to one who has METRICS_TOKEN; without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(
        request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library has no types here
    return HttpResponse(
        generate_latest(counted) + generate_latest(_unsettled()), content_type=CONTENT_TYPE_LATEST
    )


def _unsettled() -> CollectorRegistry:
    """Count in the database: it is the same for every process."""
    registry = CollectorRegistry()
    for name, help_text, rows, states in (
        ("changes_unsettled", "Changes without an outcome", Change.objects.unsettled(), Change.UNSETTLED),
        ("jobs_unfinished", "Jobs that have not ended", Job.objects.unfinished(), Job.UNFINISHED),
    ):
        gauge = Gauge(name, f"{help_text}, by state", ["state"], registry=registry)
        found = dict(rows.order_by().values_list("state").annotate(Count("pk")))
        for state in states:
            gauge.labels(state.value).set(found.get(state, 0))
    return registry
