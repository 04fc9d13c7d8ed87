"""Test what a look at all clients finds; test_simulation.py beside this has nights of trouble and kills."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups.features.elsewhere.services import switch_off, switch_on
from groups.features.movements import services as looking
from groups.features.movements.models import HOUR, Movement, Roll
from groups.features.movements.services import forget_old
from groups.models import Change
from groups.poster import ClientList, PosterClient
from tests.support.changes import write_down
from tests.support.jobs import run, start
from tests.support.movements import GOLD, GUESTS, put_movement

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]


def move(sandbox, client_id, group_id, **fields):
    """Move a client in Poster's console."""
    sandbox.console().edit_client(client_id, client_groups_id=str(group_id), **fields)


def let_last_look_be(ago):
    """Let the last poll that was stored have been so long ago."""
    at = timezone.now() - ago
    Roll.objects.update(taken_at=at, judged_at=at)


def test_a_move_in_the_console_is_reported_once(poll, sandbox, people):
    move(sandbox, people[0], GOLD)
    assert poll() == [(people[0], GUESTS, GOLD, "elsewhere")]
    assert poll(2) == []
    (told,) = Movement.objects.all()
    assert (told.day, told.change) == (timezone.localdate(), None)


@pytest.mark.parametrize(("paid", "reason"), [("100000", "rule"), ("99999", "elsewhere")])
def test_a_rule_explains_those_whose_sum_has_reached_it(poll, sandbox, people, paid, reason):
    sandbox.console().set_rules({"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": GOLD})
    move(sandbox, people[0], GOLD, total_payed_sum=paid)
    assert poll() == [(people[0], GUESTS, GOLD, reason)]


@pytest.mark.once  # the database gets the same queries, Poster answers otherwise
@pytest.mark.parametrize(
    ("fault", "reasons"),
    [("response_false", ["elsewhere"]), ("status_500", ["elsewhere"]), ("fin_before_headers", [])],
)
def test_without_the_rules_no_move_is_by_a_rule_and_while_poster_is_away_none_is_reported(
    poll, sandbox, people, fault, reasons
):
    sandbox.script("clients.getLoyaltyRules", fault, times=None)
    move(sandbox, people[0], GOLD)
    assert [found[-1] for found in poll()] == reasons
    sandbox.clear_faults()
    assert [found[-1] for found in poll()] == ["elsewhere"] * (not reasons)


def test_a_new_client_and_one_that_is_removed_and_comes_back(poll, sandbox, people):
    newcomer = sandbox.console().put_client(GUESTS)
    sandbox.console().edit_client(people[0], delete="1")
    assert poll() == [(people[0], GUESTS, None, "removed"), (newcomer, None, GUESTS, "new")]
    sandbox.console().edit_client(people[0], delete="0")
    assert poll() == [(people[0], None, GUESTS, "elsewhere")]


@pytest.mark.parametrize("gone", [[0], [0, 1, 2]])
def test_who_is_in_no_list_and_not_found_alone_is_removed_at_once(poll, sandbox, people, gone):
    sandbox.lag("row_absent", ids=[people[each] for each in gone])
    assert poll() == [(people[each], GUESTS, None, "removed") for each in gone]
    assert poll() == []


# --- Answers that are untrue -------------------------------------------------------------------------------


def cut_off(monkeypatch, keep):
    """Let the lists of clients have only those that `keep` returns of the true ones."""
    right = PosterClient.get_clients

    def get_clients(self, **options):
        found = right(self, **options)
        return ClientList(*(tuple(keep(part)) for part in (found.clients, found.unreadable, found.rows)))

    monkeypatch.setattr(PosterClient, "get_clients", get_clients)


def test_a_halved_list_at_the_first_read_makes_nobody_new(owner, sandbox, people, monkeypatch, poll):
    Roll.objects.all().delete()
    lists = []

    def halve_first(rows):
        lists.append(rows)
        return rows[::2] if len(lists) <= 3 else rows  # clients, unreadable rows and all rows of one list

    with monkeypatch.context() as patch:
        cut_off(patch, halve_first)
        assert poll() == []
    assert poll() == []
    move(sandbox, people[0], GOLD)
    assert len(poll()) == 1


# --- Moves made here ---------------------------------------------------------------------------------------


def journal(owner, client_id, from_id, to_id, **fields):
    """Write a move of a client into the journal, as it was made a minute ago."""
    ago = timezone.now() - timedelta(minutes=1)
    columns = {"client_id": client_id, "loaded": {"group_id": from_id}, "intended": {"group_id": to_id}}
    columns |= {"state": "applied", "settled_at": ago, "group_id": None, "before": {"group_id": from_id}}
    return write_down(owner, **(columns | {"action": "move", "target": f"client:{client_id}"} | fields))


def test_a_move_made_here_is_reported_with_its_change_and_not_if_it_was_taken_back(
    poll, sandbox, people, staff
):
    run(start(staff, group_id=GUESTS, target_id=GOLD, client_ids=people[:3]))
    run(start(staff, group_id=GOLD, target_id=GUESTS, client_ids=people[1:2]))
    move(sandbox, people[2], 4)
    assert poll() == [(people[0], GUESTS, GOLD, "here"), (people[2], GUESTS, 4, "elsewhere")]
    change = Change.objects.get(client_id=people[0])
    told = Movement.objects.get(client_id=people[0])
    assert (told.change, told.day) == (change.pk, timezone.localdate(change.sent_at))
    assert poll(2) == []


def test_a_move_from_before_the_first_run_is_nobodys_movement(poll, owner, people):
    journal(owner, people[3], GUESTS, GOLD)
    assert poll() == []


def test_a_move_that_counted_as_not_made_and_comes_true_is_one_of_ours(poll, sandbox, owner, people):
    change = journal(owner, people[0], GUESTS, GOLD, state="failed", reason="not_applied")
    move(sandbox, people[0], GOLD)
    assert poll() == [(people[0], GUESTS, GOLD, "here")]
    assert Movement.objects.get().change == change.pk
    move(sandbox, people[0], GUESTS)
    assert len(poll()) == 1
    move(sandbox, people[0], GOLD)
    assert poll() == [(people[0], GUESTS, GOLD, "elsewhere")]


# --- Workers, rights, tokens -------------------------------------------------------------------------------


def test_a_worker_that_was_too_slow_stores_nothing(poll, sandbox, people, monkeypatch):
    move(sandbox, people[0], GOLD)

    def overtaken(*args, **options):
        Roll.objects.update(holder=None, held_until=None)
        return {}

    monkeypatch.setattr(looking, "ask_for_missing", overtaken)
    assert poll() == []
    monkeypatch.undo()
    assert len(poll()) == 1


def test_without_the_watch_nothing_is_read_and_nobody_is_known_later(poll, sandbox, owner, people):
    switch_off(owner.credentials)
    sandbox.log.clear()
    assert poll() == []
    assert not Roll.objects.exists()
    assert not sandbox.calls("clients.getClients")
    move(sandbox, people[0], GOLD)
    switch_on(owner.credentials)
    assert poll(2) == []


def test_another_token_begins_anew(poll, sandbox, owner, people):
    Roll.objects.update(fingerprint="another")
    move(sandbox, people[0], GOLD)
    assert poll(2) == []


@pytest.mark.parametrize("gone", ["right", "token"])
def test_no_run_without_the_right_or_with_a_refused_token(poll, sandbox, owner, people, gone):
    if gone == "right":
        owner.groups.clear()
    else:
        owner.credentials.refused_at = timezone.now()
        owner.credentials.save()
    sandbox.log.clear()
    assert poll() == []
    assert not sandbox.calls("clients.getClients")


def test_the_next_read_is_at_night_and_none_at_zero_seconds(poll, settings):
    assert timezone.localtime(Roll.objects.get().next_at).hour == HOUR
    settings.MOVEMENT_SECONDS = 0
    assert Roll.objects.accounts_due(settings.MOVEMENT_SECONDS) == []


def test_old_movements_are_deleted(poll, owner, settings):
    settings.MOVEMENT_DAYS = 10
    put_movement(owner, 1, GUESTS, GOLD, days_ago=11)
    kept = put_movement(owner, 1, GUESTS, GOLD, days_ago=10)
    assert forget_old() == 1
    assert Movement.objects.get() == kept


def test_who_is_in_no_group_is_neither_removed_nor_new(poll, people, sandbox):
    guest, gold = people[0], people[3]
    sandbox.console().edit_client(guest, client_groups_id="0")
    assert poll(2) == [(guest, GUESTS, None, "elsewhere")]
    assert poll() == []
    sandbox.console().edit_client(guest, client_groups_id=str(GOLD))
    assert poll(2) == [(guest, None, GOLD, "elsewhere")]
    sandbox.console().edit_client(gold, client_groups_id="0")
    poll()
    sandbox.console().edit_client(gold, delete="1")
    assert poll(2) == []
