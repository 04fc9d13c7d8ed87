"""What was in a group before somebody moved or removed it: kept encrypted for SNAPSHOT_DAYS.

It is taken page by page, so that however many clients there are, no more than a page of them is in memory.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from groups.crypto import Secret
from groups.models import Connection, Job, Snapshot, SnapshotPart
from groups.poster import Group, NotFound
from groups.services.clients import SECONDS_FOR_ALL, pages_of
from groups.services.groups import read_now
from groups.services.upstream import ask

if TYPE_CHECKING:
    from django.contrib.auth.models import User

type Rows = list[Any]


def take_for(
    job: Job, user: "User", connection: Connection, check: Callable[[], None] = lambda: None
) -> Snapshot:
    """Return the snapshot of a job's group and of the clients that it is about; it is taken once.

    `check` is called before each call to Poster, and may raise to end it. Raises `PosterError`.
    """
    found = job.snapshots.filter(complete=True).first()
    if found is not None:
        return found
    job.snapshots.filter(complete=False).delete()
    group = read_now(connection, job.group_id or 0).group
    chosen = job.wanted.get("clients")
    rows = _pages(connection, group.id, math.inf) if chosen is None else _chosen(connection, chosen)
    return _keep(connection, user.get_username(), group, rows, check, job=job)


def take(*, user: "User", connection: Connection, group: Group) -> Snapshot:
    """Return a snapshot of a group with all its clients, taken now. Raises `PosterError`."""
    rows = _pages(connection, group.id, time.monotonic() + SECONDS_FOR_ALL)
    return _keep(connection, user.get_username(), group, rows, lambda: None)


def rows_of(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Yield the rows of a snapshot's clients as they came, a part in memory at a time."""
    for part in snapshot.parts.order_by("number").iterator(chunk_size=1):
        yield from json.loads(part.rows.reveal())


def forget_old() -> int:
    """Delete the snapshots that are older than SNAPSHOT_DAYS, and return how many they were."""
    old = Snapshot.objects.filter(taken_at__lt=timezone.now() - timedelta(days=settings.SNAPSHOT_DAYS))
    _, deleted = old.delete()
    return deleted.get("groups.Snapshot", 0)


def _keep(
    connection: Connection,
    user_name: str,
    group: Group,
    pages: Iterator[Rows],
    check: Callable[[], None],
    job: Job | None = None,
) -> Snapshot:
    snapshot = Snapshot.objects.create(
        account=connection.account,
        job=job,
        user_name=user_name,
        group_id=group.id,
        group_name=group.name[:400],
        group=group.to_json(),
    )
    check()
    for number, rows in enumerate(pages):
        snapshot.clients += sum(not _is_removed(row) for row in rows)
        SnapshotPart.objects.create(
            snapshot=snapshot, number=number, rows=Secret(json.dumps(rows, ensure_ascii=False))
        )
        check()
    snapshot.complete = True
    snapshot.save(update_fields=["clients", "complete"])
    return snapshot


def _pages(connection: Connection, group_id: int, until: float) -> Iterator[Rows]:
    return (list(answer.rows) for answer in pages_of(connection, group_id, until=until))


def _chosen(connection: Connection, client_ids: list[int]) -> Iterator[Rows]:
    rows = []
    for client_id in client_ids:
        try:
            client = ask(connection, lambda poster, of=client_id: poster.get_client(of))  # type: ignore[misc]  # mypy infers no default of a lambda
        except NotFound:
            continue
        rows.append(dict(client.raw))
    yield rows


def _is_removed(row: Any) -> bool:
    return isinstance(row, dict) and str(row.get("delete", "0")) not in ("0", "")
