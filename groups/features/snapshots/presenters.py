"""Show snapshots where the core offers a place: the way back from a removal, and what becomes of clients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.snapshots.services import snapshots
from groups.models import Change
from groups.poster import Group, PosterError
from groups.presenters.changes.change_notes import ChangeNote
from groups.presenters.changes.ways_back import WayBack
from groups.presenters.destinations import Destination, pages_for
from groups.presenters.history_tabs import Tab
from groups.presenters.messages import Message, because_of
from groups.services.values import NumberFormat
from groups.services.writes.commands import Command

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def destinations_of(user: "User") -> list[Destination]:
    """Return the page of the snapshots for users who may open it."""
    return pages_for(user, (snapshots.RIGHT, _("Snapshots"), "groups:snapshots", False))


def tab_of_snapshots(request: HttpRequest) -> list[Tab]:
    """Return the tab of the snapshots, for users who may open them."""
    return (
        [Tab(_("Snapshots"), reverse("groups:snapshots"))] if request.user.has_perm(snapshots.RIGHT) else []
    )


def way_on(request: HttpRequest, _removal: Change) -> dict[str, Any] | None:
    """Lead from the page of a removed group to the snapshots."""
    return {} if request.user.has_perm(snapshots.RIGHT) else None


def kept_of_removal(_request: HttpRequest, group: Group) -> dict[str, Any]:
    """Say on the page of a removal that the clients are kept for a while."""
    return {"group": group}


def ways_back(changes: Sequence[Change], user: "User") -> dict[UUID, WayBack]:
    """Return the restores of removed groups that a user may start."""
    return {
        change_id: WayBack(
            reverse("groups:snapshot_restore", args=[snapshot.pk]),
            restore_words(snapshot.clients),
            _("Restore"),
        )
        for change_id, snapshot in snapshots.restorable(changes, user).items()
    }


def note_of_removal(change: Change, _user: "User") -> ChangeNote | None:
    """Say in the message of a removal with clients, and of its undo, that the clients can be restored."""
    command = Command.kind_of(change)
    if (command.removes and change.clients_before) or (command.creates and change.undo_of_id):
        return ChangeNote(_("An owner can restore them from a snapshot, in the history."))
    return None


def unreadable_snapshot_words() -> Message:
    """Return the message for a snapshot that no key can decrypt."""
    return Message(
        _("This snapshot cannot be opened"),
        _("The key with which it was encrypted is not there any more."),
        _("Tell the administrator of this server: the old key may be in a backup of the settings."),
    )


def no_snapshot_words(error: PosterError) -> Message:
    """Return the message for a removal that was not sent because its clients could not be read first."""
    text = _("Its clients have to be kept first, so that they can be restored, and they could not be read.")
    return because_of(error, _("The group was not removed"), text)


def restore_words(count: int) -> str:
    """Return the offer to restore a removed group: "Restore with 42 clients"."""
    return ngettext("Restore with %(count)s client", "Restore with %(count)s clients", count) % {
        "count": NumberFormat.current().count(count)
    }
