"""View of the movements of a group."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from groups.features.elsewhere.services.watch import WATCH_ACCOUNT
from groups.features.movements.presenters import MovementPage
from groups.features.movements.services.movements import movements_of, roll_of
from groups.services.gateway import check_token
from groups.services.groups import known_groups, list_groups, read_group
from groups.services.values import name_or_number
from groups.views.http.requests import Request, requires


@require_safe
@requires("view_group")
def movements(request: Request, group_id: int) -> HttpResponse:
    """Show who came into a group and who left it; without the watch say so, and read no clients."""
    check_token(request.credentials)
    roll = roll_of(request.credentials)
    groups = list_groups(request.credentials) if roll else known_groups(request.credentials)
    group = groups.find(group_id) if groups else None
    # A group that was removed is told about too, as long as its movements are kept.
    if group is None and not movements_of(request.credentials, group_id).exists():
        group = read_group(request.credentials, group_id).group  # raises `NotFound`
    context = {
        "group_id": group_id,
        "name": name_or_number(group, group_id),
        "is_there": group is not None,
        "page": MovementPage(request, group_id, groups, roll) if roll and groups else None,
        "may_switch": bool(settings.MOVEMENT_SECONDS) and request.user.has_perm(WATCH_ACCOUNT),
    }
    return render(request, "movements/movements.html", context)
