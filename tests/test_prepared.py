"""A statement that is written out once does what Django's own does."""

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Model, QuerySet

from groups.models import Change, PosterAccount
from groups.prepared import Prepared, insert, update

pytestmark = pytest.mark.django_db

by_name = Prepared(lambda name: User.objects.filter(is_active=True, username=name), "a name")


@pytest.fixture
def people():
    for name in ("olena", "taras"):
        User.objects.create_user(name)
    User.objects.create_user("gone", is_active=False)


def test_each_value_finds_its_own_rows(people):
    assert [by_name.first(name).username for name in ("olena", "taras", "olena")] == [
        "olena",
        "taras",
        "olena",
    ]


def test_the_other_values_of_the_query_hold(people):
    assert by_name.all("gone") == []
    assert by_name.first("nobody") is None


def test_what_is_read_is_what_django_reads(people):
    fields = [field.attname for field in User._meta.concrete_fields]
    first, second = by_name.first("olena"), User.objects.get(username="olena")
    assert [getattr(first, field) for field in fields] == [getattr(second, field) for field in fields]


def test_a_row_that_changed_is_read_anew(people):
    by_name.first("olena")
    User.objects.filter(username="olena").update(first_name="Олена")
    assert by_name.first("olena").first_name == "Олена"


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_on_its_own_connection(people):
    by_name.first("olena")
    found = []

    def look():
        found.append((by_name.first("taras").username, connection.connection))
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found[0][0] == "taras"
    assert found[0][1] is not connection.connection


@pytest.fixture
def make():
    """Return what makes a change with a value in a column of each kind."""
    account, user = PosterAccount.objects.create(name="demo"), User.objects.create_user("olena")

    def made(group_id, **values):
        return Change(
            account=account,
            user=user,
            user_name="olena",
            action="update",
            group_id=group_id,
            target=f"group:{group_id}",
            intended={"name": "Гості “II”", "percent": "5.5", "ids": [1, None]},
            status=422,
            accepted=True,
            created_at=NOW,
            settled_at=NOW,
            **values,
        )

    return made


NOW = datetime(2026, 11, 25, 14, 3, 2, 123456, tzinfo=UTC)
EACH_ITS_OWN = ("id", "group_id", "target")


def columns(change):
    """Return what the database has of a change, but for what no two of them share."""
    names = [field.attname for field in Change._meta.concrete_fields if field.attname not in EACH_ITS_OWN]
    return Change.objects.values(*names).get(pk=change.pk)


def test_a_row_is_inserted_as_django_does_it(make):
    ours, theirs = make(4), make(5)
    insert(ours)
    Model.save(theirs, force_insert=True)
    assert columns(ours) == columns(theirs)
    assert not ours._state.adding
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(ours)


def test_a_row_is_updated_as_django_does_it(make):
    ours, theirs = make(4), make(5)
    for each in (ours, theirs):
        each.save()
    values = {"state": Change.State.FAILED, "before": {"percent": "3"}, "after": None, "settled_at": None}
    assert update(Change, {"id": ours.pk, "state": "pending", "sent_at": None}, values) == 1
    QuerySet.update(Change.objects.filter(pk=theirs.pk), **values)
    assert columns(ours) == columns(theirs)


@pytest.mark.parametrize(
    "other", [{"state": "unknown"}, {"sent_at": NOW}, {"settled_at": None}, {"checks": 1}], ids=str
)
def test_a_row_with_another_value_is_left_alone(make, other):
    change = make(4)
    change.save()
    before = columns(change)
    assert update(Change, {"id": change.pk, **other}, {"state": "failed"}) == 0
    assert columns(change) == before
