"""Show who came into a group and who left it: rows with reasons, and the growth as a line with its days."""

from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.paginator import Page
from django.utils import timezone
from django.utils.translation import gettext as _

from groups.features.elsewhere.services.watch import WATCH_ACCOUNT
from groups.features.insights.presenters.count_line import CountLine, draw_counts
from groups.features.movements.models import Movement, Roll
from groups.features.movements.services.movements import (
    days_of,
    first_day,
    movements_of,
    roll_of,
)
from groups.models import Change, PosterCredentials
from groups.services.clients import VIEW_CLIENTS, find_names
from groups.services.groups import Groups, OneGroup
from groups.services.jobs.kinds import JobKind
from groups.services.values import name_or_number
from groups.views.http.requests import Request
from poster_admin.common.pages import page_asked_for


class Growth:
    """How many came and left since a day, and how the number of clients has grown by that."""

    def __init__(self, days: list[tuple[date, int, int]], roll: Roll) -> None:
        self.as_of = roll.judged_at
        oldest = timezone.make_aware(datetime.combine(first_day(), datetime.min.time()))
        self.began = max(roll.taken_at or oldest, oldest)
        # The first look is compared with nothing.
        self.is_first = roll.taken_at == roll.judged_at
        taken_on = timezone.localdate(roll.taken_at)
        first = days[0][0] if days else taken_on
        self.since = max(first_day(), min(first, taken_on))
        self.days = days[::-1]
        self.came = sum(came for _day, came, _left in days)
        self.left = sum(left for _day, _came, left in days)

    @cached_property
    def line(self) -> CountLine | None:
        """The growth day by day until the last look, from nothing before; None if nobody came or left."""
        if not self.days:
            return None
        grown, counts = 0, {self.since - timedelta(days=1): 0}
        for day, came, left in reversed(self.days):
            grown += came - left
            counts[day] = grown
        counts[timezone.localdate(self.as_of)] = grown
        return draw_counts(list(counts.items()))


def card_of(request: Request, one: OneGroup) -> dict[str, Any] | None:
    """Return the growth of a group for its page, where the worker looks at its clients."""
    roll = roll_of(request.credentials)
    if roll is None or roll.taken_at is None:
        return None
    return {"group": one.group, "growth": Growth(days_of(request.credentials, one.group.id), roll)}


def words_for_watch(request: Request, credentials: PosterCredentials) -> dict[str, Any] | None:
    """Say below the switch of the watch what else it is for, to users who have it before them."""
    is_shown = settings.POSTER_WATCH_SECONDS and not credentials.refused_at
    if not is_shown or not settings.MOVEMENT_SECONDS or not request.user.has_perm(WATCH_ACCOUNT):
        return None
    return {"days_kept": settings.MOVEMENT_DAYS}


def _reason_words(movement: Movement, change: Change | None) -> str:
    """Say why a client was moved, of a move made here by the job that has made it."""
    job = change.job if change else None
    if job is None or job.kind == "move":
        return movement.get_reason_display()
    return _("taken back here") if job.undo_of_id else str(JobKind.of(job).label)


class MovementPage:
    """The movements of a group in pages, with names for users who may see clients."""

    def __init__(self, request: Request, group_id: int, groups: Groups, roll: Roll) -> None:
        self._group_id = group_id
        self.roll = roll
        self.days_kept = settings.MOVEMENT_DAYS
        self.may_see_clients = request.user.has_perm(VIEW_CLIENTS)
        self._credentials = request.credentials
        self._groups = {each.id: each for each in groups.groups}
        self._request = request

    @cached_property
    def growth(self) -> Growth:
        return Growth(days_of(self._credentials, self._group_id), self.roll)

    @cached_property
    def page(self) -> Page[Movement]:
        return page_asked_for(self._request, movements_of(self._credentials, self._group_id))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The movements as the group sees them: `other` is the group that the client came from or went to."""
        changes = Change.objects.select_related("job").in_bulk(
            [each.change for each in self.page.object_list if each.change]
        )
        rows = []
        for movement in self.page.object_list:
            is_in = movement.to_id == self._group_id
            other_id = movement.from_id if is_in else movement.to_id
            other = self._groups.get(other_id or 0)
            change = changes.get(movement.change) if movement.change else None
            rows.append(
                {
                    "movement": movement,
                    "is_in": is_in,
                    "name": self._names.get(movement.client_id, ""),
                    "words": _reason_words(movement, change),
                    "change": change,
                    "other": name_or_number(other, other_id) if other_id else "",
                    "other_id": other_id,
                    "is_there": other is not None,
                }
            )
        return rows

    @cached_property
    def unnamed(self) -> int:
        """The number of clients on the page whose names could not be read."""
        return len(self._client_ids - self._names.keys()) if self.may_see_clients else 0

    @cached_property
    def _client_ids(self) -> set[int]:
        return {each.client_id for each in self.page.object_list}

    @cached_property
    def _names(self) -> dict[int, str]:
        return find_names(self._credentials, self._client_ids)
