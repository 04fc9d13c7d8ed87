"""The pages: request to service to response."""

import uuid
from functools import partial

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from groups.comparison import check_rows, history_rows
from groups.exports import CONTENT_TYPES, file_name, members_to_csv, members_to_xlsx, to_csv, to_xlsx
from groups.forms import AccountForm, GroupForm, HistoryForm, RemovalForm
from groups.http import Request, ask_to_confirm, needs, recently_confirmed, render_page
from groups.kept import kept
from groups.listing import Filters, make_listing
from groups.members import MemberPage, Wish
from groups.models import Change, PosterAccount
from groups.outcomes import WritePage, carry_out, go_on, group_of, show_outcome
from groups.poster import Group, NotAllowed, NotFound, PosterError, TokenRejected
from groups.risks import risks_of
from groups.services import accounts, clients, history
from groups.services import groups as reads
from groups.services.orders import RIGHT_WITH_CLIENTS, GroupOrder
from groups.services.settling import follow_up
from groups.words import error_words, type_label

HISTORY_PAGE = 50
form_methods = require_http_methods(["GET", "HEAD", "POST"])


@require_GET
@needs("view_group")
def group_list(request: Request) -> HttpResponse:
    """Show the groups: searched, filtered, sorted, added up."""
    link, fresh = request.connection, "refresh" in request.GET
    groups = reads.list_groups(link, fresh=fresh)

    def page() -> HttpResponse:
        listing = make_listing(groups, Filters.parse(request.GET), history.locked_ids(link))
        may_edit = listing.writable and request.user.has_perm("groups.change_group")
        context = {"listing": listing, "may_edit": may_edit}
        return render_page(request, "groups/list.html", context, fragment="rows")

    still = None if fresh else partial(reads.is_current, link, groups.mark)
    return kept(request, groups.mark, *history.unsettled(link), render=page, still=still)


@require_GET
@needs("view_group")
def group_export(request: Request, extension: str) -> HttpResponse:
    """Answer a file with exactly the rows and the order of the list with the same parameters."""
    listing = make_listing(reads.list_groups(request.connection), Filters.parse(request.GET))
    account = request.connection.account_id
    write = to_csv if extension == "csv" else to_xlsx
    response = HttpResponse(write(listing, account), content_type=CONTENT_TYPES[extension])
    name = file_name(listing, account, extension)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


@require_GET
@needs("view_group")
def group_detail(request: Request, group_id: int) -> HttpResponse:
    """Show one group with its latest changes."""
    try:
        one = reads.read_group(request.connection, group_id, fresh="refresh" in request.GET)
    except NotFound:
        removal = history.removal_of(request.connection, group_id)
        return render_page(request, "404.html", {"removal": removal}, status=404)
    changes = history.latest_changes(request.connection, one.group.id)
    locked = history.open_change(request.connection, one.group.id)

    def page() -> HttpResponse:
        context = {
            "group": one.group,
            "type_label": type_label(one.group.loyalty_type),
            "as_of": one.as_of,
            "stale": error_words(one.failure) if one.failure else None,
            "locked": locked,
            "writable": not one.failure and not locked,
            "changes": history_rows(changes, request.user),
        }
        return render_page(request, "groups/detail.html", context)

    return kept(request, one.mark, *changes, *history.unsettled(request.connection), render=page)


@sensitive_post_parameters("q")
@form_methods
@needs("view_client")
def group_members(request: Request, group_id: int) -> HttpResponse:
    """Show who is in a group, page by page, or find somebody: a search is a POST, to be in no address."""
    posted = request.method == "POST"
    wish = Wish.parse(request.POST if posted else {**request.GET.dict(), "q": ""})
    if posted and not wish.q:
        return redirect(wish.address(group_id))
    find = partial(clients.search_members, matches=wish.matches, phones=wish.phones, start=wish.start)
    show = partial(clients.list_members, order=wish.order, page=wish.page)
    found = (find if wish.q else show)(user=request.user, connection=request.connection, group_id=group_id)
    return render_page(request, "groups/members.html", {"page": MemberPage(found, wish)}, fragment="rows")


@require_GET
@needs("view_client")
def group_members_export(request: Request, group_id: int, extension: str) -> HttpResponse:
    """Answer a file with all clients of a group, or none at all where one page of them cannot be read."""
    group, members = clients.every_member(user=request.user, connection=request.connection, group_id=group_id)
    account = request.connection.account_id
    write = members_to_csv if extension == "csv" else members_to_xlsx
    response = HttpResponse(write(group, members, account), content_type=CONTENT_TYPES[extension])
    name = f"clients-{account}-{group_id}-{localdate()}.{extension}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)
    return response


@form_methods
@needs("add_group")
def group_create(request: Request) -> HttpResponse:
    """Create a group."""
    form = GroupForm(request.POST if request.method == "POST" else None)
    page = WritePage(request, "groups/form.html", form)
    if not form.is_valid():
        return page.show()
    return _write_values(page, Change.Action.CREATE)


@form_methods
@needs("change_group")
def group_update(request: Request, group_id: int) -> HttpResponse:
    """Edit a group: the form is opened on what Poster has now, and held against it again when it is sent."""
    if request.method != "POST":
        group = reads.read_now(request.connection, group_id).group
        page = WritePage(request, "groups/form.html", GroupForm(group=group), group)
        locked = history.open_change(request.connection, group_id)
        return page.show_conflict(busy=locked) if locked else page.show()
    form = GroupForm(request.POST)
    page = WritePage(request, "groups/form.html", form)
    valid = form.is_valid()
    page.group = _opened_on(request, form, group_id)
    if not valid:
        return page.show()
    if form.loaded == form.intended:
        messages.info(request, _("Nothing was changed, so nothing was sent."))
        return go_on(request, group_id)
    return _write_values(page, Change.Action.UPDATE)


@form_methods
@needs("delete_group")
def group_remove(request: Request, group_id: int) -> HttpResponse:
    """Remove a group, with the number of clients that go with it read just now."""
    group = reads.read_now(request.connection, group_id).group
    allowed = not group.clients or request.user.has_perm(RIGHT_WITH_CLIENTS)
    if group.clients and allowed and not recently_confirmed(request):
        return ask_to_confirm(request)
    form = RemovalForm(request.POST if request.method == "POST" else None, group=group)
    page = WritePage(request, "groups/remove.html", form, group, {"allowed": allowed})
    if request.method == "POST" and not allowed:
        return render_page(request, "403.html", {}, status=403)
    if not form.is_valid():
        locked = history.open_change(request.connection, group_id)
        return page.show_conflict(busy=locked) if locked else page.show()
    version = form.cleaned_data["version"]
    order = GroupOrder(
        user=request.user,
        connection=request.connection,
        action=Change.Action.REMOVE,
        operation=form.cleaned_data["operation"],
        group_id=group_id,
        loaded=version.values,
        loaded_clients=version.clients,
    )
    return carry_out(page, order)


@require_GET
@needs("view_group")
def history_list(request: Request) -> HttpResponse:
    """Show the journal of the account."""
    history.follow_up_due(request.connection)
    filters = HistoryForm(request.GET)
    changes = history.changes_of(request.connection).filter(**filters.conditions())
    page = Paginator(changes, HISTORY_PAGE).get_page(request.GET.get("page"))
    context = {
        "filter_form": filters,
        "page": page,
        "rows": history_rows(page.object_list, request.user),
        "query": request.GET.urlencode(),
    }
    return render_page(request, "groups/history.html", context, fragment="rows")


@form_methods
@needs("view_group")
def change_detail(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Show one change and follow it up; a person may decide here what no program can."""
    changes = history.changes_of(request.connection).select_related("account")
    change = get_object_or_404(changes, pk=change_id)
    if request.method != "POST":
        follow_up(change)
        return show_outcome(request, change)
    decision = request.POST.get("decision", "")
    if decision == "again" and change.action == Change.Action.REMOVE and not recently_confirmed(request):
        return ask_to_confirm(request)
    try:
        if decision == "again":
            order = history.order_again(change, user=request.user, connection=request.connection)
            return carry_out(WritePage.for_order(request, order), order)
        history.resolve(change, decision, request.user)
    except history.NotNow:
        messages.warning(request, _("This change has moved on meanwhile. Look at it again."))
    return redirect("groups:change", change.pk)


@require_POST
@needs("view_group")
def change_undo(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Take a change back, as a new change."""
    change = get_object_or_404(history.changes_of(request.connection), pk=change_id)
    order = history.undo_order(change, user=request.user, connection=request.connection)
    return carry_out(WritePage.for_order(request, order), order)


@sensitive_post_parameters("token")
@form_methods
@needs("view_group", connected=False)
def account(request: Request) -> HttpResponse:
    """Connect the user's own Poster account; nothing is saved unless Poster accepts the token for it."""
    confirmed = recently_confirmed(request) or accounts.connection_of(request.user) is None
    if request.method == "POST" and not confirmed:
        return ask_to_confirm(request)
    form = AccountForm(request.POST if request.method == "POST" else None)
    status = 422 if form.errors else 200
    if form.is_valid():
        try:
            connection = accounts.connect(user=request.user, **form.cleaned_data)
        except PosterError as error:
            words = error_words(error)
            refused = isinstance(error, TokenRejected | NotAllowed)
            form.add_error("token" if refused else None, f"{words.title}. {words.text}")
            status = 422 if refused else error.status
        else:
            messages.success(request, _("Connected to %(account)s.") % {"account": connection.account.title})
            return redirect("groups:list")
    context = {"form": form, "confirmed": confirmed}
    return render_page(request, "groups/account.html", context, fragment="form", status=status)


@require_POST
@needs("view_group", connected=False)
def account_disconnect(request: Request) -> HttpResponse:
    """Forget the user's token."""
    if not recently_confirmed(request):
        return ask_to_confirm(request, back=reverse("groups:account"))
    accounts.disconnect(user=request.user)
    messages.success(request, _("The token was forgotten."))
    return redirect("groups:account")


@require_POST
@needs("set_bonus_unit")
def account_bonus_unit(request: Request) -> HttpResponse:
    """Set the unit of the birthday bonus, and lift the block on bonuses."""
    unit = request.POST.get("bonus_unit", "")
    if unit in PosterAccount.BonusUnit:
        accounts.set_bonus_unit(user=request.user, account=request.connection.account, unit=unit)
        messages.success(request, _("The unit of the birthday bonus is set."))
    return redirect("groups:account")


# --- Helpers -----------------------------------------------------------------------------------------------


def _write_values(page: WritePage[GroupForm], action: Change.Action) -> HttpResponse:
    """Send the values of a valid form, after a second look where they are risky."""
    form, request = page.form, page.request
    risks = risks_of(form.loaded, form.intended)
    if risks and not form.cleaned_data["confirmed"]:
        rows = check_rows(form.loaded, form.intended)
        return page.show(template="groups/check.html", rows=rows, warnings=risks, clients=_clients(page))
    order = GroupOrder(
        user=request.user,
        connection=request.connection,
        action=action,
        operation=form.cleaned_data["operation"],
        group_id=page.group.id if page.group else None,
        loaded=form.loaded,
        intended=form.intended,
    )
    return carry_out(page, order)


def _clients(page: WritePage[GroupForm]) -> int:
    if page.group is None:
        return 0
    return reads.read_group(page.request.connection, page.group.id).group.clients


def _opened_on(request: Request, form: GroupForm, group_id: int) -> Group:
    """Return the group as the form was opened on it; asks Poster only where the form does not tell."""
    version = form.cleaned_data.get("version")
    if version is None or version.values is None:
        return reads.read_group(request.connection, group_id).group
    return group_of(group_id, version.values)
