"""Read once a night who is in which group, keep who came and who left, and report it.

A poll reports its difference to the roll of the poll before: who was moved and moved back between two nights
has never left. It is stored together with the new roll, so that a worker that takes over from a killed one
reports each movement once.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.features.insights.services.scheme import begin_rules
from groups.features.insights.services.sweep import LONGEST_SWEEP, PAGE_SIZE
from groups.features.movements.models import NIGHTS, Movement, Roll, pack
from groups.models import Change, GroupsCopy, IdsFirst, PosterAccount, PosterCredentials
from groups.models.contents import ClientPlace
from groups.models.leases import Columns
from groups.poster import LoyaltyRule, PosterError, Unreachable
from groups.services.clients import ask_each, find_client, pages_of
from groups.services.due import Turn, run_due
from groups.services.events import Event, event_source, one_line
from groups.services.gateway import seconds_left
from groups.services.installation.maintenance import prune, routine

log = logging.getLogger("groups.journal")

Reason = Movement.Reason
SECONDS_FOR_MISSING = 60.0
"""Seconds in which clients that the list lacks are requested alone; the others are the next time."""
LATE = timedelta(hours=1)
"""The longest time until a move that was sent from here is seen, also one whose answer was lost."""
GONE, NOWHERE = 0, -1
"""The places of a client that Poster does not have, and of one who is in no group, besides ids of groups."""
BATCH = 1000
WATCHED = IdsFirst(Roll.objects.watched().defer("packed"))


def first_day() -> date:
    return timezone.localdate() - timedelta(days=settings.MOVEMENT_DAYS)


def roll_of(credentials: PosterCredentials) -> Roll | None:
    """Return the roll of an account without its ids."""
    if not settings.MOVEMENT_SECONDS:
        return None
    return next(iter(WATCHED.find(watch__account=credentials.account_id)), None)


def movements_of(credentials: PosterCredentials, group_id: int) -> QuerySet[Movement]:
    of_group = Q(to_id=group_id) | Q(from_id=group_id)
    return Movement.objects.filter(of_group, account=credentials.account_id, day__gte=first_day())


@prune("movements of clients")
def forget_old() -> int:
    unread = Roll.objects.filter(judged_at__lt=timezone.now() - timedelta(days=settings.MOVEMENT_DAYS))
    return Movement.objects.filter(day__lt=first_day()).delete()[0] + unread.delete()[0]


# --- The polls of a worker -------------------------------------------------------------------------------


class ClientReading(NamedTuple):
    """The group of a client, or `NOWHERE`, and the sum paid in all, None if it is not known."""

    place: int
    paid: Decimal | None = None


@routine("movements", pause=5.0, for_each=lambda: Roll.objects.accounts_due(settings.MOVEMENT_SECONDS))
def look_at(account: str) -> None:
    run_due(Roll.objects.usable().filter(pk=account).select_related("watch__credentials"), _look)


def _look(turn: Turn[Roll]) -> Columns:
    """Raises `PosterError` and `LeaseLost`."""
    roll, credentials = turn.row, turn.credentials
    until, began = time.monotonic() + LONGEST_SWEEP, timezone.now()
    # Another token may be shown other clients, so with that nobody is known yet.
    if roll.judged_at and roll.taken_at and roll.fingerprint == credentials.fingerprint:
        # The rules come first, so that a night on which Poster is away costs no sweep.
        rules = begin_rules(credentials, fresh=True)()
        if isinstance(rules.failure, Unreachable):
            raise rules.failure
        known, taken_at = roll.groups, roll.taken_at
        seen = _read_clients(credentials, until, turn.renew)
        seen |= ask_for_missing(credentials, {each: known[each] for each in known.keys() - seen.keys()})
        movements = _movements(roll, known, seen, rules.found, timezone.localdate(began))
    else:
        # It reports nobody. The list is read twice: clients that a cut list lacks would be new tomorrow.
        movements, taken_at = [], began
        seen = _read_clients(credentials, until, turn.renew)
        seen |= _read_clients(credentials, until, turn.renew)
    now = timezone.now()
    for each in movements:
        each.found_at = now
    packed = pack({client_id: each.place for client_id, each in seen.items()})
    with transaction.atomic():
        # The lease is lost where the watch is off since, too.
        turn.renew(packed=packed, fingerprint=credentials.fingerprint, taken_at=taken_at, judged_at=began)
        Movement.objects.bulk_create(movements, batch_size=BATCH)
    words = "Of account %s %s clients are known, and %s movements were found"
    log.info(words, roll.pk, len(seen), len(movements))
    return {"next_at": NIGHTS.next(now, after_one=taken_at < began)}


def _read_clients(
    credentials: PosterCredentials, until: float, stay_alive: Callable[[], None]
) -> dict[int, ClientReading]:
    """Read all clients but those that are removed or whose row cannot be read.

    Nothing says that `clients.getClients` gives the group with `client_id_only` too.
    """
    seen: dict[int, ClientReading] = {}
    for page in pages_of(credentials, None, size=PAGE_SIZE, until=until):
        for client in page.clients:
            if not client.removed:
                seen[client.id] = ClientReading(client.group_id or NOWHERE, client.total_paid)
        stay_alive()
    return seen


def ask_for_missing(credentials: PosterCredentials, missing: Mapping[int, int]) -> dict[int, ClientReading]:
    """Return those who are there after all, though the list lacks them: each is requested alone.

    A client who cannot be requested stays at the place in `missing` until the next poll.
    """
    until = time.monotonic() + SECONDS_FOR_MISSING

    def place(client_id: int) -> int:
        try:
            within = seconds_left(until, "clients.getClient")
            client = find_client(credentials, client_id, within=within)
        except PosterError:
            return missing[client_id]
        return (client.group_id or NOWHERE) if client and not client.removed else GONE

    return {client_id: ClientReading(found) for client_id, found in ask_each(missing, place) if found != GONE}


def _movements(
    roll: Roll,
    known: Mapping[int, int],
    seen: Mapping[int, ClientReading],
    rules: Collection[LoyaltyRule],
    day: date,
) -> list[Movement]:
    account = roll.watch.account_id
    removed = Movement.objects.filter(account=account, reason=Reason.REMOVED)
    were_here = set(removed.values_list("client_id", flat=True))
    # The last move of each client that was sent from here since the last poll.
    since = roll.judged_at - LATE if roll.judged_at else timezone.now()
    sent = Change.objects.filter(account=account, action=Change.Action.MOVE, sent_at__gt=since)
    # Also one whose answer was lost: it explains where its client is now.
    sent = sent.filter(~Q(state__in=Change.NOTHING_CHANGED) | Q(reason=Change.Reason.NOT_APPLIED))
    sent_here = {each.client_id or 0: each for each in sent.order_by("sent_at")}
    found = Movement.objects.filter(found_at__gt=since, change__isnull=False)
    shown = set(found.values_list("change", flat=True))
    movements = []
    for client_id in sorted(known.keys() | seen.keys()):
        from_id = known.get(client_id, GONE)
        to_id, paid = seen.get(client_id, ClientReading(GONE))
        if from_id == to_id or max(from_id, to_id) <= GONE:
            continue  # they have not moved, or no group is concerned
        change = sent_here.get(client_id)
        if change and (change.pk in shown or ClientPlace.from_json(change.intended).group_id != to_id):
            change = None
        if change:
            reason = Reason.HERE
        elif to_id == GONE:
            reason = Reason.REMOVED
        elif from_id == GONE:
            reason = Reason.ELSEWHERE if client_id in were_here else Reason.NEW
        else:
            is_by_rule = paid is not None and any(
                rule.group_id == to_id and rule.value <= paid for rule in rules
            )
            reason = Reason.RULE if is_by_rule else Reason.ELSEWHERE
        movement = Movement(
            account_id=account,
            client_id=client_id,
            from_id=from_id if from_id > GONE else None,
            to_id=to_id if to_id > GONE else None,
            day=timezone.localdate(change.sent_at) if change else day,
            reason=reason,
            change=change.pk if change else None,
        )
        movements.append(movement)
    return movements


# --- Events ------------------------------------------------------------------------------------------------


@event_source("movements", gettext_lazy("A group has lost clients without a move made here"))
def find_losses(account: PosterAccount, since: datetime) -> Iterator[Event]:
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
    losses = [words[each] % {"clients": reasons[each]} for each in words if reasons[each]]
    name = name or _("group %(id)s") % {"id": group_id}
    return one_line(text % {"group": name, "clients": total, "reasons": ", ".join(losses)})
