"""Test each kind of refusal of Poster in the rows of edits and imports."""

from decimal import Decimal

import pytest

from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, Import, Line
from groups.poster import GroupValues
from groups.services import credentials as credentials_service
from groups.services import groups as reads
from groups.services.jobs import queue
from tests.support.refusals import ONE_OF_EACH_KIND, WORDS, refused, row_of_refused


def new_group(_credentials):
    values = GroupValues(name="Нова", loyalty_type=1, percent=Decimal(5), birthday_bonus=Decimal(0))
    return Line(2, values)


def other_percent(credentials):
    old = reads.read_now(credentials, 1).group.values
    return Line(2, old.replace(percent=Decimal(15)), 1, old, clients=125)


def planned(user, line, kind):
    credentials = credentials_service.credentials_of(user)
    job = bulk.keep_plan(credentials, kind=kind, lines=[line(credentials)], unchanged=0)
    queue.start_draft(job, user)
    return job


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "line", "method"),
    [(Import, new_group, "clients.createGroup"), (Edit, other_percent, "clients.updateGroup")],
    ids=["an import", "percents"],
)
def test_a_refusal_is_told_in_the_row(owner, browse, sandbox, kind, line, method):
    client = browse(owner)
    for code in ONE_OF_EACH_KIND:
        job = planned(owner, line, kind)
        refused(sandbox, method, code)
        assert WORDS in row_of_refused(client, owner, job, code)
