"""Views that move clients: some, chosen ones of any groups, all, or all before the group is removed."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups import hooks
from groups.features.moves import services
from groups.forms import INCOMPLETE, ONE_IS_GONE, is_other_than_shown, version_of_several
from groups.models import Holder, Job, Lock
from groups.models.locks import future_key, members_key
from groups.poster import Group
from groups.poster.fields import whole_number
from groups.presenters.clients import ChoiceAction, ChosenClients, choice_actions
from groups.presenters.lists import ids_param
from groups.presenters.places import begin_parts
from groups.services import groups as reads
from groups.services.clients import VIEW_CLIENTS, find_clients, with_counted_clients
from groups.services.groups import OneGroup
from groups.services.jobs import queue
from groups.services.messages import holder_notice
from groups.services.values import percent_words, terms_words, type_label
from groups.services.writes.commands import MoveClient, RemoveGroup
from groups.services.writes.submissions import NotSent, find_by_operation, find_known, find_same
from groups.views.http import Request, form_methods, requires
from groups.views.writes import answer_not_sent, consent_of
from poster_admin.common.pages import htmx_target, render_page

MOST_MOVED = 2_000
"""Limit for the chosen clients of one job; the ids stand in one field of the form."""
TOO_MANY = gettext_lazy("So many clients cannot be moved at once. Move some of them first.")


class TargetField(forms.TypedChoiceField):
    """The group to which clients go. A list that shows several at once has a `size`."""

    def __init__(self, groups: Sequence[Group], *, size: int = 0) -> None:
        by_id = {str(each.id): each for each in groups}
        # A list that shows several groups needs no line that asks to choose one.
        first = [] if size else [("", gettext_lazy("Choose a group"))]
        super().__init__(
            label=gettext_lazy("To the group"),
            choices=[*first, *((pk, terms_words(each)) for pk, each in by_id.items())],
            coerce=by_id.__getitem__,
            widget=forms.Select(attrs={"size": size} if size else {}),
            error_messages={"required": gettext_lazy("Choose a group.")},
        )


class TargetForm(forms.Form):
    """Choose the group to which clients go; `sources` are the groups that they are in.

    `version` says what the form has shown of each group: name, type, percent and birthday bonus.
    `query` is the choice of clients in the address of the form: a page that answers it can be opened again.
    `back` is the address of the page on which they were chosen. `ids` has those of each group, None for all.
    """

    FEW = 8

    clients = forms.CharField(widget=forms.HiddenInput)
    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})
    operation = forms.UUIDField(widget=forms.HiddenInput)
    sources: Sequence[Group]
    ids: Mapping[int, list[int] | None]
    query: str
    back: str

    def __init__(self, data: Any, **initial: str) -> None:
        super().__init__(data, initial={**initial, "operation": uuid.uuid4()})

    @property
    def is_moved_on(self) -> bool:
        version = self.cleaned_data["version"]
        return any(
            is_other_than_shown(group, version) for group in (*self.sources, self.cleaned_data["target"])
        )

    def renew_version(self) -> None:
        """Let the form carry what the groups are by now, with what was typed."""
        self.data = {**{name: self[name].data for name in self.fields}, "version": self.initial["version"]}

    def offer(self, groups: Sequence[Group]) -> None:
        """Offer these groups as targets; not the only group that the clients are in."""
        self.initial["version"] = version_of_several((*groups, *self.sources))
        single = self.sources[0].id if len(self.sources) == 1 else None
        targets = [each for each in groups if each.id != single]
        self.has_many_targets = len(targets) > self.FEW
        self.fields["target"] = TargetField(targets, size=self.FEW if self.has_many_targets else 0)


class MoveForm(TargetForm):
    ALL = "all"

    def __init__(
        self, data: Any = None, *, group: Group, groups: Sequence[Group], chosen: Sequence[str] = ()
    ) -> None:
        super().__init__(data, clients=",".join(dict.fromkeys(chosen)) or self.ALL)
        self.group = group
        self.sources = [group]
        self.offer(groups)
        text = self["clients"].value() or self.ALL
        ids = None if text == self.ALL else [whole_number(each) or 0 for each in text.split(",")]
        self.ids = {group.id: ids}
        # As far as it is known in advance.
        self.count = group.clients if ids is None else len(ids)
        self.query = "" if text == self.ALL else f"?{urlencode({'client': text}, safe=',')}"

    def clean_clients(self) -> str:
        text: str = self.cleaned_data["clients"]
        if not all(self.ids[self.group.id] or ()):
            raise ValidationError(INCOMPLETE)
        return text


class ChoiceForm(TargetForm):
    def __init__(self, data: Any = None, *, groups: Sequence[Group], chosen: Sequence[str] = ()) -> None:
        super().__init__(data, clients=",".join(chosen))
        self.choice = ChosenClients.parse([self["clients"].value() or ""])
        self.ids = by_group = self.choice.by_group
        self.count, self.query = len(self.choice.groups), self.choice.query
        self.back = reverse("groups:clients") + self.query
        self.sources = [group for group in groups if group.id in by_group]
        self.parts = [(group.name, len(by_group[group.id])) for group in self.sources]
        self.offer(groups)

    def clean_clients(self) -> ChosenClients:
        if self.count != len(set(self.cleaned_data["clients"].split(","))):
            raise ValidationError(INCOMPLETE)
        if self.count > MOST_MOVED:
            raise ValidationError(TOO_MANY)
        if len(self.sources) != len(self.ids):
            raise ValidationError(
                gettext_lazy("A group of these clients is no longer there. Choose the clients again.")
            )
        return self.choice


class GroupsForm(TargetForm):
    clients = None  # type: ignore[assignment]  # as Django takes a field away
    id = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, groups: Sequence[Group], ids: Sequence[int]) -> None:
        chosen = ",".join(map(str, ids))
        super().__init__(data, id=chosen)
        self._wanted = ids
        self.sources = [group for group in groups if group.id in ids]
        self.ids = {group.id: None for group in self.sources}
        self.count = sum(group.clients for group in self.sources)
        self.parts = [(group.name, group.clients) for group in self.sources]
        self.query = f"?id={chosen}"
        self.back = reverse("groups:list") + self.query
        self.offer(groups)

    def clean_id(self) -> Sequence[int]:
        if len(self.sources) != len(self._wanted):
            raise ValidationError(ONE_IS_GONE)
        return self._wanted


type Form = MoveForm | ChoiceForm | GroupsForm
NAMED = 20
"""Limit for the names of chosen clients on the page that moves them."""


@form_methods
@requires("move_client")
def group_move(request: Request, group_id: int) -> HttpResponse:
    chosen = request.GET.getlist("client")
    if "chosen" in request.GET and not chosen:
        messages.warning(request, _("Choose the clients first: tick the boxes beside their names."))
        return redirect("groups:members", group_id)
    form = _form(request, group_id, chosen)
    return _move(request, form, "moves/move.html", {"group": form.group})


@form_methods
@requires("move_client")
def clients_move(request: Request) -> HttpResponse:
    chosen = request.GET.getlist("client")
    data = request.POST.copy() if request.method == "POST" else None
    if data is not None:
        # The clients of the check boxes join the others.
        data["clients"] = ",".join(filter(None, [data.get("clients", ""), *data.getlist("client")]))
    groups = reads.list_groups_now(request.credentials).groups
    form = ChoiceForm(data, groups=groups, chosen=chosen)
    return _move(request, form, "moves/move.html", {})


@form_methods
@requires("move_client")
def groups_move(request: Request) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    ids = ids_param(posted or request.GET)
    if len(ids) == 1:
        return redirect("groups:move", ids[0])
    form = GroupsForm(posted, groups=reads.list_groups_now(request.credentials).groups, ids=ids)
    if not form.sources:
        return redirect("groups:list")
    return _move(request, form, "moves/move.html", {"of_groups": True})


@form_methods
@requires("change_group")
def group_retire(request: Request, group_id: int) -> HttpResponse:
    """Show the ways to retire a group; start the job that moves its clients and removes it, if chosen."""
    if request.method == "POST" and not request.user.has_perms(services.Retire.permissions):
        raise PermissionDenied
    sent = find_by_operation(request.POST.get("operation", ""))
    target_id = whole_number(request.POST.get("target", ""))
    if sent and target_id is not None:
        # A job of the same form may have removed the group by now, so the form cannot be shown again.
        same = Job(
            id=sent.submission.operation,
            account=request.credentials.account,
            user=request.user,
            kind=services.Retire.kind,
            group_id=group_id,
            target_id=target_id,
            wanted=services.ClientsToMove(None).to_json(),
        )
        if known := find_same(same.submission):
            return redirect(known.get_absolute_url())
    show_concerns = begin_parts("removal.cards", request, group_id)
    form = _form(request, group_id)
    context = {"group": form.group, "concerns": show_concerns(request, group_id)}
    return _move(request, form, "moves/retire.html", context, services.Retire)


def _form(request: Request, group_id: int, chosen: list[str] | None = None) -> MoveForm:
    """Return the form with the group and the possible destinations, read from Poster just now."""
    take_groups = reads.begin_groups_now(request.credentials)
    group = with_counted_clients(request.credentials, reads.read_now(request.credentials, group_id).group)
    groups = take_groups().groups
    data = request.POST if request.method == "POST" else None
    return MoveForm(data, group=group, groups=groups, chosen=chosen or ())


def _move(
    request: Request,
    form: Form,
    template: str,
    context: dict[str, Any],
    kind: type[services.Move] = services.Move,
) -> HttpResponse:
    """Start the job of a valid form; show what holds one of the groups if something does."""
    context |= {"form": form, "people": [], "unnamed": 0}
    if "preview" in request.POST:
        # Show what the move would change, and start nothing.
        context["effects"] = None
        if form.is_valid():
            target = form.cleaned_data["target"]
            ids = {each: chosen for each, chosen in form.ids.items() if each != target.id}
            counts: dict[int, services.MoveCount | None] = {}
            if request.user.has_perm(VIEW_CLIENTS):
                counts = services.count_moves(request.credentials, percent=target.percent, ids=ids)
            found = [(group, counts.get(group.id)) for group in form.sources if group.id in ids]
            context["effects"] = effects_of(found, target, staying=len(form.ids.get(target.id) or ()))
        if htmx_target(request) == "effect":
            return render(request, "moves/move_effect.html", context)
        context |= _people_of(request, form)
        return render_page(request, template, context, fragment="form", status=422 if form.errors else 200)

    def show(*, status: int, **more: Any) -> HttpResponse:
        if holder := _holder_of_sources(request, form, kind):
            more = {"holder": holder_notice(holder), "closed": True, **more}
        context.update(_people_of(request, form))
        return render_page(request, template, context | more, fragment="form", status=status)

    if not form.is_valid():
        is_held = form.is_bound and _holder_of_sources(request, form, kind) is not None
        return show(status=409 if is_held else 422 if form.errors else 200)
    job = services.plan_move(
        credentials=request.credentials,
        operation=form.cleaned_data["operation"],
        sources=form.sources,
        target=form.cleaned_data["target"],
        ids=form.ids,
        kind=kind,
    )
    try:
        if form.is_moved_on and find_known(job.submission, Job) is None:
            form.renew_version()
            return show(status=409, moved_on=True)
        return redirect(queue.start(job, **consent_of(request)))
    except NotSent as error:
        return answer_not_sent(error, request, job, show)


def _people_of(request: Request, form: Form) -> dict[str, Any]:
    """Return the first chosen clients, for who may see them, and the number of the others."""
    chosen = [client_id for ids in form.ids.values() for client_id in ids or ()]
    found = find_clients(request.credentials, chosen[:NAMED]).values()
    people = sorted((each for each in found if each and each.name), key=lambda each: each.name.casefold())
    times = Counter(each.name for each in people)
    return {
        "people": people,
        "namesakes": {name for name, count in times.items() if count > 1},
        "unnamed": len(chosen) - len(people) if people else 0,
    }


def _holder_of_sources(request: Request, form: Form, kind: type[services.Move]) -> Holder | None:
    """Return what holds the groups that the form moves clients out of, or None.

    A move needs their members. A retirement needs their future too, as a planned change does.
    """
    keys = [members_key(group.id) for group in form.sources]
    if kind is services.Retire:
        keys += [future_key(group.id) for group in form.sources]
    lock = Lock.objects.in_the_way(request.credentials.account_id, keys)
    return lock.holder if lock else None


def effects_of(
    moved: Iterable[tuple[Group, services.MoveCount | None]], target: Group, *, staying: int = 0
) -> dict[str, Any]:
    """Return the terms of each group before and after a move, with None for clients who could not be counted.

    `staying` counts the chosen clients of the target itself.
    """

    def terms(group: Group) -> str:
        words = {"percent": percent_words(group.percent), "type": type_label(group.loyalty_type)}
        return _("%(percent)s · %(type)s") % words

    lines = [{"group": group, "before": terms(group), "count": count} for group, count in moved]
    are_counted = all(line["count"] for line in lines)
    return {"lines": lines, "after": terms(target), "staying": staying, "are_counted": are_counted}


# --- Parts of other pages ----------------------------------------------------------------------------------

choice_actions.append(
    ChoiceAction(
        name="move",
        label=gettext_lazy("Move…"),
        permission=MoveClient.permission,
        url_name="groups:clients_move",
        too_many=TOO_MANY,
    )
)
hooks.part("list.chosen", "moves/move_of_chosen.jinja", order=5)(
    lambda request, _listing: {} if request.user.has_perm(MoveClient.permission) else None
)


@hooks.part("members.actions", "moves/members_bar.html")
def bar_of_members(request: HttpRequest, page: dict[str, Any]) -> dict[str, Any] | None:
    return {"page": page} if request.user.has_perm(MoveClient.permission) else None


@hooks.part("group.menu", "moves/retire_item.html")
def retirement_of_group(request: HttpRequest, one: OneGroup) -> dict[str, Any] | None:
    """Offer the retirement of a group in its menu to users without a removal that leads to it."""
    user = request.user
    may_retire = one.group.is_editable and user.has_perm("groups.change_group")
    return {"group": one.group} if may_retire and not user.has_perm(RemoveGroup.permission) else None


@hooks.part("removal.ways_out", "moves/way_out.html")
def way_out_of_removal(request: HttpRequest, group: Group) -> dict[str, Any] | None:
    return {"group": group} if request.user.has_perm(MoveClient.permission) else None


urlpatterns = [
    path("groups/<group:group_id>/clients/move/", group_move, name="move"),
    path("groups/<group:group_id>/retire/", group_retire, name="retire"),
    path("groups/move/", groups_move, name="groups_move"),
    path("clients/move/", clients_move, name="clients_move"),
]
