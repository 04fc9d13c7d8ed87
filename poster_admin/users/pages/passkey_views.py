"""Views for passkeys: make, use and remove one. static/js/passkeys.js asks the device in between."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from poster_admin.common.client_ip import describe_agent
from poster_admin.common.htmx import render_form, render_page
from poster_admin.users.models import Event
from poster_admin.users.pages.forms import PasskeyForm
from poster_admin.users.pages.views import Request, form_methods, next_page
from poster_admin.users.security_log import record
from poster_admin.users.sign_in import passkeys, two_factor
from poster_admin.users.sign_in.reauthentication import ask_to_confirm, note_confirmation, recently_confirmed

JSON = "application/json"


@sensitive_post_parameters("credential")
@form_methods
def passkey_new(request: Request) -> HttpResponse:
    """Make a passkey; with the first factor come the recovery codes, which are shown once."""
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    initial = {"name": describe_agent(request.headers.get("User-Agent", ""))}
    form = PasskeyForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            codes = passkeys.add_factor(request, form.cleaned_data["credential"], form.cleaned_data["name"])
        except passkeys.NotAccepted:
            form.add_error(None, _("The device's answer was not accepted, or it took too long. Try again."))
        else:
            if codes:
                context = {"codes": codes, "next": reverse("sessions")}
                return render_page(request, "users/recovery_codes.html", context)
            messages.success(request, _("The passkey was added."))
            return redirect("sessions")
    return render_form(request, "users/passkeys/passkey_new.html", form)


@require_POST
def passkey_new_options(request: Request) -> HttpResponse:
    """Tell the browser how to make a passkey."""
    if not recently_confirmed(request):
        raise PermissionDenied
    return HttpResponse(passkeys.registration_options(request, request.user), content_type=JSON)


@require_POST
def passkey_options(request: HttpRequest) -> HttpResponse:
    """Tell the browser how to use a passkey, without saying who has one to somebody who is not signed in."""
    user = request.user if request.user.is_authenticated else None
    return HttpResponse(passkeys.request_options(request, user), content_type=JSON)


@sensitive_post_parameters("credential")
@require_POST
def passkey_use(request: HttpRequest) -> HttpResponse:
    """Take what a passkey has signed: as the sign-in, as the second factor, or as the password again."""
    back, answer = next_page(request), request.POST.get("credential", "")
    if not request.user.is_authenticated:
        page, accepted = "login", _sign_in(request, answer)
    else:
        page = "login_code" if request.session.get(two_factor.DUE) else "confirm"
        accepted = passkeys.check_factor(request, answer)
    if not accepted:
        context = {"back": f"{reverse(page)}?{urlencode({'next': back})}"}
        return render_page(request, "users/passkeys/passkey_refused.html", context, status=422)
    if page == "confirm":
        note_confirmation(request)
        record(Event.CONFIRMED, request=request, detail=two_factor.PASSKEY)
    return redirect(back)


@require_POST
def passkey_remove(request: Request, passkey_id: int) -> HttpResponse:
    """Remove one of the user's own passkeys."""
    if not recently_confirmed(request):
        return ask_to_confirm(request, back=reverse("sessions"))
    if two_factor.remove_passkey(request.user, passkey_id):
        two_factor.unmark(request)
        messages.success(request, _("The passkey was removed. Delete it on the device too."))
    return redirect("sessions")


def _sign_in(request: HttpRequest, answer: str) -> bool:
    """Sign in the user of a passkey: it stands for the password and for the second factor."""
    try:
        passkey = passkeys.check(request, answer)
    except passkeys.NotAccepted:
        record(Event.PASSKEY_FAILED, request=request, name="?")
        return False
    login(request, passkey.user, backend=settings.SIGN_IN_BACKEND)
    record(Event.FACTOR_USED, request=request, detail=two_factor.PASSKEY)
    two_factor.mark(request, passkey)
    return True
