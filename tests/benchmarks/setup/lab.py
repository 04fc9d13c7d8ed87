"""All that runs while the table is measured, each part of it started when a row first needs it."""

import json
import statistics
import time
from functools import cached_property

from tests.benchmarks.setup import running

TOKEN = "token=benchmark&format=json"
FLOOR = "/floor/"
WARM_UP = 5


class Lab:
    """A stand-in for Poster, a dashboard that keeps its list, one that always asks, and Django's admin."""

    def __init__(self, stack, directory, *, quick=False):
        self.stack, self.directory = stack, directory
        self._quick = quick

    def some(self, number, least=2):
        """Return how often to do something: as often as said, or hardly ever in a quick run."""
        return least if self._quick else number

    # --- What runs -----------------------------------------------------------------------------------------

    @cached_property
    def upstream(self):
        return self.stack.enter_context(running.upstream())

    @cached_property
    def warm(self):
        """A dashboard with its default POSTER_CACHE_SECONDS."""
        return self._dashboard("warm")

    @cached_property
    def asking(self):
        """A dashboard that asks Poster each time."""
        return self._dashboard("asking", cache_seconds="0")

    def _dashboard(self, name, **options):
        options["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.setup.settings"  # has the page of `floor` too
        if self._quick:
            # It shows that the rows are measured, not how fast anything is.
            options |= {"workers": "1", "JOB_WORKERS": "0"}
        return self.stack.enter_context(running.dashboard(self.directory / name, self.upstream, **options))

    @cached_property
    def admin(self):
        return self.stack.enter_context(running.django_admin(self.directory))

    # --- Who asks ------------------------------------------------------------------------------------------

    def raw(self):
        """Return the client that calls Poster, and nothing more, on a connection that is kept alive."""
        return running.Caller(self.upstream)

    def browser(self, site, account):
        """Return somebody who is signed in to a dashboard, and connected to this account."""
        site.add_people([account])
        return running.Caller(site.port, site.cookie(account))

    def administrator(self):
        """Return the superuser of Django's admin."""
        return running.Caller(self.admin.port, self.admin.cookie)

    # --- What Poster was asked -----------------------------------------------------------------------------

    def calls(self, account):
        """Return the calls that an account had since this was asked last."""
        return json.loads(self.raw().get(f"/log/{account}"))

    def number_of_calls(self, account):
        """Return how many calls an account had in all."""
        return json.loads(self.raw().get("/calls")).get(account, 0)


def list_path(account):
    """Return the address of the whole list at the stand-in."""
    return f"/{account}/api/clients.getGroups?{TOKEN}"


def make(raw, calls):
    """Make the calls of a log once more, one behind the other."""
    for verb, target, body in calls:
        if verb == "GET":
            raw.get(target)
        else:
            raw.post(target, body)


def expect(caller, status, what):
    """Refuse to measure pages that are other ones than they should be."""
    if caller.status != status:
        raise RuntimeError(f"{what} is answered with {caller.status}")


def timed(action):
    """Return how many milliseconds something takes."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def medians(rounds, *actions):
    """Time the actions in turns, and return the median of each, in milliseconds."""
    for _ in range(min(rounds, WARM_UP)):
        for action in actions:
            action()
    times = [[timed(action) for action in actions] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*times, strict=True)]
