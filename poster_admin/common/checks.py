"""System checks: refuse settings that could lose a write; check the database and the secrets in it."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from poster_admin.common.encryption import examine_keys
from poster_admin.common.outages import first_line


@register
def journal_outlives_the_request(**_: Any) -> list[CheckMessage]:
    """Refuse ATOMIC_REQUESTS: it would roll back the journal row of a request that fails."""
    return [
        Error(f"ATOMIC_REQUESTS must be off for the database {alias!r}.", id="groups.E001")
        for alias, database in settings.DATABASES.items()
        if database.get("ATOMIC_REQUESTS")
    ]


@register(Tags.database)
def database_is_up_to_date(databases: Any = None, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            missing = missing_migrations(alias)
        except DatabaseError as error:
            words = f"The database {alias!r} does not answer: {first_line(error)}"
            found.append(Error(words, id="groups.E002"))
            continue
        if missing:
            words = f"{missing} migrations are missing in the database {alias!r}."
            found.append(Warning(words, hint="Run manage.py migrate.", id="groups.W001"))
    return found


@register(Tags.database)
def every_secret_can_be_read(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Warn of secrets that no key opens: their owners need new ones, and the others work on."""
    report = examine_keys() if databases else None
    if not report or not report.lost:
        return []
    return [
        Warning(
            str(report),
            hint="Put the old key behind the new ones. Otherwise these have to be entered again.",
            id="users.W001",
        )
    ]


def unknown_migrations(alias: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return the applied migrations that this version does not have. Raises `DatabaseError`."""
    loader = MigrationLoader(connections[alias])
    unknown = loader.applied_migrations.keys() - loader.disk_migrations.keys()
    return sorted(f"{app} {name}" for app, name in unknown if app in loader.migrated_apps)


def missing_migrations(alias: str) -> int:
    """Count the migrations that are not applied yet. Raises `DatabaseError`."""
    executor = MigrationExecutor(connections[alias])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
