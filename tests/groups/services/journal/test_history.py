"""Test the questions to the journal."""

from decimal import Decimal

import pytest

from groups.services.credentials import credentials_of
from groups.services.journal.history import change_before
from groups.services.writes.execute import execute
from tests.support.commands import edit_of

pytestmark = pytest.mark.django_db


def test_the_change_that_an_edit_met_is_an_earlier_one_also_when_the_same_values_come_back(
    staff, owner, sandbox
):
    late = edit_of(staff, percent=Decimal(15))
    met = execute(edit_of(owner, percent=Decimal(11)))
    conflict = execute(late)
    assert conflict.reason == "conflict"
    for percent in (12, 11):
        execute(edit_of(staff, percent=Decimal(percent)))
    assert change_before(credentials_of(staff), conflict) == met
