"""Test the form of many percents and its calculation: what is typed, what changed since, what is refused."""

from decimal import Decimal

import pytest

from groups.features.bulk.forms import CalculationForm, PercentsForm
from groups.poster import Group

PERCENT_RANGE, BONUS_RANGE = "The percent must be between 0 and 100.", "between 0 and 1,000,000."


def group(group_id, kind, percent, bonus=0, **other):
    numbers = {"percent": Decimal(percent), "birthday_bonus": Decimal(bonus)}
    return Group(id=group_id, loyalty_type=kind, clients=7, **{"name": f"Гості {group_id}"} | numbers | other)


BONUS, DISCOUNT = group(1, 1, 10, 50), group(4, 2, 10)


def sent(typed, now=(BONUS, DISCOUNT), opened=(BONUS, DISCOUNT)):
    """Return the form that was opened on some groups, sent after these are what they are now."""
    shown = PercentsForm(groups=opened)
    fields = {name: str(shown[name].value()) for name in shown.fields}
    return PercentsForm(fields | typed, groups=now)


def edits(form):
    """Return what each changed line gives its group, and its errors by their fields."""
    lines = {}
    for line in form.lines if form.is_valid() else ():
        old, new = line.old.to_json(), line.new.to_json()
        lines[line.group_id] = {name: new[name] for name in new if new[name] != old[name]}
    return lines, {name: " ".join(map(str, errors)) for name, errors in form.errors.items()}


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ({}, {}),
        ({"percent_1": " 10,00 % "}, {}),
        ({"percent_1": "12,5 %", "bonus_1": "70"}, {1: {"percent": "12.5", "birthday_bonus": "70"}}),
        ({"percent_1": "0,07", "percent_4": "100"}, {1: {"percent": "0.07"}, 4: {"percent": "100"}}),
    ],
)
def test_what_was_edited_alone_is_a_line(typed, lines):
    assert edits(sent(typed)) == (lines, {})


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("percent_1", "101", PERCENT_RANGE),
        ("percent_1", "-1", PERCENT_RANGE),
        ("percent_1", "", "Enter a percent."),
        ("percent_1", "ten", "Enter a number"),
        ("percent_1", "1.234", "two digits"),
        ("bonus_1", "1500000", BONUS_RANGE),
        ("version", "", "This form is incomplete."),
        ("version", "e30:xx", "This form is incomplete."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_makes_no_line(field, typed, message):
    lines, errors = edits(sent({field: typed, "percent_4": "7"}))
    assert (lines, set(errors)) == ({}, {field})
    assert message in errors[field]


def test_what_poster_has_beyond_the_limits_stays_untouched():
    beyond = group(1, 1, 10, 1_500_000)
    assert edits(sent({"percent_1": "11"}, (beyond,), (beyond,))) == ({1: {"percent": "11"}}, {})


@pytest.mark.parametrize(
    ("typed", "now", "words"),
    [
        ({"percent_1": "15"}, group(1, 1, 20, 50), "it is 20% now"),
        ({"bonus_1": "70"}, group(1, 1, 10, 90), "it is 90.00"),
    ],
)
def test_a_value_that_somebody_else_changed_is_reported_once_and_overwritten_then(typed, now, words):
    form = sent(typed, (now, DISCOUNT))
    lines, errors = edits(form)
    assert not lines
    assert words in errors[next(iter(typed))]
    lines, errors = edits(PercentsForm(form.data, groups=(now, DISCOUNT)))
    assert not errors
    assert lines.keys() == {1}


def test_what_nobody_typed_or_poster_has_already_is_no_line():
    now = (group(1, 1, 20, 50), group(4, 2, 33))
    assert edits(sent({"percent_1": "20"}, now)) == ({}, {})


def test_a_bonus_of_a_group_that_has_none_any_more_is_reported():
    form = sent({"bonus_1": "70", "percent_4": "7"}, (group(1, 2, 10), DISCOUNT))
    assert "so it has no birthday bonus" in edits(form)[1]["percent_1"]
    del form.data["bonus_1"]
    assert edits(PercentsForm(form.data, groups=(group(1, 2, 10), DISCOUNT))) == ({4: {"percent": "7"}}, {})


def test_a_group_that_is_gone_is_reported_only_for_a_wanted_change():
    assert edits(sent({"percent_1": "15"}, (BONUS,))) == ({1: {"percent": "15"}}, {})
    form = sent({"percent_1": "15", "percent_4": "3"}, (BONUS,))
    assert "Group 4 is no longer there" in edits(form)[1]["__all__"]
    assert edits(PercentsForm(form.data, groups=(BONUS,))) == ({1: {"percent": "15"}}, {})


def test_a_name_that_could_not_be_read_is_not_sent_back():
    lost = group(1, 1, 10, name="a\N{REPLACEMENT CHARACTER}b")
    lines, errors = edits(sent({"percent_1": "11"}, (lost,), (lost,)))
    assert not lines
    assert "stands for something that was lost" in errors["percent_1"]


# --- The calculation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "how", "amount", "numbers"),
    [
        ("percent", "add", "2,5", {1: "32.5", 4: "12.5"}),  # 30 was typed for the first one
        ("percent", "subtract", "10", {1: "20", 4: "0"}),
        ("percent", "multiply", "1,33", {1: "39.9", 4: "13.3"}),
        ("percent", "set", "7", {1: "7", 4: "7"}),
        ("birthday_bonus", "multiply", "1,1", {1: "55"}),
    ],
)
def test_a_calculation_starts_from_what_was_typed(what, how, amount, numbers):
    form = CalculationForm({"what": what, "how": how, "amount": amount})
    assert form.is_valid()
    found = form.calculate((BONUS, DISCOUNT), {1: BONUS.values.replace(percent=Decimal(30))})
    assert {pk: getattr(values, what) for pk, values in found.items()} == {
        pk: Decimal(number) for pk, number in numbers.items()
    }


def test_one_value_out_of_range_stops_the_calculation():
    form = CalculationForm({"what": "percent", "how": "add", "amount": "2"})
    assert form.is_valid()
    assert form.calculate((BONUS, group(5, 1, 99)), {}) == {}
    assert form.errors["amount"] == [f"Nothing was calculated, because of “Гості 5”: {PERCENT_RANGE}"]


@pytest.mark.parametrize("amount", [" ", "x"])
def test_a_calculation_without_a_number_asks_for_one(amount):
    form = CalculationForm({"what": "percent", "how": "add", "amount": amount})
    assert "Enter a number, for example" in form.errors["amount"][0]
