"""Send the mails of the sign-in."""

import logging
import smtplib
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.views.decorators.debug import sensitive_variables

log = logging.getLogger(__name__)


@sensitive_variables()
def send(subject: str, body: str, context: dict[str, Any], address: str, *, what: str) -> bool:
    """Send the mail of these templates; return False if the mail server did not take it."""
    message = EmailMessage(render_to_string(subject).strip(), render_to_string(body, context), to=[address])
    try:
        message.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        # The text of the error may name the address. ValueError: the address is none for a mail server.
        log.error("The mail server took no mail with %s: %s", what, type(error).__name__)  # noqa: TRY400 - as above
        return False
    return True
