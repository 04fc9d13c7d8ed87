"""Show, download and restore snapshots; say in the core's places what can be restored."""

import uuid
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.snapshots import services as snapshots
from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import RESTORE, VIEW_SNAPSHOT, RestoreScope
from groups.forms import WriteForm
from groups.models import Change, Job
from groups.poster import Group
from groups.presenters.changes import ChangeNote, WayBack
from groups.presenters.destinations import PAGE, pages_for
from groups.services.jobs import queue
from groups.services.jobs.kinds import JobKind
from groups.services.values import NumberFormat
from groups.services.writes.commands import Command, MoveClient
from groups.services.writes.submissions import NotNow, NotSent, find_same
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.encryption import SecretUnreadable
from poster_admin.common.pages import page_at, page_param, render_page
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed


class RestoreForm(WriteForm):
    """Start a restore; its version is the hash of everything that the page announced."""

    def __init__(self, data: Any = None, *, mark: str = "") -> None:
        super().__init__(data)
        self.initial["version"] = mark

    def clean_version(self) -> Any:
        return self.cleaned_data["version"]


def of_one(view: Callable[[Request, Snapshot], HttpResponseBase]) -> Callable[..., Any]:
    """Pass the snapshot to the view, after asking for the password; say so if no key decrypts it."""

    @wraps(view)
    def found(request: Request, snapshot_id: uuid.UUID) -> HttpResponseBase:
        snapshot = get_object_or_404(snapshots.snapshots_of(request.credentials), pk=snapshot_id)
        if not recently_confirmed(request):
            return ask_to_confirm(request, back=page_at(request.path))
        try:
            return view(request, snapshot)
        except SecretUnreadable:
            return render_page(request, "snapshots/snapshot_lost.html", {}, status=503)

    return found


@require_safe
@requires("view_snapshot")
def snapshot_list(request: Request) -> HttpResponse:
    page = page_param(request, snapshots.snapshots_of(request.credentials))
    restores = snapshots.restores_of(page.object_list)
    rows = [
        (snapshot, JobKind.of(snapshot.job).label if snapshot.job else "", restores.get(snapshot.pk))
        for snapshot in page.object_list
    ]
    context = {"page": page, "rows": rows, "days": settings.SNAPSHOT_DAYS}
    return render_page(request, "snapshots/snapshots.html", context, fragment="rows")


@require_safe
@requires("view_snapshot")
@of_one
def snapshot_download(request: Request, snapshot: Snapshot) -> StreamingHttpResponse:
    parts = snapshots.written_out(snapshot, request.user)
    response = StreamingHttpResponse(parts, content_type="application/json")
    taken = localtime(snapshot.taken_at)
    name = f"snapshot-{snapshot.account_id}-{snapshot.group_id}-{taken:%Y-%m-%d-%H%M}.json"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


@form_methods
@requires("view_snapshot")
@of_one
def snapshot_restore(request: Request, snapshot: Snapshot) -> HttpResponse:
    """Show the effects of a restore, read from Poster just now, and start exactly that."""
    user, credentials = request.user, request.credentials
    posted = request.method == "POST"
    if posted and not user.has_perm(MoveClient.permission):
        raise PermissionDenied
    form = RestoreForm(request.POST if posted else None)
    operation = form.cleaned_data["operation"] if form.is_valid() else None
    if operation:
        wanted = RestoreScope(str(snapshot.pk)).to_json()
        job = Job(id=operation, account_id=credentials.account_id, user=user, kind=RESTORE, wanted=wanted)
        if known := find_same(job.submission):
            return redirect(known.get_absolute_url())
    preview = snapshots.preview_restore(credentials, snapshot)

    def show(*, status: int, **more: Any) -> HttpResponse:
        context = {
            "preview": preview,
            "snapshot": snapshot,
            "earlier": snapshots.restores_of([snapshot]).get(snapshot.pk),
            "form": RestoreForm(mark=preview.mark),
            "allowed": user.has_perm(MoveClient.permission),
        }
        return render_page(request, "snapshots/restore.html", context | more, fragment="form", status=status)

    if operation is None:
        return show(status=422 if posted else 200, incomplete=posted)
    if form.cleaned_data["version"] != preview.mark:
        return show(status=409, changed=True)
    try:
        job = snapshots.plan_restore(credentials, preview, operation=operation)
    except NotNow:
        return show(status=409)
    try:
        return redirect(queue.start(job, **consent_of(request)))
    except NotSent as error:
        return answer_not_sent(error, request, job, show)


# --- Places of the core -------------------------------------------------------------------------------------


@hooks.part("history.tabs", "snapshots/tab.html", order=15)
def tab_of_snapshots(request: Request) -> dict[str, Any] | None:
    if not request.user.has_perm(VIEW_SNAPSHOT):
        return None
    is_here = request.path_info == reverse("groups:snapshots")
    is_shown = is_here or snapshots.snapshots_of(request.credentials).exists()
    return {"is_here": is_here} if is_shown else None


@hooks.part("group.gone", "snapshots/gone.html")
def way_on(request: Request, removal: Change) -> dict[str, Any] | None:
    if not request.user.has_perm(VIEW_SNAPSHOT):
        return None
    return {"way": ways_back([removal], request.user).get(removal.pk)}


@hooks.part("removal.losses", "snapshots/kept.html")
def kept_of_removal(request: HttpRequest, _group: Group) -> dict[str, Any]:
    return {"days": settings.SNAPSHOT_DAYS, "may_restore": request.user.has_perm(VIEW_SNAPSHOT)}


@hooks.ways_back
def ways_back(changes: Sequence[Change], user: User) -> dict[uuid.UUID, WayBack]:
    found = {}
    for change_id, snapshot in snapshots.restorable(changes, user).items():
        words = ngettext("Restore with %(count)s client", "Restore with %(count)s clients", snapshot.clients)
        label = words % {"count": NumberFormat.current().count(snapshot.clients)}
        found[change_id] = WayBack(
            reverse("groups:snapshot_restore", args=[snapshot.pk]), label, _("Restore")
        )
    return found


@hooks.change_note
def note_of_removal(change: Change, user: User) -> ChangeNote | None:
    """Say in the message of a removal with clients, and of its undo, that the clients can be restored."""
    command = Command.kind_of(change)
    if (command.removes and change.clients_before) or (command.creates and change.undo_of_id):
        if user.has_perm(VIEW_SNAPSHOT):
            return ChangeNote(_("You can restore them from a snapshot, in the history."))
        return ChangeNote(_("An owner can restore them from a snapshot, in the history."))
    return None


_PAGE = (VIEW_SNAPSHOT, gettext_lazy("Snapshots"), "groups:snapshots", PAGE)
hooks.destinations(pages_for(_PAGE), order=13)
hooks.form_addresses("snapshot_download")

urlpatterns = [
    path("history/snapshots/", snapshot_list, name="snapshots"),
    path("history/snapshots/<uuid:snapshot_id>/download/", snapshot_download, name="snapshot_download"),
    path("history/snapshots/<uuid:snapshot_id>/restore/", snapshot_restore, name="snapshot_restore"),
]
