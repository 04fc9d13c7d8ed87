"""The addresses of the site."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from groups.health import healthz, readyz
from groups.metrics import metrics
from poster_admin.people import language

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="groups:list")),
    path("", include("groups.urls")),
    path("accounts/", include("poster_admin.people.urls")),
    path("language/", login_not_required(language.switch), name="set_language"),
    path("help/", TemplateView.as_view(template_name="help.html"), name="help"),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("healthz/", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
handler500 = "groups.http.server_error"
if settings.DEBUG:
    # For developers; in production not a line of it is loaded.
    urlpatterns.append(path("styleguide/", include("poster_admin.devtools.styleguide.urls")))
