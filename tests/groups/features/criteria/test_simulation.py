"""A year of nights of criteria, amid faults, late reads, kills and colleagues, against an oracle.

The clock stands still, and what happened grows a day older before each night: receipts, registrations and
birthdays. The oracle reads the truth, whatever Poster has told. Each client has to end where it says, or to
be counted as unread; nobody is written twice in a night, and nobody is moved by absence: each move that is
sent has to be one of the oracle's.
"""

import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from groups.features.criteria.models import KIND, Criteria, CriteriaPin
from groups.features.criteria.services import runs
from groups.models import Change, Job
from groups.services.jobs import queue
from poster_admin.devtools.sandbox import Sandbox
from tests.support.criteria import save
from tests.support.jobs import die_before_sending, run
from tests.support.pairwise import simulated

CLIENTS = 8
BRONZE, SILVER, GOLD, FRIENDS = GROUPS = (901, 902, 903, 904)
NAMES = ("Bronze", "Silver", "Gold", "Friends")
MOVE, SALES = "clients.updateClient", "dash.getClientsSales"
CLIENT, ALL = "clients.getClient", "clients.getClients"
LONGEST = 60
YEAR = 365
# Each is a list of faults that hit one night; a fault of a row hits the row of one of the clients.
FAULTS = (
    *((),) * 6,
    *(((SALES, {"fault": "status_500", "times": 2}),),) * 3,
    ((SALES, {"fault": "status_500", "times": None}),),
    *(
        ((SALES, {"fault": fault}),)
        for fault in ("row_null_field", "row_id_zero", "row_duplicate_id", "row_not_object", "cut_gzip")
    ),
    *(((ALL, {"fault": fault}),) for fault in ("row_null_field", "row_not_object", "row_duplicate_id")),
    ((ALL, {"fault": "row_null_field", "field": "birthday"}),),
    ((ALL, {"fault": "row_missing_field", "field": "date_activale"}),),
    ((ALL, {"fault": "status_500", "times": 2}),),
    ((MOVE, {"fault": "answer_lost"}),),
    ((MOVE, {"fault": "fin_before_headers", "when": "before"}),),
    ((CLIENT, {"fault": "timeout"}),),
)
# Lags after which a client may be astray and counted nowhere: Poster told of another group, or of a removal.
UNTOLD = ("late", "removed")
KILLS = ("kill the job", "kill the job", "kill the night")
# The times of production, in the same order and shorter; looks at a lost write follow at once.
TIMES = {
    "POSTER_CACHE_SECONDS": 0,
    "POSTER_SETTLE_SECONDS": 0,
    "POSTER_LAG_SECONDS": 0.5,
    "POSTER_CONFIRM_SECONDS": 0.02,
    "POSTER_READ_TIMEOUT": 0.5,
    "POSTER_READ_PAUSES": (0.0, 0.02),
    "POSTER_RETRY_PAUSE": (0.0, 0.01),
    "POSTER_RECHECK_PAUSES": (0.0,) * 4,
    "JOB_RETRY_PAUSES": (0.02, 0.05, 0.1),
    "JOB_READ_PAUSE": 0.01,
    # No worker holds a job that was killed.
    "POSTER_WRITE_DEADLINE": 5,
    "POSTER_GRACE_SECONDS": -5,
}


@dataclass
class Guest:
    """The truth about a client: their birthday and registration in days from today, and their receipts."""

    id: int
    birthday: int | None
    registered: int
    receipts: list[tuple[int, int]] = field(default_factory=list)

    def place(self):
        """Return the group in which the client belongs, by reading the table as a person does."""
        paid = sum(kopecks for ago, kopecks in self.receipts if ago < LONGEST)
        visits = sum(1 for ago, _kopecks in self.receipts if ago < 30)
        if paid >= 6_000_00:
            return GOLD
        if self.birthday is not None and abs(self.birthday) <= 3:
            return FRIENDS
        if 2 <= visits <= 9 and self.registered >= 10:
            return SILVER
        return BRONZE

    def grow_older(self):
        """Let a day pass. A year has 365 days here."""
        self.registered += 1
        self.receipts = [(ago + 1, kopecks) for ago, kopecks in self.receipts if ago < LONGEST + 5]
        if self.birthday is not None:
            self.birthday = self.birthday - 1 if self.birthday > -YEAR // 2 else self.birthday - 1 + YEAR


class World:
    """One Poster with the guests of the simulation, as it shows them and as they truly are."""

    def __init__(self, seed, owner):
        self.chance = random.Random(seed)
        self.owner = owner
        self._ahead = 0.0
        self.sandbox = Sandbox(clock=lambda: time.monotonic() + self._ahead)
        # Each read of the sales would make receipts of the clients of the seed.
        self.sandbox.accounts["demo"].clients.load({}, {})
        self.console = self.sandbox.console("demo")
        self.counts, self.problems = Counter(), []
        self.guests = []

    def settle(self):
        """Make the groups and the guests, and the table that somebody has run by hand."""
        for group_id, name in zip(GROUPS, NAMES, strict=True):
            self.console.put(
                {
                    "client_groups_id": str(group_id),
                    "client_groups_name": name,
                    "loyalty_type": "2",
                    "client_groups_discount": "3",
                    "birthday_bonus": "0",
                    "count_groups_clients": "0",
                }
            )
        for _ in range(CLIENTS):
            birthday = self.chance.choice((None, 0, 3, 4, -3, -4, 90))
            guest = Guest(
                self.console.put_client(self.chance.choice(GROUPS), lastname="Видима"),
                birthday,
                self.chance.choice((3, 9, 10, 400)),
            )
            self.guests.append(guest)
        row = save(
            self.owner,
            {"group_id": GOLD, "days": LONGEST, "bought_min": 6_000_00},
            {"group_id": FRIENDS, "birthday_in": 3},
            {"group_id": SILVER, "days": 30, "receipts_min": 2, "receipts_max": 9, "registered_min": 10},
            otherwise=BRONZE,
            nightly=True,
            max_moves=CLIENTS,
        )
        by_hand = {"table": row.fingerprint, "groups": list(GROUPS), "is_night": False, "has_read": True}
        Job.objects.create(account=row.account, kind=KIND, state=Job.State.DONE, wanted=by_hand)

    # --- A day ---------------------------------------------------------------------------------------------

    def live_a_day(self):
        """Let a day pass; let guests buy, and colleagues move or pin some of them."""
        for guest in self.guests:
            guest.grow_older()
        for guest in self.chance.sample(self.guests, 2):
            ago, kopecks = self.chance.choice((0, 0, 0, 1, 29)), self.chance.choice((50_00, 900_00, 3_000_00))
            guest.receipts.append((ago, kopecks))
        today = timezone.localdate()
        for guest in self.guests:
            registered = f"{today - timedelta(days=guest.registered)} 12:00:00"
            born = "0000-00-00"
            if guest.birthday is not None:
                born = f"0000-{today + timedelta(days=guest.birthday):%m-%d}"
            self.console.edit_client(guest.id, birthday=born, date_activale=registered)
            self.console.take_back_sales(guest.id)
            for ago, kopecks in guest.receipts:
                self.console.sell(guest.id, today - timedelta(days=ago), kopecks, kopecks)
        for guest in self.chance.sample(self.guests, 1):
            self.console.edit_client(guest.id, client_groups_id=str(self.chance.choice(GROUPS)))
        CriteriaPin.objects.all().delete()
        if self.chance.random() < 0.3:
            account, pinned = Criteria.objects.get().account, self.chance.choice(self.guests)
            CriteriaPin.objects.create(account=account, client_id=pinned.id, reason="x")

    def astray(self):
        """Return the guests who are not where they belong, and are not pinned."""
        pinned = set(CriteriaPin.objects.values_list("client_id", flat=True))
        rows = self.sandbox.accounts["demo"].clients
        return {
            guest.id
            for guest in self.guests
            if guest.id not in pinned and int(rows.row(guest.id)["client_groups_id"]) != guest.place()
        }

    # --- A night -------------------------------------------------------------------------------------------

    def sleep_a_night(self, number, what):
        """Let a night come with what disturbs it, and hold what was done against the oracle."""
        places = {guest.id: guest.place() for guest in self.guests}
        self.sandbox.log.clear()
        self._ahead += 60  # no read of the night lags behind the day
        self._disturb(what)
        readings = self._work(what)
        self.sandbox.clear_faults()
        self.sandbox.catch_up()
        writes = [call.form for call in self.sandbox.posts(MOVE)]
        written = Counter(int(form["client_id"]) for form in writes)
        astray = self.astray()
        wrong = [f"{each} was written {times} times" for each, times in written.items() if times > 1]
        for form in writes:
            client_id, to_id = int(form["client_id"]), int(form["client_groups_id_client"])
            if to_id != places[client_id]:
                wrong.append(f"{client_id} was moved to {to_id}, and belongs to {places[client_id]}")
        if what == () and astray:
            wrong.append(f"{sorted(astray)} were left where they do not belong")
        counted = readings[-1].unread + readings[-1].unproven if readings else len(astray)
        told = self._told_by_jobs(astray)
        if what not in UNTOLD and len(astray - told) > counted:
            wrong.append(f"{sorted(astray - told)} are astray, and {counted} are counted as unread")
        self.problems += [f"night {number}, {what}: {each}" for each in wrong]
        self.counts["nights"] += 1
        self.counts["moves"] += len(writes)
        self.counts["disturbed nights"] += what != ()
        self.counts["left for another night"] += len(astray)
        self.counts["nights without a reading"] += not readings

    def _disturb(self, what):
        guest = str(self.chance.choice(self.guests).id)
        if what == "late":
            self.sandbox.lag("behind", seconds=0.3, chance=0.5)
        elif what == "removed":
            self.sandbox.script(ALL, "row_deleted", group=guest)
        elif isinstance(what, tuple):
            for method, options in what:
                is_of_one = options["fault"].startswith("row_")
                self.sandbox.script(method, **options, **({"group": guest} if is_of_one else {}))

    def _work(self, what):
        """Do what workers do until nothing is left; return the sums of the readings that came to an end."""
        at, readings = timezone.now() - timedelta(minutes=1), []
        Criteria.objects.update(night_at=at, next_at=at, held="", held_at=None, refused_at=None)
        read_now = runs.read_now

        def noting(reading, **options):
            readings.append(read_now(reading, **options))
            return readings[-1]

        for first in (True, False, False):
            with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
                patch.setattr(runs, "read_now", noting)
                if first and what == "kill the night":
                    patch.setattr(queue, "start", _dying)
                runs.run_night("demo")
            for job in Job.objects.filter(state__in=Job.ACTIVE):
                if first and what == "kill the job" and job.total > 1:
                    die_before_sending(pytest.MonkeyPatch(), job, self.chance.randint(1, job.total))
                run(job)
            Criteria.objects.filter(night_at=at).update(next_at=at, held_until=None, holder=None)
        return readings

    def _told_by_jobs(self, astray):
        """Return those of whom the journal of the night tells that they were not moved, or nobody knows."""
        job = Job.objects.order_by("-created_at").first()
        rows = Change.objects.filter(job=job, client_id__in=astray).exclude(state__in=Change.MADE)
        return set(rows.values_list("client_id", flat=True))


def _dying(*_args, **_options):
    raise SystemExit


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("seed", "nights"), simulated(3, 12))
def test_amid_faults_lags_and_kills_each_client_ends_where_the_oracle_says(owner, seed, nights):
    world = World(seed, owner)
    with world.sandbox, override_settings(POSTER_API_URL=world.sandbox.url, **TIMES):
        world.settle()
        for number in range(nights):
            world.live_a_day()
            world.sleep_a_night(number, world.chance.choice((*FAULTS, *KILLS, *UNTOLD)))
        world.sleep_a_night(nights, ())
    assert world.problems == []
    # The world is busy enough to show it.
    assert world.counts["moves"] > nights / 2
