"""Let users choose a password by a link that is sent to their address: who forgot it, and who is invited.

The answer to somebody who forgot it is the same for every address. A user whom the company signs in has no
password here, and gets no mail. The link holds for PASSWORD_RESET_TIMEOUT, once, and until the next sign-in.

Until an invited person chooses a password it is a random one that was shown to nobody. That link holds for
LIFETIME, and until the first sign-in, another password, another address, or a block.
"""

import logging
import smtplib
from contextvars import copy_context
from datetime import timedelta
from threading import Thread
from typing import Any

from axes.utils import reset as reset_locks
from django import forms
from django.conf import settings
from django.contrib.auth import logout, views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse, reverse_lazy
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.decorators import method_decorator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from poster_admin.common.client_ip import client_network
from poster_admin.common.pages import link
from poster_admin.users import limits, sessions
from poster_admin.users.accounts import set_password
from poster_admin.users.models import EventKind, Invitation
from poster_admin.users.security_log import record

log = logging.getLogger("poster_admin.users")
MAIL_THREAD = "mail of a new password"
# An hour, as for a forgotten password, would be over before most people read it.
LIFETIME = timedelta(days=3)
# Mails an hour: more than a person needs, and fewer than would annoy the owner of the address.
RESETS_OF_ADDRESS = 3
RESETS_OF_NETWORK = 20
WRONG_LINKS_OF_NETWORK = 20
"""Links an hour that do not hold, of restoring and of invitations together."""
SALT = "poster_admin.users.invitation"


@sensitive_variables()
def deliver(subject: str, body: str, context: dict[str, Any], address: str, *, what: str) -> bool:
    """Return False if the mail server did not take the mail."""
    message = EmailMessage(render_to_string(subject).strip(), render_to_string(body, context), to=[address])
    try:
        message.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        # The text of the error may name the address. ValueError: the address is none for a mail server.
        log.error("The mail server took no mail with %s: %s", what, type(error).__name__)  # noqa: TRY400 - as above
        return False
    return True


class _OnlyWithMail:
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
        """Send the mail in a thread of its own: a longer wait for the answer would reveal names."""
        language, what = translation.get_language(), "a link to a new password"

        def send_in_language() -> None:
            with translation.override(language):
                deliver(subject_template_name, email_template_name, context, to_email, what=what)

        Thread(target=copy_context().run, args=(send_in_language,), name=MAIL_THREAD).start()


class Ask(_OnlyWithMail, views.PasswordResetView):
    form_class = AddressForm
    template_name = "registration/reset.html"
    email_template_name = "registration/mail/reset_mail.txt"
    subject_template_name = "registration/mail/reset_subject.txt"
    success_url = reverse_lazy("password_reset_done")

    def form_valid(self, form: Any) -> HttpResponse:
        """Limit the mails: nobody gets them without end, and nobody finds out who is known here."""
        limits.count("reset by network", client_network(self.request), RESETS_OF_NETWORK)
        limits.count("reset for address", form.cleaned_data["email"].casefold(), RESETS_OF_ADDRESS)
        self.extra_email_context = {"site": link("/", self.request).rstrip("/")}
        return super().form_valid(form)


class Sent(_OnlyWithMail, views.PasswordResetDoneView):
    template_name = "registration/reset_sent.html"


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # it takes none at run time
    def save(self, commit: bool = True) -> Any:
        set_password(self.user, self.cleaned_data["new_password1"])
        return self.user


class Choose(_OnlyWithMail, views.PasswordResetConfirmView):
    form_class = NewPasswordForm
    template_name = "registration/reset_choose.html"
    success_url = reverse_lazy("password_reset_complete")

    @method_decorator(login_not_required)
    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(*args, **kwargs)
        if not self.validlink and response.status_code == 200:  # the right one leads on to its form
            limits.count("wrong link by network", client_network(self.request), WRONG_LINKS_OF_NETWORK)
        return response

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


# --- Invitations ----------------------------------------------------------------------------------------


class InvitationTokens:
    """Make and check the token of a link: Django's own generator has one lifetime for all links."""

    def make_token(self, user: User) -> str:
        return TimestampSigner(salt=SALT).sign(self._mark(user))

    def check_token(self, user: User | None, token: str | None) -> bool:
        if user is None or not token:
            return False
        try:
            mark = TimestampSigner(salt=SALT).unsign(token, max_age=LIFETIME)
        except BadSignature:
            return False
        return constant_time_compare(mark, self._mark(user))

    def _mark(self, user: User) -> str:
        """Return a fingerprint of all that ends an invitation when it changes."""
        parts = (user.pk, user.password, user.last_login, user.email, user.is_active)
        return salted_hmac(SALT, repr(parts), algorithm="sha256").hexdigest()[:32]


tokens = InvitationTokens()


class ChooseFirst(Choose):
    token_generator = tokens
    success_url = reverse_lazy("invitation_done")


def can_be_invited(user: User) -> bool:
    """Return True if mail can be sent to a person who has a password here, and has never signed in."""
    is_new = user.is_active and user.last_login is None and user.has_usable_password()
    return settings.EMAIL_ENABLED and bool(user.email) and is_new


@sensitive_variables()
def invite(request: HttpRequest, user: User) -> bool:
    """Return False if the mail server did not take the mail; it can be sent again."""
    Invitation.objects.update_or_create(user=user, defaults={"made_at": timezone.now()})
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("invitation", kwargs={"uidb64": uid, "token": tokens.make_token(user)})
    context = {"person": user, "by": request.user, "link": link(path, request)}
    templates = "registration/mail/invitation_subject.txt", "registration/mail/invitation_mail.txt"
    sent = deliver(*templates, context, user.email, what="an invitation")
    if sent:
        record(EventKind.INVITED, request=request, about=user.get_username())
    return sent
