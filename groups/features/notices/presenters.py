"""Show how people and the webhook of an account are notified of events."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _

from groups.features.notices.models import Webhook
from groups.features.notices.services import webhooks
from groups.features.notices.services.outbox import SET_WEBHOOK, VIEW_GROUP, may_be_told
from groups.models import PosterCredentials
from groups.presenters.destinations import Destination, pages_for


def menu_entry(request: HttpRequest, credentials: PosterCredentials | None) -> dict[str, str] | None:
    """Show the entry of the menu to users who may see the groups of an account."""
    return {} if credentials and request.user.has_perm(VIEW_GROUP) else None


def destinations_of(user: User) -> list[Destination]:
    """Return the page where the user chooses notices."""
    return pages_for(user, (VIEW_GROUP, _("Notices"), "groups:notices", False))


def about_webhook(webhook: Webhook | None) -> dict[str, Any]:
    """Return the webhook of an account, whether it is in use, and the message that was tried last."""
    if webhook is None:
        return {}
    owner = webhook.credentials
    is_usable = owner and owner.account_id == webhook.account_id and owner.refused_at is None
    is_on = bool(owner and is_usable and may_be_told(owner.user, SET_WEBHOOK))
    return {"webhook": webhook, "webhook_is_on": is_on, "last": webhooks.last_try(webhook)}


def mail_problem(user: User) -> str:
    """Return why no mail reaches the user: "off", "no_address", or an empty text."""
    if not settings.EMAIL_ENABLED:
        return "off"
    return "" if user.email else "no_address"
