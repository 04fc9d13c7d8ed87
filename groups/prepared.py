"""Queries that every page asks, compiled once: writing such a one out takes Django longer than running it."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable


class Prepared[M: Model]:
    """A query as a function from one value to a queryset, which is compiled with a stand-in for that value.

    Each connection to the database does that once. The stand-in must be none of the query's other values.
    """

    def __init__(self, make: Callable[[Any], QuerySet[M]], stand_in: Any) -> None:
        self._make = make
        self._stand_in = stand_in
        self._here = threading.local()

    def all(self, value: Any) -> list[M]:
        """Return the rows for a value."""
        compiler, sql, values, rows = self._compiled()
        filled_in = tuple(value if each == self._stand_in else each for each in values)
        compiler.as_sql = lambda *_args, **_options: (sql, filled_in)
        return list(rows)

    def first(self, value: Any) -> M | None:
        """Return the first row for a value, or None."""
        return next(iter(self.all(value)), None)

    def _compiled(self) -> Any:
        known = getattr(self._here, "known", None)
        if known is None or known[0].connection is not connections[DEFAULT_DB_ALIAS]:
            queryset = self._make(self._stand_in).using(DEFAULT_DB_ALIAS)
            compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
            sql, values = compiler.as_sql()
            queryset.query.get_compiler = lambda *_args, **_options: compiler  # type: ignore[method-assign]
            known = self._here.known = (compiler, sql, values, ModelIterable(queryset))
        return known
