"""The first steps of an installation: the owner, the connection to Poster, the people."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from poster_admin.users.accounts import seen_by

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step: what it is for, the page where it is made, and whether it is done.

    `key` is for templates. Without a `label` nothing is left to do.
    """

    key: str
    title: str
    words: str
    url: str
    label: str
    is_done: bool


def first_steps(user: "User") -> list[FirstStep]:
    """Return the steps of the core; those of features are drawn behind them."""
    credentials = getattr(user, "credentials", None)
    is_connected = credentials is not None and credentials.refused_at is None
    return [
        FirstStep(
            "owner",
            _("The owner"),
            _("You are signed in. A second factor keeps others out, even if they learn your password."),
            reverse("sessions"),
            _("Set up a second factor"),
            is_done=True,
        ),
        FirstStep(
            "connect",
            _("Connect Poster"),
            _("The dashboard works with your token.")
            if is_connected
            else _("The dashboard works with a token of yours. In Poster's console click this, and copy it:"),
            reverse("groups:account"),
            "" if is_connected else _("Connect the account"),
            is_connected,
        ),
        FirstStep(
            "people",
            _("Roles and first people"),
            _("Everybody signs in as themselves, connects a token of their own, and has one role:"),
            reverse("people:new"),
            _("New person"),
            is_done=seen_by(user).exclude(pk=user.pk).exists(),
        ),
    ]
