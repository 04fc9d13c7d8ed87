"""Back up PostgreSQL with its own programs `pg_dump`, `pg_restore` and `psql`, and restore it."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from shutil import rmtree, which
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TextIO

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from poster_admin.common.backups.engine import Engine, Prepared, ReadColumn

# Options of Django's own, which the programs do not know.
NOT_OF_LIBPQ = {"pool", "isolation_level", "assume_role", "server_side_binding"}
# The image has none of the programs: they have to be as new as a server that it does not know.
WHERE = (
    "Debian has it in postgresql-client, which has to be as new as the server; the image has none: use the "
    "one beside the server, as docs/operations.md says under “In several containers”."
)
COPY = re.compile(r"COPY (?:\w+\.)?\"?(?P<table>\w+)\"? \((?P<columns>[^)]*)\) FROM stdin;")


class PostgreSQL(Engine):
    """A database of a server, reached with the address in DATABASE_URL."""

    label = "PostgreSQL"
    suffix = ".dump"
    magic = b"PGDMP"

    @property
    def place(self) -> str:
        host = self.settings["HOST"] or "this machine"
        return f"the database {self.settings['NAME']} on {host}"

    def write(self, path: Path) -> None:
        self.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}", self.target)

    @contextmanager
    def contents(self, file: Path) -> Iterator[ReadColumn]:
        """Turn the whole backup into SQL, which finds a damaged one, in a file that ends with the process."""
        settings.VAR_DIR.mkdir(exist_ok=True)
        with TemporaryFile("w+", encoding="utf-8", dir=settings.VAR_DIR) as script:
            self.run("pg_restore", "--no-owner", "--no-privileges", "--file=-", str(file), output=script)
            yield partial(_read_column, script)

    @contextmanager
    def prepared(self, file: Path) -> Iterator[Prepared]:
        """Turn the whole backup into SQL in a file that `psql` can read."""
        settings.VAR_DIR.mkdir(exist_ok=True)
        for left in settings.VAR_DIR.glob("restore-*"):  # by a restore that was killed
            rmtree(left)
        with TemporaryDirectory(prefix="restore-", dir=settings.VAR_DIR) as folder:
            script = Path(folder) / "script.sql"
            self.run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
            with script.open(encoding="utf-8") as lines:
                yield Prepared(partial(_read_column, lines), partial(self._put_in_place, script))

    @cached_property
    def target(self) -> str:
        """The address for libpq, as one argument. The password is in the environment instead."""
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - installed for PostgreSQL only

        names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port"}
        own = {name: self.settings[key] for key, name in names.items() if self.settings[key]}
        options = self.settings["OPTIONS"].items()
        return f"--dbname={make_conninfo(**own, **{k: v for k, v in options if k not in NOT_OF_LIBPQ})}"

    def run(self, program: str, *arguments: str, output: TextIO | None = None) -> None:
        """Run one of the programs. Raises `CommandError` with its first line if it fails."""
        path = which(program)
        if path is None:
            raise CommandError(f"{program} is not installed. {WHERE}")
        password = self.settings["PASSWORD"]
        done = subprocess.run(  # noqa: S603 - our own words
            [path, *arguments],
            env=os.environ | ({"PGPASSWORD": password} if password else {}),
            check=False,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise CommandError(done.stderr.strip().partition("\n")[0] or f"{program} failed.")

    def _put_in_place(self, script: Path) -> None:
        """Drop all tables and make those of the backup, in one transaction.

        `pg_restore --clean` would leave tables that are newer than the backup, at which a migration fails.
        """
        with connection.cursor() as cursor:
            tables = connection.introspection.table_names(cursor)
        connection.close()
        drop = "".join(
            f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)} CASCADE;" for table in tables
        )
        options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        self.run("psql", *options, f"--command={drop}", f"--file={script}", self.target)


def _read_column(lines: TextIO, table: str, key: str, column: str) -> Iterator[tuple[str, str]]:
    """Read the column out of the COPY block of its table."""
    indexes: tuple[int, int] | None = None
    lines.seek(0)
    for line in lines:
        if block := COPY.match(line):
            names = block["columns"].replace('"', "").split(", ")
            found = block["table"] == table and {key, column} <= set(names)
            indexes = (names.index(key), names.index(column)) if found else None
        elif line == "\\.\n":
            indexes = None
        elif indexes:
            values = line.rstrip("\n").split("\t")
            yield values[indexes[0]], values[indexes[1]]
