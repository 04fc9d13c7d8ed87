"""Thousands of polls for changes made elsewhere, on a bad network: each is found, and none is made up.

People write through the dashboard's own write path, others change the same groups in Poster's console, writes
arrive late, reads lag, and lists lack groups or have rows that nobody can read. The polls come in between,
also between the steps of a write. The time is counted and not waited for, see `tests.tools.pretence`.
"""

import itertools
import random
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from groups.features.elsewhere.models import Watch
from groups.features.elsewhere.services import switch_on
from groups.models import Change
from groups.poster import GroupValues, PosterError
from groups.services import gateway
from groups.services.credentials import credentials_of
from groups.services.groups import read_now
from groups.services.history import resolve
from groups.services.writes.commands import CreateGroup, RemoveGroup, UpdateGroup
from groups.services.writes.execute import execute
from groups.services.writes.lag import with_pending_change
from groups.services.writes.reconcile import reconcile_due
from groups.services.writes.submissions import Locked
from tests.support.pairwise import simulated
from tests.support.watch import look_where_due
from tests.tools.pretence import BadNetwork, Clock, Poster, draw, in_time_of

LAG, POLL_EVERY, RECONCILE_EVERY = 60.0, 60.0, 20.0
GROUPS = 12
# Polls after which a change that lasted has to be found.
FOUND_WITHIN = 15
# Faults of one read of the list.
ODD_LISTS = {"empty": 0.03, "halved": 0.05, "unreadable": 0.06, "no id": 0.03, "broken": 0.03}
FIELDS = ("client_groups_name", "client_groups_discount", "loyalty_type", "birthday_bonus")


@dataclass(frozen=True)
class Written:
    """One write as it arrived at Poster: the values of a group before and after it."""

    moment: float
    group_id: int
    is_ours: bool
    before: tuple | None
    after: tuple | None


class WatchedPoster(Poster):
    """A Poster that writes down what was changed in it, and by whom."""

    def __init__(self, clock):
        super().__init__(clock)
        self.log = []
        self._is_ours = True

    def elsewhere(self, method, form):
        """Change something in the console."""
        self._is_ours = False
        try:
            return self.write(method, form)
        finally:
            self._is_ours = True

    def write(self, method, form):
        before = {number: values_of(row) for number, row in self.groups.items()}
        response = super().write(method, form)
        self._past = [past for past in self._past if past[0] > self._clock.seconds - 2 * LAG]
        after = {number: values_of(row) for number, row in self.groups.items()}
        for number in before.keys() | after.keys():
            if before.get(number) != after.get(number):
                written = Written(
                    self._clock.seconds, number, self._is_ours, before.get(number), after.get(number)
                )
                self.log.append(written)
        return response


class OddNetwork(BadNetwork):
    """A bad network that also spoils lists, while it is `odd`."""

    odd = False

    def _read(self, method, params):
        response = super()._read(method, params)
        if method != "getGroups" or not self.odd:
            return response
        rows = [dict(row) for row in response]
        match draw(self._chance, ODD_LISTS):
            case "empty":
                return []
            case "halved":
                return [row for row in rows if self._chance.random() < 0.5]
            case "unreadable" if rows:
                self._chance.choice(rows)["client_groups_discount"] = "many"
            case "no id" if rows:
                del self._chance.choice(rows)["client_groups_id"]
            case "broken":
                return {"rows": rows}
        return rows


class World:
    """One Poster, the dashboard of its owner, and somebody at the console."""

    def __init__(self, seed, user):
        self.chance = random.Random(seed)
        self.clock = Clock()
        self.poster = WatchedPoster(self.clock)
        self.network = OddNetwork(self.poster, self.clock, self.chance, longest_delay=15 * 60, lag=LAG)
        self.polls = 0
        self._user = user
        self._numbers = itertools.count(1)

    def run(self, steps):
        """Let people work for so many steps, then let everything settle."""
        for _ in range(GROUPS):
            self.poster.put(f"Група {next(self._numbers)}", "10")
        self.clock.sleep(2 * LAG)
        self.poster.log.clear()
        switch_on(credentials_of(self._user))
        self._look()
        self._reconcile()
        self.clock.sleep(2 * LAG)
        self.network.odd = True
        for _ in range(steps):
            what = self.chance.random()
            if what < 0.35:
                self._write_elsewhere()
            elif what < 0.65:
                self._write_here()
            self.clock.sleep(self.chance.choice((5, 20, 60, 200, 600)) * self.chance.random())
        self._settle()

    def _settle(self):
        """Wait until no change is open and every late write has arrived, then poll in peace."""
        self.clock.sleep(3600)
        while Change.objects.open().exists():
            self.clock.sleep(600)
        for change in Change.objects.filter(state="review"):
            self._decide(change)
        self.network.odd = False
        self.clock.sleep(40 * POLL_EVERY)

    def _decide(self, change):
        resolve(change, "applied" if self.network.applied[change.pk] else "failed", self._user)

    # --- Steps meanwhile ---

    def _look(self):
        self.polls += 1
        look_where_due()
        due_at = Watch.objects.get().next_at
        self.clock.later(max((due_at - self.clock.now()).total_seconds(), 1), self._look)

    def _reconcile(self):
        reconcile_due()
        for change in Change.objects.filter(state="review"):
            if self.chance.random() < 0.01:
                self._decide(change)
        self.clock.later(RECONCILE_EVERY, self._reconcile)

    def _write_elsewhere(self):
        """Change a group in the console: a new value, a former one, a new group, or a removal."""
        number = self._any_group()
        what = draw(self.chance, {"create": 0.2, "remove": 0.15, "back": 0.2}) or "update"
        name = f"Консоль {next(self._numbers)}"
        if what == "create" or number is None:
            self.poster.elsewhere("createGroup", form(name, "7.5"))
        elif what == "remove" and len(self.poster.groups) > GROUPS / 2:
            self.poster.elsewhere("removeGroup", {"group_id": str(number)})
        else:
            row = self.poster.groups[number]
            former = [each.before for each in self.poster.log if each.group_id == number and each.before]
            percent = f"{next(self._numbers) % 99}.5"
            new = form(
                *self.chance.choice(
                    ((name, row["client_groups_discount"]), (row["client_groups_name"], percent))
                )
            )
            if what == "back" and former:
                new = dict(zip(FIELDS, former[-1], strict=True)) | {"birthday_bonus": "0"}
            self.poster.elsewhere("updateGroup", new | {"client_groups_id": str(number)})

    def _write_here(self):
        """Change a group in the dashboard, as it is shown there."""
        credentials = credentials_of(self._user)
        number = self._any_group()
        what = draw(self.chance, {"create": 0.2, "remove": 0.1 if len(self.poster.groups) > GROUPS else 0})
        seen = None
        if what != "create":
            try:
                group = read_now(credentials, number).group
            except PosterError:
                return
            seen = with_pending_change(credentials.account_id, group)[0].values
            self.clock.sleep(self.chance.uniform(2, 60))
        self.network.operation = operation = uuid.UUID(int=self.chance.getrandbits(128), version=4)
        try:
            execute(self._command(what or "update", number, seen, operation, credentials))
        except Locked:
            return

    def _command(self, what, number, seen, operation, credentials):
        columns = {"credentials": credentials, "operation": operation}
        if what == "remove":
            return RemoveGroup(**columns, group_id=number, loaded=seen, loaded_clients=0)
        percent = Decimal(self.chance.randrange(1, 90))
        intended = GroupValues(name=f"Наша {next(self._numbers)}", loyalty_type=2, percent=percent)
        if what == "create":
            return CreateGroup(**columns, intended=intended)
        if self.chance.random() < 0.7:
            intended = intended.replace(name=seen.name)
        return UpdateGroup(**columns, group_id=number, loaded=seen, intended=intended)

    def _any_group(self):
        return self.chance.choice(sorted(self.poster.groups)) if self.poster.groups else None

    # --- The truth ---

    def verdict(self):
        """Count the changes made elsewhere, those in the history, the false ones, and the missed ones."""
        rows = list(Change.objects.filter(state="elsewhere").order_by("created_at"))
        theirs = [each for each in self.poster.log if not each.is_ours]
        unmatched, counts = list(theirs), Counter(polls=self.polls, made=len(theirs), found=len(rows))
        counts["ours"] = len([each for each in self.poster.log if each.is_ours])
        self.problems = []
        for row in rows:
            source = self._source(row, unmatched)
            if source is None:
                counts["false"] += 1
                self.problems += [f"FALSE {self._told(row)}", *self._story(row.group_id)]
            else:
                unmatched.remove(source)
        for each in unmatched:
            if self._had_to_be_found(each) and not self._was_known(each, unmatched):
                counts["missed"] += 1
                self.problems += [f"MISSED {each}", *self._story(each.group_id)]
        return counts

    def _story(self, group_id):
        """Return the rows of a group and the writes to it, to be read by people."""
        rows = Change.objects.filter(group_id=group_id).order_by("created_at")
        writes = [each for each in self.poster.log if each.group_id == group_id]
        return [*(f"    {self._told(row)}" for row in rows), *(f"    {each}" for each in writes)]

    def _told(self, row):
        moments = (row.possible_since, row.created_at, row.settled_at)
        times = " ".join(f"{self._seconds(moment):.0f}" for moment in moments if moment)
        versions = [values_of_json(version) for version in (row.before, row.intended, row.after)]
        return f"{row.group_id} {row.action} {row.state} {row.reason} {times} {versions}"

    def _source(self, row, written):
        """Return a write of somebody else's that a row may tell of, in the time that the row tells."""
        since, until = (
            self._seconds(row.possible_since) - LAG,
            self._seconds(row.created_at) + 1,
        )
        after = values_of_json(row.after)
        fits = [
            each
            for each in written
            if each.group_id == row.group_id and each.after == after and since <= each.moment <= until
        ]
        return fits[-1] if fits else None

    def _seconds(self, moment):
        return self.clock.seconds - (self.clock.now() - moment).total_seconds()

    def _had_to_be_found(self, written):
        """Return True if a change lasted for many polls, and nothing made here may have explained it."""
        later = [
            each.moment
            for each in self.poster.log
            if each.group_id == written.group_id and each.moment > written.moment
        ]
        until = min(later, default=self.clock.seconds)
        ours = Change.objects.filter(sent_at__isnull=False)
        of_it = ours.filter(group_id=written.group_id)
        for change in of_it:
            began, ended = self._seconds(change.created_at), self._seconds(change.settled_at)
            if began < until and ended > written.moment:
                # While ours is open the group is not compared; what it proves to be is in its own row.
                if change.state in ("applied", "differs") and values_of_json(change.after) == written.after:
                    return False
                written = replace(written, moment=max(ended, written.moment))
        unseen = ours.filter(state__in=("failed", "refused"))
        if any(self._may_explain(change, written) for change in unseen):
            return False
        return until - written.moment > FOUND_WITHIN * POLL_EVERY + 2 * LAG

    def _was_known(self, written, unmatched):
        """Return True if these values were found or made here before, and what came between was short."""
        earlier = [
            each
            for each in self.poster.log
            if each.group_id == written.group_id and each.moment < written.moment
        ]
        found = [each.after for each in earlier if each.is_ours or each not in unmatched]
        return bool(earlier) and (found[-1] if found else earlier[0].before) == written.after

    def _may_explain(self, change, written):
        if change.action == "create":
            return written.before is None and values_of_json(change.intended) == written.after
        intended = None if change.action == "remove" else values_of_json(change.intended)
        return change.group_id == written.group_id and intended == written.after


def form(name, percent):
    """Return the fields of a write in the console."""
    return {"client_groups_name": name, "client_groups_discount": str(percent), "loyalty_type": "2"}


def values_of(row):
    """Return the values of a row of Poster's, to be compared."""
    return (
        row["client_groups_name"],
        f"{Decimal(row['client_groups_discount']):f}",
        row["loyalty_type"],
        row["birthday_bonus"],
    )


def values_of_json(values):
    """Return the values in the journal in the same form."""
    if not values or "name" not in values:
        return None
    bonus = str(round(Decimal(values["birthday_bonus"]) * 100))
    return (values["name"], f"{Decimal(values['percent']):f}", str(values["loyalty_type"]), bonus)


@pytest.mark.once  # the database gets the same queries as by each poll alone
@pytest.mark.django_db
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(("seed", "steps"), simulated(20, 60))
def test_amid_faults_late_writes_and_lags_nothing_is_made_up_and_nothing_missed(
    owner, settings, monkeypatch, seed, steps
):
    world = World(seed, owner)
    settings.POSTER_WATCH_SECONDS = POLL_EVERY
    monkeypatch.setattr(gateway, "transport", lambda *_args, **_options: world.network)
    with in_time_of(world.clock):
        world.run(steps)
        counts = world.verdict()
    assert (world.problems, counts["false"], counts["missed"]) == ([], 0, 0)
    # The world is busy enough to show it.
    assert counts["found"] > steps / 6
    assert counts["ours"] > steps / 12
    assert counts["polls"] > steps * 2.5
