"""Views of the clients of a group."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localdate
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from groups.poster import InvalidResponse, Unreachable
from groups.presenters.clients import ChosenClients, ClientFilters, account_page, choice_actions, member_page
from groups.presenters.places import parts_of
from groups.services import clients
from groups.services.groups import list_groups, read_group
from groups.services.messages import error_words
from groups.spreadsheets import clients_file
from groups.views.http import Request, file_response, form_methods, max_wait_of, requires
from poster_admin.common.pages import htmx_target, render_page


@sensitive_post_parameters("q")
@form_methods
@requires("view_client")
def group_members(request: Request, group_id: int) -> HttpResponse:
    """Show the clients of a group in pages, or search them by POST, which keeps names out of addresses."""
    posted = request.method == "POST"
    filters = ClientFilters.parse(request.POST if posted else {**request.GET.dict(), "q": ""})
    if posted and not filters.q and not (filters.own and filters.start):
        return redirect(filters.address(group_id))
    group = read_group(request.credentials, group_id, max_wait=max_wait_of(request)).group
    if filters.narrow:
        found = clients.search_clients(
            request.credentials,
            group_id,
            matches=filters.matches,
            phones=filters.phones,
            start=filters.start,
        )
    else:
        found = clients.list_members(request.credentials, group, order=filters.order, page=filters.page)
    page = member_page(group, found, filters)
    actions = parts_of("members.actions", request, page)
    context = {"page": page, "actions": actions}
    return render_page(request, "groups/clients/members.html", context, fragment="rows")


@sensitive_post_parameters("q")
@form_methods
@requires("view_client")
def client_search(request: Request) -> HttpResponse:
    """Search the clients of all groups by POST, which keeps names out of addresses; choose some of them."""
    choice = ChosenClients.parse(request.POST.getlist("client") or request.GET.getlist("client"))
    pressed = next((action for action in choice_actions if action.name in request.POST), None)
    if pressed and choice.groups and not choice.is_too_large:
        return redirect(f"{reverse(pressed.url_name)}?client={choice}")
    filters = ClientFilters.parse({name: request.POST.get(name, "") for name in ("q", "from")})
    found = None
    if filters.q:
        found = clients.search_clients(
            request.credentials, matches=filters.matches, phones=filters.phones, start=filters.start
        )
    names = {group.id: group.name for group in list_groups(request.credentials).groups}
    context = {
        "page": account_page(found, filters, choice, names),
        "actions": [action for action in choice_actions if request.user.has_perm(action.permission)],
        "not_done": pressed,
    }
    return render_page(request, "groups/clients/clients.html", context, fragment="rows")


@require_safe
@requires("view_client")
def group_first_clients(request: Request, group_id: int) -> HttpResponse:
    """Show the first clients of a group on its page, which loads them as a fragment."""
    if not htmx_target(request):
        return redirect("groups:members", group_id)
    context: dict[str, object] = {}
    try:
        group = read_group(request.credentials, group_id).group  # of one that is gone Poster may list nobody
        context["first"] = clients.list_members(request.credentials, group)
    except (Unreachable, InvalidResponse) as error:
        context["failure"] = error_words(error)
    return render(request, "groups/group/first_clients.html", context)


@require_safe
@requires("view_client")
def group_members_export(request: Request, group_id: int, extension: str) -> HttpResponse:
    """Return a file with all clients of a group; if one page cannot be read, return no file."""
    group, account = read_group(request.credentials, group_id).group, request.credentials.account_id
    everybody = clients.every_member(request.credentials, group_id)
    name = f"clients-{account}-{group_id}-{localdate()}"
    return file_response(request, name, extension, lambda: clients_file(group, everybody, account, extension))
