"""Put the site together: Django's admin, the static files, and Jinja2 as Django's second template engine.

docs/adr/0012-jinja2-for-rows.md says why there is a second one.
"""

import re
from functools import cache, wraps
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext, ngettext, npgettext, pgettext
from jinja2 import Environment, StrictUndefined
from jinja2.ext import Extension, InternationalizationExtension
from whitenoise.storage import CompressedManifestStaticFilesStorage

from groups.presenters.places import parts_of
from poster_admin.common.templatetags.drawing import icon


class Unindented(Extension):
    """Take the indentation out of a template as it is read: a browser does not need it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


def jinja_environment(**options: Any) -> Environment:
    """Return the environment of `*.jinja`, with `_("text")`, `url("name")`, `static("file")`, `icon("name")`.

    A loop over `parts_of("name", request, …)` draws those of features. A text with a plural or a context is
    in `{% trans %}`.
    """
    extensions = [Unindented, InternationalizationExtension]
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "extensions": extensions}
    environment = Environment(**options)  # noqa: S701 - Django passes autoescape=True
    # The address of a file, and that of a page without a number in it, are the same in each page.
    addresses = {"static": cache(static), "url": cache(reverse)}
    # In place of Jinja's own, such as `range`: each part of a page takes a copy of all of them.
    texts = {
        "_": gettext,
        "gettext": gettext,
        "ngettext": ngettext,
        "pgettext": pgettext,
        "npgettext": npgettext,
    }
    environment.globals = {**texts, "icon": icon, "parts_of": parts_of, **addresses}
    environment.policies["ext.i18n.trimmed"] = True
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
        from poster_admin.users.sessions import ask_to_confirm, recently_confirmed  # noqa: PLC0415 - it needs the models

        @wraps(view)
        def confirmed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if view != self.logout and not recently_confirmed(request):
                return ask_to_confirm(request)
            answer: HttpResponseBase = view(request, *args, **kwargs)
            return answer

        return super().admin_view(confirmed, cacheable)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Redirect to the dashboard's own page, which limits guesses at the old password."""
        return redirect(reverse("sessions", query={"set": "password"}))


class AdminConfig(DjangoAdminConfig):
    default_site = "poster_admin.site.AdminSite"


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the library is untyped
    """Rewrite the imports between the modules of `static/js` to hashed names too."""

    support_js_module_import_aggregation = True

    @cache  # noqa: B019 - a process has one storage, and that has few files
    def url(self, name: str, force: bool = False) -> str:
        """Return the address of a file. It is made once: each page has the same ten."""
        address: str = super().url(name, force)
        return address
