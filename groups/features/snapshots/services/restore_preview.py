"""Preview a restore: read the remote state and count what the restore would do; plan its job."""

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import snapshots
from groups.features.snapshots.services.snapshots import RESTORE, RestoreScope
from groups.models import Change, Job, PosterCredentials
from groups.models.submissions import Submission
from groups.poster import ClientList, Group, LoyaltyType
from groups.poster.fields import fold
from groups.services.clients import READ_AT_ONCE, ClientLocations, group_of_client, locate_each, pages_of
from groups.services.gateway import call_poster, seconds_left
from groups.services.writes.commands import CreateGroup, MoveClient
from groups.services.writes.commands.create_client import target_of

PERMISSIONS = (snapshots.VIEW_SNAPSHOT, MoveClient.permission)
SECONDS = 20.0
"""Seconds that the page may spend on finding the clients."""
_NO_BIRTHDAY = ("", "0", "0000-00-00")


class NoRestore(Exception):
    """There are no clients to restore and no group to create."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A group that some of the clients are in now; the name is empty if Poster does not list the group."""

    group_id: int
    name: str
    count: int


@dataclass(slots=True)
class Losses:
    """The numbers of clients that would lose data when they are created again."""

    names: int = 0
    birthdays: int = 0
    ewallets: int = 0
    overdrawn: int = 0


@dataclass(slots=True)
class RestorePreview:
    """The present state of a snapshot's group and clients, and the effects of a restore.

    `target` is the group for the clients: the old group, another one with the same name, or None if it has to
    be created. `moved` counts clients that are in other groups, `gone` those that Poster no longer has.
    """

    snapshot: Snapshot
    target: Group | None
    in_place: int = 0
    origins: list[Origin] = field(default_factory=list)
    gone: int = 0
    unreadable: int = 0
    removed: int = 0
    undecided: int = 0
    bonus: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    losses: Losses = field(default_factory=Losses)

    @property
    def is_the_same(self) -> bool:
        return self.target is not None and self.target.id == self.snapshot.group_id

    @property
    def moved(self) -> int:
        return sum(origin.count for origin in self.origins)

    @property
    def created(self) -> int:
        """The number of clients that would be created again; 0 while the old group exists."""
        return 0 if self.is_the_same else self.gone

    @property
    def total(self) -> int:
        return self.moved + self.created

    @property
    def leaves_some_out(self) -> bool:
        """Return True if the restore cannot bring back every client."""
        lost = self.gone if self.is_the_same else 0
        return bool(lost or self.unreadable or self.removed or self.undecided)

    @property
    def can_be_created(self) -> bool:
        """Return True if the group exists or its loyalty type is documented."""
        return self.target is not None or self.snapshot.content.loyalty_type in LoyaltyType

    @property
    def has_work(self) -> bool:
        return bool(self.total or self.target is None) and self.can_be_created

    @property
    def mark(self) -> str:
        """A hash of everything that the page says the restore would do."""
        said = (
            self.target.id if self.target else 0,
            sorted((origin.group_id, origin.count) for origin in self.origins),
            *(self.in_place, self.created, self.undecided, self.bonus),
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def preview_restore(credentials: PosterCredentials, snapshot: Snapshot) -> RestorePreview:
    """Return the preview of a restore. Raises `PosterError` and `SecretUnreadable`."""
    if not credentials.user.has_perm(snapshots.VIEW_SNAPSHOT):
        raise PermissionDenied
    groups = call_poster(credentials, lambda poster: poster.get_groups())
    name = fold(snapshot.content.name)
    of_id = (group for group in groups.present if group.id == snapshot.group_id)
    of_name = (group for group in groups.present if fold(group.name) == name)
    target = next(of_id, None) or next(of_name, None)
    preview = RestorePreview(snapshot, target)
    now = _count_kept(credentials, preview)
    of_all = sum(group.clients for group in groups.groups)
    locations = _locate_clients(credentials, now.values(), of_all)
    found = [locations.group_of(client_id) for client_id in now.values()]
    preview.unreadable += found.count(None)
    preview.gone = found.count(0)
    counted = Counter(filter(None, found))
    if target is not None:
        preview.in_place = counted.pop(target.id, 0)
    names = {group.id: group.name for group in groups.groups}
    preview.origins = [
        Origin(group_id, names.get(group_id, ""), count) for group_id, count in counted.most_common()
    ]
    if not preview.is_the_same:
        _add_up(preview, {old for old, client_id in now.items() if locations.group_of(client_id) == 0})
    return preview


def _locate_clients(
    credentials: PosterCredentials, client_ids: Collection[int], of_all: int
) -> ClientLocations:
    """Find clients in an account that has `of_all` clients: read each, or all if that is less work."""
    until = time.monotonic() + SECONDS
    if len(client_ids) <= of_all // READ_AT_ONCE + 1:
        return locate_each(
            client_ids,
            lambda each: group_of_client(credentials, each, within=seconds_left(until, "clients.getClient")),
        )
    found, missing = ClientLocations(), set(client_ids)
    unreadable: set[int | None] = set()
    for page in pages_of(credentials, None, until=until):
        for client in page.clients:
            if client.id in missing:
                missing.remove(client.id)
                if not client.removed:
                    found.groups[client.id] = client.group_id
        unreadable |= {row.id for row in page.unreadable}
    # A row without a readable id may be any client that was not found.
    found.unreadable = missing if None in unreadable else missing & unreadable
    return found


def _count_kept(credentials: PosterCredentials, preview: RestorePreview) -> dict[int, int]:
    """Return the present ids of the clients that can be brought back, by their ids in the snapshot.

    Count the others: those whose rows cannot be read, the removed, and those who were being created again.
    """
    now: dict[int, int] = {}
    undecided: set[int] = set()
    for rows in snapshots.parts_of(preview.snapshot):
        read = ClientList.from_wire(rows)
        living = [client.id for client in read.clients if not client.removed]
        preview.unreadable += len(read.unreadable)
        preview.removed += len(read.clients) - len(living)
        ids, open_ones = present_ids(credentials.account_id, living)
        now |= ids
        undecided |= open_ones
    preview.undecided = len(undecided)
    return {old: client_id for old, client_id in now.items() if old not in undecided}


def plan_restore(credentials: PosterCredentials, preview: RestorePreview, *, operation: uuid.UUID) -> Job:
    """Return the unsaved job that does what the preview says. Raises `NoRestore`."""
    user = credentials.user
    creation = () if preview.target else (CreateGroup.permission,)
    if not user.has_perms([*PERMISSIONS, *creation]):
        raise PermissionDenied
    if not preview.has_work:
        raise NoRestore
    snapshot, target = preview.snapshot, preview.target
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=RESTORE,
        group_id=snapshot.group_id,
        group_name=snapshot.group_name,
        target_id=target.id if target else None,
        target_name=(target.name if target else snapshot.group_name)[:400],
        wanted=RestoreScope(
            snapshot=str(snapshot.pk),
            sources=tuple(origin.group_id for origin in preview.origins),
            create=not preview.is_the_same,
        ).to_json(),
        total=preview.total,
    )


def submission_of(snapshot: Snapshot, user: User, operation: uuid.UUID) -> Submission:
    """Return the form of a user that asks for the restore of a snapshot."""
    wanted = RestoreScope(str(snapshot.pk)).to_json()
    kind, account_id = RESTORE, snapshot.account_id
    return Job(id=operation, account_id=account_id, user=user, kind=kind, wanted=wanted).submission


def present_ids(account: str, client_ids: Iterable[int]) -> tuple[dict[int, int], set[int]]:
    """Return the present id of each client, and the clients for which it is not known.

    A client that was created again by an earlier restore has a new id. The id is not known while such a
    creation is open or in review.
    """
    now: dict[int, int] = {client_id: client_id for client_id in client_ids}
    undecided: set[int] = set()
    latest = set(now.values())
    while latest:
        rows = Change.objects.filter(account=account, action=Change.Action.CREATE_CLIENT)
        targets = {target_of(client_id): client_id for client_id in latest}
        became: dict[int, int] = {}
        for target, state, new_id in rows.filter(target__in=targets).values_list(
            "target", "state", "client_id"
        ):
            made = state in Change.MADE
            if made and new_id is not None:
                became[targets[target]] = new_id
            elif made or state in Change.UNSETTLED:
                undecided.add(targets[target])
        undecided |= {old for old, client_id in now.items() if client_id in undecided}
        now = {old: became.get(client_id, client_id) for old, client_id in now.items()}
        latest = set(became.values())
    return now, undecided & now.keys()


def _add_up(preview: RestorePreview, gone: set[int]) -> None:
    """Add up the balances of the clients that would be created again, and count their losses."""
    for rows in snapshots.parts_of(preview.snapshot):
        for client in ClientList.from_wire(rows).clients:
            if client.id not in gone:
                continue
            preview.bonus += max(client.bonus or Decimal(0), Decimal(0))
            preview.paid += client.total_paid or Decimal(0)
            losses, raw_birthday = preview.losses, client.raw.get("birthday")
            losses.names += bool(client.patronymic) or not (client.lastname and client.firstname)
            losses.birthdays += client.birthday is None and str(raw_birthday or "") not in _NO_BIRTHDAY
            losses.ewallets += bool(client.ewallet)
            losses.overdrawn += (client.bonus or 0) < 0
