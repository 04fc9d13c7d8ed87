"""Keep what was in a group before it is moved or removed, and bring its clients back.

Snapshots are stored encrypted for SNAPSHOT_DAYS. They are written and read part by part, so that only one
part of a large group is in memory. A page says beforehand what a restore would do, and a job does it.
"""

import hashlib
import json
import math
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import batched
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from groups.features.snapshots.models import Snapshot, SnapshotPart
from groups.models import Change, Job, PosterCredentials
from groups.models.contents import Content
from groups.models.locks import members_key
from groups.poster import Client, ClientList, Group, LoyaltyType, PosterError, UnreadableRow, is_removed
from groups.poster.fields import fold, read_id
from groups.services import history
from groups.services.clients import READ_AT_ONCE, ask_each, group_of_client, pages_of
from groups.services.facts import facts_of
from groups.services.gateway import call_poster, check_token, seconds_left
from groups.services.groups import read_now
from groups.services.installation.maintenance import prune, routine
from groups.services.jobs import executor, kinds
from groups.services.jobs.kinds import JobKind
from groups.services.jobs.lease import JobLease, Stopped, sender_of
from groups.services.messages import Message, because_of, status_of
from groups.services.values import NumberFormat
from groups.services.writes import gates
from groups.services.writes.commands import Command, CreateClient, CreateGroup, MoveClient, RemoveGroup
from groups.services.writes.commands.create_client import target_of
from groups.services.writes.gates import Gate
from groups.services.writes.reach import Reach, reach_of_values, reached_by
from groups.services.writes.submissions import NotNow, NotSent, OperationReused
from poster_admin.common.encryption import Secret
from poster_admin.users.models import EventKind
from poster_admin.users.security_log import record

type Rows = list[Any]
type Commands = list[MoveClient | CreateClient]

VIEW_SNAPSHOT = "groups.view_snapshot"
PERMISSIONS = (VIEW_SNAPSHOT, MoveClient.permission)
RESTORE = "restore"
SECONDS_FOR_REMOVAL = 20.0
"""Seconds for the snapshot before a removal: the page waits for both, and a proxy's time-out is limited."""
SECONDS = 20.0
"""Seconds that the page of a restore may spend on finding the clients."""
AT_ONCE = 50
"""Clients that a restore reads before the first of them is restored."""
_NO_BIRTHDAY = ("", "0", "0000-00-00")
# A later try of the same form takes a new snapshot: the clients, and what they have, are others by then.
OF_ONE_TRY = timedelta(minutes=1)
# A snapshot whose removal was not sent is deleted after this time, when no open form can send it any more.
FORGOTTEN_AFTER = timedelta(hours=1)
GIVEN_UP_AFTER = NOT_ADDED_TO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RestoreScope(Content):
    """`wanted` of a job that restores a snapshot.

    `sources` are the ids of the groups out of which clients may be moved. `create` is True if clients that
    Poster no longer has are to be created again.
    """

    snapshot: str
    sources: tuple[int, ...] = ()
    create: bool = False


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
    """Map snapshots that were restored to the latest job of each, in one query."""
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
    return _store_pages(_new_snapshot(credentials, group, job=job), pages, check)


def snapshot_of_chosen(job: Job, group_id: int, credentials: PosterCredentials) -> Snapshot:
    """Return the snapshot of a group to which a job adds the clients that it moves; begin one if needed.

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
        self.error, self.status = error, status_of(error)

    def message(self) -> Message:
        text = _(
            "Its clients have to be kept first, so that they can be restored, and they could not be read."
        )
        return because_of(self.error, _("The group was not removed"), text)


class OtherClients(NotSent):
    """Poster lists more or fewer clients of the group than the user was shown by its counter.

    More would be removed unseen; of fewer, those who are not listed would be removed without being kept.
    """

    def __init__(self, shown: int, listed: int) -> None:
        super().__init__()
        self.counted = shown
        self.listed = listed

    def message(self) -> Message:
        count = NumberFormat.current().count
        text = _("Clients that the page has shown: %(shown)s. Clients that Poster lists: %(listed)s.")
        if self.listed > self.counted:
            hint = _("Poster's counter may be late: try again in a few minutes, or move the clients first.")
        else:
            hint = _(
                "The others would be lost. Look in Poster whether the list is right; try again in a minute."
            )
        values = {"shown": count(self.counted), "listed": count(self.listed)}
        return Message(_("The group was not removed"), text % values, hint)


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
                return _store_pages(_new_snapshot(credentials, group, id=operation), pages)
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
    record(EventKind.SNAPSHOT_READ, user=user, detail=detail)
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


def _store_pages(
    snapshot: Snapshot, pages: Iterator[Rows], check: Callable[[], None] = lambda: None
) -> Snapshot:
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


def _new_snapshot(credentials: PosterCredentials, group: Group, **values: Any) -> Snapshot:
    return Snapshot(
        account=credentials.account,
        user_name=credentials.user.get_username(),
        group_id=group.id,
        group_name=group.name[:400],
        group=group.to_json(),
        **values,
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
    living = unreadable = removed = 0
    for answer in pages_of(credentials, group.id, until=until):
        seen.update(client.id for client in answer.clients)
        readable = [client.id for client in answer.clients if not client.removed]
        present = sum(not is_removed(row) for row in answer.rows)
        members.update(readable)
        living += present
        removed += len(answer.rows) - present
        unreadable += present - len(readable)
        yield list(answer.rows)
    counts_removed = facts_of(credentials).value("groups.count") == "all"
    counted = group.clients - (removed if counts_removed else 0)
    if living < counted:
        with suppress(PosterError):  # the first list stands
            for answer in pages_of(credentials, group.id, until=until):
                members.update(client.id for client in answer.clients if not client.removed)
                if missing := [dict(client.raw) for client in answer.clients if client.id not in seen]:
                    yield missing
    listed = len(members) + unreadable  # clients whose rows cannot be read go too
    if listed < counted:
        raise OtherClients(counted, listed)
    if listed > most:
        raise OtherClients(most, listed)


# --- What a restore would do --------------------------------------------------------------------------------


@dataclass(slots=True)
class RestorePreview:
    """The present state of a snapshot's group and clients, and the effects of a restore.

    `target` is the group for the clients: the old group, another one with the same name, or None if it has to
    be created. `origins` has the other groups of clients: id, name ("" if Poster does not list it) and the
    count. `moved` counts all of these, `gone` those that Poster no longer has, and `losses` those
    that would lose data when they are created again.
    """

    snapshot: Snapshot
    target: Group | None
    in_place: int = 0
    origins: list[tuple[int, str, int]] = field(default_factory=list)
    gone: int = 0
    unreadable: int = 0
    removed: int = 0
    undecided: int = 0
    bonus: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    losses: Counter[str] = field(default_factory=Counter)

    @property
    def is_the_same(self) -> bool:
        return self.target is not None and self.target.id == self.snapshot.group_id

    @property
    def moved(self) -> int:
        return sum(count for _group_id, _name, count in self.origins)

    @property
    def created(self) -> int:
        """The number of clients that would be created again; 0 while the old group exists."""
        return 0 if self.is_the_same else self.gone

    @property
    def total(self) -> int:
        return self.moved + self.created

    @property
    def can_be_created(self) -> bool:
        return self.target is not None or self.snapshot.content.loyalty_type in LoyaltyType

    @property
    def has_work(self) -> bool:
        return bool(self.total or self.target is None) and self.can_be_created

    @property
    def mark(self) -> str:
        said = (
            self.target.id if self.target else 0,
            sorted((group_id, count) for group_id, _name, count in self.origins),
            *(self.in_place, self.created, self.undecided, self.bonus),
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def preview_restore(credentials: PosterCredentials, snapshot: Snapshot) -> RestorePreview:
    """Read what a restore would do now. Raises `PosterError` and `SecretUnreadable`."""
    if not credentials.user.has_perm(VIEW_SNAPSHOT):
        raise PermissionDenied
    groups = call_poster(credentials, lambda poster: poster.get_groups())
    name = fold(snapshot.content.name)
    of_id = (group for group in groups.present if group.id == snapshot.group_id)
    of_name = (group for group in groups.present if fold(group.name) == name)
    target = next(of_id, None) or next(of_name, None)
    preview = RestorePreview(snapshot, target)
    # The present ids of the clients that can be brought back, by their ids in the snapshot.
    now: dict[int, int] = {}
    undecided: set[int] = set()
    for rows in parts_of(snapshot):
        read = ClientList.from_wire(rows)
        living = [client.id for client in read.clients if not client.removed]
        preview.unreadable += len(read.unreadable)
        preview.removed += len(read.clients) - len(living)
        ids, open_ones = present_ids(credentials.account_id, living)
        now |= ids
        undecided |= open_ones
    preview.undecided = len(undecided)
    now = {old: client_id for old, client_id in now.items() if old not in undecided}
    of_all = sum(group.clients for group in groups.groups)
    places = _find_places(credentials, now.values(), of_all)
    found = [places[client_id] for client_id in now.values()]
    preview.unreadable += found.count(None)
    preview.gone = found.count(0)
    counted = Counter(filter(None, found))
    if target is not None:
        preview.in_place = counted.pop(target.id, 0)
    names = {group.id: group.name for group in groups.groups}
    preview.origins = [(each, names.get(each, ""), count) for each, count in counted.most_common()]
    if preview.is_the_same:
        return preview
    # The bonuses, turnover and birthdays of clients who would be created again, and their losses.
    gone = {old for old, client_id in now.items() if places[client_id] == 0}
    for rows in parts_of(snapshot):
        for client in ClientList.from_wire(rows).clients:
            if client.id not in gone:
                continue
            preview.bonus += max(client.bonus or Decimal(0), Decimal(0))
            preview.paid += client.total_paid or Decimal(0)
            losses, raw_birthday = preview.losses, client.raw.get("birthday")
            losses["names"] += bool(client.patronymic) or not (client.lastname and client.firstname)
            losses["birthdays"] += client.birthday is None and str(raw_birthday or "") not in _NO_BIRTHDAY
            losses["ewallets"] += bool(client.ewallet)
            losses["overdrawn"] += (client.bonus or 0) < 0
    return preview


def _find_places(
    credentials: PosterCredentials, client_ids: Collection[int], of_all: int
) -> dict[int, int | None]:
    """Find clients as `group_of_client` does: read each, or all, `of_all`, if that is less work."""
    until = time.monotonic() + SECONDS
    if len(client_ids) <= of_all // READ_AT_ONCE + 1:

        def ask(client_id: int) -> int | None:
            within = seconds_left(until, "clients.getClient")
            return group_of_client(credentials, client_id, within=within)

        return dict(ask_each(client_ids, ask))
    places: dict[int, int | None] = dict.fromkeys(client_ids, 0)
    missing = set(client_ids)
    unreadable: set[int | None] = set()
    for page in pages_of(credentials, None, until=until):
        for client in page.clients:
            if client.id in missing:
                missing.remove(client.id)
                if not client.removed:
                    places[client.id] = client.group_id
        unreadable |= {row.id for row in page.unreadable}
    # A row without a readable id may be any client that was not found.
    doubtful = missing if None in unreadable else missing & unreadable
    return places | dict.fromkeys(doubtful)


def plan_restore(credentials: PosterCredentials, preview: RestorePreview, *, operation: uuid.UUID) -> Job:
    """Return the unsaved job that does what the preview says. Raises `NotNow` if there is nothing to do."""
    user = credentials.user
    creation = () if preview.target else (CreateGroup.permission,)
    if not user.has_perms([*PERMISSIONS, *creation]):
        raise PermissionDenied
    if not preview.has_work:
        raise NotNow
    snapshot, target = preview.snapshot, preview.target
    return Job(
        id=operation,
        **credentials.sender_columns,
        kind=RESTORE,
        group_id=snapshot.group_id,
        group_name=snapshot.group_name,
        target_id=target.id if target else None,
        target_name=(target.name if target else snapshot.group_name)[:400],
        wanted=RestoreScope(
            snapshot=str(snapshot.pk),
            sources=tuple(group_id for group_id, _name, _count in preview.origins),
            create=not preview.is_the_same,
        ).to_json(),
        total=preview.total,
    )


def present_ids(account: str, client_ids: Iterable[int]) -> tuple[dict[int, int], set[int]]:
    """Return the present id of each client, and the clients for which it is not known.

    A client that was created again by an earlier restore has a new id. The id is not known while such a
    creation is open or in review.
    """
    now: dict[int, int] = {client_id: client_id for client_id in client_ids}
    undecided: set[int] = set()
    latest = set(now.values())
    while latest:
        targets = {target_of(client_id): client_id for client_id in latest}
        became: dict[int, int] = {}
        rows = Change.objects.filter(account=account, action=Change.Action.CREATE_CLIENT, target__in=targets)
        for target, state, new_id in rows.values_list("target", "state", "client_id"):
            made = state in Change.MADE
            if made and new_id is not None:
                became[targets[target]] = new_id
            elif made or state in Change.UNSETTLED:
                undecided.add(targets[target])
        undecided |= {old for old, client_id in now.items() if client_id in undecided}
        now = {old: became.get(client_id, client_id) for old, client_id in now.items()}
        latest = set(became.values())
    return now, undecided & now.keys()


# --- Restore ------------------------------------------------------------------------------------------------


@kinds.register
class Restore(JobKind):
    kind = RESTORE
    label = gettext_lazy("group restored")
    done_label = pgettext_lazy("parts of a job", "brought back")
    permissions = PERMISSIONS
    moves_clients = True
    not_counted = (Change.Action.CREATE,)

    @property
    def scope(self) -> RestoreScope:
        return RestoreScope.from_json(self.job.wanted)

    @property
    def lock_keys(self) -> frozenset[str]:
        return super().lock_keys | {members_key(group_id) for group_id in self.scope.sources}

    @property
    def form_values(self) -> tuple[Any, ...]:
        """The snapshot alone: the target and the sources are read from Poster."""
        return (self.scope.snapshot,)

    def reach(self, credentials: PosterCredentials | None) -> Reach:
        job = self.job
        snapshot = Snapshot.objects.filter(pk=self.scope.snapshot).first()
        if snapshot is None:
            return Reach(clients=job.total)
        made = Reach() if job.target_id else reach_of_values(None, snapshot.content.values)
        if credentials is None or job._state.adding:  # a new job was planned from a preview of this moment
            return made + Reach(clients=job.total)
        left = preview_restore(credentials, snapshot).total
        return made + Reach(clients=left + reached_by(job.pk))

    @property
    def group_ids(self) -> list[int]:
        return list(self.scope.sources)

    def work(self, lease: JobLease) -> None:
        _Restore(lease).run()

    @property
    def title(self) -> str:
        return _("Restore “%(group)s”") % {"group": self.job.group_name}


class _Restore:
    """One run of a job that restores a snapshot.

    Each client is read again before anything is sent. Those that are in one of the groups named on the page
    are moved, those that Poster no longer has are created, once. Only the ids of people are stored.
    """

    def __init__(self, lease: JobLease) -> None:
        self._lease = lease
        self._job = lease.job
        self._backoff = executor.OutageBackoff(lease)
        self._scope = RestoreScope.from_json(self._job.wanted)
        found = Snapshot.objects.filter(pk=self._scope.snapshot, account=self._job.account_id).first()
        if found is None:
            raise Stopped(Job.Stop.SNAPSHOT_GONE)
        self._snapshot = found

    def run(self) -> None:
        while self._job.target_id is None:
            self._create_group()
        executor.run_passes(self._lease, self._pass)

    def _pass(self) -> bool:
        tried = False
        for rows in parts_of(self._snapshot):
            self._backoff.ask_poster(partial(executor.check_target, self._lease))
            living = [client for client in ClientList.from_wire(rows).clients if not client.removed]
            for some in batched(living, AT_ONCE, strict=False):
                commands = self._commands(some)
                tried |= bool(commands)
                if self._test_actions(commands):
                    # Only continue with an action after one client was restored with it.
                    commands = [each for each in self._commands(some) if self._is_tested(each.action)]
                if commands:
                    changes = executor.submit_all(self._lease, commands)
                    if not changes:
                        self._backoff.wait(Job.Stop.LOCKED)
                    self._backoff.note(changes)
        return tried

    def _create_group(self) -> None:
        """Create the group, or use the outcome of an earlier try. Raises `Stopped` if that has failed."""
        tries = list(Change.objects.filter(job=self._job, action=Change.Action.CREATE).order_by("created_at"))
        made = next((change for change in tries if change.state in Change.MADE), None)
        # A user has let the job go on since these have failed.
        stopped_at = self._job.stopped_at
        failed = [change for change in tries if change.state in Change.NOTHING_CHANGED]
        over = [change for change in failed if stopped_at is not None and change.created_at < stopped_at]
        if made is not None:
            # Raises `Stopped` if its values are not the snapshot's, and no user has accepted that.
            if not executor.is_accepted(self._job, made):
                executor.check_as_intended(made)
            if made.group_id is None:
                raise Stopped(Job.Stop.GROUP_NOT_CREATED, "")
            # Another user may have locked the new group already, to move clients into it or to remove it.
            executor.lock_target(self._lease, made.group_id)
        elif executor.may_be_tried([executor.Try.of(change) for change in tries if change not in over]):
            command = CreateGroup(
                operation=uuid.uuid5(self._job.pk, f"group {len(tries)}"),
                intended=self._snapshot.content.values,
                job=self._job,
                # The journal records that the group is there again: no undo of its removal creates another.
                undo_of=history.removal_of(sender_of(self._job), self._snapshot.group_id),
            )
            for _ in executor.submit_one_by_one(self._lease, [command]):
                pass  # the next run of the journal's follow-up takes it up
        elif any(change.is_open for change in tries):
            executor.settle_open(self._lease)
        else:
            raise Stopped(Job.Stop.GROUP_NOT_CREATED, tries[-1].message)

    def _commands(self, clients: tuple[Client, ...]) -> Commands:
        now, undecided = present_ids(self._job.account_id, (client.id for client in clients))
        tries: dict[int, list[executor.Try]] = {old: [] for old in now}
        old_of_target = {
            target: old
            for old, new in now.items()
            for target in (f"client:{old}", f"client:{new}", target_of(old), target_of(new))
        }
        rows = Change.objects.filter(job=self._job, target__in=old_of_target).order_by("created_at")
        for target, *end in rows.values_list("target", *executor.Try._fields):
            tries[old_of_target[target]].append(executor.Try(*end))
        left = {
            client.id: client
            for client in clients
            if client.id not in undecided and executor.may_be_tried(tries[client.id])
        }
        places = executor.find_clients(self._lease, [now[old] for old in left], self._scope.sources)
        commands: Commands = []
        # A client whose last try failed comes last, so that it keeps none of the others waiting.
        for old, client in sorted(left.items(), key=lambda item: len(tries[item[0]])):
            group_id, number = places[now[old]], len(tries[old])
            if group_id in self._scope.sources and group_id != self._job.target_id:
                commands.append(
                    MoveClient(
                        operation=uuid.uuid5(self._job.pk, f"{now[old]} {number}"),
                        job=self._job,
                        client_id=now[old],
                        from_id=group_id or 0,
                        to_id=self._job.target_id or 0,
                    )
                )
            elif group_id == 0 and self._scope.create:
                commands.append(
                    CreateClient(
                        operation=uuid.uuid5(self._job.pk, f"enrol {now[old]} {number}"),
                        job=self._job,
                        snapshot_id=self._snapshot.pk,
                        client=client,
                        old_id=now[old],
                        group_id=self._job.target_id or 0,
                    )
                )
        return commands

    def _test_actions(self, commands: Commands) -> bool:
        """Restore one client alone with each untested action; return True if any was tried."""
        tried = False
        for action in (Change.Action.MOVE, Change.Action.CREATE_CLIENT):
            of_action = [command for command in commands if command.action == action]
            if not of_action or self._is_tested(action):
                continue
            tried = True
            # A worker may have been killed before its first one had an outcome.
            if executor.settle_open(self._lease) and self._is_tested(action):
                continue
            for change in executor.submit_one_by_one(self._lease, of_action):
                self._check_first(change)
                if self._is_tested(action):
                    break
        return tried

    def _is_tested(self, action: Change.Action) -> bool:
        """Return True if the journal shows a client that this job has restored with this action."""
        first = executor.first_made(self._job, action=action)
        if first is not None and not executor.is_accepted(self._job, first):
            self._check_first(first)
        return first is not None

    def _check_first(self, change: Change) -> None:
        """Raise `Stopped` if other fields of the first client changed, or if Poster refused its move."""
        executor.check_as_intended(change)
        if change.state == Change.State.REFUSED and change.action == Change.Action.MOVE:
            raise Stopped(Job.Stop.REFUSED, change.message)
