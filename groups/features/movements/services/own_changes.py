"""Read from the journal which clients were moved here, and which of their changes have no outcome yet."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from groups.features.movements.models import Movement
from groups.features.movements.services.compare import OwnChanges, OwnMove
from groups.models import Change, ChangeQuerySet
from groups.models.contents import ClientBefore, ClientPlace

# Time in which a move made here whose answer was lost, and that was not seen, may still come true.
LATE = timedelta(hours=24)


def own_changes(
    account_id: str, *, since: datetime, were_open: Collection[str] = ()
) -> tuple[OwnChanges, list[str]]:
    """Return the changes of clients that may explain a difference, and the ids of those without an outcome.

    These are the moves that were settled `since` a time and those that `were_open` then; without moves that
    are told already.
    """
    own = OwnChanges()
    rows = Change.objects.filter(account=account_id, client_id__isnull=False, action=Change.Action.MOVE)
    rows = rows.filter(sent_at__isnull=False)
    still_open = list(rows.unsettled().values_list("pk", "client_id"))
    own.open_clients = {client_id for _pk, client_id in still_open if client_id}
    made = rows.filter(state__in=Change.MADE)
    settled = made.filter(Q(settled_at__gt=since) | Q(pk__in=were_open))
    told = Movement.objects.filter(account=account_id, change__isnull=False, found_at__gt=since - LATE)
    known = set(told.values_list("change", flat=True))
    for client_id, move in _moves(settled):
        if move.change not in known:
            own.moves.setdefault(client_id, []).append(move)
    lost = rows.filter(reason=Change.Reason.NOT_APPLIED, settled_at__gt=since - LATE)
    own.unseen = {
        (client_id, move.to_id): move for client_id, move in _moves(lost) if move.change not in known
    }
    return own, [str(pk) for pk, _client_id in still_open]


def _moves(rows: ChangeQuerySet) -> Iterator[tuple[int, OwnMove]]:
    """Yield the moves in the order in which they were sent, each with its client."""
    columns = ("pk", "client_id", "before", "loaded", "intended", "sent_at", "settled_at")
    for pk, client_id, before, loaded, intended, *times in rows.order_by("sent_at").values_list(*columns):
        from_id = ClientBefore.from_json(before).group_id or ClientPlace.from_json(loaded).group_id
        yield client_id, OwnMove(pk, from_id, ClientPlace.from_json(intended).group_id, *times)
