"""A page of the dashboard that shows nothing: it asks Poster for the list, behind all that each page passes.

The middleware, the session, the user, the rights and the call are those of the list; its groups are neither
looked up in the journal nor rendered. No page with a list can cost less.
"""

from django.http import HttpResponse
from django.urls import path

from groups.services.groups import list_groups
from groups.views.http import requires
from poster_admin import urls


@requires("view_group")
def floor(request):
    return HttpResponse(f"{len(list_groups(request.credentials).groups)} groups")


urlpatterns = [*urls.urlpatterns, path("floor/", floor)]
handler500 = urls.handler500
