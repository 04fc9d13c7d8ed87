"""Simulate many nights with sales, moves elsewhere, faults, late reads and kills, against an oracle.

The clock stands still, and what happened moves: receipts grow old, birthdays come. Each move that is sent has
to be one that the oracle makes of the truth, whatever Poster has told: nobody is moved by absence. Nobody is
written twice a night, and after a night without a fault everybody is where the oracle says.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.criteria.models import Criteria, CriteriaPin
from groups.features.criteria.services import nights
from groups.models import Job
from tests.support.criteria import BRONZE, GOLD, SILVER, save, today
from tests.support.jobs import die_before_sending, run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
FRIENDS = 904
ROWS = (
    {"group_id": GOLD, "days": 60, "bought_min": 6_000_00},
    {"group_id": FRIENDS, "birthday_in": 3},
    {"group_id": SILVER, "days": 30, "receipts_min": 2, "receipts_max": 9, "registered_min": 10},
)
GROUPS = (GOLD, FRIENDS, SILVER, BRONZE)
CLIENTS = 8
FAULTS = (
    None,
    ("dash.getClientsSales", {"fault": "status_500", "call": 1, "times": 2}),
    ("dash.getClientsSales", {"fault": "row_null_field"}),
    ("dash.getClientsSales", {"fault": "row_missing_field"}),
    ("dash.getClientsSales", {"fault": "row_id_zero"}),
    ("dash.getClientsSales", {"fault": "row_duplicate_id"}),
    ("dash.getClientsSales", {"fault": "row_not_object"}),
    ("clients.getClients", {"fault": "row_null_field"}),
    ("clients.getClients", {"fault": "row_null_field", "field": "birthday"}),
    ("clients.getClients", {"fault": "row_missing_field", "field": "date_activale"}),
    ("clients.getClients", {"fault": "row_deleted"}),
    ("clients.getClients", {"fault": "status_500", "times": 2}),
    ("clients.updateClient", {"fault": "answer_lost"}),
    ("clients.getClient", {"fault": "timeout"}),
    "late",
    "kill",
    "kill",
)


@dataclass
class Guest:
    """The truth about a client: their birthday and registration in days from now, and their receipts."""

    id: int
    birthday: int | None
    registered: int
    receipts: list[tuple[int, int]] = field(default_factory=list)

    def place(self):
        """Return the group in which the client belongs, by reading the table as a person does."""
        paid = sum(kopecks for ago, kopecks in self.receipts if ago < 60)
        visits = sum(1 for ago, _kopecks in self.receipts if ago < 30)
        if paid >= 6_000_00:
            return GOLD
        if self.birthday is not None and abs(self.birthday) <= 3:
            return FRIENDS
        if 2 <= visits <= 9 and self.registered >= 10:
            return SILVER
        return BRONZE


class World:
    """The clients of the simulation, in the sandbox and as they truly are."""

    def __init__(self, sandbox, client_of, chance):
        self.sandbox, self.chance, self.console = sandbox, chance, sandbox.console()
        self.guests = []
        for _ in range(CLIENTS):
            ago = chance.choice((3, 9, 10, 400))
            birthday = chance.choice((None, 0, 3, 4, -3, -4, 90))
            registered = f"{today() - timedelta(days=ago)} 12:00:00"
            born = "0000-00-00" if birthday is None else f"1988-{today() + timedelta(days=birthday):%m-%d}"
            client_id = client_of(chance.choice(GROUPS), born=born, registered=registered)
            self.guests.append(Guest(client_id, birthday, ago))

    def live_a_day(self):
        """Let guests buy, and a colleague move or pin some of them."""
        for guest in self.chance.sample(self.guests, 3):
            ago = self.chance.choice((0, 1, 29, 30, 59, 60))
            kopecks = self.chance.choice((50_00, 1_500_00, 5_999_99))
            guest.receipts.append((ago, kopecks))
            self.console.sell(guest.id, today() - timedelta(days=ago), kopecks, kopecks)
        for guest in self.chance.sample(self.guests, 2):
            self.console.edit_client(guest.id, client_groups_id=str(self.chance.choice(GROUPS)))
        CriteriaPin.objects.all().delete()
        if self.chance.random() < 0.4:
            pinned = self.chance.choice(self.guests)
            account = Criteria.objects.get().account
            CriteriaPin.objects.create(account=account, client_id=pinned.id, reason="x")

    def group_of(self, guest):
        return int(self.sandbox.accounts["demo"].clients.row(guest.id)["client_groups_id"])

    def astray(self):
        """Return the guests who are not where they belong, and are not pinned."""
        pinned = set(CriteriaPin.objects.values_list("client_id", flat=True))
        return [
            guest.id
            for guest in self.guests
            if self.group_of(guest) != guest.place() and guest.id not in pinned
        ]


def sleep_through(sandbox, chance, monkeypatch, fault, guest_id):
    """Let one night come with a fault, and work on it as workers do until nothing is left."""
    if fault == "late":
        sandbox.lag("behind", seconds=0.3, chance=0.5)
    elif isinstance(fault, tuple):
        method, options = fault
        at_one = {"group": str(guest_id)} if options["fault"].startswith("row_") else {}
        sandbox.script(method, **options, **at_one)
    at = timezone.now() - timedelta(minutes=1)
    Criteria.objects.update(night_at=at, next_look_at=at, held="")
    for _try in range(3):
        nights.run_night("demo")
        for job in Job.objects.filter(state__in=Job.ACTIVE):
            if fault == "kill" and job.total > 1 and _try == 0:
                die_before_sending(monkeypatch, job, chance.randint(1, job.total))
            run(job)
        Criteria.objects.exclude(night_at=None).filter(night_at=at).update(next_look_at=at)
    sandbox.clear_faults()
    sandbox.catch_up()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "count"), [(1, 3), pytest.param(2, 8, marks=pytest.mark.thorough)], ids=["few", "many"]
)
def test_each_night_ends_where_the_oracle_says_or_leaves_as_it_is(
    sandbox, client_of, owner, browse, settings, monkeypatch, seed, count
):
    chance = random.Random(seed)
    settings.POSTER_GRACE_SECONDS = -settings.POSTER_WRITE_DEADLINE  # no worker holds a killed job
    sandbox.console().put(
        {
            "client_groups_id": str(FRIENDS), "client_groups_name": "Friends", "loyalty_type": "2",
            "client_groups_discount": "3", "birthday_bonus": "0", "count_groups_clients": "0",
        }
    )  # fmt: skip
    world = World(sandbox, client_of, chance)
    row = save(owner, *ROWS, otherwise=BRONZE, nightly=True, max_moves=CLIENTS)
    by_hand = {"table": row.fingerprint, "groups": list(GROUPS)}
    Job.objects.create(
        account=row.account, kind="criteria", state=Job.State.DONE, wanted=by_hand | {"is_night": False}
    )
    told = Counter()
    for _night in range(count):
        world.live_a_day()
        fault = chance.choice(FAULTS)
        places = {guest.id: guest.place() for guest in world.guests}
        sandbox.log.clear()
        sleep_through(sandbox, chance, monkeypatch, fault, chance.choice(world.guests).id)
        writes = [call.form for call in sandbox.posts("clients.updateClient")]
        written = Counter(int(form["client_id"]) for form in writes)
        assert not [client_id for client_id, times in written.items() if times > 1], fault
        for form in writes:
            assert int(form["client_groups_id_client"]) == places[int(form["client_id"])], fault
        if fault is None:
            assert world.astray() == []
        told["nights"] += 1
        told["moves"] += len(writes)
        told["left for the next night"] += len(world.astray())
    sleep_through(sandbox, chance, monkeypatch, None, 0)
    assert world.astray() == []
    assert told["moves"] > count
