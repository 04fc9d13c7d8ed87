"""Show how people and the webhook of an account are notified of events."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext as _

from groups.features.notices.models import Delivery
from groups.features.notices.services import webhooks
from groups.features.notices.services.outbox import SET_WEBHOOK, VIEW_GROUP, may_be_told
from groups.models import PosterCredentials
from groups.presenters.destinations import Destination, pages_for

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


def menu_entry(request: HttpRequest, credentials: PosterCredentials | None) -> dict[str, str] | None:
    """Show the entry of the menu to users who may see the groups of an account."""
    return {} if credentials and request.user.has_perm(VIEW_GROUP) else None


def destinations_of(user: User) -> list[Destination]:
    """Return the page where the user chooses notices."""
    return pages_for(user, (VIEW_GROUP, _("Notices"), "groups:notices", False))


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
            and may_be_told(owner.user, SET_WEBHOOK)
        ),
        tried_at=last.tried_at if last else None,
        next_try_at=failed.next_try_at if failed and failed.state == State.WAITING else None,
        is_given_up=failed is not None and failed.state == State.GIVEN_UP,
        problem=str(Delivery.Failure(failed.failure).label) if failed else "",
        status=failed.status if failed else None,
    )


def mail_problem(user: User) -> str:
    """Return why no mail reaches the user: "off", "no_address", or an empty text."""
    if not settings.EMAIL_ENABLED:
        return "off"
    return "" if user.email else "no_address"
