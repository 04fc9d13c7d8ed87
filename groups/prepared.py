"""Queries that every page asks, compiled once: writing such a one out takes Django longer than running it."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable


class Prepared[M: Model]:
    """A query as a function from some values to a queryset, compiled with stand-ins for these values.

    Each connection to the database does that once. A stand-in must be none of the query's other values.
    """

    def __init__(self, make: Callable[..., QuerySet[M]], *stand_ins: Any) -> None:
        self._make = make
        self._stand_ins = stand_ins
        self._here = threading.local()

    def all(self, *values: Any) -> list[M]:
        """Return the rows for these values."""
        compiler, sql, compiled_with, rows = self._compiled()
        real = dict(zip(self._stand_ins, values, strict=True))
        filled_in = tuple(real.get(each, each) for each in compiled_with)
        compiler.as_sql = lambda *_args, **_options: (sql, filled_in)
        return list(rows)

    def first(self, *values: Any) -> M | None:
        """Return the first row for these values, or None."""
        return next(iter(self.all(*values)), None)

    def _compiled(self) -> Any:
        known = getattr(self._here, "known", None)
        if known is None or known[0].connection is not connections[DEFAULT_DB_ALIAS]:
            queryset = self._make(*self._stand_ins).using(DEFAULT_DB_ALIAS)
            compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
            sql, values = compiler.as_sql()
            columns = [column for column, _sql, _alias in compiler.select]
            converters = compiler.get_converters(columns)
            compiler.get_converters = lambda _columns: converters
            queryset.query.get_compiler = lambda *_args, **_options: compiler  # type: ignore[method-assign]  # that is the point
            known = self._here.known = (compiler, sql, values, ModelIterable(queryset))
        return known
