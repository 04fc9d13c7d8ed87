"""Test what an installation of 1.0 knows after its upgrade: who manages whom, and whose lines the log has."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from poster_admin.users.accounts import managed_by
from poster_admin.users.models import Event, Guardian, SecurityEvent
from tests.support.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # the migration itself runs on each database
NAME = "0023_people_of_accounts"


def upgrade():
    """Carry out the migration with the models of its time, on rows as 1.0 left them."""
    state = MigrationLoader(connection).project_state([("groups", NAME)])
    migration = import_module(f"groups.migrations.{NAME}")
    for step in (migration.remember_guardians, migration.name_accounts_of_events):
        step(state.apps, SimpleNamespace(connection=connection))


def line(kind, user=None, about="", detail=""):
    name = user.username if user else "?"
    SecurityEvent(kind=kind, user=user, user_name=name, about=about, detail=detail).save()


def names(users):
    return set(users.values_list("username", flat=True))


def test_with_one_account_owners_keep_all_whom_they_managed(owner, staff, newcomer, nobody, sandbox):
    waiting_owner = make_user("waiting", role="Owners")
    line(Event.SIGNED_IN, staff)
    line(Event.FAILED)
    upgrade()
    assert names(managed_by(owner)) == {"staff", "newcomer", "nobody", "waiting"}
    assert names(managed_by(waiting_owner)) == {"newcomer", "nobody"}
    assert set(SecurityEvent.objects.values_list("account", flat=True)) == {"demo"}


def test_with_several_accounts_the_log_says_who_made_whom(owner, staff, outsider, newcomer, nobody):
    line(Event.USER_ADDED, outsider, "newcomer")
    line(Event.PASSWORD, owner, "nobody")
    upgrade()
    assert names(managed_by(owner)) == {"staff"}
    assert names(managed_by(outsider)) == {"newcomer"}
    assert set(Guardian.objects.values_list("user__username", "guardian__username", "invited")) == {
        ("newcomer", "outsider", True),
        ("nobody", "owner", False),
    }


def test_with_several_accounts_a_line_goes_to_that_of_the_user_concerned(owner, staff, outsider):
    line(Event.PASSWORD, outsider, "owner")
    line(Event.CONFIRMED, owner)
    line(Event.TOKEN_SET, staff, detail="kavarnia")
    line(Event.FAILED)
    upgrade()
    assert set(SecurityEvent.objects.values_list("kind", "account")) == {
        ("password", "demo"),
        ("confirmed", "demo"),
        ("token_set", ""),
        ("failed", ""),
    }
