"""Move a whole group with worker processes, which may be killed on the way, and check the result."""

import uuid
from collections import Counter

from tests.support.dashboard.killing import wait_until

FROM, TO = 4, 1
ENDS = {"done", "stopped", "cancelled"}


class Move:
    """A job that moves all clients of groups of the sandbox, and its worker. The first gets `clients`."""

    def __init__(self, dashboard, clients, sources=(FROM,)):
        self._sources = sources
        self._dashboard = dashboard
        self._account = dashboard.sandbox.accounts["demo"]
        dashboard.sandbox.console("demo").edit(FROM, count_groups_clients=str(clients))
        self.wanted = {row["client_id"] for row in self._left}
        self._there = {row["client_id"] for row in self._living(TO)}
        told = dashboard.run("-m", "tests.support.dashboard.mover", ",".join(map(str, sources)), str(TO))
        self._job_id = uuid.UUID(told.strip()).hex
        self.worker = dashboard.start_worker()

    def kill_worker(self):
        """Kill the worker at any point, and start another one."""
        self._dashboard.kill_workers()
        self.worker = self._dashboard.start_worker()

    def end_worker(self):
        """Tell the worker to end, and wait for it."""
        self.worker.terminate()
        self.worker.wait()

    @property
    def job(self):
        return next(row for row in self._dashboard.table("groups_job") if _hex(row["id"]) == self._job_id)

    @property
    def moved(self):
        """Number of clients that have arrived, read directly from the sandbox."""
        return len(self.wanted) - sum(map(self._account.clients.live, self._sources))

    def wait_for(self, moved, seconds=120):
        """Return as soon as so many clients have arrived."""
        wait_until(lambda: self.moved >= moved, 0.02, seconds)

    def wait_until_ended(self, seconds=600):
        """Return when the job has ended, in any state."""
        wait_until(lambda: self.job["state"] in ENDS, 0.2, seconds)

    def faults_found(self):
        """Return the errors in the final state, as a text."""
        found = []
        if self.job["state"] != "done":
            found.append(f"the job is {self.job['state']} {self.job['reason']}")
        if self._left:
            found.append("somebody was left behind")
        if {row["client_id"] for row in self._living(TO)} != self._there | self.wanted:
            found.append("somebody is missing, or is there who should not be")
        rows = [row for row in self._dashboard.table("groups_change") if _hex(row["job_id"]) == self._job_id]
        applied = Counter(str(row["client_id"]) for row in rows if row["state"] == "applied")
        if applied != Counter(self.wanted):
            found.append("the journal does not say of each, once, that they were moved")
        if states := {row["state"] for row in rows} - {"applied", "failed"}:
            found.append(f"the journal has rows that are {states}")
        if any("field_hmacs" in str(row["before"]) for row in rows):
            found.append("the journal has marks of a client's fields")
        return found

    @property
    def _left(self):
        return [row for group_id in self._sources for row in self._living(group_id)]

    def _living(self, group_id):
        return [row for row in self._account.clients.rows(group_id) if row["delete"] == "0"]


def _hex(pk):
    """Return the id of a row as SQLite has it; PostgreSQL has a UUID."""
    return pk.hex if isinstance(pk, uuid.UUID) else pk
