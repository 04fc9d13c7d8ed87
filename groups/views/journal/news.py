"""View of what is new: the changes since the user's last visit."""

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from groups.presenters.changes.news_page import NewsFilters, NewsPage, news_line
from groups.services.journal.history import count_news, news_of
from groups.views.http.requests import Request, requires
from poster_admin.common.htmx import render_page
from poster_admin.users.sessions import last_visit

SEEN = "news_seen"
A_WEEK = timedelta(days=7)
"""Time that the feed goes back for a user who was never here before."""


@require_safe
@requires("view_group")
def news(request: Request) -> HttpResponse:
    """Show what others have changed since the last visit; the line above the list is over by that."""
    since = last_visit(request) or timezone.now() - A_WEEK
    changes = news_of(request.credentials, request.user, since)
    page = NewsPage(changes, NewsFilters.parse(request.GET), since=since, user=request.user)
    request.session[SEEN] = timezone.now().timestamp()
    return render_page(request, "groups/journal/news.html", {"page": page}, fragment="rows")


def line_of_news(request: Request) -> str:
    """Return the line above the list; empty if nothing is new, or if the user was never here before."""
    since = last_visit(request)
    if since is None:
        return ""
    seen_at = request.session.get(SEEN)
    if seen_at:
        since = max(since, datetime.fromtimestamp(seen_at, since.tzinfo))
    return news_line(count_news(request.credentials, request.user, since))
