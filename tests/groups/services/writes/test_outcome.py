"""Test the comparisons of values that all commands share."""

from decimal import Decimal

import pytest

from groups.models import Change
from groups.poster import InvalidValue, NameTaken, NotFound, UnreadableRow
from groups.poster.errors import REFUSALS
from groups.services.writes import reconcile
from groups.services.writes.commands import CreateGroup
from groups.services.writes.outcome import (
    Outcome,
    differing,
    is_unit_mismatch,
    rebase_values,
    same,
)
from tests.support.commands import OLD, OPERATION, group, listed

State, Reason = Change.State, Change.Reason


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ({"birthday_bonus": Decimal(0)}, {"birthday_bonus": Decimal(0)}),
        ({"birthday_bonus": Decimal(70)}, {"birthday_bonus": Decimal(700)}),
        ({"birthday_bonus": Decimal(70)}, {"birthday_bonus": Decimal(7000), "percent": Decimal(11)}),
        ({"percent": Decimal("0.5")}, {"percent": Decimal(50)}),
    ],
    ids=["nothing", "by ten", "and something else", "a percent"],
)
def test_what_is_no_slip_of_units(values, stored):
    assert not is_unit_mismatch(OLD.replace(**values), OLD.replace(**stored))


def test_an_unreadable_group_was_there_before_too():
    remote = listed(group(OLD, 1), unreadable=(UnreadableRow("a problem", 4), UnreadableRow("no id")))
    creation = CreateGroup(operation=OPERATION, intended=OLD)
    assert creation.before(remote) == {"ids": [1, 4]}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"name": " Гості "}, []),
        ({"name": "Гост\u0456\u0308"}, ["name"]),
        ({"name": "гості"}, ["name"]),
        ({"percent": Decimal("10.00")}, []),
        ({"use_ewallet": "1"}, []),
        ({"loyalty_type": 2, "percent": Decimal(1)}, ["loyalty_type", "percent"]),
        (
            {"percent": Decimal(1), "birthday_bonus": Decimal(1), "name": "Інші"},
            ["name", "percent", "birthday_bonus"],
        ),
        ({"birthday_bonus": Decimal("50.01")}, ["birthday_bonus"]),
    ],
)
def test_fields_that_differ(changes, fields):
    other = OLD.replace(**changes)
    assert differing(OLD, other) == differing(other, OLD) == fields
    assert same(OLD, other) is not bool(fields)


def test_a_switch_differs_only_where_both_know_it():
    on, off = OLD.replace(use_ewallet="1"), OLD.replace(use_ewallet="0")
    assert differing(on, off) == ["use_ewallet"]
    assert same(on, OLD)


def test_a_name_may_be_composed_in_two_ways():
    composed, decomposed = OLD.replace(name="\u0457жа"), OLD.replace(name="\u0456\u0308жа")
    assert same(composed, decomposed)


def test_only_what_is_to_be_changed_is_changed_in_values_that_are_others_by_now():
    old, now = OLD.replace(use_ewallet="0"), OLD.replace(name="Інша", use_ewallet="0")
    wanted = {"percent": Decimal(12), "use_ewallet": "1"}
    assert rebase_values(old, old.replace(**wanted), now) == now.replace(**wanted)


@pytest.mark.parametrize(
    ("outcome", "refusal", "contradicts"),
    [
        (Outcome(State.APPLIED), InvalidValue, True),
        (Outcome(State.APPLIED), NameTaken, True),
        (Outcome(State.DIFFERS), InvalidValue, True),
        (Outcome(State.DIFFERS), NameTaken, False),
        (Outcome(State.REVIEW, Reason.OVERWRITTEN), NameTaken, False),
        (Outcome(State.REVIEW, Reason.GONE), NotFound, False),
        (Outcome(State.REVIEW, Reason.CLIENT_GONE), NotFound, False),
        (Outcome(State.FAILED, Reason.ELSEWHERE), InvalidValue, False),
    ],
)
def test_outcomes_that_contradict_a_refusal(outcome, refusal, contradicts):
    code = next(code for code, kind in REFUSALS.items() if kind is refusal)
    assert reconcile.contradicts(Change(code=code), outcome) is contradicts


def test_reads_of_the_same_have_one_digest_and_clients_that_come_make_no_other():
    seen = Outcome(State.REVIEW, Reason.OVERWRITTEN, {"name": "Гості", "percent": "10", "clients": 3})
    again = Outcome(State.REVIEW, Reason.OVERWRITTEN, {"clients": 4, "percent": "10", "name": "Гості"})
    others = [
        Outcome(State.DIFFERS, Reason.OVERWRITTEN, seen.after),
        Outcome(State.REVIEW, Reason.GONE, seen.after),
        Outcome(State.REVIEW, Reason.OVERWRITTEN, {**seen.after, "percent": "11"}),
    ]
    assert seen.digest == again.digest
    assert len({seen.digest, *(other.digest for other in others)}) == 4
