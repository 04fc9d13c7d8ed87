"""Simulate nights of movements against an oracle that knows what happened: none is made up or told twice.

People move clients here and in the console, clients come, go and come back; lists are cut off, pages fail,
rows are odd, answers of writes are lost, and the worker is killed. What a night tells of a client has to be
what has become of them since the last night that told of them, or nothing, and after a night without trouble
all of it.
"""

import random
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from groups.features.elsewhere.services import switch_on
from groups.features.movements import services as looking
from groups.features.movements.models import Movement, Roll
from groups.models import Change
from groups.poster import ClientList, PosterClient
from groups.services.history import resolve
from groups.services.writes.commands import MoveClient
from groups.services.writes.execute import execute
from groups.services.writes.submissions import Locked
from tests.support.changes import let_a_worker_check
from tests.support.movements import GOLD, GUESTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
SILVER = 4
GROUPS = (GUESTS, GOLD, SILVER)
RULE = {"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": GOLD}
CLIENTS = 10
ROWS = (
    "row_null_field",
    "row_id_zero",
    "row_not_object",
    "row_percent_150",
    "row_deleted",
    "row_duplicate_id",
)
STEPS = ("_read_clients", "ask_for_missing", "_movements", "pack", "begin_rules")
QUIET = ("quiet", "kill")
FAILING = {
    "away": "clients.getClients",
    "not asked": "clients.getClient",
    "no rules": "clients.getLoyaltyRules",
}
HALVED = {"halved": None, "halved once": 1}
TROUBLE = (*FAILING, *HALVED, "odd row")


@dataclass
class Guest:
    """A client as the oracle knows them: where they are, None if nowhere, and what was not told yet."""

    id: int
    paid: int
    place: int | None
    told_at: int | None
    own: set = field(default_factory=set)
    """The groups to which a move was sent from here since the last one that was told."""

    def reasons(self):
        """Return the reasons that may be told for where they are now."""
        if self.place is None:
            return {"removed"}
        here = {"here"} if self.place in self.own else set()
        if self.told_at is None:
            return {"new", "elsewhere"} | here
        # Without the rules, and for who is missing from the list, it is not told that it was one of them.
        by_rule = {"rule"} if self.place == GOLD and self.paid >= 100_000 else set()
        return {"elsewhere"} | by_rule | here


class World:
    """An account of the sandbox, people who change it, and the oracle."""

    def __init__(self, sandbox, owner, chance):
        self.sandbox, self.owner, self.chance = sandbox, owner, chance
        self.console = sandbox.console()
        self.console.set_rules(RULE)
        self.applied = set()
        self.guests = [self._new_guest() for _ in range(CLIENTS)]
        for guest in self.guests:
            guest.told_at = guest.place

    def _new_guest(self):
        place, paid = self.chance.choice(GROUPS), self.chance.choice((99_999, 100_000))
        return Guest(self.console.put_client(place, total_payed_sum=str(paid)), paid, place, None)

    def live_a_day(self):
        """Let something happen to a few."""
        for guest in self.chance.choices(self.guests, k=self.chance.randint(0, 4)):
            match self.chance.choice(("here", "here", "console", "console", "come", "go")):
                case "come" if guest.place is None:
                    guest.place = self.chance.choice(GROUPS)
                    self._edit(guest, delete="0", client_groups_id=str(guest.place))
                case "come":
                    self.guests.append(self._new_guest())
                case "go" if guest.place is not None:
                    guest.place = None
                    self._edit(guest, delete="1")
                case "here" if guest.place is not None:
                    self._move_here(guest)
                case _ if guest.place is not None:
                    guest.place = self.chance.choice(GROUPS)
                    self._edit(guest, client_groups_id=str(guest.place))

    def _edit(self, guest, **fields):
        self.console.edit_client(guest.id, **fields)

    def _move_here(self, guest):
        """Move a client by the write path; its answer may be lost, and its outcome stay open for a while."""
        from_id, to_id = guest.place, self.chance.choice([each for each in GROUPS if each != guest.place])
        when = self.chance.choice((None, None, "after", "before"))
        if when:
            self.sandbox.script("clients.updateClient", "fin_before_headers", when=when)
            if self.chance.random() < 0.5:
                self.sandbox.script("clients.getClient", "fin_before_headers", call=2, times=None)
        command = MoveClient(
            credentials=self.owner.credentials,
            operation=uuid.uuid4(),
            client_id=guest.id,
            from_id=from_id,
            to_id=to_id,
        )
        with suppress(Locked):
            execute(command)
        self.sandbox.clear_faults()
        guest.own.add(to_id)
        row = self.sandbox.accounts["demo"].clients.row(guest.id)
        if int(row["client_groups_id"]) == to_id:
            guest.place = to_id
            self.applied.add(command.operation)

    def settle(self):
        """Let a worker find the outcome of what is open, and a person decide about the rest."""
        while change := Change.objects.open().first():
            let_a_worker_check(change)
        for change in Change.objects.filter(state=Change.State.REVIEW):
            resolve(change, "applied" if change.pk in self.applied else "failed", self.owner)


def poll():
    Roll.objects.update(next_at=timezone.now(), holder=None, held_until=None)
    before = set(Movement.objects.values_list("pk", flat=True))
    for account in Roll.objects.accounts_due(settings.MOVEMENT_SECONDS):
        looking.look_at(account)
    return list(Movement.objects.exclude(pk__in=before).order_by("pk"))


def night(world, fault, patch):
    """Let one night come, with trouble at Poster or in the worker, and return what it tells."""
    sandbox, guest, found = world.sandbox, world.chance.choice(world.guests), []
    if fault in FAILING:
        sandbox.script(FAILING[fault], "status_500", times=None)
    elif fault in HALVED:
        cut_off(world.chance, patch, HALVED[fault])
    elif fault == "odd row":
        sandbox.script("clients.getClients", world.chance.choice(ROWS), group=str(guest.id))
    elif fault == "kill":
        with patch.context() as dying, suppress(SystemExit):
            dying.setattr(looking, world.chance.choice(STEPS), die)
            found = poll()
    return found + poll()


def die(*_args, **_options):
    raise SystemExit


def cut_off(chance, patch, times):
    right, calls = PosterClient.get_clients, []

    def get_clients(self, **options):
        found = right(self, **options)
        calls.append(options)
        if times is not None and len(calls) > times:
            return found
        kept = [place for place in range(len(found.clients)) if chance.random() < 0.5]
        return ClientList(
            tuple(found.clients[place] for place in kept), (), tuple(found.rows[place] for place in kept)
        )

    patch.setattr(PosterClient, "get_clients", get_clients)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "nights"),
    [(1, 12), pytest.param(2, 60, marks=pytest.mark.thorough)],
)
def test_a_night_shows_what_happened_and_nothing_else(sandbox, owner, monkeypatch, seed, nights):
    chance = random.Random(seed)
    world, counts = World(sandbox, owner, chance), Counter()
    switch_on(owner.credentials)
    assert poll() == []
    for number in range(nights):
        fault = chance.choice((*QUIET, *TROUBLE))
        world.live_a_day()
        if chance.random() < 0.7 or fault in QUIET:
            world.settle()
        with monkeypatch.context() as patch:
            found = night(world, fault, patch)
        sandbox.clear_faults()
        check(world, found, all_of_it=fault in QUIET, why=f"{seed} {number} {fault}")
        counts.update(movement.reason for movement in found)
        counts[fault] += 1
    world.settle()
    check(world, poll(), all_of_it=True, why="the end")
    assert poll() == []
    assert sum(counts[reason] for reason in Movement.Reason.values) > nights / 2
    assert counts["here"] > nights / 12


def check(world, found, *, all_of_it, why):
    """Hold what was told of each client against what has become of them."""
    told = {each.client_id: each for each in found}
    assert len(told) == len(found), why
    assert told.keys() <= {guest.id for guest in world.guests}, why
    for guest in world.guests:
        each = told.get(guest.id)
        if each:
            assert (each.from_id, each.to_id) == (guest.told_at, guest.place), (why, guest)
            assert each.reason in guest.reasons(), (why, guest, each.reason)
            guest.told_at = guest.place
            # All nights lie within the hour for which a move that was sent, and not told, explains a place.
            if each.reason == "here":
                guest.own = set()
        assert guest.told_at == guest.place or not all_of_it, (why, guest)
    today = {timezone.localdate(), timezone.localdate() - timedelta(days=1)}
    assert {each.day for each in found} <= today
