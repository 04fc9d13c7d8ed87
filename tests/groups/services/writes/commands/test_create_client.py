"""Test the creation of a client: which of the group's clients is the new one."""

import uuid
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from groups.models import Change
from groups.poster import ClientValues
from groups.services.writes.commands import Command, CreateClient
from groups.services.writes.outcome import RemoteState
from tests.support.commands import OPERATION, a_client, determine_outcome, ended

State, Reason = Change.State, Change.Reason
COMMAND = CreateClient(
    operation=OPERATION, snapshot_id=uuid.UUID(int=8), client=a_client(), old_id=7, group_id=1
)


def creation(**fields):
    before = COMMAND.before(RemoteState())
    return Change(id=OPERATION, action=COMMAND.action, before=before, **COMMAND.columns, **fields)


def newcomers(*clients):
    return RemoteState(newcomers=clients)


def new(client_id=70, **fields):
    return a_client(client_id=str(client_id), **fields)


def test_a_client_who_is_still_there_is_not_created():
    assert COMMAND.precheck(RemoteState(client=a_client())) == Reason.CLIENT_THERE
    assert COMMAND.precheck(RemoteState()) is None


@pytest.mark.parametrize(
    ("clients", "expected"),
    [
        ([], None),
        ([new()], (State.APPLIED, "")),
        ([new(bonus="100")], (State.REVIEW, "looks_alike")),
        ([new(), new(71, bonus="100")], (State.APPLIED, "")),
        ([new(), new(71)], (State.REVIEW, "duplicates")),
    ],
    ids=["nobody", "one as sent", "one alike", "one as sent and one alike", "two as sent"],
)
def test_a_lost_creation_is_found_by_its_values(clients, expected):
    assert ended(determine_outcome(creation(), newcomers(*clients))) == expected


@pytest.mark.parametrize(
    ("client", "changed"),
    [
        (new(), []),
        (new(bonus="100"), ["bonus"]),
        (new(client_groups_id="2"), ["group_id"]),
    ],
    ids=["as sent", "with a welcome bonus", "in another group"],
)
def test_an_answered_creation_is_found_by_its_id(client, changed):
    outcome = determine_outcome(creation(client_id=70), newcomers(client))
    assert outcome.state == (State.DIFFERS if changed else State.APPLIED)
    assert outcome.after == {"group_id": client.group_id, "changed": changed}
    assert (outcome.client_id, outcome.proven) == (70, not changed)


@pytest.mark.parametrize("client_id", [70, None])
def test_a_creation_whose_clients_are_several_and_alike_names_those_to_choose_from(client_id):
    twins = newcomers(new(), new(71))
    assert determine_outcome(creation(client_id=client_id), twins).after == {"ids": [70, 71]}
    alike = newcomers(new(bonus="100"), new(71, bonus="200"))
    assert determine_outcome(creation(), alike).after == {"ids": [70, 71]}
    mixed = newcomers(new(), new(71), new(72, bonus="100"))
    assert determine_outcome(creation(), mixed).after == {"ids": [70, 71]}


def test_a_client_in_another_group_with_other_fields_has_all_of_that_named():
    outcome = determine_outcome(creation(client_id=70), newcomers(new(client_groups_id="2", bonus="100")))
    assert outcome.after == {"group_id": 2, "changed": ["group_id", "bonus"]}
    assert outcome.reason == Reason.OTHER_FIELDS


# --- The values to send ------------------------------------------------------------------------------------


def test_all_that_a_creation_can_send_is_sent():
    place = {"country": "Україна", "city": "Львів", "address": "вул. Зелена, 1", "comment": "Гість"}
    client = a_client(email="guest@example.com", card_number="42", **place)
    assert replace(COMMAND, client=client).values == ClientValues(
        group_id=1,
        name="Коваленко Мар'яна",
        sex=2,
        card_number="42",
        own_percent=Decimal(15),
        phone="+380 67 123 45 67",
        email="guest@example.com",
        birthday=date(1990, 5, 24),
        bonus=Decimal(25),
        total_paid=Decimal("12345.67"),
        **place,
    )


def test_empty_fields_are_left_to_poster_and_zeros_are_sent():
    texts = (
        "firstname",
        "lastname",
        "phone",
        "email",
        "card_number",
        "country",
        "city",
        "address",
        "comment",
    )
    empty = dict.fromkeys(texts, "") | {"client_sex": "0", "birthday": "0000-00-00"}
    client = a_client(bonus="0", total_payed_sum="0", discount_per="0", **empty)
    sent = ClientValues(group_id=1, own_percent=Decimal(0), bonus=Decimal(0), total_paid=Decimal(0))
    assert replace(COMMAND, client=client).values == sent


@pytest.mark.parametrize(("bonus", "sent"), [("-2500", Decimal(0)), ("1", Decimal("0.01"))])
def test_an_overdrawn_bonus_starts_at_zero(bonus, sent):
    assert replace(COMMAND, client=a_client(bonus=bonus)).values.bonus == sent


def test_a_bonus_that_was_never_read_is_not_sent():
    client = a_client()
    unread = type(client)(id=7, group_id=1, lastname="Коваленко")
    assert replace(COMMAND, client=unread).values.bonus is None


def test_the_row_and_the_command_reveal_nothing_of_the_person():
    told = f"{COMMAND!r} {creation().before} {creation().intended}"
    for value in ("Коваленко", "Мар", "67 123", "1990"):
        assert value not in told


def test_a_rebuilt_creation_has_no_values_to_send():
    with pytest.raises(ValueError, match="no values"):
        _ = Command.from_change(creation()).values
