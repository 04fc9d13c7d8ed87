"""Put the site together: Django's admin, and the functions of `.jinja` templates."""

from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from jinja2 import Environment

from groups.templatetags.places import place_in_jinja
from poster_admin.common import jinja


def jinja_environment(**options: Any) -> Environment:
    """Return the environment of `.jinja` templates, where features may draw parts."""
    environment = jinja.environment(**options)
    environment.globals["place"] = place_in_jinja
    return environment


class AdminSite(admin.AdminSite):
    """Django's admin, open also to owners: they manage users without being marked as staff.

    An owner could create a user and sign in as that user, so the admin asks for the password again first.
    """

    site_header = site_title = "Poster Admin"
    index_title = "Poster Admin"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) or (user.is_active and user.has_perm("auth.change_user"))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        from poster_admin.users.sign_in.reauthentication import ask_to_confirm, recently_confirmed  # noqa: PLC0415 - it needs the models

        @wraps(view)
        def confirmed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if view != self.logout and not recently_confirmed(request):
                return ask_to_confirm(request)
            answer: HttpResponseBase = view(request, *args, **kwargs)
            return answer

        return super().admin_view(confirmed, cacheable)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Redirect to the dashboard's own page, which limits guesses at the old password."""
        return redirect("password")
