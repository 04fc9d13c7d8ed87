"""Define the two steps that differ between databases: write a backup, and put one in place."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

type ReadColumn = Callable[[str, str, str], Iterator[tuple[str, str]]]
"""Takes a table of a backup, its primary key and a column, and yields key and value of each row.

A table that the backup lacks has no rows.
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A backup that can replace the database: `put_in_place` does so, all or nothing, or `CommandError`."""

    read_column: ReadColumn
    put_in_place: Callable[[], None]


class Engine(ABC):
    """A kind of database; `magic` are the first bytes of its backups."""

    label: str
    suffix: str
    magic: bytes

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    @property
    @abstractmethod
    def place(self) -> str:
        """The database in words, without its password."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write a backup into an empty file, also while the database is in use. Raises `CommandError`."""

    @abstractmethod
    def contents(self, file: Path) -> AbstractContextManager[ReadColumn]:
        """Open a backup that `write` has written, to be read. Raises `CommandError` if it cannot be read."""

    @abstractmethod
    def prepared(self, file: Path) -> AbstractContextManager[Prepared]:
        """Check a backup and make it ready. Raises `CommandError` if it is damaged."""

    def refuse_foreign(self, file: Path) -> None:
        """Stop with one clear line if the file is no backup of this kind of database."""
        try:
            with file.open("rb") as content:
                start = content.read(len(self.magic))
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        if start != self.magic:
            raise CommandError(f"{file} is no backup of {self.label}, which DATABASE_URL names.")
