"""Show who came into a group and who left it: rows with reasons, and the growth as a line with its days."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from groups import hooks
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.features.movements.models import Roll
from groups.features.movements.services import first_day, movements_of, roll_of
from groups.models import Change, PosterCredentials
from groups.services.clients import VIEW_CLIENTS, find_names
from groups.services.gateway import check_token
from groups.services.groups import OneGroup, known_groups, list_groups, read_group
from groups.services.jobs.kinds import JobKind
from groups.services.values import NumberFormat, name_or_number
from groups.views.http import Request, requires
from poster_admin.common.pages import page_param


@require_safe
@requires("view_group")
def movements(request: Request, group_id: int) -> HttpResponse:
    """Show who came into a group and who left it; without the watch say so, and read no clients."""
    credentials = request.credentials
    check_token(credentials)
    roll, found = roll_of(credentials), movements_of(credentials, group_id)
    groups = list_groups(credentials) if roll else known_groups(credentials)
    group = groups.find(group_id) if groups else None
    # A group that was removed is shown too, as long as its movements are kept.
    if group is None and not found.exists():
        group = read_group(credentials, group_id).group  # raises `NotFound`
    context: dict[str, Any] = {
        "group_id": group_id,
        "name": name_or_number(group, group_id),
        "is_there": group is not None,
        "roll": roll if groups else None,
        "page": None,
        "may_switch": bool(settings.MOVEMENT_SECONDS) and request.user.has_perm(WATCH_ACCOUNT),
    }
    if roll and groups:
        page = page_param(request, found)
        names = find_names(credentials, client_ids := {each.client_id for each in page.object_list})
        changes = Change.objects.select_related("job").in_bulk([each.change for each in page if each.change])
        others, rows = {each.id: each for each in groups.groups}, []
        for movement in page:
            # The group that the client came from or went to.
            is_in = movement.to_id == group_id
            other_id = movement.from_id if is_in else movement.to_id
            other = others.get(other_id or 0)
            change = changes.get(movement.change) if movement.change else None
            words, job = movement.get_reason_display(), change.job if change else None
            if job:
                by_kind = _("by hand") if job.kind == "move" else str(JobKind.of(job).label)
                words = "" if job.undo_of_id else by_kind
            rows.append(
                {
                    "movement": movement,
                    "is_in": is_in,
                    "name": names.get(movement.client_id, ""),
                    "change": change,
                    "words": words,
                    "other": name_or_number(other, other_id) if other_id else "",
                    "other_id": other_id,
                    "is_there": other is not None,
                }
            )
        context |= {
            "growth": growth_of(credentials, group_id, roll),
            "page": page,
            "rows": rows,
            "unnamed": len(client_ids - names.keys()) if request.user.has_perm(VIEW_CLIENTS) else 0,
            "days_kept": settings.MOVEMENT_DAYS,
        }
    return render(request, "movements/movements.html", context)


def growth_of(credentials: PosterCredentials, group_id: int, roll: Roll) -> dict[str, Any]:
    came_in, went_out = (Count("pk", filter=Q(**{field: group_id})) for field in ("to_id", "from_id"))
    counted = movements_of(credentials, group_id).order_by("day").values("day")
    days = list(counted.annotate(came=came_in, left=went_out).values_list("day", "came", "left"))
    oldest = timezone.make_aware(datetime.combine(first_day(), datetime.min.time()))
    taken_on = timezone.localdate(roll.taken_at)
    since = max(first_day(), min(days[0][0] if days else taken_on, taken_on))
    # Day by day until the last poll, from nothing before.
    grown, counts = 0, {since - timedelta(days=1): 0}
    for day, came, left in days:
        grown += came - left
        counts[day] = grown
    counts[timezone.localdate(roll.judged_at)] = grown
    came, left = sum(came for _day, came, _left in days), sum(left for _day, _came, left in days)
    points = []
    if days:
        # An SVG polyline in a box of 100 by 24; a number that never changed is a line in the middle.
        first, *_between, last = counts
        least, most = min(counts.values()), max(counts.values())
        for day, number in counts.items():
            part = (number - least) / (most - least) if most > least else 0.5
            points.append(f"{100 * ((day - first) / (last - first)):.2f},{22 - 20 * part:.2f}")
    return {
        "as_of": roll.judged_at,
        "began": max(roll.taken_at or oldest, oldest),
        # The first poll is compared with nothing.
        "is_first": roll.taken_at == roll.judged_at,
        "since": since,
        "days": days[::-1],
        "came": came,
        "left": left,
        "change": NumberFormat.current().change(came - left),
        "points": " ".join(points),
    }


@hooks.part("group.cards", "movements/card.html", order=1)
def card_of(request: Request, one: OneGroup) -> dict[str, Any] | None:
    """Show who came into a group and left it, once somebody did, or only the way there."""
    roll = roll_of(request.credentials)
    if roll is None or roll.taken_at is None:
        return None
    growth = growth_of(request.credentials, one.group.id, roll)
    is_shown = growth["days"] or not request.user.has_perm(VIEW_CLIENTS)
    return {"group": one.group, "growth": growth} if is_shown else None


@hooks.part("group.clients", "movements/link.html")
def link_of(_request: Request, one: OneGroup) -> dict[str, Any] | None:
    return {"group": one.group} if settings.MOVEMENT_SECONDS else None


@hooks.part("account.watch", "movements/watch.html")
def words_for_watch(_request: Request, _credentials: PosterCredentials) -> dict[str, Any] | None:
    return {"days_kept": settings.MOVEMENT_DAYS} if settings.MOVEMENT_SECONDS else None


urlpatterns = [path("groups/<group:group_id>/movements/", movements, name="movements")]
