"""The pages of the people in a group."""

from functools import partial

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.timezone import localdate
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from groups.exports import CONTENT_TYPES, members_to_csv, members_to_xlsx
from groups.http import Request, form_methods, needs, render_page
from groups.members import MemberPage, Wish
from groups.services import clients


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
