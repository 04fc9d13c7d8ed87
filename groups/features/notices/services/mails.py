"""Send notices to a user by mail, in the user's language."""

import smtplib

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import translation
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.notices.models import Delivery, Notice, SendFailed
from poster_admin.common.pages import link
from poster_admin.users.language import language_of

LONGEST_SUBJECT = 120


def send_mail(delivery: Delivery, notices: list[Notice]) -> None:
    """Send one mail with all notices. Raises `SendFailed`."""
    user = delivery.user
    if not user.email or not settings.EMAIL_ENABLED:
        raise SendFailed(Delivery.Failure.MAIL)
    with translation.override(language_of(user)):
        subject = Truncator(notices[0].text).chars(LONGEST_SUBJECT)
        if len(notices) > 1:
            words = ngettext("%(count)s notice", "%(count)s notices", len(notices))
            subject = words % {"count": len(notices)}
        where = _("Poster account: %(name)s") % {"name": notices[0].account.title}
        choose = _("You have chosen these notices. Choose others under Notices.")
        texts = [(notice.text, link(notice.path)) for notice in notices]
        texts.append((choose, link(reverse("groups:notices"))))
        parts = ["\n".join(filter(None, each)) for each in texts]
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
    message = EmailMessage(
        f"Poster Admin: {subject}",
        "\n\n".join([where, *parts]) + "\n",
        to=[user.email],
        # Away notes of the recipient stay away.
        headers={"Message-ID": f"<{delivery.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (smtplib.SMTPException, OSError, ValueError):
        # ValueError: the address of the user is none.
        raise SendFailed(Delivery.Failure.MAIL) from None
