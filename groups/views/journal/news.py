"""View of what is new: the changes since the user's last visit."""

from bisect import insort
from datetime import datetime, timedelta
from operator import itemgetter

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups.presenters.changes.news_page import NewsFilters, NewsPage, news_line
from groups.presenters.history_tabs import Tab, tab_sources
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
    """Show what others have changed since the last visit; after that the line above the list is gone."""
    since = _since(request)
    changes = news_of(request.credentials, since)
    page = NewsPage(changes, NewsFilters.parse(request.GET), since=since, user=request.user)
    request.session[SEEN] = timezone.now().timestamp()
    return render_page(request, "groups/journal/news.html", {"page": page}, fragment="rows")


def line_of_news(request: Request) -> str:
    """Return the line above the list; empty if nothing is new, or if the user was never here before."""
    if last_visit(request) is None:
        return ""
    since = _unseen_since(request)
    return news_line(since, *count_news(request.credentials, since))


def tab_of_news(request: Request) -> list[Tab]:
    """Return the tab beside the history; it has a dot if something is new, on the first visit too."""
    is_new = news_of(request.credentials, _unseen_since(request)).exists()
    return [Tab(_("What is new"), reverse("groups:news"), _("there is something new") if is_new else "")]


def _since(request: Request) -> datetime:
    """Return the last visit; for a user who was never here before, a week ago."""
    return last_visit(request) or timezone.now() - A_WEEK


def _unseen_since(request: Request) -> datetime:
    """Return the last visit, or the time at which the feed was opened in this one."""
    since, seen_at = _since(request), request.session.get(SEEN)
    return max(since, datetime.fromtimestamp(seen_at, since.tzinfo)) if seen_at else since


insort(tab_sources, (-5, tab_of_news), key=itemgetter(0))
