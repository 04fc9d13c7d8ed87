"""Show how people are notified of events."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _

from groups import hooks
from groups.features.notices.models import Delivery, Notice, TelegramChat
from groups.features.notices.services.outbox import TRIAL, VIEW_GROUP
from groups.presenters.settings_pages import USER, SettingsPage


@hooks.settings_pages()
def settings_of_notices(user: User) -> list[SettingsPage]:
    """Return the page where the user chooses notices."""
    if not user.has_perm(VIEW_GROUP):
        return []
    words = _("Events that come by mail or in Telegram, and when.")
    return [SettingsPage(USER, _("Notices"), reverse("groups:notices"), words, "bell")]


def about_chat(user: User) -> dict[str, Any]:
    """Return the chat of the user, whether a trial is on its way, and the last message that was tried."""
    chat = TelegramChat.objects.filter(user=user).first()
    if chat is None:
        return {"mail_problem": mail_problem(user)}
    tried = Delivery.objects.exclude(state=Delivery.State.DROPPED).filter(user=user, tried_at__gt=chat.set_at)
    on_its_way = Notice.objects.waiting().filter(user=user, kind=TRIAL).exclude(delivery__tries__gt=0)
    return {"chat": chat, "last": tried.order_by("tried_at").last(), "trial_on_its_way": on_its_way.exists()}


def mail_problem(user: User) -> str:
    """Return why no mail reaches the user: "off", "no_address", or an empty text."""
    if not settings.EMAIL_ENABLED:
        return "off"
    return "" if user.email else "no_address"


hooks.form_addresses("telegram_trial", "telegram_remove")
