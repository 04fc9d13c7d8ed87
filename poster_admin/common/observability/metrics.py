"""Count requests by view and status, for Prometheus."""

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

REQUESTS = Counter("http_requests_total", "Requests by view and status", ["view", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "Seconds of a request, the wait for Poster included",
    ["view"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 12, 30),
)
# Files, and addresses that lead nowhere: a label for each would be as many as strangers can think of.
NO_VIEW = "-"


def count_request(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Count a request under the name of its view."""
    match = request.resolver_match
    view = (match and match.view_name) or NO_VIEW
    REQUESTS.labels(view, response.status_code).inc()
    SECONDS.labels(view).observe(seconds)
