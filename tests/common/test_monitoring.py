"""Test the health checks, and the checks at the start."""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import DatabaseError
from django.db.migrations.executor import MigrationExecutor

from groups.management.commands.serve import Command
from groups.models import PosterCredentials
from poster_admin.common.encryption import Secret

pytestmark = pytest.mark.django_db


class Away:
    def set(self, *_, **__):
        raise ConnectionError("gone")

    def cursor(self):
        raise DatabaseError("gone\nand more")


@pytest.mark.parametrize(("part", "name"), [("cache", "cache"), ("connection", "database")])
def test_readyz_asks_the_database_and_the_cache(browse, monkeypatch, caplog, part, name):
    assert browse().get("/readyz").content == b"ok\n"
    monkeypatch.setattr(f"poster_admin.common.monitoring.{part}", Away())
    answer = browse().get("/readyz")
    assert (answer.status_code, answer.content) == (503, f"not ready: {name}\n".encode())
    (record,) = [each for each in caplog.records if each.name == "groups.health"]
    assert record.getMessage() == f"The {name} does not answer: gone"
    assert record.exc_info is None  # it is asked every few seconds


def test_missing_migrations_are_named_at_the_start_and_do_not_concern_readyz(browse, monkeypatch):
    call_command("check", "--database", "default", "--fail-level", "WARNING")
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: ["one"])
    (warning,) = run_checks(databases=["default"])
    assert (warning.id, warning.msg[:24]) == ("groups.W001", "1 migrations are missing")
    assert browse().get("/readyz").content == b"ok\n"


def test_a_database_that_does_not_answer_is_one_clear_line(monkeypatch):
    def gone(*_):
        raise DatabaseError("gone\nand more")

    monkeypatch.setattr(MigrationExecutor, "migration_plan", gone)
    assert "The database 'default' does not answer: gone" in [
        each.msg for each in run_checks(databases=["default"])
    ]


def test_a_start_names_what_no_key_opens(staff, capsys):
    PosterCredentials.objects.update(token=Secret(sealed="f1:of-another-key"))
    Command()._check(tags=["database"], databases=["default"])
    assert "users.W001: Stored secrets that POSTER_TOKEN_KEYS open: 0 of 1" in capsys.readouterr().err
