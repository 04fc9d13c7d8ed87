"""Test the gates that a write has to pass, with one of a feature that the core does not know."""

from decimal import Decimal

import pytest

from groups.models import Change, Job
from groups.services.jobs import queue
from groups.services.writes import gates
from groups.services.writes.execute import execute
from groups.services.writes.submissions import WriteHeld
from tests.support.commands import edit_of
from tests.support.transfers import plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transfers")]


class Doorman(gates.Gate):
    """Hold back what it is told to, and note what it was asked."""

    order = 60

    def __init__(self):
        self.closed = set()
        self.points = []

    def _ask(self, point):
        self.points.append(point)
        if point in self.closed:
            raise WriteHeld

    def before(self, command):
        self._ask("before")
        return {"requested_by": "doorman"}

    def in_transaction(self, change, command):
        self._ask("in_transaction")

    def before_job(self, job, user):
        self._ask("before_job")

    def job_decided(self, job, user, reason):
        self._ask("job_decided")


@pytest.fixture
def doorman(monkeypatch):
    """Register a gate for one test."""
    monkeypatch.setattr(gates, "registered", [*gates.registered])
    gates.register(Doorman)
    return next(each for each in gates.registered if isinstance(each, Doorman))


def test_a_gate_gives_columns_of_the_journal(staff, sandbox, doorman):
    change = execute(edit_of(staff, percent=Decimal(15)))
    assert (change.state, Change.objects.get().requested_by) == ("applied", "doorman")
    assert doorman.points == ["before", "in_transaction"]


@pytest.mark.parametrize("point", ["before", "in_transaction"])
def test_what_a_gate_holds_back_is_neither_sent_nor_recorded(staff, sandbox, doorman, point):
    doorman.closed.add(point)
    with pytest.raises(WriteHeld):
        execute(edit_of(staff, percent=Decimal(15)))
    assert not sandbox.posts()
    assert not Change.objects.exists()


def test_a_form_that_is_sent_twice_passes_once(staff, sandbox, doorman):
    command = edit_of(staff, percent=Decimal(15))
    change = execute(command)
    doorman.closed.add("before")
    assert execute(command) == change
    assert doorman.points.count("before") == 1
    assert len(sandbox.posts()) == 1


def test_a_gate_that_does_something_comes_after_those_that_hold_back(doorman):
    orders = [gate.order for gate in gates.registered]
    assert orders == sorted(orders)
    assert gates.registered[-1] is doorman


def test_a_job_passes_as_a_whole_and_again_when_it_goes_on(staff, sandbox, doorman):
    job = queue.start(plan(staff))
    queue.pause(job, staff)
    queue.resume(job, staff)
    assert doorman.points == ["before_job", "before_job", "job_decided"]


def test_a_job_that_is_held_back_is_not_there(staff, sandbox, doorman):
    doorman.closed.add("before_job")
    with pytest.raises(WriteHeld):
        queue.start(plan(staff))
    assert not Job.objects.exists()


def test_a_removal_is_held_back_before_its_clients_are_kept(staff, sandbox):
    kinds = [type(gate).__name__ for gate in gates.registered]
    assert kinds.index("LimitGate") < kinds.index("SnapshotGate")
