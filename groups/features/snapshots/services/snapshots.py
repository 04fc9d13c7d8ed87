"""Take, read and delete snapshots of groups; they are stored encrypted for SNAPSHOT_DAYS.

A snapshot is written and read part by part, so that only one part of a large group is in memory.
"""

import json
import math
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.models import Change, Job, PosterCredentials
from groups.poster import Client, Group, PosterError, UnreadableRow, is_removed
from groups.poster.fields import read_id
from groups.services.clients import pages_of
from groups.services.gateway import check_token, seconds_left
from groups.services.groups import read_now
from groups.services.installation.maintenance import prune, routine
from groups.services.writes import gates
from groups.services.writes.commands import Command, RemoveGroup
from groups.services.writes.gates import Gate
from groups.services.writes.not_sent import NotSent, OperationReused
from poster_admin.common.encryption import Secret
from poster_admin.users.models import Event
from poster_admin.users.security_log import record

type Rows = list[Any]

VIEW_SNAPSHOT = "groups.view_snapshot"
RESTORE = "restore"
"""The kind of the jobs that restore a snapshot; `restores` has its class."""
SECONDS_FOR_REMOVAL = 20.0
"""Seconds for the snapshot before a removal: the page waits for both, and a proxy's patience is limited."""
# A later try of the same form takes a new snapshot: the clients, and what they have, are others by then.
OF_ONE_TRY = timedelta(minutes=1)
# A snapshot whose removal was not sent is deleted after this time, when no open form can send it any more.
FORGOTTEN_AFTER = timedelta(hours=1)
GIVEN_UP_AFTER = NOT_ADDED_TO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RestoreScope:
    """`wanted` of a job that restores a snapshot.

    `sources` are the ids of the groups out of which clients may be moved. `create` is True if clients that
    Poster no longer has are to be created again.
    """

    snapshot: str
    sources: tuple[int, ...] = ()
    create: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"snapshot": self.snapshot, "from": list(self.sources), "create": self.create}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        return cls(data["snapshot"], tuple(data["from"]), data["create"])


def snapshots_of(credentials: PosterCredentials) -> "QuerySet[Snapshot]":
    """Return the snapshots of an account for an owner.

    Raises `PermissionDenied`, and `TokenRejected` if Poster has refused the owner's token.
    """
    if not credentials.user.has_perm(VIEW_SNAPSHOT):
        raise PermissionDenied
    check_token(credentials)
    return Snapshot.objects.filter(account=credentials.account_id, complete=True).select_related("job")


def restorable(changes: Iterable[Change], user: User) -> dict[uuid.UUID, Snapshot]:
    """Return the removals whose clients this user can restore, and nobody has yet, each with its snapshot.

    The snapshot of a removal has its id, that of a retirement belongs to the job.
    """
    removals = [change for change in changes if Command.kind_of(change).removes]
    if not removals or not user.has_perm(VIEW_SNAPSHOT):
        return {}
    ids, jobs = {change.pk for change in removals}, {change.job_id for change in removals if change.job_id}
    found = Snapshot.objects.filter(Q(pk__in=ids) | Q(job__in=jobs), complete=True, clients__gt=0)
    kept = list(found.defer("group"))
    restored = {pk for pk, restore in restores_of(kept).items() if restore.state == Job.State.DONE}
    by_id = {snapshot.job_id or snapshot.pk: snapshot for snapshot in kept if snapshot.pk not in restored}
    keys = {change.pk: change.job_id or change.pk for change in removals}
    return {pk: by_id[key] for pk, key in keys.items() if key in by_id}


def restores_of(found: Iterable[Snapshot]) -> dict[uuid.UUID, Job]:
    """Return the latest restore of each snapshot that has one, in one query."""
    kept = list(found)
    jobs = Job.objects.filter(
        account__in={snapshot.account_id for snapshot in kept},
        kind=RESTORE,
        group_id__in={snapshot.group_id for snapshot in kept},
    )
    return {
        uuid.UUID(RestoreScope.from_json(job.wanted).snapshot): job for job in jobs.order_by("created_at")
    }


def take_snapshot_for_job(
    job: Job, group_id: int, credentials: PosterCredentials, check: Callable[[], None] = lambda: None
) -> Snapshot:
    """Return the snapshot of a group all of whose clients a job moves; take it if there is none.

    `check` is called before each call to Poster and may raise an exception to abort. Raises `PosterError`.
    """
    kept = job.snapshots.filter(group_id=group_id)
    found = kept.filter(complete=True).first()
    if found is not None:
        return found
    kept.filter(complete=False).delete()
    group = read_now(credentials, group_id).group
    pages = (list(answer.rows) for answer in pages_of(credentials, group.id, until=math.inf))
    return _store_snapshot(credentials, group, pages, check, job=job)


def snapshot_of_chosen(job: Job, group_id: int, credentials: PosterCredentials) -> Snapshot:
    """Return the snapshot of a group to which a job adds the clients whom it moves; begin one if needed.

    A snapshot is deleted as a whole, so those who are moved a day after the first ones go into another one.
    Raises `PosterError`.
    """
    young = job.snapshots.filter(group_id=group_id, complete=True, taken_at__gt=timezone.now() - NOT_ADDED_TO)
    if (found := young.first()) is not None:
        return found
    snapshot = _new_snapshot(credentials, read_now(credentials, group_id).group, job=job)
    snapshot.complete = True
    snapshot.save(force_insert=True)
    return snapshot


def add_clients(snapshot: Snapshot, clients: Sequence[Client]) -> None:
    """Add clients to a snapshot that has whom a job is about to move."""
    rows = [dict(client.raw) for client in clients]
    living = sum(not client.removed for client in clients)
    with transaction.atomic():
        number = snapshot.parts.count()
        SnapshotPart.objects.create(snapshot=snapshot, number=number, rows=Secret(json.dumps(rows)))
        Snapshot.objects.filter(pk=snapshot.pk).update(clients=F("clients") + living)


class NoSnapshot(NotSent):
    """The group must not be removed: its clients could not be read, so no snapshot of them can be kept."""

    def __init__(self, error: PosterError) -> None:
        super().__init__()
        self.error = error


class OtherClients(NotSent):
    """Poster lists more or fewer clients of the group than the user was shown by its counter.

    More would be removed unseen; of fewer, those who are not listed would be removed without being kept.
    """

    def __init__(self, shown: int, listed: int) -> None:
        super().__init__()
        self.shown = shown
        self.listed = listed


@gates.register
class SnapshotGate(Gate):
    """Take a snapshot of a group before it is removed with its clients; once for each operation.

    Take none if the removal will not be sent. The group is kept as the form has shown it: with other values
    it will not be removed.
    """

    order = 30

    def before(self, command: Command) -> dict[str, Any]:
        if not isinstance(command, RemoveGroup) or command.loaded is None or not command.loaded_clients:
            return {}
        if command.present_clients not in (None, command.loaded_clients):
            return {}
        shown = {"id": command.group_id, "clients": command.loaded_clients}
        group = Group.from_json(command.loaded.to_json() | shown)
        # A limit counts the listed clients, and its consent is for as many as were shown then.
        allowed = command.consent.allowed_clients if command.consent else None
        most = max(command.loaded_clients, allowed or 0)
        try:
            take_snapshot(command.sender, group, operation=command.operation, most=most)
        except PosterError as error:
            raise NoSnapshot(error) from error
        return {}


def take_snapshot(
    credentials: PosterCredentials, group: Group, *, operation: uuid.UUID, most: int | None = None
) -> Snapshot:
    """Return a new snapshot of a group with all its clients; its id is the operation of the removal.

    The same operation sent twice at once makes one snapshot. Raises `PosterError`, `OtherClients` if
    there are fewer clients than the group counts, or more than `most`, by default that number, and
    `OperationReused` if the operation belongs to another group or account.
    """
    until = time.monotonic() + SECONDS_FOR_REMOVAL
    most = group.clients if most is None else most
    while True:
        found = Snapshot.objects.filter(pk=operation).first()
        if found is None:
            try:
                pages = _pages_before_removal(credentials, group, most, until)
                return _store_snapshot(credentials, group, pages, operation=operation)
            except IntegrityError:
                continue  # the same form was sent twice at the same time
        if (found.account_id, found.group_id) != (credentials.account_id, group.id):
            raise OperationReused
        is_recorded = Change.objects.filter(pk=operation).exists()
        if found.taken_at <= timezone.now() - OF_ONE_TRY and not is_recorded:
            _own_row(found).delete()  # nothing was removed then, or the process that was taking it was killed
        elif found.complete:
            return found
        else:
            seconds_left(until, "clients.getClients")
            time.sleep(0.1)


def parts_of(snapshot: Snapshot) -> Iterator[Rows]:
    """Yield the unchanged rows of a snapshot's clients, part by part. Raises `SecretUnreadable`."""
    # One query for each part: the reader may be slow, and may write to the database in between.
    for pk in list(snapshot.parts.order_by("number").values_list("pk", flat=True)):
        rows: Rows = json.loads(SnapshotPart.objects.get(pk=pk).rows.reveal())
        yield rows


def living_ids(snapshot: Snapshot) -> Iterator[int]:
    """Yield the ids of a snapshot's clients, without removed and unreadable ones."""
    for rows in parts_of(snapshot):
        for row in rows:
            with suppress(UnreadableRow):
                if isinstance(row, dict) and not is_removed(row):
                    yield read_id(row, "client_id")


def written_out(snapshot: Snapshot, user: User) -> Iterator[bytes]:
    """Return a snapshot as JSON, part by part, for a download; record that in the security log.

    Decrypt all parts first, so that `SecretUnreadable` is raised before the first byte: a user could take
    half a file for a whole one.
    """
    for _rows in parts_of(snapshot):
        pass
    detail = f"{snapshot.account_id} group:{snapshot.group_id} {snapshot.pk}"
    record(Event.SNAPSHOT_READ, user=user, detail=detail)
    head = {
        "account": snapshot.account_id,
        "taken_at": snapshot.taken_at.isoformat(),
        "taken_by": snapshot.user_name,
        "group": snapshot.group,
    }

    def written() -> Iterator[bytes]:
        yield json.dumps(head, ensure_ascii=False).removesuffix("}").encode() + b', "clients": ['
        comma = b"\n"
        for rows in parts_of(snapshot):
            lines = (json.dumps(row, ensure_ascii=False).encode(errors="backslashreplace") for row in rows)
            yield (comma if rows else b"") + b",\n".join(lines)
            comma = b",\n" if rows else comma
        yield b"\n]}\n"

    return written()


@routine("delete snapshots", pause=5)
@prune("snapshots")
def forget_old() -> int:
    """Delete snapshots that are too old, unfinished, or of no removal that was sent; return how many.

    Keep those that an active restore reads; a job that is paused or has stopped may stay so for years.
    """
    now = timezone.now()
    restores = Job.objects.filter(kind=RESTORE, state__in=Job.ACTIVE)
    read = [RestoreScope.from_json(job.wanted).snapshot for job in restores]
    unread = Snapshot.objects.exclude(pk__in=read)
    old = unread.filter(taken_at__lt=now - timedelta(days=settings.SNAPSHOT_DAYS))
    # Keep the snapshot of a removal that was sent and has failed, or was refused: Poster may still carry it
    # out, or have carried it out, and nothing else has the clients then.
    sent = Change.objects.filter(pk=OuterRef("pk")).exclude(state=Change.State.FAILED, sent_at=None)
    of_no_removal = unread.filter(~Exists(sent), job=None, taken_at__lt=now - FORGOTTEN_AFTER)
    given_up = unread.filter(complete=False, taken_at__lt=now - GIVEN_UP_AFTER)
    deleted = [each.delete()[1].get(Snapshot._meta.label, 0) for each in (old, of_no_removal, given_up)]
    return sum(deleted)


def _store_snapshot(
    credentials: PosterCredentials,
    group: Group,
    pages: Iterator[Rows],
    check: Callable[[], None] = lambda: None,
    *,
    job: Job | None = None,
    operation: uuid.UUID | None = None,
) -> Snapshot:
    snapshot = _new_snapshot(credentials, group, job, operation)
    with transaction.atomic():
        snapshot.save(force_insert=True)
    try:
        check()
        for number, rows in enumerate(pages):
            snapshot.clients += sum(not is_removed(row) for row in rows)
            # In ASCII: half a character, which a row may hold, is no UTF-8.
            SnapshotPart.objects.create(snapshot=snapshot, number=number, rows=Secret(json.dumps(rows)))
            check()
    except BaseException:
        _own_row(snapshot).delete()
        raise
    snapshot.complete = True
    if not _own_row(snapshot).update(clients=snapshot.clients, complete=True):
        raise IntegrityError("Another process has taken this snapshot again.")
    return snapshot


def _new_snapshot(
    credentials: PosterCredentials, group: Group, job: Job | None, operation: uuid.UUID | None = None
) -> Snapshot:
    return Snapshot(
        id=operation or uuid.uuid4(),
        account=credentials.account,
        job=job,
        user_name=credentials.user.get_username(),
        group_id=group.id,
        group_name=group.name[:400],
        group=group.to_json(),
    )


def _own_row(snapshot: Snapshot) -> "QuerySet[Snapshot]":
    """Return the row of a snapshot, but not one that another process has taken again under the same id."""
    return Snapshot.objects.filter(pk=snapshot.pk, taken_at=snapshot.taken_at)


def _pages_before_removal(
    credentials: PosterCredentials, group: Group, most: int, until: float
) -> Iterator[Rows]:
    """Yield the rows of a group's clients, page by page; nothing else has them once the group is removed.

    A list with fewer clients than the group counts may lack some, so it is read once more, and those who
    were missing follow. Raises `OtherClients` if there are still fewer, or more than `most`.
    """
    seen: set[int] = set()
    members: set[int] = set()
    living = unreadable = 0
    for answer in pages_of(credentials, group.id, until=until):
        seen.update(client.id for client in answer.clients)
        readable = [client.id for client in answer.clients if not client.removed]
        present = sum(not is_removed(row) for row in answer.rows)
        members.update(readable)
        living += present
        unreadable += present - len(readable)
        yield list(answer.rows)
    if living < group.clients:
        with suppress(PosterError):  # the first list stands
            for answer in pages_of(credentials, group.id, until=until):
                members.update(client.id for client in answer.clients if not client.removed)
                if missing := [dict(client.raw) for client in answer.clients if client.id not in seen]:
                    yield missing
    listed = len(members) + unreadable  # clients whose rows cannot be read go too
    if listed < group.clients:
        raise OtherClients(group.clients, listed)
    if listed > most:
        raise OtherClients(most, listed)
