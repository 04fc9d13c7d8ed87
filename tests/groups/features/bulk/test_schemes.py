"""Test files of schemes: what is read, what is refused and where, and that an export reads as it was."""

import json
import time
from decimal import Decimal

import pytest
import yaml
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from groups.features.bulk.files.schemes import read_scheme, shortcomings, write_scheme
from groups.features.bulk.files.tables import NotReadable, compare
from groups.features.bulk.services import EditPlan
from groups.poster import Group, GroupList
from groups.services.groups import Groups
from tests.support.documents import read
from tests.support.environment import ROOT
from tests.support.pairwise import examples
from tests.support.schemes import entry, scheme

SCHEMA = Draft202012Validator(json.loads(read("docs/scheme.schema.json")))


def groups(*rows):
    return Groups(GroupList(tuple(rows)), timezone.now())


def group(name, group_id=1, kind=2, percent="10", bonus="0", clients=7):
    numbers = {"percent": Decimal(percent), "birthday_bonus": Decimal(bonus)}
    return Group(id=group_id, name=name, loyalty_type=kind, clients=clients, use_ewallet="1", **numbers)


def errors(content, there=None):
    """Return the places of the errors in a file, and their words."""
    content = content if isinstance(content, bytes) else content.encode()
    wanted = read_scheme(content)
    found = wanted.errors or compare(wanted, there or groups()).errors
    return [(error.line, int(error.column), error.text) for error in found]


# --- What is refused ---------------------------------------------------------------------------------------

BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "line", "column", "words"),
    [
        (b"", 1, 1, "The file is empty."),
        (b"---\n", 1, 1, "The file is empty."),
        (b"[]", 1, 1, "Write fields here: groups."),
        (b"groups: {}\n", 1, 9, "Write a list here, each item after a hyphen."),
        (b"groups:\n- a\n", 2, 3, "Write fields here: name, type, percent, birthday_bonus, was."),
        (b"groups:\n- name: a\n\ttype: bonus\n", 3, 1, "There is a tab here. Indent with spaces."),
        (b"groups: []\n---\ngroups: []\n", 2, 1, "A file has one document only."),
        (b"groups: !!seq []\n", 1, 9, "Tags (!) are not allowed."),
        (b"%TAG ! tag:example.com,2026:\n---\ngroups: []\n", 1, 1, "Tags (!) are not allowed."),
        (BOMB.encode(), 1, 4, "Anchors and aliases (& and *) are not allowed: write each value out."),
        (b"groups: []\nother: *a\n", 2, 8, "Anchors and aliases (& and *) are not allowed"),
        (b"groups:\n- <<: {percent: 5}\n", 2, 3, "There is no field “<<”."),
        (b"groups: [[[[[[[[[[[[[[a]]]]]]]]]]]]]]", 1, 12, "Write one value here, no list and no fields."),
        (b"? [a, b]\n: 1\n", 1, 3, "The name of a field is one word."),
        ("groups: []\nщось: 1\n".encode(), 2, 1, "There is no field “щось”. Known here are: groups."),
        ("groups: []".encode("utf-16"), 1, 1, "The file has to be text in UTF-8."),
        ("groups:\n- name: Золота".encode("cp1251"), 2, 9, "The file has to be text in UTF-8."),
        (b"groups:\n- name: a\x00b\n", 2, 10, "Take the invisible character U+0000 out."),
        (b"groups: [\n", 2, 1, "This is not YAML: "),
    ],
    ids=str,
)
def test_a_file_that_is_no_scheme_is_refused_at_its_place(content, line, column, words):
    (found,) = [each for each in errors(content) if each[2].startswith(words)]
    assert found[:2] == (line, column)


@pytest.mark.parametrize("bomb", ["[", "[a,", "{a: [", "a,", "? ", "- ", "{a: b}, ", "'", "&a [", "\n", "#"])
def test_no_file_of_two_megabytes_takes_long(bomb):
    began = time.thread_time()
    errors("groups: [" + bomb * (2 * 2**20 // len(bomb)))
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    "number", ["010", "0x10", "1:30", "1_000", "1e1", ".5", "5.123", "-1", '"5,5"', ".inf"]
)
def test_numbers_are_plain(number):
    ((_line, _column, words),) = errors(f"groups:\n- {{name: a, type: discount, percent: {number}}}\n")
    assert words == "Write a plain number with at most two digits after its point, as 12.5."


def test_all_errors_are_reported_each_at_its_place():
    text = """groups:
- name: ~
  type: bonus
  percent: 101
- name: [a]
  type: Bonus
  type: bonus
  percent: "12.50"
  birthday_bonus: 1000001
- {name: a, type: discount, percent: 1, birthday_bonus: 5, Percent: 4}
- {name: b, was: a, type: discount, percent: 0.5}
"""
    assert errors(text) == [
        (2, 3, "The field “birthday_bonus” is missing."),
        (2, 9, "Write a value here. A name that is really “null” stands in quotes."),
        (4, 12, "The percent must be between 0 and 100."),
        (5, 9, "Write one value here, no list and no fields."),
        (6, 9, "Write “bonus” or “discount”."),
        (7, 3, "The field “type” is there twice."),
        (9, 19, "The birthday bonus must be between 0 and 1,000,000."),
        (10, 57, "Only bonus groups have a birthday bonus. Leave the field out."),
        (10, 60, "There is no field “Percent”. Known here are: name, type, percent, birthday_bonus, was."),
        (11, 18, "This name is in line 10 already."),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("и\N{COMBINING BREVE}", "This name would be stored as “й”. Write it so."),
        ("", "Enter a name."),
    ],
)
def test_a_new_name_follows_the_rules_of_every_form(name, words):
    assert errors(scheme(entry(name))) == [(2, 9, words)]


@pytest.mark.parametrize(
    ("there", "lines", "unchanged", "error"),
    [
        (("Стара",), 1, 0, ""),
        (("Нова",), 0, 1, ""),
        (("Стара", "Нова"), 0, 0, "both there"),
        ((), 0, 0, "neither"),
    ],
)
def test_a_rename_that_is_done_is_done(there, lines, unchanged, error):
    text, poster = (
        scheme(entry("Нова", was="Стара")),
        groups(*(group(name, number) for number, name in enumerate(there, 1))),
    )
    if error:
        ((_line, _column, words),) = errors(text, poster)
        assert error in words
        return
    found = compare(read_scheme(text.encode()), poster)
    assert (len(found.lines), found.unchanged) == (lines, unchanged)


def test_a_name_that_is_there_may_be_odd():
    name = " и\N{COMBINING BREVE} "
    odd = group(name, percent="10")
    (line,) = compare(read_scheme(scheme(entry(name, percent=11)).encode()), groups(odd)).lines
    assert (line.old, line.new) == (odd.values, odd.values.replace(percent=Decimal(11)))


def test_new_names_that_differ_in_case_or_spaces_alone_are_refused():
    words = "“Gold card” in line 2 is the same name but for capital letters or spaces."
    new, renamed = entry("gold  card"), entry("GOLD card", was="Silver")
    assert errors(scheme(entry("Gold card"), new)) == [(5, 9, words)]
    assert errors(scheme(entry("Gold card"), renamed), groups(group("Silver"))) == [(5, 9, words)]


def test_names_at_poster_that_differ_in_case_alone_stay_two():
    there = groups(group("Gold"), group("gold", 2))
    found = compare(read_scheme(scheme(entry("Gold"), entry("gold", percent=11)).encode()), there)
    assert ([line.group_id for line in found.lines], found.unchanged) == ([2], 1)


def test_each_line_of_a_plan_has_its_own_number_however_the_file_is_broken():
    """The operations of a job follow from these numbers."""
    rows = [{"name": name, "type": "discount", "percent": 5} for name in ("One", "Two", "Three")]
    found = compare(read_scheme(json.dumps({"groups": rows}).encode()), groups(group("Two")))
    assert [(line.number, line.new.name) for line in found.lines] == [(1, "One"), (2, "Two"), (3, "Three")]


def test_a_discount_group_keeps_the_bonus_that_nobody_gets():
    there = groups(group("a", 1, 2, "10", "30"), group("b", 2, 1, "10", "30"))
    found = compare(read_scheme(scheme(entry("a"), entry("b")).encode()), there)
    assert (found.unchanged, [line.new.birthday_bonus for line in found.lines]) == (1, [0])


def test_an_unknown_type_at_poster_is_not_written_over():
    words = "Poster has a type for this group that is not known here."
    assert errors(scheme(entry("a")), groups(group("a", kind=3))) == [(3, 9, words)]


def test_five_thousand_groups_are_read_and_compared_and_one_more_is_refused():
    entries = [entry(f"Група {number}", percent="5") for number in range(5001)]
    there = groups(*(group(f"Група {number}", number + 1) for number in range(5000)))
    assert len(compare(read_scheme(scheme(*entries[:5000]).encode()), there).lines) == 5000
    assert errors(scheme(*entries)) == [(15002, 3, "A file has 5000 groups at most.")]


# --- There and back ----------------------------------------------------------------------------------------

ODD = (
    "yes", "no", "null", "~", "", "1e3", "010", "1:30", "2026-01-01", "true", "=", "<<", "- a", "a: b",
    " a", "a ", "#a", "a #b", '"', "'", "\\", "a\nb", "\t", "&amp;", "*a", "!b", "%c", "@", "`", "[", "{",
    "?", "|", ">", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\N{GRINNING FACE}",
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=120),
)


@given(
    st.lists(
        st.tuples(
            NAMES,
            st.sampled_from((1, 2)),
            st.decimals(0, 100, places=2),
            st.decimals(0, 1_000_000, places=2),
        ),
        max_size=5,
        unique_by=lambda row: row[0],
    )
)
@settings(max_examples=examples(60, 1000))
def test_the_plan_of_an_export_is_empty(rows):
    there = groups(
        *(
            group(name, number, kind, percent, bonus)
            for number, (name, kind, percent, bonus) in enumerate(rows, 1)
        )
    )
    text = write_scheme(there)
    assert not shortcomings(there)
    assert compare(read_scheme(text.encode()), there) == EditPlan(unchanged=len(rows))
    loaded = yaml.safe_load(text)
    assert [each["name"] for each in loaded["groups"]] == [name for name, *_ in rows]
    assert SCHEMA.is_valid(loaded)


def test_what_a_file_cannot_say_is_left_out_and_reported():
    there = groups(
        group("a"),
        group("b\x1b", 2, kind=3),
        group("c", 3, percent="1.125"),
        group("d", 4, 1, "1", "1000001"),
    )
    text = write_scheme(there)
    assert compare(read_scheme(text.encode()), there) == EditPlan(unchanged=1, unlisted=("b\x1b", "c", "d"))
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        f"# {words}" for words in shortcomings(there)
    ]
    assert '# "b\\x1b" is left out: a file cannot say what Poster has of it.' in text


def test_two_of_a_name_at_poster_cannot_be_compared():
    with pytest.raises(NotReadable, match="“a”"):
        compare(read_scheme(b"groups: []"), groups(group("a"), group("a", 2)))


# --- The schema, and the example ---------------------------------------------------------------------------


def test_the_schema_is_one_and_the_example_follows_it():
    Draft202012Validator.check_schema(SCHEMA.schema)
    content = (ROOT / "docs/examples/scheme.yaml").read_bytes()
    assert SCHEMA.is_valid(yaml.safe_load(content))
    found = read_scheme(content)
    assert [each.name for each in found.entries] == ["Guests", "Regulars", "Staff"]
