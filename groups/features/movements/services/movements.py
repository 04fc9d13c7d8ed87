"""Return who came into a group and who left it, the names of clients, and what to notify users of."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.features.movements.models import Movement, MovementQuerySet, Roll
from groups.models import GroupsCopy, PosterAccount, PosterCredentials
from groups.models.rare_rows import RareRows
from groups.services.events import Event, event_source, one_line
from groups.services.installation.maintenance import prune

Reason = Movement.Reason
WATCHED = RareRows(Roll.objects.watched().defer("packed"))


def first_day() -> date:
    """Return the first day of which movements are kept."""
    return timezone.localdate() - timedelta(days=settings.MOVEMENT_DAYS)


def roll_of(credentials: PosterCredentials) -> Roll | None:
    """Return the roll of an account without its ids, if its clients are looked at."""
    if not settings.MOVEMENT_SECONDS:
        return None
    return next(iter(WATCHED.find(watch__account=credentials.account_id)), None)


def movements_of(credentials: PosterCredentials, group_id: int) -> MovementQuerySet:
    """Return the movements of a group, the latest first."""
    return Movement.objects.of_group(credentials.account_id, group_id).filter(day__gte=first_day())


def days_of(credentials: PosterCredentials, group_id: int) -> list[tuple[date, int, int]]:
    """Return the days with movements in their order, each with how many came and how many left."""
    came, left = (Count("pk", filter=Q(**{field: group_id})) for field in ("to_id", "from_id"))
    days = movements_of(credentials, group_id).order_by().values("day").annotate(came=came, left=left)
    return list(days.order_by("day").values_list("day", "came", "left"))


@prune("movements of clients")
def forget_old() -> int:
    """Delete movements, and rolls without a look, that are older than MOVEMENT_DAYS; return how many."""
    unread = Roll.objects.filter(judged_at__lt=timezone.now() - timedelta(days=settings.MOVEMENT_DAYS))
    return Movement.objects.filter(day__lt=first_day()).delete()[0] + unread.delete()[0]


# --- Events ------------------------------------------------------------------------------------------------


@event_source("movements", gettext_lazy("A group has lost clients without a move made here"))
def find_losses(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the groups that have lost clients without a move made here, each once a look."""
    lost = Movement.objects.filter(account=account, found_at__gt=since, from_id__isnull=False)
    counted = lost.exclude(reason=Reason.HERE).order_by().values("found_at", "from_id", "reason")
    losses: defaultdict[tuple[datetime, int], Counter[str]] = defaultdict(Counter)
    for row in counted.annotate(clients=Count("pk")):
        losses[row["found_at"], row["from_id"] or 0][row["reason"]] = row["clients"]
    # The names as somebody has read them last.
    copies = GroupsCopy.objects.of_present_token().filter(credentials__account=account)
    copy = copies.order_by("-fetched_at").first() if losses else None
    names = {row["id"]: row["name"] for row in copy.groups} if copy else {}
    for (found_at, group_id), reasons in losses.items():
        yield Event(
            f"movements {account.pk} {group_id} {found_at.isoformat()}",
            found_at,
            reverse("groups:movements", args=[group_id]),
            partial(loss_words, names.get(group_id, ""), group_id, reasons),
        )


def loss_words(name: str, group_id: int, reasons: Counter[str]) -> str:
    """Say how many clients a group has lost, and why: "“Gold” lost 3 clients last night: …"."""
    total = reasons.total()
    text = ngettext(
        "“%(group)s” lost %(clients)s client last night: %(reasons)s.",
        "“%(group)s” lost %(clients)s clients last night: %(reasons)s.",
        total,
    )
    words = {
        Reason.RULE: _("%(clients)s by Poster's rule"),
        Reason.ELSEWHERE: _("%(clients)s moved in Poster itself"),
        Reason.REMOVED: _("%(clients)s removed"),
    }
    told = [words[each] % {"clients": reasons[each]} for each in words if reasons[each]]
    name = name or _("group %(id)s") % {"id": group_id}
    return one_line(text % {"group": name, "clients": total, "reasons": ", ".join(told)})
