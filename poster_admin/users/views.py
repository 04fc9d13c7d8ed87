"""Views for authentication: confirmation, password, sessions, second factor and security log."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe
from django.views.i18n import set_language

from poster_admin.common.htmx import is_ours, render_form, render_page
from poster_admin.common.pages import page_at, page_param
from poster_admin.users import sessions, two_factor
from poster_admin.users.guardians import PASSWORD_DUE
from poster_admin.users.models import ChosenLanguage, Event, RecoveryCode, TOTPDevice, passkeys_of
from poster_admin.users.password_links import NewPasswordForm, Unprocessable
from poster_admin.users.security_log import detail_words, lines_for, record
from poster_admin.users.sessions import FORM_WAITS, ask_to_confirm, note_confirmation, recently_confirmed

WRONG_CODE = gettext_lazy("This code is wrong or was used already. After a few wrong ones you have to wait.")
form_methods = require_http_methods(["GET", "HEAD", "POST"])


class Request(HttpRequest):
    """A request of a signed-in user."""

    user: User


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

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

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


def password_form_of(request: HttpRequest, **kwargs: Any) -> forms.Form:
    """Ask for the old password too, unless it is one that nobody knows: `guardians.end_ways_in`."""
    if request.session.get(PASSWORD_DUE):
        return NewPasswordForm(**kwargs)
    return OwnPasswordForm(**kwargs, request=request)


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

    def __init__(self, *args: Any, hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = hint


@sensitive_variables()
@sensitive_post_parameters("password", "code")
@form_methods
def confirm(request: Request) -> HttpResponse:
    """Ask for the password again; without one here, for a code, or the company's sign-in."""
    back = next_page(request)
    asked = "password" if request.user.has_usable_password() else "code"
    if asked == "code" and not two_factor.factor_of(request.user):
        return redirect(f"{reverse('company_begin')}?{urlencode({'next': back})}")
    form = (PasswordForm if asked == "password" else CodeForm)(request.POST or None)
    if form.is_valid():
        found: Any = request.user
        if asked == "password":
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
            record(Event.CONFIRMED, request=request, detail=asked)
            return redirect(back)
        form.add_error(asked, wrong)
    context: dict[str, Any] = {
        "next": back,
        "form_waits": request.session.get(FORM_WAITS),
        "has_passkeys": bool(passkeys_of(request.user)),
    }
    return render_form(request, "registration/confirm.html", form, **context)


@form_methods
def session_list(request: Request) -> HttpResponse:
    if request.method != "POST":
        context = {
            "sessions": sessions.sessions_of(request.user),
            "this_session": request.session.session_key,
            "authenticator": two_factor.authenticator_of(request.user),
            "passkeys": passkeys_of(request.user),
            "codes_left": RecoveryCode.objects.filter(user=request.user).count(),
            "password_form": password_form_of(request, user=request.user),
        }
        return render_page(request, "users/sessions.html", context)
    one = request.POST.get("session")
    # The session of this request has no button: it ends only with all of them.
    here = request.session.session_key if one is not None else None
    ended = sessions.end(request.user, mark=one, but=here)
    record(Event.SESSIONS_ENDED, request=request, detail=str(ended))
    if one is not None:
        if ended:
            messages.success(request, _("The session was ended."))
        else:
            messages.info(request, _("There was no session to end."))
        return redirect("sessions")
    logout(request)
    return redirect("login")


class PasswordChange(Unprocessable, PasswordChangeView):
    template_name = "users/password.html"
    success_url = reverse_lazy("sessions")

    def get_form(self, form_class: Any = None) -> Any:
        return password_form_of(self.request, **self.get_form_kwargs())

    def form_valid(self, form: Any) -> HttpResponse:
        text = _("The password was changed.")
        if len(sessions.sessions_of(form.user)) > 1:
            text = _("The password was changed. All your other sessions have ended.")
        response = super().form_valid(form)
        self.request.session.pop(PASSWORD_DUE, None)
        sessions.end(form.user, but=self.request.session.session_key)
        messages.success(self.request, text)
        return response


@require_safe
@permission_required("users.view_securityevent", raise_exception=True)
def security_log(request: Request) -> HttpResponse:
    kind, events = request.GET.get("kind", ""), lines_for(request.user)
    page = page_param(request, events.filter(kind=kind) if kind in Event else events)
    lines = [(event, detail_words(event)) for event in page]
    context = {"page": page, "lines": lines, "kinds": Event.choices, "kind": kind}
    return render_page(request, "users/security_log.html", context)


@sensitive_post_parameters("code")
@form_methods
def login_code(request: Request) -> HttpResponse:
    hint = _("Six digits from your app, or one of your recovery codes.")
    form = CodeForm(request.POST if request.method == "POST" else None, hint=hint)
    back = next_page(request)
    if not two_factor.page_that_is_due(request):
        return redirect(back)
    if form.is_valid():
        if two_factor.check_code(request, form.cleaned_data["code"]):
            return redirect(back)
        form.add_error("code", WRONG_CODE)
    has_passkeys = bool(passkeys_of(request.user))
    return render_form(request, "users/code.html", form, next=back, has_passkeys=has_passkeys)


@sensitive_post_parameters("code")
@form_methods
def second_factor_set(request: Request) -> HttpResponse:
    if request.session.get(two_factor.DUE):
        return redirect(f"{reverse('login_code')}?{urlencode({'next': request.get_full_path()})}")
    if not recently_confirmed(request):
        return ask_to_confirm(request, back=request.get_full_path())
    form = CodeForm(
        request.POST if request.method == "POST" else None, hint=_("The six digits it shows now.")
    )
    # The page opens at its top: the picture to scan stands above the field.
    attrs = form.fields["code"].widget.attrs
    attrs["data-type-at-once"] = attrs.pop("autofocus")
    back, device = next_page(request), two_factor.prepare(request.user)
    if form.is_valid():
        codes = two_factor.finish(request, device, form.cleaned_data["code"])
        if codes:
            return render_page(request, "users/recovery_codes.html", {"codes": codes, "next": back})
        form.add_error(
            "code", _("This code is not right. Wait for the next one, and look at the phone's clock.")
        )
    context: dict[str, Any] = {
        "next": back,
        "qr": two_factor.qr_code(device),
        "key": two_factor.key_in_groups(device),
        "required": two_factor.is_required(request.user),
    }
    return render_form(request, "users/second_factor.html", form, **context)


@form_methods
def second_factor_remove(request: Request) -> HttpResponse:
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    if request.method != "POST":
        has_app = two_factor.authenticator_of(request.user)
        return _ask_about_factor(request, "remove") if has_app else redirect("sessions")
    two_factor.remove(request.user, TOTPDevice.objects.all())
    two_factor.unmark(request)
    messages.success(request, _("The second factor was removed."))
    return redirect("sessions")


@form_methods
def recovery_codes(request: Request) -> HttpResponse:
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    if not two_factor.factor_of(request.user):
        return redirect("sessions")
    if request.method != "POST":
        return _ask_about_factor(request, "codes")
    codes = two_factor.renew_codes(request.user)
    record(Event.CODES_RENEWED, request=request)
    return render_page(request, "users/recovery_codes.html", {"codes": codes, "next": reverse("sessions")})


def _ask_about_factor(request: Request, step: str) -> HttpResponse:
    context = {"step": step, "has_passkeys": bool(passkeys_of(request.user))}
    return render_page(request, "users/factor_question.html", context)


def next_page(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if is_ours(request, wanted) else resolve_url(settings.LOGIN_REDIRECT_URL)


def switch_language(request: HttpRequest) -> HttpResponse:
    """Keep a language in Django's cookie, and with a signed-in user, whose sign-ins set the cookie."""
    language = request.POST.get("language")
    if request.method == "POST" and request.user.is_authenticated and language in dict(settings.LANGUAGES):
        ChosenLanguage.objects.update_or_create(user=request.user, defaults={"language": language})
    response = set_language(request)
    if "Location" in response:
        response["Location"] = page_at(response["Location"])
    return response
