"""The table behind `test_fault_matrix`: every fault in every action and at every place."""

from dataclasses import dataclass, field

from poster_admin.devtools.sandbox import FAULTS, LAGS
from poster_admin.devtools.sandbox.api import kind_of
from poster_admin.devtools.sandbox.http import network
from tests.support.pairwise import covering, pairs

READS = {
    "list": "clients.getGroups",
    "detail": "clients.getGroup",
    "members": "clients.getClients",
    "cost": "dash.getClientsSales",
}
WRITES = {
    "create": ("clients.getGroups", "clients.createGroup"),
    "update": ("clients.getGroup", "clients.updateGroup"),
    "remove": ("clients.getGroup", "clients.removeGroup"),
    "move": ("clients.getClient", "clients.updateClient"),
}
# Before anything is written down a creation looks for the name, and the page of a removal for the group.
READS_OF_THE_PAGE = {"create": 1, "update": 0, "remove": 1, "move": 0}
# And then for its clients, for the snapshot.
CALLS_BEFORE_THE_WRITE = {"create": 1, "update": 0, "remove": 2, "move": 0}
KINDS = {
    "clients.getGroups": "list",
    "clients.getGroup": "get",
    "clients.getClients": "list",
    "dash.getClientsSales": "list",
    "clients.getClient": kind_of("clients.getClient"),
}

# As in the catalogue, only faster.
OPTIONS = {
    "drip_body": {"interval": 0.05},
    "drip_headers": {"interval": 0.05},
    "gzip_bomb": {"megabytes": 40},
    "huge_body": {"megabytes": 34},
    "late": {"seconds": 0.1},
}
ADDRESSES = (
    network.unresolved,
    network.refused,
    network.full_backlog,
    network.untrusted_tls,
    network.expired_tls,
    network.wrong_name_tls,
    network.garbage_after_request,
    network.closes_in_handshake,
    network.plain_http,
)
# Ways in which reads lag, with their chance; a false absence that lasts is believed in the end.
LAGGING = (
    ("behind", {}, None),
    ("behind", {"writes": 2}, None),
    ("behind", {"writes": 2, "chance": 0.5}, None),
    ("newest_unseen", {}, None),
    ("row_absent", {}, 1),
    ("count_behind", {}, None),
    ("count_zero", {}, None),
)


@dataclass(frozen=True)
class Case:
    """A fault that hits one call of an action: `where` is "read", or "before", "send", "after" of a write.

    A lag hits `times` reads; with a `fate` the answer to the write is lost, "before" or "after" it is made.
    """

    action: str
    fault: str
    where: str = "read"
    when: str = "after"
    options: dict = field(default_factory=dict, hash=False)
    times: int | None = None
    fate: str = ""

    def __str__(self):
        if self.fault in LAGS:
            lost = f"-lost-{self.fate}" if self.fate else ""
            return "-".join((self.action, self.fault, *self.options, "at-the", self.where)) + lost
        if self.where == "send":
            return f"{self.action}-{self.fault}-{self.when}"
        return f"{self.action}-{self.fault}" + (f"-at-the-{self.where}" if self.where != "read" else "")

    @property
    def traits(self):
        """Return what a case of `make test` has to have: a row of the catalogue, and an action with a place.

        Faults of one row are read alike, and `tests/groups/poster/test_faults.py` has each fault. An address
        and a lag are rows of their own.
        """
        row = FAULTS[self.fault].row if self.fault in FAULTS else (self.fault, *self.options.items())
        return {row} | pairs(self.action, (self.where, self.when, self.fate))

    @property
    def traits_of_all(self):
        """Return what a case of `make test-all` has to have, for a fault of the catalogue.

        Each fault is met by each action, and at each place. Each row of the catalogue, whose faults are read
        alike, is met by each action at each of its places.
        """
        row, place = FAULTS[self.fault].row, (self.where, self.when)
        if self.action in READS:
            # The list, the members and the cost are read alike.
            return {(self.fault, KINDS[READS[self.action]]), (row, self.action)}
        return {(self.fault, self.action), (self.fault, *place), (row, self.action, *place)}


def read_cases():
    """Return each fault of a read, in the list, in the detail and in the clients of a group."""
    for action, method in READS.items():
        yield from (Case(action, name, options=options_of(name)) for name in faults_of(KINDS[method]))


def write_cases():
    """Return each fault of a write, before and after the state changes where the fault leaves that open."""
    for action in WRITES:
        for name in faults_of("write"):
            open_question = FAULTS[name].certain == "by_when"
            for when in ("before", "after") if open_question else ("after",):
                yield Case(action, name, "send", when, options_of(name))


def checking_cases():
    """Return each fault of a read, in the read before a write and in the one after it."""
    for action, (method, _) in WRITES.items():
        for name in faults_of(KINDS[method]):
            for where in ("before", "after"):
                # Asked for one group a fault of a row hits it; in a list it is told which one.
                row = "6" if where == "after" else "1"
                choice = {"group": row} if action == "create" and "group" in FAULTS[name].options else {}
                yield Case(action, name, where, options=options_of(name) | choice)


def lag_cases():
    """Return each way in which reads lag, before a write and after it, which is answered or lost."""
    for action in WRITES:
        for name, options, times in LAGGING:
            yield Case(action, name, "before", options=options, times=times)
            for fate in ("", "before", "after"):
                yield Case(action, name, "after", options=options, times=times, fate=fate)


def address_cases():
    """Return each address at which no call gets through, for each call of each action."""
    for address in ADDRESSES:
        yield from (Case(action, address.__name__) for action in READS)
        yield from (
            Case(action, address.__name__, where)
            for action in WRITES
            for where in ("before", "send", "after")
        )


def all_of(cases):
    """Return the cases that `make test-all` runs, of those with a fault of the catalogue."""
    return covering(cases, lambda case: case.traits_of_all)


def quick(cases):
    """Return the cases that `make test` runs."""
    return covering(cases, lambda case: case.traits)


def faults_of(kind):
    return [name for name, fault in FAULTS.items() if kind in fault.kinds]


def options_of(name):
    return OPTIONS.get(name, {})
