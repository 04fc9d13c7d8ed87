"""Views of the groups: the list, one group, and the forms that change it."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.functional import SimpleLazyObject
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_htmx.http import push_url, reselect, retarget

from groups.forms import NAME_LENGTH, GroupForm, RemovalForm
from groups.models import Change, Job
from groups.poster import NotFound, PosterError
from groups.poster.fields import whole_number
from groups.presenters.history import history_rows
from groups.presenters.lists import ListForm, Listing, column_sets, plain_number
from groups.presenters.places import begin_parts
from groups.services import groups as reads
from groups.services import history
from groups.services.clients import with_counted_clients
from groups.services.jobs import lease as job_lease
from groups.services.messages import because_of, error_words, holder_notice, status_of
from groups.services.values import NumberFormat, type_label
from groups.services.writes.commands import CreateGroup, RemoveGroup, UpdateGroup
from groups.services.writes.lag import current_group, open_change
from groups.services.writes.submissions import find_same
from groups.spreadsheets import groups_file
from groups.views.http import (
    Request,
    file_response,
    form_methods,
    htmx_row,
    max_wait_of,
    referring_list,
    requires,
)
from groups.views.journal import count_unseen
from groups.views.writes import (
    WritePage,
    ask_or_execute,
    execute_and_respond,
    group_of,
    redirect_after_write,
)
from poster_admin.common.pages import htmx_target, render_page, wants_page
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed


@require_safe
@requires("view_group")
def group_list(request: Request) -> HttpResponse:
    credentials = request.credentials
    filters = ListForm(request.GET, request.user)
    # The form of the filters sends each column, the one of the names too; an address has their usual form.
    columns = request.GET.getlist("columns")
    is_spelled_out = len(columns) > 1 or "name" in columns
    if is_spelled_out and filters.errors:
        # Show what was typed with its errors; in the dialog if it was sent from there.
        typed = {"form": ListForm(request.GET, request.user, shown=True)}
        if wants_page(request):
            return render_page(request, "groups/list/filters.html", typed, status=422)
        response = render_page(request, "groups/list/filters.html#form", typed, status=422)
        return push_url(retarget(response, "#form"), False)
    if is_spelled_out and not request.htmx:
        return redirect(filters.href())
    groups = reads.list_groups(credentials, fresh="refresh" in request.GET, max_wait=max_wait_of(request))
    listing = _listing(request, groups, filters)
    context = {
        "listing": listing,
        "may_edit": not listing.stale and request.user.has_perm("groups.change_group"),
        "may_add": not listing.stale and request.user.has_perm("groups.add_group"),
        "news": SimpleLazyObject(lambda: count_unseen(request)),
    }
    if group_id := htmx_row(request):
        # The filters do not count: a group that no longer fits them after an edit stays where it stands.
        listing.filters = ListForm(MultiValueDict({"columns": columns}), request.user)
        listing.found_groups = [group for group in groups.groups if group.id == group_id]
        if not listing.found_groups or groups.failure:
            # The group is gone, or a stale copy may lack its last change: the whole list has to come.
            return redirect(request.get_full_path())
        # The totals and the charts come along, for their places on the page.
        response = render_page(request, "groups/list/list.html#row", context)
        return reselect(response, f'tr[data-group="{group_id}"]')
    column_set = listing.amounts.column_set if listing.amounts else None
    if column_set and htmx_target(request) == column_set.key:
        return render_page(request, column_set.template, context, fragment=column_set.key)
    response = render_page(request, "groups/list/list.html", context, fragment="rows")
    return push_url(response, filters.href()) if is_spelled_out else response


def _listing(request: Request, groups: reads.Groups, filters: ListForm) -> Listing:
    column_set, amounts = column_sets.get(filters.column_set), None
    if column_set and request.user.has_perm(column_set.permission):
        amounts = column_set.read(request.credentials)
    return Listing(groups, filters, request.credentials, amounts)


@require_safe
@requires("view_group")
def group_filters(request: Request) -> HttpResponse:
    form = ListForm(request.GET, request.user)
    # It shows what counts of its address: the number that cannot be read is gone.
    form = ListForm(QueryDict(form.query().removeprefix("?")), request.user, shown=True)
    return render_page(request, "groups/list/filters.html", {"form": form}, fragment="form")


@require_safe
@requires("view_group")
def group_export(request: Request, extension: str) -> HttpResponse:
    filters = ListForm(request.GET, request.user)
    listing = _listing(request, reads.list_groups(request.credentials), filters)
    account = request.credentials.account_id
    name = f"groups-{account}-{localdate(listing.groups.as_of)}"
    return file_response(request, name, extension, lambda: groups_file(listing, account, extension))


@require_safe
@requires("view_group")
def group_detail(request: Request, group_id: int) -> HttpResponse:
    credentials = request.credentials
    show_cards = begin_parts("group.cards", request, group_id)
    try:
        one = reads.read_group(
            credentials, group_id, fresh="refresh" in request.GET, max_wait=max_wait_of(request)
        )
    except NotFound:
        removal = history.removal_of(credentials, group_id)
        return render_page(request, "404.html", {"removal": removal}, status=404)
    holders = job_lease.holders_of(credentials, group_id)
    # A row of a feature has a place of its own on the page.
    holder = next((each for each in holders if isinstance(each, Job)), None)
    locked = open_change(credentials, group_id)
    latest = history.latest_of(credentials, group_id, [each for each in holders if isinstance(each, Job)])
    names = history.group_names(credentials, latest)
    # The list is in the headers of the request; a link to a neighbour has the filters in its address.
    referrer = referring_list(request)
    filters = ListForm(QueryDict(urlsplit(referrer).query) if referrer else request.GET, request.user)
    context: dict[str, Any] = {
        "one": one,
        "group": one.group,
        "list_url": referrer or reverse("groups:list") + filters.query(),
        "refresh_url": filters.query(refresh=1),
        "wait_url": filters.query(wait=1),
        "type_label": type_label(one.group.loyalty_type),
        "birthday_bonus": NumberFormat.current()
        .round_money(one.group.birthday_bonus)
        .partition("\N{NO-BREAK SPACE}")[0],
        "stale": error_words(one.failure) if one.failure else None,
        "locked": locked,
        "is_held": bool(holders),
        "holder": holder_notice(holder) if holder else None,
        "writable": not one.failure and not locked,
        "cards": show_cards(request, one),
        "changes": history_rows(latest, request.user, groups=names, group_id=group_id),
    }
    known = reads.known_groups(credentials)
    found = _listing(request, known, filters).found_groups if known else []
    place = next((place for place, group in enumerate(found) if group.id == group_id), None)
    if place is not None and len(found) > 1:
        count = NumberFormat.current().count
        context["around"] = {
            "previous": found[place - 1] if place else None,
            "next": found[place + 1] if place + 1 < len(found) else None,
            "number": count(place + 1),
            "count": count(len(found)),
            "query": filters.query(),
        }
    return render_page(request, "groups/group/detail.html", context)


@form_methods
@requires("add_group")
def group_create(request: Request) -> HttpResponse:
    """Create a group: from nothing, or `like` another one."""
    if request.method == "POST":
        form = GroupForm(request.POST)
    else:
        searched = " ".join(request.GET.get("name", "").replace("\0", "").split())[:NAME_LENGTH]
        like_id = whole_number(request.GET.get("like", ""))
        like = reads.read_group(request.credentials, like_id).group if like_id else None
        form = GroupForm(name=searched, like=like if like and like.is_editable else None)
    page = WritePage(request, "groups/group/form.html", form)
    if not form.is_valid():
        return page.show()
    command = CreateGroup(
        credentials=request.credentials,
        operation=form.cleaned_data["operation"],
        intended=form.intended,
        note=form.cleaned_data["note"],
    )
    return ask_or_execute(page, command, confirmed=form.cleaned_data["confirmed"])


@form_methods
@requires("change_group")
def group_update(request: Request, group_id: int) -> HttpResponse:
    """Edit a group: open the form on Poster's current values, and compare them again when it is submitted."""
    credentials = request.credentials
    if request.method != "POST":
        # A change made here counts, even if Poster does not show it yet.
        group, late = current_group(credentials, group_id)
        percent = plain_number(request.GET.get("percent", ""), 100)
        form = GroupForm(group=group, archive="archive" in request.GET, percent=percent)
        page = WritePage(request, "groups/group/form.html", form, group, {"late": late})
        locked = open_change(credentials, group_id)
        return page.show_conflict(holder=holder_notice(locked)) if locked else page.show()
    form = GroupForm(request.POST)
    # Poster is called only if the form does not say on what it was opened.
    opened_on = (
        group_of(group_id, form.loaded) if form.loaded else reads.read_group(credentials, group_id).group
    )
    page = WritePage(request, "groups/group/form.html", form, opened_on)
    if not form.is_valid():
        return page.show()
    if form.loaded == form.intended:
        messages.info(request, _("Nothing was changed, so nothing was sent."))
        return redirect_after_write(request, group_id)
    command = UpdateGroup(
        credentials=credentials,
        operation=form.cleaned_data["operation"],
        group_id=group_id,
        loaded=form.loaded,
        intended=form.intended,
        note=form.cleaned_data["note"],
    )
    return ask_or_execute(page, command, confirmed=form.cleaned_data["confirmed"])


@form_methods
@requires("delete_group")
def group_remove(request: Request, group_id: int) -> HttpResponse:
    """Remove a group; read the number of its clients immediately before."""
    sent = RemovalForm(request.POST)
    if request.method == "POST" and sent.is_valid():
        # Where the form comes again, its group may be gone by now.
        command = _removal(request, sent, group_id)
        known = find_same(command.submission)
        if command.loaded and isinstance(known, Change) and known.state not in Change.NOTHING_CHANGED:
            return execute_and_respond(WritePage.for_command(request, command), command)
    show_concerns = begin_parts("removal.cards", request, group_id)
    group = reads.read_now(request.credentials, group_id).group
    try:
        group = with_counted_clients(request.credentials, group)
    except PosterError as error:
        page = WritePage(request, "groups/group/remove.html", RemovalForm(group=group), group)
        text = _("Poster counts nobody in it, but that may be late, and it did not tell who is in the group.")
        outcome = because_of(error, _("It is not proven that the group is empty"), text)
        return page.show(status=status_of(error), outcome=outcome, unproven=True)
    allowed = not group.clients or request.user.has_perm(RemoveGroup.permission_with_clients)
    form = RemovalForm(request.POST if request.method == "POST" else None, group=group)
    context = {"allowed": allowed, "concerns": show_concerns(request, group_id)}
    page = WritePage(request, "groups/group/remove.html", form, group, context)
    locked = open_change(request.credentials, group_id)
    if not form.is_bound and locked:
        return page.show_conflict(holder=holder_notice(locked))
    if not form.is_bound and (holders := job_lease.holders_of(request.credentials, group_id)):
        return page.show(holder=holder_notice(holders[0]))
    if group.clients and allowed and not recently_confirmed(request):
        return ask_to_confirm(request)
    if request.method == "POST" and not allowed:
        return render_page(request, "403.html", {}, status=403)
    if not form.is_valid():
        return page.show_conflict(holder=holder_notice(locked)) if locked else page.show()
    command = replace(_removal(request, form, group_id), present_clients=group.clients)
    return execute_and_respond(page, command)


def _removal(request: Request, form: RemovalForm, group_id: int) -> RemoveGroup:
    version = form.cleaned_data["version"]
    return RemoveGroup(
        credentials=request.credentials,
        operation=form.cleaned_data["operation"],
        group_id=group_id,
        loaded=version.values,
        loaded_clients=version.clients,
    )
