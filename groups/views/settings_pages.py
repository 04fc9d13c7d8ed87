"""View of the settings: all their pages, to search."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from groups.presenters.lists.list_filters import asked_text
from groups.presenters.settings_pages import by_section, settings_pages
from groups.views.http.requests import Request, requires
from poster_admin.common.htmx import render_page


@require_safe
@requires(connected=False)
def settings(request: Request) -> HttpResponse:
    """Show the pages of the settings that the user may open and that a text names."""
    text = asked_text(request.GET)
    found = settings_pages(request.user, text)
    context = {"text": text, "found": found, "sections": by_section(found)}
    return render_page(request, "groups/settings/settings.html", context, fragment="found")
