"""Test that numbers are formatted as by Django, but with a minus for a hyphen, and one lookup for a list."""

from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.formats import number_format
from hypothesis import example, given
from hypothesis import strategies as st

from groups.services.values import NumberFormat, currency

LANGUAGES = [code for code, _name in settings.LANGUAGES]
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@pytest.fixture(autouse=True)
def _zloty():
    reset = currency.set("zł")
    yield
    currency.reset(reset)


@pytest.mark.parametrize("language", LANGUAGES)
@example(number=-1250)
@given(number=st.integers(min_value=-(10**12), max_value=10**12))
def test_a_count_is_written_as_django_writes_it(language, number):
    with translation.override(language):
        written = number_format(number, force_grouping=True).replace("-", "−")
        assert NumberFormat.current().count(number) == written


@pytest.mark.parametrize("language", LANGUAGES)
@example(amount=Decimal("-3.50"))
@given(amount=AMOUNTS)
def test_an_amount_is_written_as_django_writes_it(language, amount):
    with translation.override(language):
        written = number_format(amount, 2, force_grouping=True).replace("-", "−")
        assert NumberFormat.current().money(amount) == f"{written}\N{NO-BREAK SPACE}zł"


@pytest.mark.parametrize(
    ("language", "percent", "written"),
    [
        ("en", "12.50", "12.5%"),
        ("uk", "12.5", "12,5\N{NO-BREAK SPACE}%"),
        ("ru", "100", "100\N{NO-BREAK SPACE}%"),
        ("en", "1E+1", "10%"),
        ("uk", "0", "0\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_percent_has_no_trailing_zeros(language, percent, written):
    with translation.override(language):
        assert NumberFormat.current().percent(Decimal(percent)) == written
