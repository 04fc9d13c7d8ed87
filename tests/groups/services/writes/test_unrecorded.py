"""Test the outcomes that the database does not take at once: retried, left for later, and caught up with."""

import threading
import time
import uuid
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from groups.models import Change, PosterAccount
from groups.services.writes import execute as write_path
from groups.services.writes.execute import catch_up, write_down
from poster_admin.common.outages import Outage
from tests.support.outages import lose

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_is_left():
    catch_up()
    yield
    catch_up()


@pytest.fixture
def change():
    account, _ = PosterAccount.objects.get_or_create(name="demo")
    change = Change(account=account, action="update", target=f"group:{uuid.uuid4()}", sent_at=timezone.now())
    change.save()
    return change


class Step:
    """A step of which the first tries meet an outage; it notes when it was taken."""

    taken = 0

    def __init__(self, failures=0):
        self.failures = failures
        self.tries = 0

    def __call__(self):
        self.tries += 1
        if self.tries <= self.failures:
            raise Outage
        self.taken += 1


def test_a_step_is_tried_again_within_its_time(change, monkeypatch):
    monkeypatch.setattr(write_path, "PAUSE", 0.05)
    step = Step(failures=2)
    assert write_down(change, step, until=time.monotonic() + 60) is True
    assert (step.tries, step.taken) == (3, 1)


def test_a_step_is_left_where_its_time_is_over_before_the_next_try(change):
    step = Step(failures=1)
    assert write_down(change, step, until=time.monotonic() + write_path.PAUSE / 2) is False
    assert (step.tries, step.taken) == (1, 0)
    catch_up()
    catch_up()
    assert (step.tries, step.taken) == (2, 1)


def test_a_mistake_is_raised_and_not_left(change):
    with pytest.raises(ZeroDivisionError):
        write_down(change, lambda: 1 / 0, until=0)
    catch_up()


def test_steps_that_are_left_are_taken_in_their_order_once_the_database_is_back(change):
    order = []
    first, second = Step(failures=2), Step(failures=1)
    first_taken, second_taken = (lambda: (first(), order.append(1))), (lambda: (second(), order.append(2)))
    for step in (first_taken, second_taken):
        assert not write_down(change, step, until=0)
    catch_up()  # the database is still away
    assert (first.tries, second.tries, order) == (2, 1, [])
    catch_up()
    assert order == [1, 2]


def test_steps_are_taken_in_their_order_by_two_threads_too(change):
    order = []

    def take_rest():
        with closing(connection):
            catch_up()

    other = threading.Thread(target=take_rest)

    def take_first():
        other.start()
        other.join(0.5)
        order.append(1)

    write_path._left.extend([(change, take_first), (change, lambda: order.append(2))])
    catch_up()
    other.join()
    assert order == [1, 2]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="no connection to a file is lost")
def test_a_step_is_taken_by_a_new_connection_after_the_old_one_is_lost(change):
    step = Step(failures=1)
    assert not write_down(change, step, until=0)
    connection.ensure_connection()
    lose(connection.connection, is_made=False)
    catch_up()
    catch_up()
    assert (step.tries, step.taken) == (2, 1)


def test_an_outage_is_logged_without_the_values_of_its_message(change, caplog):
    def step():
        raise OperationalError("server closed the connection: UPDATE … 'Оксана'")

    assert not write_down(change, step, until=0)
    assert f"Change {change.pk} cannot be stored: OperationalError" in caplog.text
    assert "Оксана" not in caplog.text
    write_path._left.clear()


@pytest.mark.parametrize("moved_on", ["settled", "another attempt", "unknown", "gone"])
def test_a_step_is_dropped_where_its_row_has_moved_on(change, moved_on):
    step = Step(failures=1)
    match moved_on:
        case "settled":
            Change.objects.settle(Change.objects.get(pk=change.pk), state=Change.State.APPLIED)
        case "unknown":
            Change.objects.settle(Change.objects.get(pk=change.pk), state=Change.State.UNKNOWN)
        case "another attempt":
            change.created_at -= timedelta(seconds=1)
        case "gone":
            change.pk = uuid.uuid4()
    assert not write_down(change, step, until=0)
    catch_up()
    assert (step.tries, step.taken) == (1, 0)
