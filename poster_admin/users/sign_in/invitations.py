"""Invite people by mail, with a link by which they choose their password.

Until then their password is a random one that was shown to nobody. The link holds for LIFETIME, and until the
first sign-in, another password, another address, or a block.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.views.decorators.debug import sensitive_variables

from poster_admin.common.pages import link
from poster_admin.users.models import Event, Invitation
from poster_admin.users.security_log import record
from poster_admin.users.sign_in import mail, password_reset

# A mail of an hour, as for a forgotten password, would be too old before most people read it.
LIFETIME = timedelta(days=3)
SALT = "poster_admin.users.invitation"


class InvitationTokens:
    """Make and check the token of a link, as Django's views of a password ask for it.

    Django's own generator has one lifetime for all links.
    """

    def make_token(self, user: User) -> str:
        return TimestampSigner(salt=SALT).sign(_mark(user))

    def check_token(self, user: User | None, token: str | None) -> bool:
        if user is None or not token:
            return False
        try:
            mark = TimestampSigner(salt=SALT).unsign(token, max_age=LIFETIME)
        except BadSignature:
            return False
        return constant_time_compare(mark, _mark(user))


def _mark(user: User) -> str:
    """Return a fingerprint of all that ends an invitation when it changes."""
    parts = (user.pk, user.password, user.last_login, user.email, user.is_active)
    return salted_hmac(SALT, repr(parts), algorithm="sha256").hexdigest()[:32]


tokens = InvitationTokens()


class Choose(password_reset.Choose):
    """Let the person choose the first password."""

    token_generator = tokens
    success_url = reverse_lazy("invitation_done")


def can_be_invited(user: User) -> bool:
    """Return True if mail can be sent to a person who has a password here, and has never signed in."""
    is_new = user.is_active and user.last_login is None and user.has_usable_password()
    return settings.EMAIL_ENABLED and bool(user.email) and is_new


def can_be_invited_again(user: User) -> bool:
    """Return True if a person was invited and has neither chosen nor been given a password since."""
    return can_be_invited(user) and Invitation.objects.filter(user=user).exists()


@sensitive_variables()
def send(request: HttpRequest, user: User) -> bool:
    """Send the mail in the language of the request; return False if the mail server did not take it."""
    # Also if the mail server takes nothing now: it can be sent again.
    Invitation.objects.update_or_create(user=user, defaults={"made_at": timezone.now()})
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("invitation", kwargs={"uidb64": uid, "token": tokens.make_token(user)})
    context = {"person": user, "by": request.user, "link": link(path, request)}
    templates = "registration/mail/invitation_subject.txt", "registration/mail/invitation_mail.txt"
    sent = mail.send(*templates, context, user.email, what="an invitation")
    if sent:
        record(Event.INVITED, request=request, about=user.get_username())
    return sent
