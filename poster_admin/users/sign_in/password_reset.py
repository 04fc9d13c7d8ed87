"""Let users who forgot their password choose a new one, by a link that is sent to their address.

The answer is the same for every address. A user whom the company signs in has no password here, and gets no
mail. The link holds for PASSWORD_RESET_TIMEOUT, once, and until the next sign-in.
"""

from contextvars import copy_context
from threading import Thread
from typing import Any

from axes.utils import reset as reset_locks
from django import forms
from django.conf import settings
from django.contrib.auth import logout, views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from poster_admin.common.pages import link
from poster_admin.users import sessions
from poster_admin.users.identities import set_password
from poster_admin.users.sign_in import mail, rates

MAIL_THREAD = "mail of a new password"


class _OnlyWithMail:
    """Answer everybody, and with 404 where no mail can be sent."""

    @method_decorator(login_not_required)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.EMAIL_ENABLED:
            raise Http404
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # of a view
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # of a view with a form
        response.status_code = 422
        return response


class AddressForm(PasswordResetForm):
    """Ask for the address that the user has here."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("Enter an address such as olena@example.com."),
        },
    )

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Send the mail beside the request: a longer wait for the answer would tell who is known here.

        `rates.count_reset` limits how many are under way.
        """
        language, what = translation.get_language(), "a link to a new password"

        def send_in_language() -> None:
            with translation.override(language):
                mail.send(subject_template_name, email_template_name, context, to_email, what=what)

        Thread(target=copy_context().run, args=(send_in_language,), name=MAIL_THREAD).start()


class Ask(_OnlyWithMail, views.PasswordResetView):
    """Ask for the address, and send the link."""

    form_class = AddressForm
    template_name = "registration/reset.html"
    email_template_name = "registration/mail/reset_mail.txt"
    subject_template_name = "registration/mail/reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: Any) -> HttpResponse:
        """Limit the mails: nobody gets them without end, and nobody finds out who is known here."""
        rates.count_reset(self.request, form.cleaned_data["email"])
        self.extra_email_context = {"site": link("/", self.request).rstrip("/")}
        return super().form_valid(form)


class Sent(_OnlyWithMail, views.PasswordResetDoneView):
    template_name = "registration/reset_sent.html"


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # it takes none at run time
    """Ask for a new password twice."""

    def save(self, commit: bool = True) -> Any:
        set_password(self.user, self.cleaned_data["new_password1"])
        return self.user


class Choose(_OnlyWithMail, views.PasswordResetConfirmView):
    """Show the form of a link that holds, and say so of another one."""

    form_class = NewPasswordForm
    template_name = "registration/reset_choose.html"
    success_url = reverse_lazy("password_reset_complete")

    def form_valid(self, form: Any) -> HttpResponse:
        """End all sessions of the user, and lift the locks of the name: nobody guesses any more."""
        response = super().form_valid(form)
        if self.request.user == form.user:
            # Django could not store the session of this very request once its row is deleted.
            logout(self.request)
        sessions.end(form.user)
        reset_locks(username=form.user.get_username())
        return response


class Done(_OnlyWithMail, views.PasswordResetCompleteView):
    template_name = "registration/reset_done.html"
