"""Find the changes that a user has missed: made by others, here or elsewhere, since the last visit."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from groups.models import Change, ChangeQuerySet, PosterCredentials
from groups.services.journal.history import changes_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class NewsCount:
    """The number of changes since a time, and how many of them were made elsewhere."""

    since: datetime
    all: int
    elsewhere: int


def news_of(credentials: PosterCredentials, user: "User", since: datetime) -> ChangeQuerySet:
    """Return what others have changed in groups, as it is known since a time; open changes are not in it.

    A change that began before that time counts if its outcome, or that it was made elsewhere, was found
    later. Raises `TokenRejected` if Poster has refused the user's token.
    """
    changes = changes_of(credentials).of_groups().filter(state__in=Change.HAPPENED, settled_at__gt=since)
    return changes.exclude(user=user)


def count_news(credentials: PosterCredentials, user: "User", since: datetime) -> NewsCount:
    """Count what others have changed since a time, as `news_of` does."""
    counted = news_of(credentials, user, since).aggregate(
        all=Count("pk"), elsewhere=Count("pk", filter=Q(state=Change.State.ELSEWHERE))
    )
    return NewsCount(since, counted["all"], counted["elsewhere"])
