"""Route the addresses of the site."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import TemplateView

from groups.services.installation import maintenance
from groups.views import settings as settings_views
from poster_admin.common.monitoring import healthz, readyz
from poster_admin.users import first_start
from poster_admin.users.urls import people_urls
from poster_admin.users.views import switch_language

urlpatterns = [
    path("", settings_views.home, name="home"),
    path("", include("groups.urls")),
    path("accounts/", include("poster_admin.users.urls")),
    path("people/", include(people_urls)),
    path("setup/<str:token>/", first_start.setup, name="setup"),
    path("language/", login_not_required(switch_language), name="set_language"),
    path("settings/", settings_views.settings_page, name="settings"),
    path("help/", TemplateView.as_view(template_name="help.html"), name="help"),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("healthz/", healthz, name="healthz"),
    path("readyz", readyz, {"is_worker_alive": maintenance.is_any_alive}, name="readyz"),
]
handler500 = "poster_admin.common.middleware.server_error"
if settings.DEBUG:
    # For developers; production loads none of it.
    urlpatterns.append(path("styleguide/", include("poster_admin.devtools.styleguide.urls")))
