"""Show how people and the webhook of an account are notified of events."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.notices.models import Webhook
from groups.features.notices.services import webhooks
from groups.features.notices.services.outbox import SET_WEBHOOK, VIEW_GROUP, may_be_told
from groups.presenters.settings_pages import USER, SettingsPage


def settings_of_notices(user: User) -> list[SettingsPage]:
    """Return the page where the user chooses notices, and where an owner sets the webhook."""
    if not user.has_perm(VIEW_GROUP):
        return []
    words = _("Events that come by mail, and when.")
    if user.has_perm(SET_WEBHOOK):
        words = _("Events that come by mail, and when; the webhook of the account.")
    return [SettingsPage(USER, _("Notices"), reverse("groups:notices"), words, "bell")]


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
