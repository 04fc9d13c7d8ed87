"""Test converting records to and from the wire, and refusing malformed ones."""

import html
import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster import Group, GroupList, GroupValues, LoyaltyType, Settings, UnreadableRow
from groups.poster.fields import MAX_ID, fold, plain, whole_number
from groups.poster.records import LONGEST_COMPANY, LONGEST_SYMBOL

ROW = {
    "client_groups_id": "1",
    "client_groups_name": "Постоянный посетитель",
    "loyalty_type": "1",
    "client_groups_discount": "10",
    "birthday_bonus": "5000",
    "count_groups_clients": "125",
}
NUMBERS = (
    "client_groups_id",
    "loyalty_type",
    "client_groups_discount",
    "birthday_bonus",
    "count_groups_clients",
)
HALF = "\ud83d"

# --- The documented group: test_client.py beside this reads and writes it over HTTP -------------------------


def test_a_wallet_of_null_is_not_invented():
    assert "use_ewallet" not in Group.from_wire(ROW | {"use_ewallet": None}).values.to_wire()


@pytest.mark.parametrize(
    ("field", "removed"), [("1", True), (1, True), ("0", False), (0, False), (None, False)], ids=repr
)
def test_a_removed_group_is_marked(field, removed):
    assert Group.from_wire(ROW | {"delete": field}).removed is removed


# --- Numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "percent", "written"),
    [
        ("12.5", "12.5", "12.5"),
        ("10.00", "10", "10"),
        ("007", "7", "7"),
        ("0.0", "0", "0"),
        (0.1, "0.1", "0.1"),
    ],
    ids=repr,
)
def test_percents_in_each_spelling(text, percent, written):
    group = Group.from_wire(ROW | {"client_groups_discount": text})
    assert str(group.percent) == percent
    assert group.values.to_wire()["client_groups_discount"] == written


@pytest.mark.parametrize(
    ("text", "bonus", "written"),
    [
        ("1", "0.01", "0.01"),
        ("9999999", "99999.99", "99999.99"),
        ("5000.00", "50", "50.00"),
        (5000, "50", "50.00"),
    ],
    ids=repr,
)
def test_bonuses_in_each_spelling(text, bonus, written):
    group = Group.from_wire(ROW | {"birthday_bonus": text})
    assert group.birthday_bonus == Decimal(bonus)
    assert group.values.to_wire()["birthday_bonus"] == written


SPELLINGS = ("", " ", " 5", "5 ", "5\n", "+5", "-5", "-0", "1e3", "1E3", "0x10", "1_0", "5,5", "5.", ".5")
WORDS = ("٥", "５", "½", "NaN", "Infinity", "1" * 16, HALF, "\0")
OTHERS = (None, True, False, [], {}, float("nan"), float("inf"), -1, -0.0, 1e22)


@pytest.mark.parametrize("value", [*SPELLINGS, *WORDS, *OTHERS], ids=ascii)
def test_a_number_that_is_none_makes_the_row_unreadable(value):
    for field in NUMBERS:
        (row,) = GroupList.from_wire([ROW | {field: value}]).unreadable
        assert field in row.problem
        assert row.id == (None if field == "client_groups_id" else 1)


@pytest.mark.parametrize("field", [*NUMBERS, "client_groups_name"])
def test_a_missing_field_makes_the_row_unreadable(field):
    with pytest.raises(UnreadableRow, match=field):
        Group.from_wire({name: value for name, value in ROW.items() if name != field})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birthday_bonus", "50.5"),
        ("client_groups_discount", "100.01"),
        ("client_groups_id", "0"),
        ("client_groups_id", str(MAX_ID + 1)),
        ("loyalty_type", "1.5"),
        ("count_groups_clients", "-1"),
        ("delete", "yes"),
        ("use_ewallet", True),
        ("use_ewallet", HALF),
        ("client_groups_name", None),
        ("client_groups_name", f"Кава{HALF}"),
    ],
    ids=ascii,
)
def test_a_value_out_of_range_makes_the_row_unreadable(field, value):
    with pytest.raises(UnreadableRow, match=field):
        Group.from_wire(ROW | {field: value})


@pytest.mark.parametrize("row", [None, False, "group", 5, [], [ROW]], ids=repr)
def test_a_row_that_is_no_object_is_unreadable(row):
    (unreadable,) = GroupList.from_wire([row]).unreadable
    assert (unreadable.problem, unreadable.id) == ("not an object", None)


# --- Names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("кав&#039;ярні &lt;&quot;", "кав'ярні <\""),
        ("&amp;amp;", "&amp;"),
        ("<b>x</b> & y", "<b>x</b> & y"),
        ("a\0b", "a\ufffdb"),
        ("&#0;", "\ufffd"),
        (15, "15"),
    ],
    ids=ascii,
)
def test_names_are_decoded_once(wire, name):
    assert Group.from_wire(ROW | {"client_groups_name": wire}).name == name


def test_names_are_compared_without_case_spaces_and_forms():
    assert fold("  Кав'ярня\u00a0 НА  розі ") == fold("кав'ярня на РОЗІ")
    assert fold("Й") == fold("\u0418\u0306") == fold("й")
    assert fold("Кава 1") != fold("Кава 2")


# --- Lists -------------------------------------------------------------------------------------------------


def test_a_list_keeps_the_order_and_says_which_rows_it_could_not_read():
    rows = [
        ROW | {"client_groups_id": "9"},
        "group",
        ROW | {"client_groups_id": "4", "birthday_bonus": None},
        ROW | {"client_groups_id": "2", "delete": "1"},
        ROW | {"client_groups_id": "9", "client_groups_name": "Другая"},
    ]
    read = GroupList.from_wire(rows)
    assert [group.id for group in read.groups] == [9, 2]
    assert [row.id for row in read.unreadable] == [None, 4, 9]
    assert read.groups[0].name == ROW["client_groups_name"]


# --- Settings ----------------------------------------------------------------------------------------------


def test_the_settings_of_a_company():
    data = {
        "COMPANY_ID": 100123,
        "company_name": "Кав&#39;ярня",
        "currency": {"currency_symbol": "₴", "currency_code_iso": "UAH"},
    }
    assert Settings.from_wire(data) == Settings("Кав'ярня", "₴", "100123")


@given(st.dictionaries(st.sampled_from(["company_name", "currency"]), st.none() | st.integers() | st.text()))
def test_settings_without_sense_are_no_error(data):
    data |= {
        "currency": {"currency_symbol": data.get("currency"), "currency_code_iso": data.get("company_name")}
    }
    settings = Settings.from_wire(data)
    assert len(settings.company_name) <= LONGEST_COMPANY
    assert len(settings.currency) <= LONGEST_SYMBOL


# --- Round trips -------------------------------------------------------------------------------------------

KOPECKS = st.integers(0, 10**15 - 1)
PERCENTS = st.decimals(0, 100, places=2) | st.decimals(0, 100, places=10) | st.integers(0, 100).map(Decimal)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
GROUPS = st.builds(
    Group,
    id=st.integers(1, MAX_ID),
    name=NAMES,
    loyalty_type=st.sampled_from(LoyaltyType) | st.integers(0, 10**15 - 1),
    percent=PERCENTS.map(plain).map(Decimal),
    birthday_bonus=KOPECKS.map(lambda kopecks: Decimal(kopecks) / 100),
    clients=st.integers(0, 10**15 - 1),
    use_ewallet=st.none() | st.sampled_from("01"),
    removed=st.booleans(),
)


@given(kopecks=KOPECKS)
def test_no_kopeck_is_lost_or_won_on_the_way(kopecks):
    group = Group.from_wire(ROW | {"birthday_bonus": str(kopecks)})
    with localcontext(prec=50):
        assert Decimal(group.values.to_wire()["birthday_bonus"]) * 100 == kopecks
        assert Decimal(group.values.to_wire(in_kopecks=True)["birthday_bonus"]) == kopecks


@given(percent=PERCENTS)
def test_no_part_of_a_percent_is_lost_on_the_way(percent):
    written = Group.from_wire(ROW | {"client_groups_discount": f"{percent:f}"}).values.to_wire()
    assert Decimal(written["client_groups_discount"]) == percent
    assert Group.from_wire(ROW | written | {"birthday_bonus": "0"}).percent == percent


@given(group=GROUPS)
def test_a_written_group_is_read_again_as_the_same(group):
    written = group.values.to_wire()
    kopecks = str(int(Decimal(written["birthday_bonus"]) * 100))
    row = written | {
        "client_groups_id": str(group.id),
        "client_groups_name": html.escape(group.name),
        "birthday_bonus": kopecks,
        "count_groups_clients": str(group.clients),
        "delete": "1" if group.removed else "0",
    }
    assert Group.from_wire(row) == group


@given(group=GROUPS)
def test_a_record_comes_back_from_its_json(group):
    stored = json.loads(json.dumps(group.to_json()))
    assert Group.from_json(stored) == group
    assert GroupValues.from_json(stored) == group.values


@given(number=st.decimals(-(10**20), 10**20, places=4) | st.sampled_from([Decimal("1E+2"), Decimal("1E-7")]))
def test_plain_digits_have_no_exponent_and_no_trailing_zeros(number):
    text = plain(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("42", 42), ("007", 7), (str(MAX_ID), MAX_ID), (str(MAX_ID + 1), None), ("1" * 5000, None)]
    + [(text, None) for text in ("", " 1", "-1", "1.0", "1e3", "٣", "²", "x")],
)
def test_a_whole_number_is_read_or_none(text, number):
    assert whole_number(text) == number
