"""Kill workers that carry out planned changes: each plan comes and goes once, and nothing is sent twice.

Each kill is a SIGKILL at a random moment of a worker that has several steps to make, most of them in the
middle of a write. Afterwards one worker is left alone. The group has its old values then, and the journal has
one applied change for each step.
"""

import contextlib
import json
import random
import sqlite3
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.dashboard.killing import CSRF, Dashboard, wait_until

# test_steps.py kills a worker at each step, in this process.
pytestmark = [pytest.mark.slow, pytest.mark.thorough]
GROUPS = 12
LATENCY = 0.15
OPEN = {"planned", "active"}
# A plan lasts for seconds here, and has to last longer than a read may be late.
SECONDS = {"POSTER_LAG_SECONDS": "1", "POSTER_SETTLE_SECONDS": "15", "POSTER_CONFIRM_SECONDS": "1"}


class Plans:
    """Plans of many groups, made over HTTP; their ends are moved in the database, as if time had passed."""

    def __init__(self, dashboard):
        self.dashboard = dashboard
        self.groups = dashboard.sandbox.accounts["demo"].groups
        self.before = {number: self.percent(number) for number in list(self.groups)[:GROUPS]}
        self.made = 0

    def percent(self, number):
        return float(self.groups[number]["client_groups_discount"])

    def rows(self):
        return self.dashboard.table("groups_schedule")

    def plan_the_free(self):
        """Plan a change of every group that has none, to begin at once."""
        taken = {row["group_id"] for row in self.rows() if row["state"] in OPEN}
        for number in self.before.keys() - taken:
            form = {
                "csrfmiddlewaretoken": CSRF,
                "percent": f"{self.before[number] + 0.5:g}",
                "starts_at": "2026-01-01T10:00",
                "ends_at": "2099-01-01T10:00",
                "operation": str(uuid.uuid4()),
            }
            answer = self.dashboard.send_form(f"/groups/{number}/schedule/", form)
            if answer is None or answer.status_code != 302:
                raise RuntimeError(f"the plan of group {number} was not taken")
            self.made += 1

    def let_end(self):
        """Move the ends of the active plans to a moment ago."""
        moment = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
        with contextlib.closing(sqlite3.connect(self.dashboard.database, timeout=20)) as database, database:
            database.execute(
                "UPDATE groups_schedule SET ends_at = ?, next_at = ? WHERE state = 'active' AND ends_at > ?",
                [moment, moment, moment],
            )


def kill_often(plans, kills, chance):
    """Kill that many workers; return the states of the journal in which they left open changes."""
    dashboard, left = plans.dashboard, Counter()
    for _ in range(kills):
        plans.plan_the_free()
        plans.let_end()
        known = len(dashboard.sandbox.log)
        dashboard.start_worker()
        wait_until(lambda known=known: len(dashboard.sandbox.log) > known, 0.01, 30)
        time.sleep(chance.uniform(0, 1.0))
        dashboard.kill_workers()
        pending = [row for row in dashboard.rows().values() if row["state"] == "pending"]
        left["before the send" if any(not row["sent_at"] for row in pending) else "not before the send"] += 1
        left["after the send" if any(row["sent_at"] for row in pending) else "not after the send"] += 1
    return left


def let_all_end(plans):
    """Let one worker carry out what is left."""
    plans.dashboard.start_worker()

    def over():
        plans.let_end()
        return OPEN.isdisjoint(row["state"] for row in plans.rows())

    wait_until(over, 0.5, 120)


def faults_found(plans):
    """Return what is wrong afterwards, as texts; nothing if all is right."""
    found = []
    journal = plans.dashboard.rows()
    for row in plans.rows():
        ends = [journal.get(str(uuid.UUID(row[name]))) for name in ("start_id", "return_id")]
        if row["state"] != "done":
            tries = [each for each in journal.values() if each["group_id"] == row["group_id"]]
            story = [f"{each['percent_sent']} {each['state']} {each['reason']}" for each in map(_told, tries)]
            found.append(f"group {row['group_id']} {row['state']} {row['reason']}: {'; '.join(story)}")
        elif any(end is None or end["state"] != "applied" for end in ends):
            found.append("done, and the journal has no applied change for a step")
    applied = Counter(row["group_id"] for row in journal.values() if row["state"] == "applied")
    planned = Counter(row["group_id"] for row in plans.rows())
    found += [
        f"group {number} was written twice" for number in planned if applied[number] != 2 * planned[number]
    ]
    sent = sum(row["sent_at"] is not None for row in journal.values())
    posts = len(plans.dashboard.sandbox.posts())
    if posts > sent:
        found.append(f"{posts} writes, and {sent} in the journal")
    found += [
        f"group {number} did not return"
        for number, was in plans.before.items()
        if plans.percent(number) != was
    ]
    return found


def _told(row):
    intended = json.loads(row["intended"])
    return row | {"percent_sent": intended["percent"], "created_at": str(row["created_at"])}


def test_workers_that_are_killed_forget_no_return_and_write_nothing_twice(tmp_path):
    with Sandbox(groups=GROUPS + 5) as sandbox:
        dashboard = Dashboard(tmp_path, sandbox, **SECONDS)
        try:
            dashboard.start()
            plans = Plans(dashboard)
            sandbox.latency = LATENCY
            left = kill_often(plans, 4, random.Random(1))
            let_all_end(plans)
            assert faults_found(plans) == []
        finally:
            dashboard.close()
    assert plans.made >= GROUPS
    assert left["after the send"] + left["before the send"]
