"""Views of the gallery, and of the states that it opens."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from groups.forms import GroupForm
from groups.models import Change
from groups.poster import Group, GroupList
from groups.presenters.lists import ListForm, Listing
from groups.services import groups as reads
from groups.views.http import Request, requires
from poster_admin.common.pages import render_page
from poster_admin.devtools.styleguide.states import NoSandbox, PageState, instruct_sandbox, states_around

COLOURS = (
    *("paper", "surface", "raised", "sunken", "line", "edge", "ink", "muted"),
    *("accent", "accent-strong", "accent-tint", "danger", "danger-tint"),
    *("warn", "warn-tint", "good", "good-tint"),
)  # fmt: skip
SIZES = ("3xl", "2xl", "xl", "lg", "md", "sm", "xs")
NOTICES = {
    "success": ("check", "Said once, where it happened."),
    "error": ("alert", "What happened, and how to fix it."),
    "conflict": ("alert", "Two people, one group."),
    "stale": ("clock", "As of when, and why."),
    "unknown": ("clock", "The answer was lost; it is being followed up."),
    "differs": ("alert", "Poster stored something else."),
}


@require_safe
@requires("view_group")
def gallery(request: Request) -> HttpResponse:
    """Show the pieces, and a button for each state."""
    wrong = GroupForm({"name": "", "percent": "101", "loyalty_type": "1"}, auto_id="wrong_%s")
    wrong.is_valid()
    context = {
        "colours": COLOURS,
        "sizes": SIZES,
        "notices": NOTICES,
        "outcomes": Change.State.choices,
        "form": GroupForm(group=_group(request), auto_id="right_%s"),
        "wrong": wrong,
        "group": _group(request),
        "states": _states(request),
    }
    return render_page(request, "styleguide.html", context)


@require_POST
@requires("view_group")
def play(request: Request, name: str) -> HttpResponse:
    """Send the sandbox the instructions of a state, and redirect to its page, with the form if it has one."""
    state = next((state for state in _states(request) if state.name == name), None)
    if state is None:
        raise Http404
    try:
        instruct_sandbox(*state.instructions)
    except NoSandbox:
        messages.error(
            request, "There is no sandbox at POSTER_API_URL. Start the dashboard with make styleguide."
        )
        return redirect("styleguide:gallery")
    return redirect(state.opens, preserve_request=bool(state.form))


@require_safe
@requires("view_group")
def no_groups(request: Request) -> HttpResponse:
    """Show the list of an account that has no groups."""
    listing = Listing(reads.Groups(GroupList(), timezone.now()), ListForm(), request.credentials)
    may_add = request.user.has_perm("groups.add_group")
    context = {"listing": listing, "may_add": may_add, "news": None}
    return render_page(request, "groups/list/list.html", context)


@require_safe
@requires("view_group")
def no_right(request: Request) -> HttpResponse:
    """Show the page for a user without the right to it."""
    raise PermissionDenied


def _group(request: Request) -> Group:
    """Return the group with which the states are shown: the first editable one."""
    groups = reads.list_groups(request.credentials).groups
    group = next((group for group in groups if group.is_editable), None)
    if group is None:
        raise Http404("The account has no group to play with.")
    return group


def _states(request: Request) -> list[PageState]:
    return states_around(_group(request), request.credentials.account_id)
