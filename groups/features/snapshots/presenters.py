"""Show snapshots where the core offers a place: the way back from a removal, and what becomes of clients."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups import hooks
from groups.features.snapshots.services import snapshots
from groups.models import Change
from groups.poster import Group
from groups.presenters.changes import ChangeNote, WayBack
from groups.presenters.destinations import PAGE, pages_for
from groups.presenters.places import Tab
from groups.services.values import NumberFormat
from groups.services.writes.commands import Command
from groups.views.http import Request


@hooks.history_tab(order=15)
def tab_of_snapshots(request: HttpRequest) -> list[Tab]:
    """Return the tab of the snapshots, for users who may open them."""
    return (
        [Tab(_("Snapshots"), reverse("groups:snapshots"))]
        if request.user.has_perm(snapshots.VIEW_SNAPSHOT)
        else []
    )


@hooks.part("group.gone", "snapshots/gone.html")
def way_on(request: Request, removal: Change) -> dict[str, Any] | None:
    """Lead from the page of a removed group to its restore, or to the snapshots where there is none."""
    if not request.user.has_perm(snapshots.VIEW_SNAPSHOT):
        return None
    return {"way": ways_back([removal], request.user).get(removal.pk)}


@hooks.part("removal.losses", "snapshots/kept.html")
def kept_of_removal(request: HttpRequest, _group: Group) -> dict[str, Any]:
    """Say on the page of a removal what a restore brings back, and who can make it."""
    may_restore = request.user.has_perm(snapshots.VIEW_SNAPSHOT)
    return {"days": settings.SNAPSHOT_DAYS, "may_restore": may_restore}


@hooks.ways_back
def ways_back(changes: Sequence[Change], user: User) -> dict[UUID, WayBack]:
    """Return the restores of removed groups that a user may start."""
    return {
        change_id: WayBack(
            reverse("groups:snapshot_restore", args=[snapshot.pk]),
            ngettext("Restore with %(count)s client", "Restore with %(count)s clients", snapshot.clients)
            % {"count": NumberFormat.current().count(snapshot.clients)},
            _("Restore"),
        )
        for change_id, snapshot in snapshots.restorable(changes, user).items()
    }


@hooks.change_note
def note_of_removal(change: Change, user: User) -> ChangeNote | None:
    """Say in the message of a removal with clients, and of its undo, that the clients can be restored."""
    command = Command.kind_of(change)
    if (command.removes and change.clients_before) or (command.creates and change.undo_of_id):
        if user.has_perm(snapshots.VIEW_SNAPSHOT):
            return ChangeNote(_("You can restore them from a snapshot, in the history."))
        return ChangeNote(_("An owner can restore them from a snapshot, in the history."))
    return None


_PAGE = (snapshots.VIEW_SNAPSHOT, gettext_lazy("Snapshots"), "groups:snapshots", PAGE)
hooks.destinations(pages_for(_PAGE), order=13)
hooks.form_addresses("snapshot_download")
