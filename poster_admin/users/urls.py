"""Route the addresses of authentication below /accounts/, and those of the people below /people/."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.module_loading import import_string

from poster_admin.users import password_links, people, views

OFFERED = {"company": lambda: settings.OIDC_ENABLED, "can_reset": lambda: settings.EMAIL_ENABLED}


def late(name: str) -> Callable[..., HttpResponse]:
    """Import a view once it is requested: Authlib and py_webauthn take a quarter of any start, and 15 MB."""

    def view(request: HttpRequest, **parameters: object) -> HttpResponse:
        answer: HttpResponse = import_string(f"poster_admin.users.{name}")(request, **parameters)
        return answer

    return view


urlpatterns = [
    path("login/", LoginView.as_view(redirect_authenticated_user=True, extra_context=OFFERED), name="login"),
    path("login/code/", views.login_code, name="login_code"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("confirm/", views.confirm, name="confirm"),
    path("sessions/", views.session_list, name="sessions"),
    path("reset/", password_links.Ask.as_view(), name="password_reset"),
    path("reset/sent/", password_links.Sent.as_view(), name="password_reset_done"),
    path("reset/done/", password_links.Done.as_view(), name="password_reset_complete"),
    path("reset/<uidb64>/<token>/", password_links.Choose.as_view(), name="password_reset_confirm"),
    path(
        "invitation/<uidb64>/<token>/",
        password_links.ChooseFirst.as_view(extra_context={"invited": True}),
        name="invitation",
    ),
    path(
        "invitation/done/",
        password_links.Done.as_view(extra_context={"invited": True}),
        name="invitation_done",
    ),
    path("passkeys/new/options/", late("passkeys.passkey_new_options"), name="passkey_new_options"),
    path("passkeys/options/", login_not_required(late("passkeys.passkey_options")), name="passkey_options"),
    path("passkeys/use/", login_not_required(late("passkeys.passkey_use")), name="passkey_use"),
    path("passkeys/<int:passkey_id>/remove/", late("passkeys.passkey_remove"), name="passkey_remove"),
    path("company/", login_not_required(late("sso.begin")), name="company_begin"),
    path("company/back/", login_not_required(late("sso.back")), name="company_back"),
]
people_urls = (
    [
        path("", people.person_list, name="list"),
        path("new/", people.person_new, name="new"),
        path("<int:user_id>/", people.person_detail, name="person"),
        path("<int:user_id>/invite/", people.person_invite, name="invite"),
    ],
    "people",
)
