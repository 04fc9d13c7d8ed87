"""Test the form fields: accepted input and error messages."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from groups.forms import AccountField, BonusField, NameField, PercentField, TokenField
from groups.poster import api_url
from tests.support.values import HOSTILE_ACCOUNTS


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


PERCENT = PercentField()


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("12,5", "12.5"),
        (" 12.50 ", "12.50"),
        ("100.00", "100"),
        ("5%", "5"),
        ("5\N{NO-BREAK SPACE}%", "5"),
    ],
)
def test_a_percent_is_read_as_people_write_it(typed, number):
    assert PERCENT.clean(typed) == Decimal(number)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1 000 000", "1000000"),
        ("1\N{NO-BREAK SPACE}000,50", "1000.50"),
        ("99\N{NARROW NO-BREAK SPACE}999,99", "99999.99"),
    ],
)
def test_thousands_may_stand_apart(typed, number):
    assert BonusField().clean(typed) == Decimal(number)


@pytest.mark.parametrize(
    "typed",
    [
        "NaN", "sNaN", "Infinity", "-Infinity", "1e2", "1E+2", "1e9", "1e400", "0x10", "½", "12abc", "1_0",
        "١٢", "１２", "०.५", "1,000.50", "1 00", "10 0", ".5", "5.", "5%%", "--5", "1 2 3",
    ],
)  # fmt: skip
def test_what_is_not_plainly_a_number_is_refused(typed):
    with pytest.raises(ValidationError, match="Enter a number"):
        PERCENT.clean(typed)


@pytest.mark.parametrize("typed", ["-1", "-0", "+5", "100.01", "9" * 50])
def test_a_number_out_of_range_is_refused_with_the_range(typed):
    with pytest.raises(ValidationError, match="between 0 and 100"):
        PERCENT.clean(typed)


@pytest.mark.parametrize("typed", ["99.999", "1,000"])
def test_more_than_two_decimals_are_refused(typed):
    with pytest.raises(ValidationError, match="two digits"):
        PERCENT.clean(typed)


@pytest.mark.parametrize("stored", ["12.345", "120"])
def test_a_number_that_poster_has_is_accepted_however_odd(stored):
    field = PercentField()
    field.stored = Decimal(stored)
    assert field.clean(field.prepare_value(field.stored)) == field.stored
    with pytest.raises(ValidationError):
        field.clean(stored + "1")


def test_a_number_is_shown_in_the_language():
    money = BonusField()
    with translation.override("uk"):
        assert PERCENT.prepare_value(Decimal("12.50")) == "12,5"
        assert money.prepare_value(Decimal(50)) == "50,00"
        assert money.prepare_value(Decimal("99999.99")) == "99999,99"
    with translation.override("en"):
        assert money.prepare_value(Decimal(50)) == "50.00"


@given(st.decimals(min_value=0, max_value=100, places=2))
def test_every_percent_that_is_shown_can_be_read_back(number):
    with translation.override("uk"):
        assert PERCENT.clean(PERCENT.prepare_value(number)) == number


@given(st.text(max_size=30))
def test_no_text_does_anything_but_clean_or_be_refused(text):
    for field in (PERCENT, NameField(), AccountField(), TokenField()):
        try:
            field.clean(text)
        except ValidationError as error:
            assert error.messages  # noqa: PT017 - being refused is one of the two right ends


@pytest.mark.parametrize(
    "name",
    [
        "<b>x</b>",
        "=cmd()",
        "кав'ярня «Бариста» №1 – 10%",
        "ж" * 100,
    ],
)
def test_odd_but_visible_names_are_names(name):
    assert NameField().clean(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("\N{NO-BREAK SPACE} ", "Enter a name"),
        ("\N{ZERO WIDTH SPACE}", "visible"),
        ("\N{COMBINING ACUTE ACCENT}", "visible"),
        ("a\0b", "invisible"),
        ("a\tb", "invisible"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", "invisible"),
        ("a\N{LINE SEPARATOR}b", "invisible"),
        ("a\ud800b", "invisible"),
        ("Coffee \N{HOT BEVERAGE}\N{PARTY POPPER}", "emoji"),
        ("ж" * 101, "100 characters"),
    ],
)
def test_names_that_would_be_lost_or_mislead_are_refused(name, message):
    with pytest.raises(ValidationError, match=message):
        NameField().clean(name)


def test_names_are_composed_and_trimmed():
    assert NameField().clean(" Cafe\N{COMBINING ACUTE ACCENT} ") == "Café"


@pytest.mark.parametrize("account", HOSTILE_ACCOUNTS)
def test_an_account_that_would_send_the_token_elsewhere_is_refused(account):
    with pytest.raises(ValidationError):
        AccountField().clean(account)


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        (" DEMO ", "demo"),
        ("goblins-yard2", "goblins-yard2"),
        ("a" * 63, "a" * 63),
        ("https://demo.joinposter.com/manage/dash", "demo"),
        ("demo.joinposter.com", "demo"),
    ],
)
def test_an_account_is_one_label_of_a_host(typed, account):
    assert AccountField().clean(typed) == account


@given(st.text(alphabet="abcz019.-_@:/#?%\\\r\n\t K", max_size=12))
def test_whatever_passes_as_an_account_leads_to_poster(text):
    try:
        account = AccountField().clean(text)
    except ValidationError:
        return
    assert (
        api_url("https://{account}.joinposter.com/api/", account) == f"https://{account}.joinposter.com/api/"
    )


@pytest.mark.parametrize("token", ["", "abc", "token=" + "a" * 32, "a" * 33, "A" * 32, "x:" + "a" * 32])
def test_what_is_not_a_token_is_refused_without_repeating_it(token):
    with pytest.raises(ValidationError) as refused:
        TokenField().clean(token)
    assert not token or token not in str(refused.value)


@pytest.mark.parametrize("token", ["a1" * 16, "687409:" + "b2" * 16, "  " + "c3" * 16 + " "])
def test_both_forms_of_a_token_are_taken(token):
    assert TokenField().clean(token) == token.strip()
