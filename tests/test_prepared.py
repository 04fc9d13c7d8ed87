"""A query that is compiled once answers what Django's own does."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection

from groups.prepared import Prepared

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
