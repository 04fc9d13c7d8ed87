"""Show how people and the webhook of an account are notified of events."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.notices.models import Delivery, SendFailed
from groups.features.notices.services import webhooks
from groups.features.notices.services.outbox import RIGHT, WEBHOOK_RIGHT, may_be_told
from groups.models import PosterCredentials
from groups.presenters.settings_pages import USER, SettingsPage

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = Delivery.State


@dataclass(frozen=True, slots=True)
class WebhookState:
    """The webhook, and how the last try to reach it has ended."""

    shown: str
    owner: str
    kinds: list[str]
    is_on: bool
    tried_at: datetime | None
    next_try_at: datetime | None
    is_given_up: bool
    problem: str
    status: int | None


def settings_of_notices(user: "User") -> list[SettingsPage]:
    """Return the page where the user chooses notices, and where an owner sets the webhook."""
    if not user.has_perm(RIGHT):
        return []
    words = _("Events that come by mail, and when.")
    if user.has_perm(WEBHOOK_RIGHT):
        words = _("Events that come by mail, and when; the webhook of the account.")
    return [SettingsPage(USER, _("Notices"), reverse("groups:notices"), words, "bell")]


def webhook_state(credentials: PosterCredentials) -> WebhookState | None:
    """Return the state of the account's webhook, or None without one."""
    webhook = webhooks.webhook_of(credentials)
    if webhook is None:
        return None
    last = webhooks.last_try(webhook)
    owner = webhook.credentials
    failed = last if last and last.failure else None
    return WebhookState(
        shown=webhook.shown,
        owner=owner.user.get_username() if owner else "",
        kinds=list(webhook.kinds),
        is_on=bool(
            owner
            and owner.account_id == webhook.account_id
            and owner.refused_at is None
            and may_be_told(owner.user, WEBHOOK_RIGHT)
        ),
        tried_at=last.tried_at if last else None,
        next_try_at=failed.next_try_at if failed and failed.state == State.WAITING else None,
        is_given_up=failed is not None and failed.state == State.GIVEN_UP,
        problem=str(Delivery.Failure(failed.failure).label) if failed else "",
        status=failed.status if failed else None,
    )


def trial_problem(failed: SendFailed) -> str:
    """Say why a trial did not arrive."""
    status = f" ({failed.status})" if failed.status else ""
    return _("The trial did not arrive: %(problem)s.") % {"problem": f"{failed.failure.label}{status}"}


def mail_problem(user: "User") -> str:
    """Return why no mail reaches the user: "off", "no_address", or an empty text."""
    if not settings.EMAIL_ENABLED:
        return "off"
    return "" if user.email else "no_address"
