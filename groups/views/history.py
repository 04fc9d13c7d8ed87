"""The pages of the journal."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from groups.comparison import history_rows
from groups.forms import HistoryForm
from groups.http import Request, ask_to_confirm, form_methods, needs, recently_confirmed, render_page
from groups.models import Change
from groups.outages import optional
from groups.outcomes import WritePage, ask_or_carry_out, carry_out, show_outcome
from groups.services import history
from groups.services.settling import follow_up
from groups.services.writes import MovedOn

HISTORY_PAGE = 50


@require_GET
@needs("view_group")
def history_list(request: Request) -> HttpResponse:
    """Show the journal of the account."""
    history.follow_up_due(request.connection)
    filters = HistoryForm(request.GET)
    changes = filters.narrow(history.changes_of(request.connection))
    page = history.HistoryPages(changes, HISTORY_PAGE).get_page(request.GET.get("page"))
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
        with optional("the look at this change"):
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
    except (history.NotNow, MovedOn):
        messages.warning(request, _("This change has moved on meanwhile. Look at it again."))
    return redirect("groups:change", change.pk)


@require_POST
@needs("view_group")
def change_undo(request: Request, change_id: uuid.UUID) -> HttpResponse:
    """Take a change back, as a new change, after a second look where a form would ask for one."""
    change = get_object_or_404(history.changes_of(request.connection), pk=change_id)
    order = history.undo_order(change, user=request.user, connection=request.connection)
    page = WritePage.for_order(request, order)
    return ask_or_carry_out(page, order, confirmed=request.POST.get("confirmed") == "1")
