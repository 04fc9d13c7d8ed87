"""Test phone numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.presenters.clients import may_be_same, phone_digits, whole_numbers

SIGNS = (
    " .-/()\N{EN DASH}\N{FIGURE DASH}\N{MINUS SIGN}\N{HYPHEN BULLET}\N{NON-BREAKING HYPHEN}"
    "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
    "\N{LEFT-TO-RIGHT MARK}\N{LEFT-TO-RIGHT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}"
)


@given(
    st.lists(st.tuples(st.sampled_from("0123456789"), st.text(SIGNS, max_size=3)), min_size=3, max_size=15)
)
def test_signs_between_the_digits_make_no_difference(parts):
    written = "".join(digit + signs for digit, signs in parts)
    assert phone_digits(f"tel:+{written}") == "".join(digit for digit, _signs in parts)


@pytest.mark.parametrize("text", ["C-9001", "Олег 555", "12", "", "tel:", "+()"])
def test_a_text_with_letters_or_with_hardly_a_digit_is_no_number(text):
    assert phone_digits(text) == ""


@pytest.mark.parametrize(
    ("digits", "numbers"),
    [
        ("0445556677", ("380445556677", "0445556677")),
        ("80445556677", ("380445556677", "80445556677")),
        ("380445556677", ("380445556677",)),
        ("0048221234567", ("48221234567",)),
        ("44555667", ()),
        ("1" * 16, ()),
    ],
)
def test_a_whole_number_is_reported_as_poster_may_have_it(digits, numbers):
    assert whole_numbers(digits) == numbers


@pytest.mark.parametrize(
    ("typed", "stored", "same"),
    [
        ("0038044", "380445556677", True),
        ("00380445556677", "0445556677", True),
        ("0445556677", "80445556677", True),
        ("0445556678", "380445556677", False),
        ("004", "380445556677", False),
        ("", "380445556677", False),
        ("380445556677", "", False),
    ],
)
def test_a_part_of_a_number_or_the_whole_in_another_spelling_is_found(typed, stored, same):
    assert may_be_same(typed, stored) is same
