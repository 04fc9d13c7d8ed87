"""Simulate Poster without a network and with a simulated clock, for more writes than real time allows.

`BadNetwork` replaces `Transport`, so that everything above it is production code. Only `in_time_of` replaces
the real clocks.
"""

import contextlib
import heapq
import itertools
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

from groups.poster.transport import Answer, TransportFailure

# Outcomes of a POST. All other requests are answered correctly.
FATES = {
    "not sent": 0.10,
    "lost": 0.08,
    "answer lost": 0.15,
    "late": 0.08,
    "5xx": 0.08,
    "rejected": 0.06,
}
READ_LOST = 0.10
# Outcomes of a read while Poster lags.
LATE_READS = 0.50
DENIED = 0.02
_MODULES = ("groups.services.writes.execute", "groups.services.gateway", "groups.poster.client")


class Clock:
    """A clock that advances when somebody waits; scheduled calls run in order, and may wait themselves."""

    def __init__(self):
        self.seconds = 1_000_000.0
        self._start = datetime.now(UTC) - timedelta(seconds=self.seconds)
        self._due, self._tie = [], itertools.count()

    def monotonic(self):
        return self.seconds

    def now(self):
        return self._start + timedelta(seconds=self.seconds)

    def later(self, seconds, event):
        """Schedule a call after so many seconds."""
        heapq.heappush(self._due, (self.seconds + seconds, next(self._tie), event))

    def sleep(self, seconds):
        """Advance the clock."""
        until = self.seconds + seconds
        while self._due and self._due[0][0] <= until:
            due_at, _, event = heapq.heappop(self._due)
            self.seconds = max(self.seconds, due_at)
            event()
        self.seconds = max(self.seconds, until)

    def drain(self):
        """Run everything that is still scheduled."""
        while self._due:
            self.sleep(self._due[0][0] - self.seconds)


@contextlib.contextmanager
def in_time_of(clock):
    """Run the write path on this clock: its `time` modules, and Django's `timezone.now`."""
    time = SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
    with contextlib.ExitStack() as stack:
        for module in _MODULES:
            stack.enter_context(mock.patch(f"{module}.time", time))
        stack.enter_context(mock.patch("django.utils.timezone.now", clock.now))
        yield


class Poster:
    """The groups as Poster keeps them, and as they were before each write.

    An id is never used twice in this process: one journal may refer to several such Posters.
    """

    _ids = itertools.count(1)

    def __init__(self, clock):
        self.groups = {}
        self._clock, self._past = clock, []

    def put(self, name, percent):
        """Create a group without the API, dated long ago, and return its id."""
        return self.create(
            {"client_groups_name": name, "client_groups_discount": percent, "loyalty_type": "2"}
        )

    def create(self, form):
        group_id = next(self._ids)
        self.groups[group_id] = {"client_groups_id": str(group_id), "count_groups_clients": "0"} | _stored(
            form
        )
        return group_id

    def update(self, form):
        group_id = int(form["client_groups_id"])
        if group_id in self.groups:
            self.groups[group_id] |= _stored(form)
            return group_id
        return None

    def remove(self, form):
        return self.groups.pop(int(form["group_id"]), None) is not None or None

    def write(self, method, form):
        """Execute a write, and return Poster's `response`, or None if the group does not exist."""
        self._past.append((self._clock.seconds, {number: dict(row) for number, row in self.groups.items()}))
        return {"createGroup": self.create, "updateGroup": self.update, "removeGroup": self.remove}[method](
            form
        )

    def forget(self):
        """Forget all groups and earlier states."""
        self.groups.clear()
        self._past.clear()

    def read(self, method, params, *, seconds_ago=0.0):
        """Return Poster's `response` to a read, as it would have been so many seconds ago."""
        groups = self._groups_of(self._clock.seconds - seconds_ago)
        if method == "getGroups":
            return list(groups.values())
        return groups.get(int(params["group_id"]), False)

    def _groups_of(self, moment):
        """Return the groups that a replica at this moment has: those before the next write."""
        return next((groups for written_at, groups in self._past if written_at > moment), self.groups)


def _stored(form):
    bonus = float(form.get("birthday_bonus") or 0)
    return {
        "client_groups_name": form["client_groups_name"],
        "loyalty_type": form["loyalty_type"],
        "client_groups_discount": form["client_groups_discount"],
        "birthday_bonus": str(round(bonus * 100)),
    }


def draw(chance, shares):
    """Draw one of the keys by their shares, or None."""
    drawn = chance.random()
    for name, share in shares.items():
        drawn -= share
        if drawn < 0:
            return name
    return None


class BadNetwork:
    """The network to Poster. It replaces `Transport`, and keeps the truth about every write.

    `operation` is the current one; `arrived` and `applied` count its POSTs, sent and applied. With a `lag`
    every other read is up to so many seconds old, and some deny an existing group.
    """

    def __init__(self, poster, clock, chance, *, longest_delay, lag=0.0):
        self.operation = None
        self.arrived, self.applied = Counter(), Counter()
        self._poster, self._clock, self._chance = poster, clock, chance
        self._longest_delay, self._lag = longest_delay, lag

    def close(self):
        """Do nothing: no connection is open."""

    def exchange(self, verb, url, *, params, form, timeouts, deadline):
        """Send one request, as `Transport.exchange`."""
        if deadline <= self._clock.seconds:
            return TransportFailure("deadline", sent=False, retryable=False)
        method = url.rpartition(".")[2]
        wait = min(timeouts.read, deadline - self._clock.seconds)
        self._clock.sleep(min(wait, self._chance.uniform(0.05, 0.3)))
        if verb == "GET":
            if self._chance.random() < READ_LOST:
                self._clock.sleep(wait)
                return TransportFailure("timeout", sent=True)
            return _answer(self._read(method, params))
        return self._post(method, dict(form), wait)

    def _read(self, method, params):
        """Read the current state, or with a lag sometimes an earlier one or a wrong `false`."""
        if not self._lag:
            return self._poster.read(method, params)
        if method == "getGroup" and self._chance.random() < DENIED:
            return False
        late = self._chance.random() < LATE_READS
        return self._poster.read(
            method, params, seconds_ago=self._chance.uniform(0, self._lag) if late else 0.0
        )

    def _post(self, method, form, wait):
        fate = draw(self._chance, FATES)
        if fate == "not sent":
            return TransportFailure("refused", sent=False)
        operation = self.operation
        self.arrived[operation] += 1

        def apply():
            response = self._poster.write(method, form)
            self.applied[operation] += response is not None
            return response

        match fate:
            case "rejected":
                return _refusal(42, "Parameter has a wrong value")
            case "5xx":
                if self._chance.random() < 0.5:
                    apply()
                return Answer(502, b"<h1>Bad Gateway</h1>")
            case "lost":
                pass
            case "answer lost":
                apply()
            case "late":
                self._clock.later(self._chance.uniform(0, self._longest_delay), apply)
            case _:
                response = apply()
                return _refusal(32, "No such record") if response is None else _answer(response)
        self._clock.sleep(wait)
        return TransportFailure("timeout", sent=True)


def _answer(response):
    return Answer(200, json.dumps({"response": response}).encode())


def _refusal(code, message):
    return Answer(200, json.dumps({"error": {"code": code, "message": message}}).encode())
