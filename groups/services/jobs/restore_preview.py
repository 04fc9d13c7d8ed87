"""What a restore would do, by a fresh look at Poster before anybody starts it: counts and sums alone."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied

from groups.models import Change, Job, PosterCredentials, Snapshot
from groups.poster import Client, Group, GroupList, GroupValues, LoyaltyType, PosterError, UnreadableRow
from groups.poster.records import fold
from groups.services import snapshots
from groups.services.client_locations import Whereabouts, look_for
from groups.services.gateway import call_poster
from groups.services.jobs import moves
from groups.services.writes.commands import RIGHTS
from groups.services.writes.create_client import target_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SECONDS = 20.0
"""How long the page may look for where everybody is."""
_NO_BIRTHDAY = ("", "0", "0000-00-00")


class NoRestore(Exception):
    """There is nobody to bring back, and no group to create."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A group in which some of the clients are now; without a name where Poster tells none."""

    group_id: int
    name: str
    count: int


@dataclass(slots=True)
class Losses:
    """How many of those who would be created anew lose what."""

    names: int = 0
    birthdays: int = 0
    ewallets: int = 0
    overdrawn: int = 0


@dataclass(slots=True)
class Outlook:
    """What is there of a snapshot's group and clients, and what a restore would make of it.

    `target` is the group that they would come into: the old one, another one of the same name, or None where
    one is to be created. `moved` are in other groups; `gone` are in Poster no more.
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
    promotions: list[str] = field(default_factory=list)

    @property
    def group(self) -> GroupValues:
        """The group as it was."""
        return GroupValues.from_json(self.snapshot.group)

    @property
    def is_the_same(self) -> bool:
        return self.target is not None and self.target.id == self.snapshot.group_id

    @property
    def moved(self) -> int:
        return sum(origin.count for origin in self.origins)

    @property
    def created(self) -> int:
        """How many would be created anew: nobody, as long as their group is there."""
        return 0 if self.is_the_same else self.gone

    @property
    def total(self) -> int:
        return self.moved + self.created

    @property
    def cannot(self) -> bool:
        """Say whether there is somebody whom no restore brings back."""
        lost = self.gone if self.is_the_same else 0
        return bool(lost or self.unreadable or self.removed or self.undecided)

    @property
    def can_be_created(self) -> bool:
        """Say whether the group is of a type that is known here, or is there."""
        return self.target is not None or self.group.loyalty_type in tuple(LoyaltyType)

    @property
    def has_work(self) -> bool:
        return bool(self.total or self.target is None) and self.can_be_created

    @property
    def mark(self) -> str:
        """All that the page says a restore would do, in short."""
        said = (
            self.target.id if self.target else 0,
            sorted((origin.group_id, origin.count) for origin in self.origins),
            *(self.in_place, self.created, self.undecided, self.bonus),
        )
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def look(*, user: "User", credentials: PosterCredentials, snapshot: Snapshot) -> Outlook:
    """Look at Poster for what a restore would do. Raises `PosterError` and `SecretUnreadable`."""
    if not user.has_perm(snapshots.RIGHT):
        raise PermissionDenied
    groups = call_poster(credentials, lambda poster: poster.get_groups())
    found = Outlook(snapshot, _target(groups, snapshot))
    names = {group.id: group.name for group in groups.groups}
    now, undecided = _everybody(credentials, snapshot, found)
    of_all = sum(group.clients for group in groups.groups)
    places = look_for(credentials, now.values(), of_all=of_all, seconds=SECONDS)
    _count(found, now, places, names)
    found.undecided = len(undecided)
    if not found.is_the_same:
        _add_up(found, {old for old, client_id in now.items() if _is_gone(client_id, places)})
        found.promotions = _promotions(credentials, snapshot.group_id)
    return found


def plan(*, user: "User", credentials: PosterCredentials, operation: uuid.UUID, outlook: Outlook) -> Job:
    """Return the job, not yet saved, that does what the page said. Raises `NoRestore`."""
    rights = [snapshots.RIGHT, moves.RIGHT]
    if outlook.target is None:
        rights.append(RIGHTS[Change.Action.CREATE])
    if not user.has_perms(rights):
        raise PermissionDenied
    if not outlook.has_work:
        raise NoRestore
    snapshot, target = outlook.snapshot, outlook.target
    return Job(
        id=operation,
        account=credentials.account,
        user=user,
        user_name=user.get_username(),
        kind=Job.Kind.RESTORE,
        group_id=snapshot.group_id,
        group_name=snapshot.group_name,
        target_id=target.id if target else None,
        target_name=(target.name if target else snapshot.group_name)[:400],
        wanted={
            "snapshot": str(snapshot.pk),
            "from": [origin.group_id for origin in outlook.origins],
            "create": not outlook.is_the_same,
        },
        total=outlook.total,
    )


def clients_in(rows: Iterable[Any]) -> list[Client | UnreadableRow]:
    """Return the clients of rows as they came, and the rows that are none."""
    return [_read(row) for row in rows]


def _read(row: Any) -> Client | UnreadableRow:
    try:
        return Client.from_wire(row)
    except UnreadableRow as error:
        return error


def present_ids(account: str, client_ids: Iterable[int]) -> tuple[dict[int, int], set[int]]:
    """Return the ids that clients have now, who may have been restored before; and for whom that is open."""
    now: dict[int, int] = {client_id: client_id for client_id in client_ids}
    undecided: set[int] = set()
    latest = set(now.values())
    while latest:
        rows = Change.objects.filter(account=account, action=Change.Action.ENROL)
        targets = {target_of(client_id): client_id for client_id in latest}
        became: dict[int, int] = {}
        for target, state, new_id in rows.filter(target__in=targets).values_list(
            "target", "state", "client_id"
        ):
            made = state in (Change.State.APPLIED, Change.State.DIFFERS)
            if made and new_id is not None:
                became[targets[target]] = new_id
            elif made or state in Change.UNSETTLED:
                undecided.add(targets[target])
        undecided |= {old for old, client_id in now.items() if client_id in undecided}
        now = {old: became.get(client_id, client_id) for old, client_id in now.items()}
        latest = set(became.values())
    return now, undecided & now.keys()


# --- Counting ----------------------------------------------------------------------------------------------


def _target(groups: GroupList, snapshot: Snapshot) -> Group | None:
    """Return the group that the clients would come into; one that was made anew has the same name."""
    there = groups.present
    same = [group for group in there if group.id == snapshot.group_id]
    name = fold(GroupValues.from_json(snapshot.group).name)
    return next(iter(same or [group for group in there if fold(group.name) == name]), None)


def _everybody(
    credentials: PosterCredentials, snapshot: Snapshot, found: Outlook
) -> tuple[dict[int, int], set[int]]:
    """Return the ids of those who can be restored, old and as they are now; count who cannot."""
    now: dict[int, int] = {}
    undecided: set[int] = set()
    for rows in snapshots.parts_of(snapshot):
        clients = clients_in(rows)
        people = [client for client in clients if isinstance(client, Client)]
        living = [client.id for client in people if not client.removed]
        found.unreadable += len(clients) - len(people)
        found.removed += len(people) - len(living)
        ids, open_ones = present_ids(credentials.account_id, living)
        now |= ids
        undecided |= open_ones
    return {old: client_id for old, client_id in now.items() if old not in undecided}, undecided


def _is_gone(client_id: int, places: Whereabouts) -> bool:
    return client_id not in places.groups and client_id not in places.unreadable


def _count(found: Outlook, now: dict[int, int], places: Whereabouts, names: dict[int, str]) -> None:
    counted = Counter(places.groups[client_id] for client_id in now.values() if client_id in places.groups)
    if found.target is not None:
        found.in_place = counted.pop(found.target.id, 0)
    found.origins = [
        Origin(group_id, names.get(group_id, ""), count) for group_id, count in counted.most_common()
    ]
    found.unreadable += sum(client_id in places.unreadable for client_id in now.values())
    found.gone = sum(_is_gone(client_id, places) for client_id in now.values())


def _add_up(found: Outlook, gone: set[int]) -> None:
    """Add up what those have who would be created anew, and what they would lose."""
    for rows in snapshots.parts_of(found.snapshot):
        for client in clients_in(rows):
            if isinstance(client, UnreadableRow) or client.id not in gone:
                continue
            found.bonus += max(client.bonus or Decimal(0), Decimal(0))
            found.paid += client.total_paid or Decimal(0)
            losses, raw_birthday = found.losses, client.raw.get("birthday")
            losses.names += bool(client.patronymic) or not (client.lastname and client.firstname)
            losses.birthdays += client.birthday is None and str(raw_birthday or "") not in _NO_BIRTHDAY
            losses.ewallets += bool(client.ewallet)
            losses.overdrawn += (client.bonus or 0) < 0


def _promotions(credentials: PosterCredentials, group_id: int) -> list[str]:
    """Return the names of the promotions that are for a group; none where the token may not ask."""
    try:
        listed = call_poster(credentials, lambda poster: poster.get_promotions())
    except PosterError:
        return []
    return [promotion.name for promotion in listed.promotions if group_id in promotion.group_ids]
