"""Views for authentication: confirmation, password, sessions and second factor."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language

from poster_admin.common.pages import page_at, render_form, render_page
from poster_admin.users import sessions, two_factor
from poster_admin.users.guardians import PASSWORD_DUE
from poster_admin.users.models import ChosenLanguage, EventKind, TOTPDevice, passkeys_of
from poster_admin.users.pages import UserRequest, next_page, show_sign_in
from poster_admin.users.password_links import NewPasswordForm
from poster_admin.users.security_log import record
from poster_admin.users.sessions import FORM_WAITS, ask_to_confirm, note_confirmation, recently_confirmed

WRONG_CODE = gettext_lazy("This code is wrong or was used already. After a few wrong ones you have to wait.")
# Forms of `session_list` that the password is requested before; that of a new password asks for it itself.
CONFIRMED_FIRST = {"app", "no-app", "passkey", "codes"}
form_methods = require_http_methods(["GET", "HEAD", "POST"])


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        error_messages={"required": gettext_lazy("Enter your password.")},
    )


class OwnPasswordForm(NewPasswordForm, PasswordChangeForm):
    """Change the user's own password; wrong old ones count as failed sign-ins, and lock the form."""

    request: HttpRequest

    @sensitive_variables()
    def clean_old_password(self) -> str:
        """Check the old password. A user whom the company signs in has none here, and may not set one."""
        password: str = self.cleaned_data["old_password"]
        found = None
        if self.user.has_usable_password():
            found = authenticate(self.request, username=self.user.get_username(), password=password)
        if found is None or found != self.user:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        self.user.password = found.password  # an older hash was renewed just now
        return password


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={"required": gettext_lazy("Enter the code.")},
    )


@sensitive_variables()
@sensitive_post_parameters("password", "code")
@form_methods
def confirm(request: UserRequest) -> HttpResponse:
    """Ask for the password again; without one here, for a code, or the company's sign-in."""
    back = next_page(request)
    proof = "password" if request.user.has_usable_password() else "code"
    if proof == "code" and not two_factor.factor_of(request.user):
        return redirect(f"{reverse('company_begin')}?{urlencode({'next': back})}")
    form = (PasswordForm if proof == "password" else CodeForm)(request.POST or None)
    if form.is_valid():
        found: Any = request.user
        if proof == "password":
            name = request.user.get_username()
            found = authenticate(request, username=name, password=form.cleaned_data["password"])
            is_right = found == request.user
            wrong: Any = _("This is not your password. After a few tries you have to wait.")
        else:
            is_right, wrong = two_factor.check_code(request, form.cleaned_data["code"]), WRONG_CODE
        if is_right:
            # Rotate the session key too, and keep the session valid if the hash was renewed just now.
            request.user = found
            update_session_auth_hash(request, request.user)
            note_confirmation(request)
            record(EventKind.CONFIRMED, request=request, detail=proof)
            return redirect(back)
        form.add_error(proof, wrong)
    context: dict[str, Any] = {
        "next": back,
        "form_waits": request.session.get(FORM_WAITS),
        "has_passkeys": bool(passkeys_of(request.user)),
    }
    return render_form(request, "registration/confirm.html", form, **context)


@sensitive_post_parameters()
@form_methods
def session_list(request: UserRequest) -> HttpResponse:
    """Show the cards of a user's own sign-in; `set` in the address opens the form of one."""
    opened = request.GET.get("set", "")
    if opened in CONFIRMED_FIRST and not recently_confirmed(request):
        return ask_to_confirm(request, back=request.get_full_path())
    match opened:
        case "password":
            return _change_password(request)
        case "app":
            return _set_up_app(request)
        case "no-app" if request.method == "POST":
            two_factor.remove(request.user, TOTPDevice.objects.all())
            two_factor.unmark(request)
            messages.success(request, _("The second factor was removed."))
            return redirect("sessions")
        case "passkey":
            # Only now: py_webauthn takes long to import.
            from poster_admin.users.passkeys import add  # noqa: PLC0415

            return add(request)
        case "codes" if request.method == "POST" and two_factor.factor_of(request.user):
            codes = two_factor.renew_codes(request.user)
            record(EventKind.CODES_RENEWED, request=request)
            context = {"codes": codes, "next": reverse("sessions")}
            return render_page(request, "users/recovery_codes.html", context)
        case "" if request.method == "POST":
            return _end_sessions(request)
    return show_sign_in(request, forms.Form())


def _end_sessions(request: UserRequest) -> HttpResponse:
    one = request.POST.get("session")
    # The session of this request has no button: it ends only with all of them.
    here = request.session.session_key if one is not None else None
    ended = sessions.end(request.user, mark=one, but=here)
    record(EventKind.SESSIONS_ENDED, request=request, detail=str(ended))
    if one is not None:
        if ended:
            messages.success(request, _("The session was ended."))
        else:
            messages.info(request, _("There was no session to end."))
        return redirect("sessions")
    logout(request)
    return redirect("login")


def _change_password(request: UserRequest) -> HttpResponse:
    """Ask for the old password too, unless it is one that nobody knows: `guardians.end_ways_in`."""
    data = request.POST if request.method == "POST" else None
    form: Any
    if request.session.get(PASSWORD_DUE):
        form = NewPasswordForm(request.user, data)
    else:
        form = OwnPasswordForm(request.user, data)
        form.request = request
    if not form.is_valid():
        return show_sign_in(request, form)
    text = _("The password was changed.")
    if len(sessions.sessions_of(form.user)) > 1:
        text = _("The password was changed. All your other sessions have ended.")
    update_session_auth_hash(request, form.save())
    request.session.pop(PASSWORD_DUE, None)
    sessions.end(form.user, but=request.session.session_key)
    messages.success(request, text)
    return redirect("sessions")


def _set_up_app(request: UserRequest) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    form.fields["code"].help_text = _("The six digits it shows now.")
    # The page opens at its top: the picture to scan stands above the field.
    attrs = form.fields["code"].widget.attrs
    attrs["data-type-at-once"] = attrs.pop("autofocus")
    device = two_factor.prepare(request.user)
    if form.is_valid():
        codes = two_factor.finish(request, device, form.cleaned_data["code"])
        if codes:
            context = {"codes": codes, "next": next_page(request)}
            return render_page(request, "users/recovery_codes.html", context)
        form.add_error(
            "code",
            _("This code is not right, or came too soon after another. Check the phone's clock, and wait."),
        )
    qr, key = two_factor.qr_code(device), two_factor.key_in_groups(device)
    required = two_factor.is_required(request.user)
    address = two_factor.app_address(device)
    return show_sign_in(request, form, qr=qr, key=key, app_address=address, required=required)


@sensitive_post_parameters("code")
@form_methods
def login_code(request: UserRequest) -> HttpResponse:
    form = CodeForm(request.POST if request.method == "POST" else None)
    form.fields["code"].help_text = _("Six digits from your app, or one of your recovery codes.")
    back = next_page(request)
    if not two_factor.page_that_is_due(request):
        return redirect(back)
    if form.is_valid():
        if two_factor.check_code(request, form.cleaned_data["code"]):
            return redirect(back)
        form.add_error("code", WRONG_CODE)
    has_passkeys = bool(passkeys_of(request.user))
    return render_form(request, "users/code.html", form, next=back, has_passkeys=has_passkeys)


def switch_language(request: HttpRequest) -> HttpResponse:
    """Keep a language in Django's cookie, and with a signed-in user, whose sign-ins set the cookie."""
    language = request.POST.get("language")
    if request.method == "POST" and request.user.is_authenticated and language in dict(settings.LANGUAGES):
        ChosenLanguage.objects.update_or_create(user=request.user, defaults={"language": language})
    response = set_language(request)
    if "Location" in response:
        response["Location"] = page_at(response["Location"])
    return response
