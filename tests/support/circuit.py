"""Close the circuits that a test has opened."""

from groups.models import PosterAccount


def close_breakers():
    """Forget how long Poster has failed."""
    PosterAccount.objects.update(failing_since=None, failing_seconds=0, open_until=None)
