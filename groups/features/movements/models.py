"""Define the roll of an account, who was in which group at the last poll, and the movements since."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from groups.features.elsewhere.models import WATCH_ACCOUNT, Watched, WatchedQuerySet
from groups.models import PosterAccount
from groups.models.leases import Nights

HOUR = 5
"""The hour of the poll on the site's clock: after the criteria, which have moved theirs by then."""
NIGHTS = Nights(lambda: settings.MOVEMENT_SECONDS, lambda: HOUR)


class Roll(Watched):
    """The ids of the clients of each group at the last poll, and nothing else of anybody.

    `packed` is of the token with this `fingerprint`: another one may be shown other clients. The first poll
    began at `taken_at`, the last one at `judged_at`.
    """

    fingerprint = models.CharField(max_length=64, blank=True)
    packed = models.BinaryField(default=b"")
    taken_at = models.DateTimeField(null=True)
    judged_at = models.DateTimeField(null=True)

    objects = WatchedQuerySet["Roll"].as_manager()
    needs = (WATCH_ACCOUNT, "groups.view_client")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.watch_id} {self.judged_at}"

    @property
    def longest_pause(self) -> timedelta:
        return NIGHTS.pause

    @property
    def groups(self) -> dict[int, int]:
        return unpack(self.packed)


def pack(groups: Mapping[int, int]) -> bytes:
    clients: defaultdict[int, list[int]] = defaultdict(list)
    for client_id, group_id in groups.items():
        clients[group_id].append(client_id)
    return msgspec.msgpack.encode(clients)


def unpack(packed: "bytes | memoryview[int]") -> dict[int, int]:
    groups = msgspec.msgpack.decode(packed, type=dict[int, list[int]]) if packed else {}
    return {client_id: group_id for group_id, clients in groups.items() for client_id in clients}


class Movement(models.Model):
    """A client who has left the group `from_id` for the group `to_id`; None for no group.

    A move made here has the id and the `day` of its `change`, any other one the day of the poll.
    """

    class Reason(models.TextChoices):
        HERE = "here", _("moved here")
        RULE = "rule", _("moved by a rule of Poster's")
        ELSEWHERE = "elsewhere", _("moved in Poster, not here")
        NEW = "new", _("a new client")
        REMOVED = "removed", _("removed from Poster")

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="movements")
    client_id = models.PositiveIntegerField()
    from_id = models.PositiveIntegerField(null=True)
    to_id = models.PositiveIntegerField(null=True)
    day = models.DateField()
    reason = models.CharField(max_length=9, choices=Reason)
    change = models.UUIDField(null=True, unique=True)
    found_at = models.DateTimeField()

    class Meta:
        ordering = ("-day", "-pk")
        default_permissions = ()
        indexes = (
            models.Index(fields=("account", "to_id", "day"), name="movement_into"),
            models.Index(fields=("account", "from_id", "day"), name="movement_out_of"),
            models.Index(fields=("account", "found_at"), name="movement_by_look"),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.client_id} {self.from_id}→{self.to_id} {self.day}"
