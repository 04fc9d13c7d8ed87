"""Test the locks that say that a database is served."""

import pytest
from django.db import connection

from poster_admin.common.serving.in_use import only_server

pytestmark = pytest.mark.django_db


def test_a_second_server_of_one_sqlite_database_is_told_so_until_the_first_has_ended():
    if connection.vendor != "sqlite":
        with only_server() as first, only_server() as second:
            assert (first, second) == (True, True)
        return
    with only_server() as first, only_server() as second:
        assert (first, second) == (True, False)
    with only_server() as third:
        assert third
